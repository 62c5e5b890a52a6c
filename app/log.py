"""Structured logs that never show a whole address or phone number."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_EMAIL = re.compile(r"([A-Za-z0-9._%+'-])[A-Za-z0-9._%+'-]*+(?:@([A-Za-z0-9-])[A-Za-z0-9.-]*(\.[A-Za-z]{2,}))?")
"""A word, with what makes it an address where it is one: each word is read once, so that a long one, which a stranger
may have sent, takes no longer than many short ones."""
_PHONE = re.compile(r"(?<![\w.-])(\+\d{2})\d{4,10}(\d{2})(?!\d)")
_SECRETS = re.compile(r"(?i)\b(SG\.[\w-]{4})[\w.-]+|(Bearer )\S+|(://[^:/\s]*:)[^@/\s]+(?=@)|([?&]apikey=)[^&\s'\"]+")
_ROW = re.compile(r"((?:DETAIL|CONTEXT): ).*?(?=\n\n|\n[A-Z]{4,}: |\n\[SQL|\Z)", re.DOTALL)
"""PostgreSQL ends what it says of an error with the whole row at fault."""


def mask(text: str) -> str:
    """`text` with every email address, international phone number and secret cut down to a hint, and without the rows
    that PostgreSQL shows."""
    text = _ROW.sub(r"\1…", text)
    text = _SECRETS.sub(lambda found: (found[1] or found[2] or found[3] or found[4] or "") + "…", text)
    if "@" in text:
        text = _EMAIL.sub(lambda word: f"{word[1]}…@{word[2]}…{word[3]}" if word[2] else word[0], text)
    return _PHONE.sub(r"\1…\2", text)


def mask_value(value: Any) -> Any:
    """`mask` through nested lists and mappings."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: mask_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [mask_value(inner) for inner in value]
    return value


def _mask_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = mask_value(value)
    return event


class _MaskFilter(logging.Filter):
    """Masks what libraries log through the standard module."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), None
        return True


def configure_logging(style: str = "auto", level: int = logging.INFO) -> None:
    """Send every log line to standard error: coloured for a person, JSON for a pipe (`style`: auto, json, plain)."""
    as_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, _mask_event, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.addFilter(_MaskFilter())
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.processors.format_exc_info, _mask_event],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Celery says two lines for every task; what a task came to stands in our own line.
    for noisy in (
        "httpx",
        "httpcore",
        "aiohttp.access",
        "asyncio",
        "celery.app.trace",
        "celery.worker.strategy",
        "alembic",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def logger(name: str) -> Any:
    """A structured logger; call it as `log.info("parcel polled", shipment=…)`."""
    return structlog.get_logger(name)
