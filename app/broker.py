"""The Celery application on the configured broker, knowing of no task: what sends wake-ups, and all that beat needs."""

import importlib.util
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from app.errors import ConfigurationError
from app.log import configure_logging, logger
from app.settings import Settings, load_settings, shipped, strangers

log = logger(__name__)


def build_celery(settings: Settings) -> Celery:
    """The Celery application: `celeryconfig.py` as it ships, on the configured broker. Connects to nothing yet.

    Where Celery's own programs run it, they log as everything else does.
    """
    spec = importlib.util.spec_from_file_location("doorstep_celeryconfig", shipped("celeryconfig.py"))
    if spec is None or spec.loader is None:
        raise ConfigurationError("celeryconfig.py is missing from this installation. Install Doorstep again.")
    config = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(config)
    celery = Celery("doorstep", broker=settings.broker_url.get_secret_value() or None, set_as_current=False)
    celery.config_from_object(config)
    setup_logging.connect(_use_our_logs)
    return celery


def _use_our_logs(**_signal: Any) -> None:
    configure_logging(load_settings().log_format)
    for said in strangers():
        log.warning(said)
