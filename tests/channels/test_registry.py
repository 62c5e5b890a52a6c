"""From settings to providers: each one buildable, each missing setting named with its remedy."""

import httpx
import pytest

from app.channels.base import Asking
from app.channels.pool import Pool
from app.channels.registry import build, providers_of
from app.errors import ConfigurationError
from app.settings import Settings


def nobody() -> Pool:
    """A client that reaches nobody: these tests build, and send nothing."""
    return Pool(httpx.MockTransport(lambda request: httpx.Response(500)))


COMPLETE = {
    "DOORSTEP_SENDGRID__API_KEY": "SG.key",
    "DOORSTEP_TWILIO__ACCOUNT_SID": "AC" + "0" * 32,
    "DOORSTEP_TWILIO__AUTH_TOKEN": "token",
    "DOORSTEP_TWILIO__FROM": "+46700000000",
    "DOORSTEP_SMTP__URL": "smtp://mail.example:2525",
    "DOORSTEP_HOME": "/nowhere/doorstep",
}
PAIRS = [(kind, name) for kind in ("email", "sms") for name in providers_of(kind)]


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
