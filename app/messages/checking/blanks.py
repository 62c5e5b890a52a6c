"""Which fields a template prints while they are blank: the "Hi ," that no error tells of."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator
from jinja2.nodes import Node

from app.messages.rendering.sandbox import Sandbox

_NOTE = "noted"


class _Noting(CodeGenerator):
    """Writes the code of a template whose printed fields are seen on their way out."""

    def pull_dependencies(self, nodes: Iterable[Node]) -> None:
        body = list(nodes)
        for output in _outputs(body):
            output.nodes = [_noted(part) for part in output.nodes]
        super().pull_dependencies(body)


class Watching(Sandbox):
    """The sandbox that renders as always, and notes each field that is printed blank, as it is written."""

    code_generator_class = _Noting

    def __init__(self, autoescape: bool) -> None:
        super().__init__(autoescape)
        self.blank: set[str] = set()
        self.filters[_NOTE] = self._note

    def _note(self, value: Any, written: str) -> Any:
        if isinstance(value, str) and not value.strip():
            self.blank.add(written)
        return value

    @contextmanager
    def watched(self) -> Iterator[set[str]]:
        """The fields that are printed blank until the block ends."""
        self.blank.clear()
        yield self.blank


def _outputs(body: Iterable[Node]) -> Iterator[nodes.Output]:
    """Whatever is printed, wherever templates may print: at the top, in an `if`, in a loop."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.Output):
            yield node
        elif isinstance(node, nodes.If):
            waiting += [*node.body, *node.elif_, *node.else_]
        elif isinstance(node, nodes.For):
            waiting += [*node.body, *node.else_]


def _noted(part: nodes.Expr) -> nodes.Expr:
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
