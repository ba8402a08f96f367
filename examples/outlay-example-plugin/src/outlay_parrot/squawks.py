"""Parrot's squawks: ``POST /v1/squawks``, answered at once or as a stream of events.

A plain answer::

    {"squawk": "sq_1", "bird": "macaw-2", "said": "hello", "why_stopped": "bored",
     "counts": {"heard": 12, "remembered": 4, "uttered": 3}}

``heard`` includes what was ``remembered`` from an earlier squawk, at a lower price. A stream has the words one by one
in events of ``"type": "word"``, and everything else in its last event, ``"type": "silence"``.
"""

from __future__ import annotations

from outlay.integration import API, Answer, Request, Stream, Total, UsageTable

SQUAWKS = API(
    name="parrot.squawks",
    operation="chat",
    paths=("squawks",),
    strangers=("v1/squawks",),
    request=Request(model="bird", stream="live", limits=("most_words",)),
    answer=Answer(
        model=("bird",),
        id=("squawk",),
        usage=("counts",),
        finish=("why_stopped",),
        text=("said", "word"),
    ),
    stream=Stream(final=("silence",)),
    usage=UsageTable(
        totals=(
            Total(path="heard", rest="input", parts={"cache_read": "remembered"}),
            Total(path="uttered", rest="output"),
        ),
    ),
)
