"""What stands under People, for whoever may see each of it."""

from app.web.access.roles import Right
from app.web.access.sessions import Visitor

_TABS = (
    ("suppressions", "Not written to", "", Right.suppress),
    ("rights", "A person's rights", "/rights", Right.export),
    ("accounts", "Who works here", "/accounts", Right.people),
)


def people_tabs(visitor: Visitor) -> list[tuple[str, str, str]]:
    """Key, words and address of each page that this visitor may open."""
    return [
        (key, word, f"/b/{visitor.brand_key}/people{path}") for key, word, path, right in _TABS if visitor.has(right)
    ]
