"""Where the shipped templates lie, and which there are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "templates"
BRANDS = ("atelier-ombre", "fjallhem")
MILESTONES = ("dispatched", "in_transit", "out_for_delivery", "delivered", "delayed")
CHANNELS = ("email", "sms")
TEMPLATES = tuple(
    name
    for name in sorted(path.name.split(".")[0] for path in (ROOT / "messages/en").glob("*.email.md"))
    if not name.endswith("_team")  # test_message_team.py
)
"""What a shopper is told."""
LANGUAGES = tuple(sorted(path.name for path in (ROOT / "messages").iterdir() if path.is_dir()))
"""What shoppers are spoken to in: each folder holds every message."""


def brand_in_turn(language: str, key: str) -> str:
    """The brand whose email of that name is looked at in that language: one and the other in turn, by message and by
    language. To compile and read both costs twice as much, and they differ in names and colours alone."""
    return BRANDS[(TEMPLATES.index(key) + LANGUAGES.index(language)) % len(BRANDS)]
