"""YAML as people write it, without what makes a small file grow without end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_DEPTH = 12
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # twelve times as fast, where libyaml is there


@dataclass(frozen=True, slots=True)
class Entry:
    """One value by the keys that lead to it, as it was read, and where its key stands (counted from 1). `value` is None
    for a mapping; `again` where the same key stood above already."""

    keys: tuple[str, ...]
    value: Any
    mapping: bool
    line: int
    column: int
    again: bool

    @property
    def path(self) -> str:
        """Its keys, `journey.delivered`."""
        return ".".join(self.keys)


def entries(text: str) -> list[Entry]:
    """Every value of a YAML text's mappings, in order. Raises yaml.YAMLError as `read_yaml` does."""
    refuse_growth(text)
    loader = _LOADER(text)
    try:
        node = loader.get_single_node()
        return list(_entries(loader, node, ())) if isinstance(node, yaml.MappingNode) else []
    except (RecursionError, ValueError) as error:
        raise yaml.YAMLError(f"it cannot be read: {str(error)[:80]}") from error
    finally:
        loader.dispose()


def _entries(loader: Any, node: yaml.MappingNode, above: tuple[str, ...]) -> Iterator[Entry]:
    seen: set[str] = set()
    for key, value in node.value:
        name = str(key.value)
        mapping = isinstance(value, yaml.MappingNode)
        told = None if mapping else loader.construct_object(value, deep=True)
        mark = key.start_mark
        yield Entry((*above, name), told, mapping, mark.line + 1, mark.column + 1, name in seen)
        seen.add(name)
        if mapping:
            yield from _entries(loader, value, (*above, name))


def read_yaml(text: str) -> Any:
    """The values of a YAML text. Raises yaml.YAMLError, also for what `refuse_growth` refuses."""
    refuse_growth(text)
    try:
        loader = _LOADER(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except (RecursionError, ValueError) as error:
        raise yaml.YAMLError(f"it cannot be read: {str(error)[:80]}") from error


def refuse_growth(text: str) -> None:
    """Raise yaml.YAMLError for a text that is no YAML, for anchors, which can double a text with each line, and for
    values in values that go too deep. Asked before a text is read in any other way than by `read_yaml`."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise _fault(event, "& and * are not used here, write the value again")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH:
                raise _fault(event, "values stand too deep in each other, take some out")
    except (RecursionError, ValueError) as error:
        raise yaml.YAMLError(f"it cannot be read: {str(error)[:80]}") from error


def _fault(event: Any, said: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=said, problem_mark=event.start_mark)
