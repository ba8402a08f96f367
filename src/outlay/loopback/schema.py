"""Make the smallest answer that a JSON schema allows, for requests that ask for structured output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SCALARS: Mapping[str, Any] = {"string": "loopback", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def instance_of(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> Any:
    """Return a value that fits ``schema``: every property, one item a list, the first of any alternatives."""
    root = schema if root is None else root
    if "$ref" in schema:
        return instance_of(_resolve(schema["$ref"], root), root)
    if "const" in schema:
        return schema["const"]
    for alternatives in ("enum", "anyOf", "oneOf", "allOf"):
        if schema.get(alternatives):
            first = schema[alternatives][0]
            return first if alternatives == "enum" else instance_of(first, root)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: instance_of(part, root) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance_of(schema.get("items", {"type": "string"}), root)]
    return SCALARS[kind]


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found  # type: ignore[no-any-return]  # a JSON schema is untyped data


def structured_text(body: Mapping[str, Any]) -> str | None:
    """Return the JSON text that the request's output schema asks for, or None where it asks for none.

    Chat completions say it in ``response_format``, Responses in ``text.format``, Anthropic in ``output_config.format``
    (``output_format`` in its beta).
    """
    for place in (
        body.get("response_format"),
        _part(body.get("text"), "format"),
        _part(body.get("output_config"), "format"),
        body.get("output_format"),
    ):
        if isinstance(place, Mapping) and place.get("type") in ("json_schema", "json_object"):
            inner = place.get("json_schema", place)
            return json.dumps(instance_of(inner.get("schema", {"type": "object"})), separators=(",", ":"))
    return None


def _part(value: object, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None
