"""The tags that MJML has (versions 4 and 5).

The engine that compiles takes any tag and silently drops what it does not know, so each is asked for here.
"""

import re
from difflib import get_close_matches

from app.messages.authoring.styling import put_for

MJML_TAGS = frozenset({
    "mjml", "mj-head", "mj-body", "mj-attributes", "mj-all", "mj-class", "mj-breakpoint", "mj-font",
    "mj-html-attributes", "mj-selector", "mj-html-attribute", "mj-preview", "mj-style", "mj-title", "mj-accordion",
    "mj-accordion-element", "mj-accordion-title", "mj-accordion-text", "mj-button", "mj-carousel",
    "mj-carousel-image", "mj-column", "mj-divider", "mj-group", "mj-hero", "mj-image", "mj-navbar",
    "mj-navbar-link", "mj-raw", "mj-section", "mj-social", "mj-social-element", "mj-spacer", "mj-table", "mj-text",
    "mj-wrapper",
})  # fmt: skip
"""https://documentation.mjml.io. `mj-include` is missing: a message is whole in itself."""

_TAG = re.compile(r"<\s*(?:/\s*)?(mj[a-z0-9-]*)", re.IGNORECASE)


def check_tags(source: str) -> None:
    """Refuse tags of MJML's kind that MJML has not. Raises ValueError with the line and the nearest that it has."""
    bare = put_for(source, {"<!--": "-->"}, lambda comment: re.sub(r"[^\n]", " ", comment))
    for found in _TAG.finditer(bare):
        name = found[1]
        if name not in MJML_TAGS:
            near = nearest_tag(name)
            line = bare.count("\n", 0, found.start()) + 1
            remedy = f"did you mean {near}?" if near else "use one of MJML's own"
            raise ValueError(f"line {line}: MJML knows no tag {name!r}, {remedy}")


def nearest_tag(name: str) -> str | None:
    """The tag that was probably meant, or None."""
    found = get_close_matches(name.lower(), sorted(MJML_TAGS), 1, 0.4)
    return found[0] if found else None
