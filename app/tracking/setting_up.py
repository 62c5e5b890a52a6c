"""What must be set before a carrier can be asked, in the names by which an installation sets it."""

from app.settings.carriers import CarrierSettings
from app.tracking.adapter.base import Carrier


def missing_settings(carrier: Carrier, config: CarrierSettings) -> tuple[str, ...]:
    """The settings that a carrier's adapter needs and that are empty, as environment variables."""
    given = {
        "api_key": config.api_key.get_secret_value(),
        "api_secret": config.api_secret.get_secret_value(),
        "account": config.account,
    }
    return tuple(setting(carrier.name, name) for name in carrier.needs if not given[name])


def setting(carrier: str, name: str) -> str:
    """A carrier's setting as an environment variable."""
    return f"DOORSTEP_CARRIERS__{carrier.upper()}__{name.upper()}"
