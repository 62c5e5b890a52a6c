"""Every email looks as it was last found good, and a fault that an eye would see is seen."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from app.messages.base import RenderedEmail
from app.messages.catalog import Catalog
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.rendering.render import Renderer
from app.rehearsal.pictures.browser import Browser
from app.rehearsal.pictures.comparing import side_by_side
from tests.messages.message_corpus import ROOT
from tests.messages.pictures import golden

POSES = {pose.name: pose for pose in golden.poses(Catalog(ROOT, PUBLIC_URL))}
RENEW = "Look at it; if it is meant, run `make screenshots`."


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of what differs are put."""
    return tmp_path_factory.mktemp("looks")


def test_the_kept_screenshots_are_those_of_the_templates():
    """None is missing and none is of a message that is gone, and all together stay small."""
    kept = {path.name: path.stat().st_size for path in golden.KEPT.glob("*.png")}
    assert set(kept) == set(POSES), RENEW
    assert sum(kept.values()) < 4_000_000


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize("name", sorted(POSES))
def test_an_email_looks_as_it_did(name: str, unspoiled: Callable[[golden.Pose], bytes], faults: Path):
    """Its screenshot is the kept one but for the edges of letters."""
    pose = POSES[name]
    taken = unspoiled(pose)
    kept = (golden.KEPT / name).read_bytes()
    found = golden.judge(kept, taken)
    if not golden.passes(found):
        shown = faults / name
        shown.write_bytes(side_by_side(kept, taken, golden.TOLERANCE, golden.SOFTEN))
        pytest.fail(f"{found.share:.2%} of {name} differs, at {found.places[:3]}: see {shown}. {RENEW}")


@pytest.fixture(scope="session")
def unspoiled(browser: Browser, catalog: Catalog, renderer: Renderer) -> Callable[[golden.Pose], bytes]:
    """The screenshot of a pose as its templates are, taken once."""
    return cache(lambda pose: golden.shoot(browser, pose.email(catalog, renderer), pose))


def _swap(email: RenderedEmail, old: str, new: str) -> RenderedEmail:
    assert old in email.html, f"the fault cannot be seeded: {old} is not there"
    return replace(email, html=email.html.replace(old, new))


def _css(email: RenderedEmail, rule: str) -> RenderedEmail:
    return _swap(email, "</head>", f"<style>{rule}</style></head>")


SEEDED = {
    "a moved block": lambda email: _css(email, "h1, .tile { position: relative; left: 12px }"),
    "the button gone": lambda email: _css(email, ".action { display: none !important }"),
    "no dark colours": lambda email: _swap(email, "prefers-color-scheme: dark", "prefers-color-scheme: none"),
    "dark ink lost": lambda email: _css(
        email, "@media (prefers-color-scheme: dark) { .ink, .ink * { color: #16241d !important } }"
    ),
    "the journey gone": lambda email: _css(email, ".journey { display: none !important }"),
    "pictures gone": lambda email: _swap(email, "https://pictures.example", "https://gone.example"),
    "the logo gone": lambda email: _swap(email, "/brand/", "/bland/"),
    "another headline": lambda email: _swap(email, "14:00", "9:30"),
    "wider lines": lambda email: _css(email, "td, div, p { line-height: 30px !important }"),
}


@pytest.mark.parametrize("fault", SEEDED)
def test_a_fault_that_an_eye_would_see_is_seen(
    fault: str, browser: Browser, unspoiled: Callable[[golden.Pose], bytes], catalog: Catalog, renderer: Renderer
):
    """Seeded into one email, it fails the comparison in at least one of its poses: no more are taken than that."""
    mine = [pose for pose in POSES.values() if ".en.out_for_delivery." in pose.name]
    after = ((pose, golden.shoot(browser, SEEDED[fault](pose.email(catalog, renderer)), pose)) for pose in mine)
    assert any(not golden.passes(golden.judge(unspoiled(pose), taken)) for pose, taken in after)


@pytest.mark.parametrize(
    "smoothing",
    ["-webkit-font-smoothing: antialiased", "transform: translateZ(0)", "text-rendering: geometricPrecision"],
)
def test_other_edges_of_letters_pass(
    smoothing: str, browser: Browser, unspoiled: Callable[[golden.Pose], bytes], catalog: Catalog, renderer: Renderer
):
    """The same letters drawn a little otherwise are the same picture."""
    pose = next(pose for pose in POSES.values() if ".out_for_delivery.phone.light" in pose.name)
    drawn = _css(pose.email(catalog, renderer), f"body {{ {smoothing} }}")
    assert golden.passes(golden.judge(unspoiled(pose), golden.shoot(browser, drawn, pose)))
