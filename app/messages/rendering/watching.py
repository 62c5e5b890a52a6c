"""Which printed fields come out blank: the same source, with a watch on every value that it prints."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Undefined, nodes, pass_context
from jinja2.runtime import Context

from app.messages.rendering.sandbox import Sandbox, parsed
from app.messages.rendering.using import printed

_WATCH = "watched"
_FOUND = "_blank_prints"


class _Watching(Sandbox):
    def __init__(self, autoescape: bool) -> None:
        super().__init__(autoescape)
        self.filters[_WATCH] = _watched


@pass_context
def _watched(context: Context, value: Any, path: str) -> Any:
    """A value as it is printed, an empty one as nothing; a blank one is written down."""
    if value is None or isinstance(value, Undefined) or (isinstance(value, str) and not value.strip()):
        if path not in context[_FOUND]:
            context[_FOUND].append(path)
        return "" if value is None else value
    return value


_WATCHERS = {autoescape: _Watching(autoescape) for autoescape in (False, True)}


def blank_prints(environment: Sandbox, source: str, values: Mapping[str, Any]) -> list[str]:
    """The fields that a source prints blank for these values, each once, in order; `a or b` where one printed value
    is made of several. Raises what rendering raises."""
    tree = parsed(environment, source)
    for output, index, path in list(printed(tree)):
        value = output.nodes[index]
        watched = nodes.Filter(value, _WATCH, [nodes.Const(path, lineno=value.lineno)], [], None, None)
        watched.set_lineno(value.lineno)
        output.nodes[index] = watched
    watcher = _WATCHERS[bool(environment.autoescape)]
    found: list[str] = []
    tree.set_environment(watcher)
    for _ in watcher.from_string(tree).generate({**values, _FOUND: found}):
        pass
    return found
