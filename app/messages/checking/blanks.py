"""Which fields a template prints while they are blank: the "Hi ," that no error tells of."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jinja2 import nodes

from app.messages.rendering.sandbox import Sandbox

_NOTE = "noted"


class Watching(Sandbox):
    """The sandbox that renders as always, and notes each field that is printed blank, as it is written."""

    def __init__(self, autoescape: bool) -> None:
        super().__init__(autoescape)
        self.blank: set[str] = set()
        self.filters[_NOTE] = self._noted

    def _noted(self, value: Any, written: str) -> Any:
        if isinstance(value, str) and not value.strip():
            self.blank.add(written)
        return value

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = super()._parse(source, name, filename)
        for output in tree.find_all(nodes.Output):
            output.nodes = [_noting(part) for part in output.nodes]
        return tree

    @contextmanager
    def watched(self) -> Iterator[set[str]]:
        """The fields that are printed blank until the block ends."""
        self.blank.clear()
        yield self.blank


def _noting(part: nodes.Expr) -> nodes.Expr:
    """A printed field, put through the filter that sees what is printed."""
    written = _written(part)
    if not written:
        return part
    told = nodes.Const(written, lineno=part.lineno)
    return nodes.Filter(part, _NOTE, [told], [], None, None, lineno=part.lineno)


def _written(node: nodes.Node | None) -> str:
    """A field as it is written, whatever filters follow it; nothing for what is more than a field."""
    while isinstance(node, nodes.Filter) and node.name not in ("default", "d"):
        node = node.node
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        head = _written(node.node)
        return f"{head}.{node.attr}" if head else ""
    return ""
