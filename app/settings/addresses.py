"""Which addresses settings may hold: each is looked at when it is read, so that a wrong one is told at the start and
not by the first message that fails. What is said of one never repeats it: it may hold a password."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

VALKEY = ("redis", "rediss", "unix")
_BROKERS = ("redis", "rediss", "redis+socket", "unix", "sentinel", "amqp", "amqps", "pyamqp", "memory")


def _parts(url: str) -> SplitResult | None:
    """An address in its parts; None where it is none, or its port is no port."""
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 or any(sign.isspace() for sign in url) else parts
    except ValueError:
        return None


def _web(example: str) -> Callable[[str], str]:
    def read(url: str) -> str:
        parts = _parts(url)
        if url and (parts is None or parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError(f"is no web address. Write e.g. {example}")
        return url

    return read


def _public(url: str) -> str:
    _web("https://parcels.shop.example")(url)
    if not url or urlsplit(url).query or urlsplit(url).fragment or urlsplit(url).username is not None:
        raise ValueError("is not the address that links begin with. Write e.g. https://parcels.shop.example")
    return url


def _mail_server(url: SecretStr) -> SecretStr:
    told = url.get_secret_value()
    parts = _parts(told)
    if told and (parts is None or parts.scheme not in ("smtp", "smtps") or not parts.hostname):
        raise ValueError(
            "is no mail server's address. Write e.g. smtp://user:password@mail.shop.example:587;"
            " a # in the password is written %23"
        )
    return url


def _database(url: SecretStr) -> SecretStr:
    told = url.get_secret_value()
    scheme, given, _ = told.partition("://")
    if told and not given:
        raise ValueError("cannot be read. Write postgresql://user:password@host:5432/name")
    name = scheme.partition("+")[0]
    if told and name not in ("postgresql", "postgres"):
        raise ValueError(f"names {name!r}; Doorstep runs on PostgreSQL 16 or newer only")
    return url


def _broker(url: SecretStr) -> SecretStr:
    told = url.get_secret_value().partition(";")[0]  # others may follow, for when this one is gone
    if told and ("://" not in told or told.partition("://")[0] not in _BROKERS):
        raise ValueError("names no broker. Write redis://host:6379/0 or amqp://user:password@host:5672")
    return url


def _budgets(url: SecretStr) -> SecretStr:
    if url.get_secret_value() and url.get_secret_value().partition("://")[0] not in VALKEY:
        raise ValueError(
            "names no Valkey or Redis. Write redis://host:6379/0 (or rediss://, unix://), or unset it: PostgreSQL alone"
            " keeps the carriers' budgets then"
        )
    return url


def _alarms(url: SecretStr) -> SecretStr:
    _web("https://chat.shop.example/hook, or unset it")(url.get_secret_value())
    return url


WebAddress = Annotated[str, AfterValidator(_web("https://api.provider.example"))]
PublicAddress = Annotated[str, AfterValidator(_public)]
MailServer = Annotated[SecretStr, AfterValidator(_mail_server)]
DatabaseAddress = Annotated[SecretStr, AfterValidator(_database)]
BrokerAddress = Annotated[SecretStr, AfterValidator(_broker)]
BudgetAddress = Annotated[SecretStr, AfterValidator(_budgets)]
AlarmAddress = Annotated[SecretStr, AfterValidator(_alarms)]
