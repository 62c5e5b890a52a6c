"""The second judge of the layouts: npm's `mjml`, in strict mode, over every email as it stands before it is compiled.

Exit 1 when it finds a fault. Without Node, or before `npm ci` in .ci/mjml, it is skipped with the reason; not where
DOORSTEP_REQUIRE_NODE is 1.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from app.messages.authoring.bundle import find
from app.messages.authoring.compile import mjml_source
from app.messages.authoring.layouts import Surroundings
from app.messages.authoring.wording import read_words
from app.messages.catalog import Catalog
from app.settings import shipped

JUDGE = Path(__file__).parent / "mjml"
PUBLIC_URL = "https://parcels.shop.example"


def sources(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Every email of every brand in every language: the label of its file with the brand's key, and its MJML."""
    for key, brand in sorted(catalog.brands().items()):
        shelf = catalog.shelf(key)
        for locale in catalog.locales(key):
            around = Surroundings(brand, read_words(shelf, locale), shelf, PUBLIC_URL)
            for name, channel in sorted(catalog.keys(key)):
                source = find(shelf, (locale,), name, channel) if channel == "email" else None
                if source is not None:
                    yield f"{source.label} ({key})", mjml_source(source, around)


def missing() -> str | None:
    """Why the judge cannot sit, or None."""
    if shutil.which("node") is None:
        return "there is no Node here. Install it (Debian: apt-get install nodejs npm)"
    if not (JUDGE / "node_modules/mjml").is_dir():
        return f"npm's mjml is not installed. Run: npm ci --prefix {JUDGE}"
    return None


def judge(emails: list[tuple[str, str]]) -> list[str]:
    """What is wrong with these emails, a line each. Raises RuntimeError when the judge itself fails."""
    asked = json.dumps([{"name": name, "mjml": mjml} for name, mjml in emails])
    ran = subprocess.run(
        [shutil.which("node") or "node", str(JUDGE / "judge.js")],
        input=asked,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if ran.returncode not in (0, 1) or ran.stderr.strip():
        raise RuntimeError(f"The judge failed: {ran.stderr.strip()[-2000:]}")
    return ran.stdout.splitlines()


def main() -> int:
    reason = missing()
    if reason is not None:
        required = os.environ.get("DOORSTEP_REQUIRE_NODE") == "1"
        sys.stderr.write(f"MJML's strict check {'failed' if required else 'was skipped'}: {reason}." + "\n")
        return int(required)
    emails = list(sources(Catalog(shipped("templates"), PUBLIC_URL)))
    faults = judge(emails)
    for fault in faults:
        sys.stderr.write(fault + "\n")
    sys.stdout.write(f"{len(emails)} emails judged by MJML's own validator, strict: {len(faults)} faults." + "\n")
    return 1 if faults or not emails else 0


if __name__ == "__main__":
    sys.exit(main())
