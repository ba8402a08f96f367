"""Formats without messages, as tables: where the texts of a request and of an answer stand.

Embeddings, ranking, pictures, speech, prompts of one text. A path is written ``results.*.outputText``. Of what is no
text, pictures and sounds, the kind is kept, without a byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from outlay.content.parts import Part, Said, Trim, other, text, thought


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """Where the texts of a format stand: of several paths each counts that leads somewhere."""

    asked: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    given: Mapping[str, str] = {}
    """Path in the request → kind of what stands there."""
    form: str = ""
    """Kind of the file in a form, of which a request has nothing else to tell."""
    told: tuple[str, ...] = ()
    """In the answer, or in each event of a stream: pieces are joined."""
    whole: tuple[str, ...] = ()
    """In the answer, or in the last event of a stream, which tells once more what came in pieces."""
    thought: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()
    made: Mapping[str, str] = {}
    """Path in the answer, or in the last event, → kind of what stands there."""
    file: str = ""
    """Kind of the file that the answer is, where it is no JSON."""

    def request(self, body: dict[str, Any], trim: Trim) -> Said:
        """Return what a request says."""
        parts = _parts(body, self.asked, trim) + _kinds(body, self.given)
        if not parts and self.form:
            parts = [other(self.form)]
        return Said(
            system=_parts(body, self.system, trim), messages=[{"role": "user", "parts": parts}] if parts else []
        )

    def answer(self, answers: list[dict[str, Any]], streamed: bool, trim: Trim) -> list[Any]:  # noqa: ARG002, FBT001 - as the table calls it
        """Return what an answer says, or the events of a stream."""
        thoughts = "".join(_joined(answers, self.thought))
        told = "".join(_joined(answers[-1:], self.whole) or _joined(answers, self.told))
        parts = [thought(thoughts, trim)] if thoughts else []
        parts += [text(told, trim)] if told else []
        parts += _kinds(answers[-1], self.made) if answers else []
        if not answers and self.file:
            parts = [other(self.file)]
        reason = next(iter(_joined(reversed(answers), self.finish)), None)
        message = {"role": "assistant", "parts": parts, "finish_reason": reason}
        return [{name: value for name, value in message.items() if value is not None}] if parts else []


def _joined(documents: Any, paths: tuple[str, ...]) -> list[str]:
    return [found for one in documents for path in paths for found in _strings(values(one, path))]


def _parts(body: dict[str, Any], paths: tuple[str, ...], trim: Trim) -> list[Part]:
    found: list[Part] = []
    for one in _joined([body], paths):
        if trim.full:
            break
        found.append(text(one, trim))
    return found


def _kinds(document: dict[str, Any], kinds: Mapping[str, str]) -> list[Part]:
    return [other(kind) for path, kind in kinds.items() for value in values(document, path) if value]


def values(document: Any, path: str) -> Iterator[Any]:
    """Yield what stands at ``path``; ``*`` is each element of a list."""
    name, _, rest = path.partition(".")
    if name == "*":
        found = document if isinstance(document, list) else []
    else:
        found = [document[name]] if isinstance(document, dict) and name in document else []
    for one in found:
        if rest:
            yield from values(one, rest)
        else:
            yield one


def _strings(found: Any) -> Iterator[str]:
    """Yield the texts among values, those in lists too; tokens, which are numbers, are none."""
    for one in found:
        if isinstance(one, str):
            if one:
                yield one
        elif isinstance(one, list):
            yield from _strings(one)


_EMBEDDED = Texts(asked=("input", "inputs", "inputs.*.content.*.text"), given={"inputs.*.content.*.image_url": "image"})

TEXTS: dict[str, Texts] = {
    "openai.embeddings": _EMBEDDED,
    "ollama.embed": _EMBEDDED,
    "cohere.embed": Texts(
        asked=("texts", "inputs", "inputs.*.content.*.text"),
        given={"images.*": "image", "inputs.*.content.*.image_url": "image"},
    ),
    "gemini.embed_content": Texts(asked=("content.parts.*.text", "requests.*.content.parts.*.text")),
    "gemini.predict": Texts(
        asked=("instances.*.content", "instances.*.prompt"),
        given={"instances.*.image": "image"},
        made={"predictions.*.bytesBase64Encoded": "image", "predictions.*.gcsUri": "image"},
    ),
    "cohere.rerank": Texts(asked=("query", "documents", "documents.*.text")),
    "voyage.rerank": Texts(asked=("query", "documents")),
    "openai.images": Texts(
        asked=("prompt",),
        form="image",
        whole=("data.*.revised_prompt",),
        made={"data.*.b64_json": "image", "data.*.url": "image", "b64_json": "image"},
    ),
    "openai.speech": Texts(asked=("input",), system=("instructions",), file="audio", made={"audio": "audio"}),
    "openai.transcriptions": Texts(form="audio", told=("delta",), whole=("text",)),
}
"""Wire format → where its texts stand."""

GENERATED = Texts(
    asked=("prompt", "inputText"),
    told=(
        *("generation", "outputText", "results.*.outputText", "completion"),
        *("outputs.*.text", "generations.*.text", "text"),
    ),
    finish=("stop_reason", "completionReason", "results.*.completionReason", "outputs.*.stop_reason", "finish_reason"),
)
"""Bodies of makers on Bedrock whose models answer a prompt: Titan, Llama, Mistral, older ones of Cohere's."""

OLLAMA = Texts(
    asked=("prompt",), system=("system",), given={"images.*": "image"}, told=("response",), thought=("thinking",),
    finish=("done_reason",),
)  # fmt: skip
"""Ollama's ``api/generate``."""
