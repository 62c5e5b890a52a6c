"""An owner's way in a real browser: a second step, a colleague let in, somebody erased, with and without script."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect
from pydantic import SecretStr

from app.clock import wall_now
from app.models import Account, AccountFactor, Order
from app.web.access import totp
from app.web.access.passwords import hashed
from app.web.access.sealing import Seal
from tests.web.conftest import order

PASSWORD = "a tent under four birches"


@pytest.fixture
def owner(served, enter, sessions):
    """Opens the console for an owner with a password, on an installation that can seal."""
    state = served.site.app.state
    state.settings = state.settings.model_copy(update={"secret_key": SecretStr("k" * 32)})

    def open_page(**given):
        page = enter("owner", **given)
        with sessions.begin() as session:
            session.execute(sa.update(Account).values(password=hashed(PASSWORD)))
        return page

    return open_page


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_a_second_step_is_set_up_and_asked_for(owner, enter, served, sessions, script):
    """Read from the picture's text, confirmed by a number, asked for at the next sign-in."""
    page = owner(script=script)
    page.goto("/account")
    second = page.get_by_role("region", name="Second step")
    second.get_by_label("Your password").fill(PASSWORD)
    second.get_by_role("button", name="Set it up").click()
    page.get_by_label("Number").wait_for()
    with sessions() as session:
        kept = session.scalars(sa.select(AccountFactor.secret)).one()
    secret = Seal(served.site.app.state.settings, "second-step").open(kept)
    expect(page.get_by_text(totp.as_text(secret))).to_be_visible()
    page.get_by_label("Number").fill(totp.number_of(secret, totp.step_at(wall_now().timestamp())))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", name="Your second step is on")).to_be_visible()
    expect(page.locator(".codes li")).to_have_count(10)

    page = enter(None, script=script)
    page.goto("/b/fjallhem/settings/keys")
    page.get_by_label("Email").fill("owner@shop.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    following = totp.step_at(wall_now().timestamp()) + 1  # a number is taken once; the next one is taken early
    page.get_by_label("Number or recovery code").fill(totp.number_of(secret, following))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    assert page.url.endswith("/b/fjallhem/settings/keys")


def test_a_colleague_is_invited_and_comes_in(owner, enter):
    """The link that is shown once lets them choose a password, and their role decides what they find."""
    page = owner()
    page.goto("/b/fjallhem/people/accounts")
    page.get_by_label("Email").fill("noor@shop.example")
    page.get_by_label("Name").fill("Noor")
    page.get_by_label("Role").select_option("agent")
    page.get_by_role("button", name="Make a link for them").click()
    link = page.locator("code.secret").inner_text()
    colleague = enter(None, phone=True)
    colleague.goto(link)
    colleague.get_by_label("Password").fill("another tent, another birch")
    colleague.get_by_role("button", name="Keep this password").click()
    expect(colleague.get_by_role("link", name="People")).to_be_visible()
    expect(colleague.get_by_role("link", name="Settings")).to_have_count(0)
    colleague.goto(link)
    expect(colleague.get_by_role("heading", name=re.compile("no good any more"))).to_be_visible()


def test_somebody_is_erased_after_two_questions(owner, shop, sessions):
    """Numbers, the address once more, done; a wrong one does nothing."""
    shop.post("/v1/orders", json=order()).raise_for_status()
    page = owner(script=False)
    page.goto("/b/fjallhem/people/rights")
    page.get_by_label("Their email address or number").fill("alma.berg@example.test")
    page.get_by_role("button", name="Look").click()
    page.get_by_role("button", name="Erase them").click()
    expect(page.get_by_text("off 1 order with 1 parcel")).to_be_visible()
    page.get_by_label("Write the address once more").fill("alma@example.test")
    page.get_by_role("button", name="Erase this person").click()
    expect(page.get_by_role("alert")).to_contain_text("differ")
    page.get_by_label("Write the address once more").fill("alma.berg@example.test")
    page.get_by_role("button", name="Erase this person").click()
    expect(page.get_by_role("status")).to_contain_text("Erased from 1 order")
    with sessions() as session:
        assert session.scalars(sa.select(Order.email)).one() is None


def test_a_hook_is_reached_by_a_signed_sample(owner):
    """Twilio's is signed with our token and believed; SendGrid's is refused unsigned, as it must be."""
    page = owner()
    page.goto("/b/fjallhem/settings/hooks")
    page.get_by_role("button", name="Test it twilio/inbound").click()
    expect(page.get_by_role("status")).to_contain_text("a signed sample is believed")
    page.get_by_role("button", name="Test it sendgrid").click()
    expect(page.get_by_role("status")).to_contain_text("refused, as it must be")
