"""Spell a model's name in the ways that a provider's own list may have it, each by a rule that is recorded.

Nothing here matches a prefix or a part of a name. A rule takes a piece off whose meaning is known (a path, an ARN, a
region, a date) and what is left must stand in the table, or the model is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from outlay.providers import canonical, known

# Patterns are texts: most names need none, and to compile all would take longer than to price the first call.
SNAPSHOT = r"(?P<full>[-@]20\d{6}|-20\d\d-\d\d-\d\d)$|(?P<short>-\d{4}|-\d\d-\d\d|-\d{3})$|[-@](?:latest|default)$"
"""Suffixes that name a snapshot of a model: a date, a short date or number, ``-latest``."""

COMPACT_DATE = r"-(20\d\d)(\d\d)(\d\d)$"
DASHED_DATE = r"-(20\d\d)-(\d\d)-(\d\d)$"

GEOS = ("us-gov", "us", "eu", "apac", "jp", "au", "in", "ca", "sa", "me", "af", "il", "mx", "uk")
"""Bedrock's geographic inference profiles: ``eu.anthropic.…``. Their price may carry a surcharge over ``global.``."""

_GEO = "|".join(GEOS)
BEDROCK = rf"(?:(?P<world>global)\.|(?P<geo>{_GEO})\.)?(?P<core>.+?)(?P<context>:\d+(?::\d+k)?)?"
"""The last part is the size of the window: ":0", ":0:200k"."""
ARN = r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:\d*:(?P<kind>[a-z-]+)/(?P<name>.+)"
OPAQUE_ARNS = frozenset({"application-inference-profile", "provisioned-model", "custom-model", "imported-model"})
"""ARNs whose last part is an id made up for one account: only a price book's alias knows the model behind it."""

VERTEX_PATH = r"(?:projects/[^/]+/locations/[^/]+/)?publishers/(?P<publisher>[^/]+)/models/(?P<name>[^/]+)"
REGION = r"[a-z]{2}(?:-gov)?-[a-z]+-\d"

OPENROUTER_FLAGS = (":nitro", ":floor", ":online", ":exacto")
"""Ways of routing that do not change the price of the model (``:online`` adds searches, a class of their own)."""


def spellings(provider: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield (rule, spelling) of ``name``, the nearest first; rules are joined by ``+``, empty for the name itself."""
    name = name.strip().lower()
    yield "", name
    rule, bare = "", name
    while (shorter := _without_path(provider, bare)) is not None:
        rule, bare = "path", shorter
        yield rule, bare
    if provider == "aws.bedrock":
        yield from _bedrock(rule, bare)
    elif provider == "openrouter":
        for flag in OPENROUTER_FLAGS:
            if bare.endswith(flag):
                yield _join(rule, "flag"), bare.removesuffix(flag)
    elif bare.startswith("ft:"):
        # ft:BASE:organisation::id costs what a fine-tuned BASE costs, never what BASE costs.
        yield _join(rule, "fine_tuned"), ":".join(bare.split(":")[:2])
        return
    yield from _other_dates(rule, bare)


def snapshot_of(name: str) -> tuple[str, str] | None:
    """Split a snapshot's suffix off: (``f`` for a full date, ``s`` for a short one, ``l`` for latest; the name)."""
    found = re.search(SNAPSHOT, name)
    if found is None:
        return None
    kind = "f" if found["full"] else "s" if found["short"] else "l"
    return kind, name[: found.start()]


def bedrock_key(name: str) -> str:
    """Return how the table spells a Bedrock name: ``global.`` or ``geo.`` before it where given, no context suffix."""
    found = re.fullmatch(BEDROCK, name)
    if found is None:
        return name
    scope = "global." if found["world"] else "geo." if found["geo"] else ""
    return scope + found["core"]


def _without_path(provider: str, name: str) -> str | None:
    """Take one thing off that stands before the model's own name; None where nothing does."""
    head, slash, rest = name.partition("/")
    if not slash:
        return None
    arn = re.fullmatch(ARN, name)
    if arn is not None:
        return None if arn["kind"] in OPAQUE_ARNS else arn["name"]
    path = re.fullmatch(VERTEX_PATH, name)
    if path is not None:
        return path["name"]
    seller = head == "models" or (known(head) and same_seller(canonical(head), provider))
    endpoint = provider == "aws.bedrock" and (head in {"converse", "invoke"} or re.fullmatch(REGION, head) is not None)
    return rest if seller or endpoint else None


def same_seller(one: str, other: str) -> bool:
    """Return whether both names are of one seller, as ``azure.ai.openai`` and ``azure.ai.inference`` are."""
    cloud, _, product = one.partition(".")
    return one == other or (cloud in {"azure", "gcp"} and product != "" and other.partition(".")[0] == cloud)


def _bedrock(rule: str, name: str) -> Iterator[tuple[str, str]]:
    key = bedrock_key(name)
    if key != name:
        yield _join(rule, "geo" if key.startswith("geo.") else "alias"), key
    plain = key.removeprefix("geo.").removeprefix("global.")
    if plain != key:
        # Models that cost the same everywhere stand in the table without a region.
        yield _join(rule, "geo"), plain


def _other_dates(rule: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the name with its date written the other way: LiteLLM and OpenRouter compact OpenAI's dashed dates."""
    if re.search(COMPACT_DATE, name):
        yield _join(rule, "alias"), re.sub(COMPACT_DATE, r"-\1-\2-\3", name)
    elif re.search(DASHED_DATE, name):
        yield _join(rule, "alias"), re.sub(DASHED_DATE, r"-\1\2\3", name)


def _join(rule: str, other: str) -> str:
    return f"{rule}+{other}" if rule else other
