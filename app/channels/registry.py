"""Which providers there are, and how each is built from settings."""

from collections.abc import Callable, Mapping

import httpx

from app.channels.base import Transport
from app.channels.sendgrid import SendGrid
from app.channels.smtp import Smtp
from app.channels.twilio import Twilio
from app.errors import ConfigurationError
from app.settings import Settings

Builder = Callable[[Settings, httpx.AsyncClient], Transport]


def build(name: str, settings: Settings, http: httpx.AsyncClient) -> Transport:
    """The provider `name`, ready to send on the process's client `http`.

    Raises ConfigurationError naming the setting that is missing and what to do about it.
    """
    builder = _BUILDERS.get(name)
    if builder is None:
        raise ConfigurationError(f"There is no provider named {name!r}. One of: {', '.join(sorted(_BUILDERS))}.")
    return builder(settings, http)


def _sendgrid(settings: Settings, http: httpx.AsyncClient) -> Transport:
    told = settings.sendgrid
    api_key = _needed("DOORSTEP_SENDGRID__API_KEY", told.api_key.get_secret_value(), "an API key that may send mail")
    return SendGrid(http, api_key=api_key, base_url=told.base_url, webhook_public_key=told.webhook_public_key)


def _twilio(settings: Settings, http: httpx.AsyncClient) -> Transport:
    told = settings.twilio
    return Twilio(
        http,
        account_sid=_needed("DOORSTEP_TWILIO__ACCOUNT_SID", told.account_sid, "the account's SID (AC…)"),
        auth_token=_needed("DOORSTEP_TWILIO__AUTH_TOKEN", told.auth_token.get_secret_value(), "the account's token"),
        sender=_needed("DOORSTEP_TWILIO__FROM", told.sender, "a number (+46…), a sender name or a service (MG…)"),
        base_url=told.base_url,
        public_url=settings.public_url,
    )


def _smtp(settings: Settings, http: httpx.AsyncClient) -> Transport:
    url = _needed("DOORSTEP_SMTP__URL", settings.smtp.url.get_secret_value(), "smtp://user:password@host:587")
    return Smtp(url)


def _needed(setting: str, value: str, remedy: str) -> str:
    if not value:
        raise ConfigurationError(f"{setting} is not set. Set it to {remedy}, or leave its provider out of the list.")
    return value


_BUILDERS: Mapping[str, Builder] = {
    "sendgrid": _sendgrid,
    "smtp": _smtp,
    "twilio": _twilio,
}

KINDS: Mapping[str, str] = {"sendgrid": "email", "smtp": "email", "twilio": "sms"}
"""What each provider carries; the names are those of `DOORSTEP_CHANNELS__EMAIL` and `DOORSTEP_CHANNELS__SMS`."""
