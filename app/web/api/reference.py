"""The API's own document, laid out for people: each operation with its body, answers and examples."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

_METHODS = ("get", "post", "put", "patch", "delete")
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter or field: its type as a word or a link to a schema."""

    name: str
    type: Markup
    required: bool
    says: Markup


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    anchor: str
    summary: str
    says: Markup
    tag: str
    needs_key: bool
    parameters: tuple[Row, ...]
    body: Markup
    example: str
    answers: tuple[tuple[str, Markup, Markup], ...]


@dataclass(frozen=True, slots=True)
class Schema:
    name: str
    says: Markup
    rows: tuple[Row, ...]
    values: tuple[str, ...]


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation, in the order of the document."""
    return [
        _operation(method, path, found)
        for path, methods in document["paths"].items()
        for method, found in methods.items()
        if method in _METHODS
    ]


def schemas(document: Mapping[str, Any]) -> list[Schema]:
    """Every named schema that an operation speaks of, by name."""
    found = document.get("components", {}).get("schemas", {})
    return [_schema(name, schema) for name, schema in sorted(found.items())]


def _operation(method: str, path: str, found: Mapping[str, Any]) -> Operation:
    content = found.get("requestBody", {}).get("content", {}).get(_JSON, {})
    examples = content.get("examples", {})
    example = next(iter(examples.values()))["value"] if examples else None
    return Operation(
        method=method.upper(),
        path=path,
        anchor=found["operationId"],
        summary=found.get("summary", ""),
        says=prose(found.get("description", "")),
        tag=next(iter(found.get("tags", ())), ""),
        needs_key=bool(found.get("security")),
        parameters=tuple(_row(one["name"], one, one.get("required", False)) for one in found.get("parameters", ())),
        body=_type(content["schema"]) if content else Markup(),
        example=json.dumps(example, indent=2, ensure_ascii=False) if example is not None else "",
        answers=tuple(_answers(found.get("responses", {}))),
    )


def _answers(responses: Mapping[str, Any]) -> Iterator[tuple[str, Markup, Markup]]:
    for status, response in sorted(responses.items()):
        schema = response.get("content", {}).get(_JSON, {}).get("schema")
        yield status, prose(response.get("description", "")), _type(schema) if schema else Markup()


def _schema(name: str, schema: Mapping[str, Any]) -> Schema:
    needed = schema.get("required", ())
    return Schema(
        name=name,
        says=prose(schema.get("description", "")),
        rows=tuple(_row(field, one, field in needed) for field, one in schema.get("properties", {}).items()),
        values=tuple(str(value) for value in schema.get("enum", ())),
    )


def _row(name: str, found: Mapping[str, Any], required: bool) -> Row:
    return Row(name, _type(found.get("schema", found)), required, prose(found.get("description", "")))


def _type(schema: Mapping[str, Any]) -> Markup:
    """A schema in a few words, with links to those that have a name."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return Markup('<a href="#{0}">{0}</a>').format(name)
    if "anyOf" in schema:
        return Markup(" or ").join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return Markup("list of {}").format(_type(schema.get("items", {})))
    if "properties" in schema:
        fields = Markup(", ").join(
            Markup("{}: {}").format(name, _type(one)) for name, one in schema["properties"].items()
        )
        return Markup("{{{}}}").format(fields)
    if "enum" in schema or "const" in schema:
        return Markup(" | ").join(str(value) for value in schema.get("enum", [schema.get("const")]))
    kind = str(schema.get("type", "anything"))
    return Markup("{}").format({"date-time": "instant", "date": "day"}.get(str(schema.get("format")), kind))


def prose(text: str) -> Markup:
    """Markdown as HTML; HTML in it is shown as text."""
    return Markup(MarkdownIt("commonmark", {"html": False}).render(text))  # noqa: S704 - html is off
