"""From settings to providers: each one buildable, each missing setting named with its remedy."""

import httpx
import pytest

from app.channels.base import Asking
from app.channels.pool import Pool
from app.channels.registry import build, providers_of
from app.errors import ConfigurationError
from app.settings import Settings, load_settings
from tests.channels.letters import EMAIL, SMS, WHATSAPP


def nobody() -> Pool:
    """A client that reaches nobody: these tests build, and send nothing."""
    return Pool(httpx.MockTransport(lambda request: httpx.Response(500)))


COMPLETE = {
    "DOORSTEP_SENDGRID__API_KEY": "SG.key",
    "DOORSTEP_TWILIO__ACCOUNT_SID": "AC" + "0" * 32,
    "DOORSTEP_TWILIO__AUTH_TOKEN": "token",
    "DOORSTEP_TWILIO__FROM": "+46700000000",
    "DOORSTEP_TWILIO__WHATSAPP_FROM": "+46700000001",
    "DOORSTEP_SMTP__URL": "smtp://mail.example:2525",
    "DOORSTEP_HOME": "/nowhere/doorstep",
}
PAIRS = [(kind, name) for kind in ("email", "sms", "whatsapp") for name in providers_of(kind)]


def settings(monkeypatch, **changes: str) -> Settings:
    """Settings as the environment gives them."""
    for name, value in (COMPLETE | changes).items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_every_named_provider_can_be_built_and_keeps_the_protocol(monkeypatch, kind, name):
    """Name and kind match the registry; sender and asking are set."""
    transport = build(name, settings(monkeypatch), nobody(), kind)
    assert (transport.name, transport.kind) == (name, kind)
    assert transport.sender
    assert transport.asking in Asking


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("sendgrid", "DOORSTEP_SENDGRID__API_KEY"),
        ("twilio", "DOORSTEP_TWILIO__ACCOUNT_SID"),
        ("twilio", "DOORSTEP_TWILIO__AUTH_TOKEN"),
        ("twilio", "DOORSTEP_TWILIO__FROM"),
        ("smtp", "DOORSTEP_SMTP__URL"),
        ("file", "DOORSTEP_HOME"),
    ],
)
def test_a_missing_setting_is_named_with_its_remedy(monkeypatch, name, missing):
    """What is missing and what to do, in one sentence each."""
    with pytest.raises(ConfigurationError, match=f"{missing} is not set. Set it to "):
        build(name, settings(monkeypatch, **{missing: ""}), nobody())


def test_a_provider_nobody_knows_is_refused_with_the_known_ones():
    """A slip in DOORSTEP_CHANNELS__EMAIL is answered with the choices."""
    with pytest.raises(ConfigurationError, match=r"'sendgird'\. One of: file, sendgrid, smtp, twilio"):
        build("sendgird", Settings(), nobody())


def test_no_secret_stands_in_a_sender_name(monkeypatch):
    """The sender's name is stored with every attempt."""
    told = settings(monkeypatch, DOORSTEP_SMTP__URL="smtp://user:hunter2@mail.example")
    senders = [build(name, told, nobody(), kind).sender for kind, name in PAIRS]
    assert not any(secret in sender for sender in senders for secret in ("hunter2", "SG.key", "token"))


def test_a_whatsapp_sender_is_a_setting_of_its_own(monkeypatch):
    """The number for SMS is not taken for it: WhatsApp knows only what was registered there."""
    with pytest.raises(ConfigurationError, match=r"DOORSTEP_TWILIO__WHATSAPP_FROM is not set\. Set it to "):
        built = settings(monkeypatch, DOORSTEP_TWILIO__WHATSAPP_FROM="")
        build("twilio", built, nobody(), "whatsapp")


def test_a_pace_names_a_country(monkeypatch):
    """A country that is none would never hold anything back; it is refused, whichever way it is wrong."""
    good = settings(
        monkeypatch, DOORSTEP_TWILIO__PACE__US="1.5", DOORSTEP_TWILIO__SEGMENTS_PER_SECOND__LONG_CODE="none"
    )
    assert good.twilio.pace == {"US": 1.5} and good.twilio.segments_per_second.long_code is None
    with pytest.raises(ConfigurationError, match="DOORSTEP_TWILIO__PACE__UK names no country"):
        build("twilio", settings(monkeypatch, DOORSTEP_TWILIO__PACE__UK="1"), nobody())
    monkeypatch.setenv("DOORSTEP_TWILIO__PACE__SWEDEN", "1")
    with pytest.raises(ConfigurationError, match="DOORSTEP_TWILIO__PACE"):
        load_settings()


def test_every_limit_reaches_its_provider(monkeypatch):
    """Told of no limit, a provider takes up no lane; told of one, it does."""
    limits = {f"DOORSTEP_{name}__REQUESTS_PER_SECOND": "4" for name in ("SENDGRID", "SMTP", "TWILIO")}
    for name, outgoing, free in (("sendgrid", EMAIL, 0), ("smtp", EMAIL, 0), ("twilio", SMS, 1)):
        assert len(build(name, settings(monkeypatch), nobody()).lanes(outgoing)) == free
    for name, outgoing in (("sendgrid", EMAIL), ("smtp", EMAIL), ("twilio", SMS)):
        lane = build(name, settings(monkeypatch, **limits), nobody()).lanes(outgoing)[0]
        assert lane.seconds == 0.25
    slow = settings(monkeypatch, DOORSTEP_TWILIO__WHATSAPP_PER_SECOND="2")
    (own,) = build("twilio", slow, nobody(), "whatsapp").lanes(WHATSAPP)[1:]
    assert own.seconds == 0.5
