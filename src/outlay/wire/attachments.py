"""What a request holds beside text: pictures, sound and files, each billed by another rule than its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from outlay.wire.paths import UNREADABLE

SIGNS = re.compile(
    rb'"(?:image|input_(?:image|audio|file|video)"|file|document|inline|audio|video|media'
    rb'|item_reference"|computer_screenshot"|container_upload"|s3Location")'
)
"""Where nothing of this is in a body, it is all text: inside of a text a quote has a backslash before it."""

PICTURES = frozenset(("image_url", "input_image", "image", "computer_screenshot"))
SOUNDS = frozenset(("input_audio", "audio", "audio_url"))
FILES = frozenset(
    (
        "file", "input_file", "file_url", "document_url", "container_upload", "item_reference", "video", "video_url",
        "input_video", "media", "image_generation_call",
    )
)  # fmt: skip
"""Values of ``type`` in the parts of a message."""

OPAQUE = frozenset(
    ("parameters", "input_schema", "inputSchema", "schema", "json_schema", "args", "arguments", "metadata")
)
"""Members whose names are the application's own: they are text to the model."""

AUDIO_BYTES_PER_TOKEN = 15
"""Sound has at least 500 bytes a second in every codec that models take, and at most 32 tokens a second (Gemini's;
OpenAI's are 10)."""


class Attached(msgspec.Struct):
    """What was found beside text."""

    pictures: int = 0
    sound: int = 0
    """Bytes of sound."""
    data: int = 0
    """Bytes of the body that are no text: encoded pictures and sound."""
    unbounded: str | None = None
    """What nothing in the body bounds: a file, a picture by an id of the provider's."""


NOTHING = Attached()


def attached(body: bytes) -> Attached:
    """Return what stands in a request's JSON beside text."""
    if SIGNS.search(body) is None:
        return NOTHING
    try:
        document = msgspec.json.decode(body)
    except UNREADABLE:
        return Attached(unbounded="its body can't be read")
    found = Attached()
    waiting: list[Any] = [document]
    top = True
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict) and not _take(node, found):
            waiting.extend(_inside(node, top=top))
            top = False
    return found


def _inside(node: dict[str, Any], *, top: bool) -> Iterator[Any]:
    """Yield what may hold parts of messages: not what a tool was called with."""
    for key, value in node.items():
        if isinstance(value, dict | list) and key not in OPAQUE and (key != "input" or top):
            yield value


def _take(node: dict[str, Any], found: Attached) -> bool:
    """Take a part of a message that is no text; return False where it is text, or more than a part."""
    kind = node.get("type")
    blob = node.get("inlineData") or node.get("inline_data") or node.get("fileData") or node.get("file_data")
    if isinstance(blob, dict):
        _take_gemini(node, blob, found)
    elif kind in PICTURES or _is_converse(node, "image"):
        found.pictures += 1
        found.data += _encoded(node)
    elif kind in SOUNDS:
        size = _encoded(node)
        found.sound += size * 3 // 4
        found.data += size
        if not size:
            found.unbounded = "it holds sound that the provider fetches"
    elif kind in FILES or (kind == "document" and not _is_text(node)) or _is_file(node):
        found.unbounded = "it holds a file"
    else:
        return False
    return True


def _take_gemini(node: dict[str, Any], blob: dict[str, Any], found: Attached) -> None:
    mime, size = str(blob.get("mimeType") or blob.get("mime_type") or ""), _encoded(node)
    found.data += size
    if mime.startswith("image/"):
        found.pictures += 1
    elif mime.startswith("audio/") and size:
        found.sound += size * 3 // 4
    elif mime.startswith("text/") and size:
        found.data -= size
    else:
        found.unbounded = "it holds a file"


def _is_text(node: dict[str, Any]) -> bool:
    """Return whether an Anthropic document is given as text."""
    source = node.get("source")
    return isinstance(source, dict) and source.get("type") in ("text", "content")


def _is_converse(node: dict[str, Any], name: str) -> bool:
    """Return whether a part is Bedrock's, which are named by their one key."""
    part = node.get(name)
    return isinstance(part, dict) and "source" in part


def _is_file(node: dict[str, Any]) -> bool:
    sound = node.get("audio")
    if (isinstance(node.get("images"), list) and "role" in node) or (isinstance(sound, dict) and "id" in sound):
        return True  # Ollama's pictures; sound of an earlier answer, that OpenAI has kept
    return any(_is_converse(node, name) for name in ("document", "video", "audio"))


def _encoded(node: Any) -> int:
    """Return the bytes of the longest text in a part: its data, or where that is to be had from."""
    longest = 0
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, str) and len(part) > longest and "://" not in part[:16]:
            longest = len(part)
    return longest if longest > 256 else 0  # an id or the name of a format is left among the text
