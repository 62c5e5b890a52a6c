"""What a writer may pick from: merge fields and ready blocks, each with its meaning and what is put into the text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.messages.rendering.fields import FIELDS, Field

_BLOCKS: Mapping[str, str] = {
    "journey": "the parcel's way as four or five steps",
    "button": "the button of the fields above",
    "window": "when it is expected, in large type",
    "pickup": "where it waits, until when, when it is open",
    "items": "what is in the parcel, with pictures",
    "parcels": "the order's parcels and where they stand",
    "unsent": "what of the order is in no parcel yet",
    "details": "order number, carrier, tracking number",
    "support": "where a person is found",
}


@dataclass(frozen=True, slots=True)
class Insertable:
    """Something to pick: its name, its meaning, a sample of it, and the text that is put at the caret."""

    name: str
    meaning: str
    sample: str
    text: str
    common: bool = False


def insertable(found: Mapping[str, str]) -> Sequence[Insertable]:
    """All merge fields that a text prints or asks for. `found` are samples by path."""
    return [
        Insertable(path, field.meaning, found.get(path, ""), text, "." not in path and "[" not in path)
        for path, field in FIELDS.items()
        if (text := _inserted(path, field))
    ]


def blocks_of(names: Sequence[str]) -> Sequence[Insertable]:
    """The ready blocks of a brand."""
    return [Insertable(name, _BLOCKS.get(name, "a block of your own"), "", f"\n::: {name}\n") for name in names]


def _inserted(path: str, field: Field) -> str:
    """A field as a text names it; of a list's parts the loop around it too. Parts of lists in lists are left out."""
    if field.kind == "group" or path.count("[]") > 1:
        return ""
    name, is_part, part = path.partition("[]")
    if is_part:
        one = name.rpartition(".")[2].removesuffix("s") or "one"
        one = one if one != name and one.isidentifier() else "one"
        return f"{{% for {one} in {name} %}}{{{{ {one}{part} }}}}{{% endfor %}}"
    if field.kind == "yes/no" or field.kind == "list":
        return f"{{% if {path} %}}…{{% endif %}}"
    if field.kind == "day":
        return f"{{% if {path} %}}{{{{ {path} | day }}}}{{% endif %}}" if field.blank else f"{{{{ {path} | day }}}}"
    if field.kind == "instant":
        return f"{{% if {path} %}}{{{{ {path} | time }}}}{{% endif %}}" if field.blank else f"{{{{ {path} | time }}}}"
    return f"{{% if {path} %}}{{{{ {path} }}}}{{% endif %}}" if field.blank else f"{{{{ {path} }}}}"
