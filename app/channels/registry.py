"""Which providers there are, and how each is built from settings."""

from collections.abc import Callable, Mapping
from pathlib import Path

from app.channels.base import Transport
from app.channels.outbox import Outbox
from app.channels.pool import Pool
from app.channels.sendgrid import SendGrid
from app.channels.smtp import Smtp
from app.channels.twilio import Twilio
from app.errors import ConfigurationError
from app.settings import Settings

Builder = Callable[[Settings, Pool, str], Transport]


def build(name: str, settings: Settings, http: Pool, kind: str = "") -> Transport:
    """The provider `name`, ready to send on the process's client `http`; `kind` is needed where it carries several.

    Raises ConfigurationError naming the setting that is missing and what to do about it.
    """
    if name not in _PROVIDERS:
        raise ConfigurationError(f"There is no provider named {name!r}. One of: {', '.join(sorted(_PROVIDERS))}.")
    kinds, builder = _PROVIDERS[name]
    return builder(settings, http, kind or kinds[0])


def providers_of(kind: str) -> list[str]:
    """The names that `DOORSTEP_CHANNELS__EMAIL` or `DOORSTEP_CHANNELS__SMS` may hold."""
    return sorted(name for name, (kinds, _) in _PROVIDERS.items() if kind in kinds)


def _sendgrid(settings: Settings, http: Pool, kind: str) -> Transport:
    told = settings.sendgrid
    api_key = _needed("DOORSTEP_SENDGRID__API_KEY", told.api_key.get_secret_value(), "an API key that may send mail")
    return SendGrid(
        http,
        api_key=api_key,
        base_url=told.base_url,
        webhook_public_key=told.webhook_public_key,
        activity=told.activity,
    )


def _twilio(settings: Settings, http: Pool, kind: str) -> Transport:
    told = settings.twilio
    return Twilio(
        http,
        account_sid=_needed("DOORSTEP_TWILIO__ACCOUNT_SID", told.account_sid, "the account's SID (AC…)"),
        auth_token=_needed("DOORSTEP_TWILIO__AUTH_TOKEN", told.auth_token.get_secret_value(), "the account's token"),
        sender=_needed("DOORSTEP_TWILIO__FROM", told.sender, "a number (+46…), a sender name or a service (MG…)"),
        base_url=told.base_url,
        public_url=settings.public_url,
    )


def _smtp(settings: Settings, http: Pool, kind: str) -> Transport:
    url = _needed("DOORSTEP_SMTP__URL", settings.smtp.url.get_secret_value(), "smtp://user:password@host:587")
    return Smtp(url)


def _file(settings: Settings, http: Pool, kind: str) -> Transport:
    home = "" if settings.home in (None, Path()) else str(settings.home)  # an empty variable reads as the folder "."
    home = _needed("DOORSTEP_HOME", home, "the folder in which the outbox is to stand")
    return Outbox(Path(home) / "outbox", kind)


def _needed(setting: str, value: str, remedy: str) -> str:
    if not value:
        raise ConfigurationError(f"{setting} is not set. Set it to {remedy}, or leave its provider out of the list.")
    return value


_PROVIDERS: Mapping[str, tuple[tuple[str, ...], Builder]] = {
    "sendgrid": (("email",), _sendgrid),
    "smtp": (("email",), _smtp),
    "twilio": (("sms",), _twilio),
    "file": (("email", "sms"), _file),
}
"""What each provider carries, and how it is built."""
