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
