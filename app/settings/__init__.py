"""What an installation can be told from outside: environment variables with the prefix `DOORSTEP_`, and a file of them.

Nested names are joined by two underscores: `DOORSTEP_SENDGRID__API_KEY`, `DOORSTEP_CARRIERS__DHL__BASE_URL`.
Reading them has no effect; `wiring` builds things from them.
"""

from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, SettingsError

from app.clock import REAL, Clock, parse_clock
from app.errors import ConfigurationError, in_words
from app.settings.addresses import (
    VALKEY,
    AlarmAddress,
    BrokerAddress,
    BudgetAddress,
    DatabaseAddress,
    MailServer,
    PublicAddress,
    WebAddress,
)
from app.settings.carriers import CarrierSettings
from app.settings.file import PREFIX
from app.settings.group import Group
from app.settings.sign_in import OidcSettings
from app.settings.told import BESIDE, ENVIRONMENT, Told, field_at, nearest, told

_APP = Path(__file__).parents[1]


def shipped(name: str) -> Path:
    """The folder or file `name` that ships beside `app/`: in a checkout next to it, in a wheel inside it."""
    inside = _APP / "shipped" / name
    return inside if inside.exists() else _APP.parent / name


class SendMode(StrEnum):
    """What may leave the house."""

    live = "live"
    shadow = "shadow"
    allowlist = "allowlist"


class SendGridSettings(Group):
    api_key: SecretStr = SecretStr("")
    base_url: WebAddress = Field("https://api.sendgrid.com", min_length=1)
    webhook_public_key: str = ""
    activity: bool = Field(False, description="whether the account has the Email Activity add-on, and the key may read")
    requests_per_second: float | None = Field(None, gt=0, description="calls, for the whole account")


class SegmentPace(Group):
    """SMS segments a second that a sender of each kind may carry. None (written `none`) is no limit: a Messaging
    Service spreads its load over its numbers itself."""

    long_code: float | None = Field(1.0, gt=0)
    toll_free: float | None = Field(3.0, gt=0)
    short_code: float | None = Field(10.0, gt=0)
    alphanumeric: float | None = Field(10.0, gt=0)
    service: float | None = Field(None, gt=0)

    @field_validator("*", mode="before")
    @classmethod
    def _without_limit(cls, written: object) -> object:
        return None if written == "none" else written


class TwilioSettings(Group):
    account_sid: str = ""
    auth_token: SecretStr = SecretStr("")
    sender: str = Field(
        "", alias="from", description="an E.164 number, an alphanumeric sender, or MG… for a Messaging Service"
    )
    whatsapp_from: str = Field("", description="the WhatsApp sender's number, or MG… for a service that has one")
    base_url: WebAddress = Field("https://api.twilio.com", min_length=1)
    whatsapp_per_second: float | None = Field(80.0, gt=0, description="messages, for the WhatsApp sender")
    requests_per_second: float | None = Field(None, gt=0, description="calls, for the whole account")
    segments_per_second: SegmentPace = SegmentPace()
    pace: dict[str, Annotated[float, Field(gt=0)]] = Field({}, description="segments a second by country: PACE__US=1")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @field_validator("pace")
    @classmethod
    def _countries(cls, pace: dict[str, float]) -> dict[str, float]:
        known = {name.upper(): per_second for name, per_second in pace.items()}
        for name in known:
            if not (len(name) == 2 and name.isascii() and name.isalpha()):
                raise ValueError(f"{name!r} is no country. Write its two letters, e.g. DOORSTEP_TWILIO__PACE__US=1")
        return known


class SmtpSettings(Group):
    url: MailServer = SecretStr("")
    requests_per_second: float | None = Field(None, gt=0, description="letters that the server takes")


class ChannelSettings(Group):
    email: str = "sendgrid"
    sms: str = "twilio"
    whatsapp: str = ""

    def order(self, kind: str) -> tuple[str, ...]:
        """The providers of a kind, first choice first."""
        return tuple(name.strip() for name in getattr(self, kind).split(",") if name.strip())


class SendingSettings(Group):
    """How much is sent at once, and how patient the engine is with providers. Seconds are wall seconds.

    `batch`: how many messages are claimed and rendered at once. `concurrency`: how many calls are begun and made at
    once, and so how many a process that dies leaves in doubt.
    `deadline`: the whole of one call. `margin`: how long after it before anyone asks what became of it.
    `settle`: how long an unconfirmed message may stay so before it ends as `failed: ambiguous`.
    """

    batch: int = Field(300, ge=1, le=2000)
    concurrency: int = Field(100, ge=1, le=500)
    deadline: float = Field(10.0, gt=0, le=120)
    margin: float = Field(20.0, gt=0)
    settle: float = Field(3600.0, gt=0)
    max_attempts: int = Field(50, ge=1, le=500)


class AlertsSettings(Group):
    """Who hears of it when something is wrong, and how long things may take first. Seconds are wall seconds.

    `url` is sent each alarm as JSON, `email` as a mail from `sender` (the first brand's address where that is empty).
    `queue`: how old the oldest message that is due may be; `unconfirmed`: how long a call may stay unanswered.
    """

    url: AlarmAddress = SecretStr("")
    email: str = ""
    sender: str = Field("", alias="from")
    queue: float = Field(300.0, gt=0)
    unconfirmed: float = Field(900.0, gt=0)

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class BrakeSettings(Group):
    """When a rule's volume is a storm. See docs/brakes.md for the numbers.

    `floor`: messages of one rule and brand within ten minutes that never trip it, `unproven` the same in a rule's
    first days. `factor`: times the busiest ten minutes of the last `days`. `rest`: wall seconds in which it does not
    pull again after a person has lifted it.
    """

    on: bool = True
    floor: int = Field(1000, ge=1)
    unproven: int = Field(10_000, ge=1)
    factor: float = Field(5.0, ge=1)
    days: int = Field(7, ge=3, le=60)
    rest: float = Field(3600.0, ge=0)


class RetentionSettings(Group):
    """How many days each class of personal and raw rows is kept; 0 keeps it for ever. See `docs/privacy.md`.

    `carrier_answers`, `receipts` and `receipt_batches` are raw words of carriers and providers; `inbound` are shoppers'
    own texts; `messages` is what each message was written from; `orders` the person, counted from an order's last news;
    `suppressions` the plain address on the list, whose digest goes on being obeyed.
    """

    carrier_answers: int = Field(30, ge=0)
    receipt_batches: int = Field(3, ge=0)
    receipts: int = Field(90, ge=0)
    inbound: int = Field(180, ge=0)
    messages: int = Field(180, ge=0)
    orders: int = Field(365, ge=0)
    suppressions: int = Field(730, ge=0)


class Settings(BaseSettings):
    """Everything an installation is told. See the README's table for what each one means."""

    model_config = SettingsConfigDict(
        env_prefix="DOORSTEP_", env_nested_delimiter="__", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    send: SendMode = SendMode.shadow
    allowlist: str = ""
    clock: str = ""
    channels: ChannelSettings = ChannelSettings()
    sending: SendingSettings = SendingSettings()
    alerts: AlertsSettings = AlertsSettings()
    brake: BrakeSettings = BrakeSettings()
    retention: RetentionSettings = RetentionSettings()
    database_url: DatabaseAddress = SecretStr("")
    broker_url: BrokerAddress = SecretStr("")
    budget_url: BudgetAddress = SecretStr("")
    home: Path | None = None
    secret_key: SecretStr = SecretStr("")
    oidc: OidcSettings = OidcSettings()
    public_url: PublicAddress = "http://127.0.0.1:8080"
    sendgrid: SendGridSettings = SendGridSettings()
    twilio: TwilioSettings = TwilioSettings()
    smtp: SmtpSettings = SmtpSettings()
    carriers: dict[str, CarrierSettings] = {}
    log_format: str = "auto"

    @property
    def embedded(self) -> bool:
        """Whether the program brings its own PostgreSQL and Valkey."""
        return not self.database_url.get_secret_value() and not self.broker_url.get_secret_value()

    def engine_clock(self) -> Clock:
        """The engine's clock. A clock other than the real one is refused where real people could be reached."""
        if not self.clock:
            return REAL
        clock = parse_clock(self.clock)
        outside = [name for name, url in self._provider_addresses().items() if not is_loopback(url)]
        if self.send is SendMode.live and outside:
            raise ConfigurationError(
                f"DOORSTEP_CLOCK is for demos and tests, but {', '.join(sorted(outside))} is not on this machine. "
                "Unset DOORSTEP_CLOCK, or set DOORSTEP_SEND=shadow."
            )
        return clock

    @property
    def stays_here(self) -> bool:
        """Whether every provider that is sent through is on this machine."""
        return all(is_loopback(url) for url in self._provider_addresses().values())

    def _provider_addresses(self) -> dict[str, str]:
        used = {name for kind in ChannelSettings.model_fields for name in self.channels.order(kind)}
        known = {
            "sendgrid": ("DOORSTEP_SENDGRID__BASE_URL", self.sendgrid.base_url),
            "twilio": ("DOORSTEP_TWILIO__BASE_URL", self.twilio.base_url),
            "smtp": ("DOORSTEP_SMTP__URL", self.smtp.url.get_secret_value()),
        }
        return {setting: url for name, (setting, url) in known.items() if name in used}

    @property
    def purse_url(self) -> str:
        """The Valkey that hands on carriers' budgets: the one that is named, else the broker where it is one, else
        none (PostgreSQL alone keeps them)."""
        named, broker = self.budget_url.get_secret_value(), self.broker_url.get_secret_value()
        return named or (broker if broker.partition("://")[0] in VALKEY else "")

    def allowed_recipients(self) -> frozenset[str]:
        """The test addresses and numbers that `DOORSTEP_SEND=allowlist` lets through, lower case."""
        return frozenset(entry.strip().lower() for entry in self.allowlist.split(",") if entry.strip())


def is_loopback(url: str) -> bool:
    """Whether an address can only be this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(given: Told | None = None) -> Settings:
    """Read the environment and the settings file. Raises ConfigurationError naming each setting that is wrong and where
    it stands, never its value."""
    given = told() if given is None else given
    strangers = [name for name in given.values if name not in given.in_environment and field_at(Settings, name) is None]
    if strangers:
        raise ConfigurationError("Settings cannot be read. " + "; ".join(_unknown(given, name) for name in strangers))
    try:
        source = EnvSettingsSource(Settings)
        source.env_vars = {name.lower(): value for name, value in given.values.items()}
        settings = Settings(**source())
    except ValidationError as error:
        lines = [_fault(given, fault) for fault in error.errors(include_input=False)]
        set_to = {name: bool(given.values.get(f"{PREFIX}{name}_URL")) for name in ("DATABASE", "BROKER")}
        if any(set_to.values()) and not all(set_to.values()):
            lines.append(_half(set_to["DATABASE"]))
        raise ConfigurationError("Settings cannot be read. " + "; ".join(lines)) from error
    except SettingsError as error:  # a group that was given as one plain word
        raise ConfigurationError(
            f"Settings cannot be read: {error}. Set the group's parts, e.g. DOORSTEP_SENDGRID__API_KEY."
        ) from error
    pair = (settings.database_url.get_secret_value(), settings.broker_url.get_secret_value())
    if any(pair) and not all(pair):
        raise ConfigurationError(_half(bool(pair[0])))
    return settings


def strangers(given: Told | None = None) -> list[str]:
    """A sentence for each name in the environment that begins as settings do and is none; the file's are refused."""
    given = told() if given is None else given
    names = [name for name in sorted(given.values.keys() - BESIDE) if field_at(Settings, name) is None]
    meant = ((name, nearest(Settings, name)) for name in names)
    return [
        f"{name} is in the environment, but is no setting.{f' Did you mean {near}?' if near else ''}"
        for name, near in meant
    ]


def _fault(given: Told, fault: ErrorDetails) -> str:
    name = f"DOORSTEP_{'__'.join(str(part) for part in fault['loc']).upper()}"
    if fault["type"] == "extra_forbidden":
        return _unknown(given, name)
    return f"{_standing(given, name)}{name}: {in_words(fault['msg'])}"


def _half(database: bool) -> str:
    """That only the database's address is set, or only the broker's."""
    return (
        f"DOORSTEP_{'BROKER' if database else 'DATABASE'}_URL is not set. Set both DOORSTEP_DATABASE_URL and"
        " DOORSTEP_BROKER_URL, or neither to run on the embedded PostgreSQL and Valkey."
    )


def _unknown(given: Told, name: str) -> str:
    meant = nearest(Settings, name)
    remedy = f"Did you mean {meant}?" if meant else "Take it out, or look for its name with `doorstep settings --all`"
    return f"{_standing(given, name)}{name} is no setting. {remedy}"


def _standing(given: Told, name: str) -> str:
    place = given.place(name)
    return f"{place}: " if place not in ("", ENVIRONMENT) else ""
