"""Which fields a template prints while they are blank: the "Hi ," that no error tells of."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import Node
from jinja2.runtime import Context

from app.messages.rendering.render import FAULTS
from app.messages.rendering.sandbox import Sandbox, sections

_NOTE = "see what is printed"
"""A filter whose name nobody can write in a template."""
_SEEN = nodes.Filter(nodes.Const(""), _NOTE, [], [], None, None)


class _Noting(CodeGenerator):
    """Writes the code of a template whose printed fields are seen on their way out. The tree stays as it is."""

    def pull_dependencies(self, nodes: Iterable[Node]) -> None:
        super().pull_dependencies([*nodes, _SEEN])

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        super()._output_child_pre(node, frame, finalize)
        if _written(node):
            self.write(f"{self.filters[_NOTE]}(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if written := _written(node):
            self.write(f", {written!r})")
        super()._output_child_post(node, frame, finalize)


class _Pieces:
    """A source made ready piece by piece: text as it stands, and templates for what is between."""

    def __init__(self, pieces: Iterable[str | jinja2.Template]) -> None:
        self._pieces = tuple(pieces)

    def generate(self, known: Mapping[str, Any], /) -> Iterator[str]:
        """What comes out for these fields; one context is enough for all, for no template can change it."""
        context = None
        for piece in self._pieces:
            if isinstance(piece, str):
                yield piece
            else:
                context = context if context is not None else piece.new_context(dict(known))
                yield from self._bit(piece, context)

    @staticmethod
    def _bit(piece: jinja2.Template, context: Context) -> Iterator[str]:
        try:
            told = "".join(piece.root_render_func(context))
        except FAULTS:
            yield from piece.root_render_func(context)  # what comes before the fault counts too
        else:
            yield told


class Watching(Sandbox):
    """The sandbox that renders as always, and notes each field that is printed blank, as it is written."""

    code_generator_class = _Noting

    def __init__(self, autoescape: bool) -> None:
        super().__init__(autoescape)
        self.blank: set[str] = set()
        self.filters[_NOTE] = self._note
        self._compiled = lru_cache(maxsize=512)(self.from_string)

    def ready(self, source: str) -> _Pieces:
        """As in the sandbox; a piece that another message has too is compiled once."""
        return _Pieces(one if isinstance(one, str) else self._compiled(one) for one in sections(self, source))

    def _note(self, value: Any, written: str) -> Any:
        if isinstance(value, str) and not value.strip():
            self.blank.add(written)
        return value

    @contextmanager
    def watched(self) -> Iterator[set[str]]:
        """The fields that are printed blank until the block ends."""
        self.blank.clear()
        yield self.blank


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
