"""What a language prints in the place of a field that comes out blank: `fallbacks:` in its words.yaml, by field."""

from collections.abc import Mapping
from typing import Any

from app.messages.rendering.fields import FIELDS, known, nearest
from app.messages.shelf import BadTemplate

MAX_FALLBACK = 200
_BARRED = frozenset('{}"\\\n\r')


def read_fallbacks(words: Mapping[str, Any], label: str) -> dict[str, str]:
    """The fallbacks of one words.yaml, by field. Raises BadTemplate naming the field and the remedy."""
    given = words.get("fallbacks") or {}
    if not isinstance(given, dict):
        raise BadTemplate(f"{label}, fallbacks: it is no list of fields. Write `carrier: the carrier` under it.")
    for path, text in given.items():
        fault = _fault(str(path), text)
        if fault:
            raise BadTemplate(f"{label}, fallbacks, {path}: {fault}.")
    return dict(given)


def _fault(path: str, text: object) -> str | None:
    if not known(path) or path not in FIELDS:
        meant = nearest(path)
        return f"there is no field called {path!r}. " + (f"Write {meant}" if meant else "Take it out")
    if "[]" in path or FIELDS[path].kind in ("list", "group", "yes/no", "number"):
        return f"{FIELDS[path].kind} has no fallback. Only a text that stands in no list has one"
    if not FIELDS[path].blank:
        return "it is never blank. Take it out"
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_FALLBACK or _BARRED & set(text):
        return f"it is one line of at most {MAX_FALLBACK} characters without braces, quotes and backslashes. Mend it"
    return None
