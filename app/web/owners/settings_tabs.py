"""What stands under Settings, for whoever may see each of it."""

from app.web.access.roles import Right
from app.web.access.sessions import Visitor

_TABS = (
    ("sending", "Sending", "settings", Right.settings),
    ("carriers", "Carriers", "settings/carriers", Right.settings),
    ("hooks", "Webhooks", "settings/hooks", Right.settings),
    ("alerts", "Alerts", "settings/alerts", Right.settings),
    ("keys", "API keys", "settings/keys", Right.keys),
    ("retention", "Retention", "settings/retention", Right.settings),
    ("audit", "Audit log", "audit", Right.audit),
)


def settings_tabs(visitor: Visitor) -> list[tuple[str, str, str]]:
    """Key, words and address of each page that this visitor may open."""
    start = f"/b/{visitor.brand_key}/"
    return [(key, word, start + path) for key, word, path, right in _TABS if visitor.has(right)]
