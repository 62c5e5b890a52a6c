"""What the console calls what the engine knows by a key: carriers, providers, languages, channels."""

from functools import lru_cache

from babel import Locale, UnknownLocaleError

from app.tracking.carriers.registry import CARRIERS

_PROVIDERS = {"sendgrid": "SendGrid", "smtp": "SMTP", "twilio": "Twilio"}
_CHANNELS = {"email": "Email", "sms": "SMS", "whatsapp": "WhatsApp", "klaviyo": "Klaviyo", "voyado": "Voyado"}


def carrier_name(key: str) -> str:
    """ "dhl" as "DHL". One that no file of ours knows is called as the shop calls it."""
    carrier = CARRIERS.get(key)
    return carrier.title if carrier else key


def provider_name(key: str) -> str:
    """ "sendgrid" as "SendGrid"."""
    return _PROVIDERS.get(key, key)


def channel_name(key: str) -> str:
    """ "sms" as "SMS"."""
    return _CHANNELS.get(key, key)


@lru_cache(maxsize=200)
def language_name(tag: str) -> str:
    """ "sv-SE" as "Swedish (Sweden)". What is no tag stays as it is."""
    try:
        return Locale.parse(tag, sep="-").get_display_name("en") or tag
    except (UnknownLocaleError, ValueError):
        return tag
