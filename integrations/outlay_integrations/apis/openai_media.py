"""OpenAI's images, speech, transcriptions and videos.

Images are billed by tokens, of which those of pictures have a price of their own; where an answer tells no tokens
(DALL-E, and other makers' models) by the picture, of a size and a quality. Transcriptions tell tokens or seconds,
or else how long the sound was. Speech tells nothing unless it streams events; some of its models are billed by the
characters of the request. Videos are made in the background, and billed by the second once they are there.
Reference: https://platform.openai.com/docs/api-reference/images, .../audio and .../videos
"""

from __future__ import annotations

from outlay.integration import API, Answer, Request, Stream, Total, UsageTable
from outlay_integrations.apis.charged import CHARGED

IMAGES = API(
    name="openai.images",
    operation="image_generation",
    paths=("images/generations", "images/edits", "images/variations"),
    estimable=False,
    request=Request(terms={"size": ("size", "1024x1024"), "quality": ("quality", "standard")}),
    answer=Answer(model=(), id=(), reported=CHARGED, counts={"images": "data.*"}),
    stream=Stream(final=("image_generation.completed", "image_edit.completed")),
    usage=UsageTable(
        others={"images": "images"},
        totals=(
            Total(
                path="input_tokens",
                rest="input",
                parts={
                    "cache_read_image": "input_tokens_details.cached_tokens_details.image_tokens",
                    "cache_read": "input_tokens_details.cached_tokens_details.text_tokens",
                    "input_image": "input_tokens_details.image_tokens"
                    " - input_tokens_details.cached_tokens_details.image_tokens",
                },
            ),
            Total(path="output_tokens", rest="output_image", parts={"output": "output_tokens_details.text_tokens"}),
        ),
        sum="total_tokens",
    ),
)

SPEECH = API(
    name="openai.speech",
    operation="speech",
    paths=("audio/speech",),
    estimable=False,
    request=Request(measures={"characters": "input"}),
    answer=Answer(model=(), id=(), binary=True),
    stream=Stream(final=("speech.audio.done",)),
    usage=UsageTable(
        totals=(Total(path="input_tokens", rest="input"), Total(path="output_tokens", rest="output_audio")),
        sum="total_tokens",
    ),
)

TRANSCRIPTIONS = API(
    name="openai.transcriptions",
    operation="transcription",
    paths=("audio/transcriptions", "audio/translations"),
    estimable=False,
    answer=Answer(model=(), id=(), counts={"seconds": "duration"}),
    stream=Stream(final=("transcript.text.done",)),
    usage=UsageTable(
        totals=(
            Total(path="input_tokens", rest="input", parts={"input_audio": "input_token_details.audio_tokens"}),
            Total(path="output_tokens", rest="output"),
        ),
        others={"audio_seconds": "seconds"},
        sum="total_tokens",
    ),
)

VIDEOS = API(
    name="openai.videos",
    operation="video_generation",
    paths=("videos", "videos/*/remix", "videos/edits", "videos/extensions"),
    strangers=("v1/videos", "v1/videos/*/remix", "v1/videos/edits", "v1/videos/extensions"),
    polls=("videos/*",),
    estimable=False,
    answer=Answer(
        usage=(),
        counts={"seconds": "seconds"},
        status=("status",),
        deferred=True,
        created=("created_at",),
        running=("queued", "in_progress"),
        unbilled=("failed",),
        terms={"size": ("size",)},
    ),
    usage=UsageTable(totals=(), others={"video_seconds": "seconds"}),
)

APIS = (IMAGES, SPEECH, TRANSCRIPTIONS, VIDEOS)
