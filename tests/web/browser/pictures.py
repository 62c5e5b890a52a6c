"""Pictures of every page of the console and of the shopper's, large and small, by day and by night: `make pages`.

A demo is started, an owner set up by the link that it prints, and each page shot when there is something to see on it.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

from app.rehearsal.pictures.browser import find_browser

PAGES = {
    "today": "/b/fjallhem/today",
    "parcels": "/b/fjallhem/parcels",
    "parcel": "/b/fjallhem/parcels/{parcel}",
    "correct": "/b/fjallhem/parcels/{parcel}/correct",
    "stop": "/b/fjallhem/parcels/{parcel}/stop",
    "message": "/b/fjallhem/messages/{message}",
    "search": "/b/fjallhem/parcels?q=FH-17",
    "rules": "/b/fjallhem/rules",
    "rules-draft": "/b/fjallhem/rules/draft",
    "rules-try": "/b/fjallhem/rules/try?parcel={parcel}",
    "rules-backtests": "/b/fjallhem/rules/backtests",
    "rules-history": "/b/fjallhem/rules/history",
    "pauses": "/b/fjallhem/pauses?scope=channel:sms",
    "templates": "/b/fjallhem/templates",
    "desk": "/b/fjallhem/templates/edit/messages/en/out_for_delivery.email.md",
    "desk-sms": "/b/fjallhem/templates/edit/messages/en/delivered.sms.txt",
    "brand": "/b/fjallhem/templates/brand",
    "publish": "/b/fjallhem/templates/publish",
    "unknown-codes": "/b/fjallhem/carriers/unknown",
    "people": "/b/fjallhem/people",
    "rights": "/b/fjallhem/people/rights",
    "accounts": "/b/fjallhem/people/accounts",
    "settings": "/b/fjallhem/settings",
    "settings-carriers": "/b/fjallhem/settings/carriers",
    "settings-hooks": "/b/fjallhem/settings/hooks",
    "settings-alerts": "/b/fjallhem/settings/alerts",
    "settings-keys": "/b/fjallhem/settings/keys",
    "settings-retention": "/b/fjallhem/settings/retention",
    "audit": "/b/fjallhem/audit",
    "account": "/account",
}
FOR_ANYBODY = {"sign-in": "/sign-in", "docs": "/docs", "shopper": "/t/{token}", "choices": "/p/{token}"}
VIEWS = {"desktop": (1280, 800), "phone": (390, 844)}
PASSWORD = "four birches around a tent"
PATIENCE = 180_000
"""Milliseconds for which a page or its picture is waited for: a busy machine may need minutes for a large one."""
SECONDS = 50.0
"""How long the demo runs before the pictures: by then parcels are on their way, late and delivered."""


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """A demo under way: its address, and the cookie of its owner."""
    with tempfile.TemporaryDirectory(prefix="doorstep-pages-") as home:
        command = [sys.executable, "-m", "app.cli", "demo"]
        env = {**os.environ, "DOORSTEP_HOME": home, "COLUMNS": "400"}
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield _set_up(process)
            finally:
                process.terminate()


def _set_up(process: "subprocess.Popen[str]") -> tuple[str, str]:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"(http://\S+)/set-up\?code=(\S+)", line):
            form = {"code": found[2], "name": "Ida Holm", "email": "ida@shop.example", "password": PASSWORD}
            answer = httpx.post(f"{found[1]}/set-up", data=form, timeout=60, trust_env=False)
            return found[1], answer.cookies["doorstep"]
    raise SystemExit("The demo ended before it had printed the link to its console.")


def shoot(browser: Browser, url: str, cookie: str, folder: Path) -> int:
    """Take them all; how many."""
    names = _names(url, cookie)
    taken = 0
    for view, (width, height) in VIEWS.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(
                base_url=url, viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
            )
            context.set_default_timeout(PATIENCE)
            for pages, known in ((FOR_ANYBODY, False), (PAGES, True)):
                if known:
                    context.add_cookies([{"name": "doorstep", "value": cookie, "url": url}])
                for name, path in pages.items():
                    page = context.new_page()
                    page.goto(path.format(**names), wait_until="load")
                    for frame in page.frames[1:]:
                        frame.wait_for_load_state("load")
                    page.wait_for_timeout(1_500 if len(page.frames) > 1 else 0)  # until a frame has been painted
                    page.screenshot(path=folder / f"{name}-{view}-{scheme}.png", full_page=True)
                    page.close()
                    taken += 1
            context.close()
    return taken


def _names(url: str, cookie: str) -> dict[str, str]:
    """The parcel that the pictures are of: one with much to tell."""
    with httpx.Client(base_url=url, cookies={"doorstep": cookie}, timeout=60, trust_env=False) as client:
        for asked in ("state=late", "milestone=delivered", ""):
            found = re.findall(r"/parcels/(shp_\w+)", client.get(f"/b/fjallhem/parcels?{asked}").text)
            if found:
                page = client.get(f"/b/fjallhem/parcels/{found[0]}").text
                token, message = re.search(r"/t/(\w+)", page), re.search(r"/messages/(msg_\w+)", page)
                return {
                    "parcel": found[0],
                    "token": token[1] if token else "",
                    "message": message[1] if message else "",
                }
    raise SystemExit("The demo has no parcel.")


def main(folder: Path) -> None:
    """Run the demo, wait, and shoot."""
    folder.mkdir(parents=True, exist_ok=True)
    with demo() as (url, cookie), sync_playwright() as playwright:
        time.sleep(SECONDS)
        switches = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=find_browser(), args=switches)
        print(f"{shoot(browser, url, cookie, folder)} pictures, in {folder}")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/pages"))
