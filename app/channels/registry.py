"""Which providers there are, and how each is built from settings."""

from collections.abc import Callable, Mapping
from pathlib import Path

from phonenumbers import SUPPORTED_REGIONS

from app.channels.base import Transport
from app.channels.outbox import Outbox
from app.channels.pool import Pool
from app.channels.sendgrid import SendGrid
from app.channels.smtp import Smtp
from app.channels.twilio import Twilio
from app.channels.twilio_whatsapp import TwilioWhatsApp
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
    """The names that `DOORSTEP_CHANNELS__EMAIL`, `…__SMS` or `…__WHATSAPP` may hold."""
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
        per_second=told.requests_per_second,
    )


def _twilio(settings: Settings, http: Pool, kind: str) -> Transport:
    told = settings.twilio
    for country in told.pace:
        if country not in SUPPORTED_REGIONS:
            raise ConfigurationError(f"DOORSTEP_TWILIO__PACE__{country} names no country. Write it as in GB or US.")
    if kind == "whatsapp":
        channel: type[Twilio] = TwilioWhatsApp
        sender = _needed("DOORSTEP_TWILIO__WHATSAPP_FROM", told.whatsapp_from, "a WhatsApp number or a service (MG…)")
    else:
        channel = Twilio
        sender = _needed("DOORSTEP_TWILIO__FROM", told.sender, "a number (+46…), a sender name or a service (MG…)")
    return channel(
        http,
        account_sid=_needed("DOORSTEP_TWILIO__ACCOUNT_SID", told.account_sid, "the account's SID (AC…)"),
        auth_token=_needed("DOORSTEP_TWILIO__AUTH_TOKEN", told.auth_token.get_secret_value(), "the account's token"),
        sender=sender,
        base_url=told.base_url,
        public_url=settings.public_url,
        limits=told,
    )


def _smtp(settings: Settings, http: Pool, kind: str) -> Transport:
    url = _needed("DOORSTEP_SMTP__URL", settings.smtp.url.get_secret_value(), "smtp://user:password@host:587")
    return Smtp(url, per_second=settings.smtp.requests_per_second)


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
    "twilio": (("sms", "whatsapp"), _twilio),
    "file": (("email", "sms", "whatsapp"), _file),
}
"""What each provider carries, and how it is built."""
