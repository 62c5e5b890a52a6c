"""What the commands share: consoles, options, and the way to a database that answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr

from app.cli.consoles import AsJson as AsJson
from app.cli.consoles import BrandKey as BrandKey
from app.cli.consoles import err as err
from app.cli.consoles import operator as operator
from app.cli.consoles import out as out
from app.cli.consoles import print_json as print_json
from app.cli.consoles import progress_bar as progress_bar
from app.db import check_reachable, make_engine
from app.embedded import Endpoints, default_home, reach
from app.errors import ConfigurationError, NotFound
from app.log import configure_logging
from app.pipeline.house import House
from app.schema import current_revision, migrate, newest_revision
from app.settings import Settings, load_settings, strangers
from app.settings.file import SettingsFile, settings_file
from app.settings.told import Told
from app.wiring import build_house, ensure_brands


def read_file(file: Path) -> bytes:
    """The bytes of a file that was named on the command line. Raises ConfigurationError when there is none."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}. Name a file that you may read.") from error


def with_endpoints(settings: Settings, endpoints: Endpoints) -> Settings:
    """The settings with the embedded servers' addresses filled in."""
    addresses = {"database_url": endpoints.database_url, "broker_url": endpoints.broker_url}
    return settings.model_copy(update={name: SecretStr(url) for name, url in addresses.items()})


@contextmanager
def servers(settings: Settings) -> Iterator[Settings]:
    """Settings whose database and broker run: the configured ones, or the embedded pair of this home."""
    if not settings.embedded:
        yield settings
        return
    with reach(settings.home or default_home()) as endpoints:
        yield with_endpoints(settings, endpoints)


@contextmanager
def engine_of(settings: Settings) -> Iterator[sa.Engine]:
    """A database that answers. Raises Unreachable with a sentence when it does not."""
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        check_reachable(engine)
        yield engine
    finally:
        engine.dispose()


def remark_on_file(file: SettingsFile | None) -> None:
    """Say so on standard error where others on this machine may read the settings file."""
    if file is not None and file.seen_by_others:
        err.print(
            f"{file.path} may be read by others on this machine, and holds secrets. Close it: chmod 600 {file.path}",
            style="yellow",
            markup=False,
            highlight=False,
        )


def remark_on_strangers(given: Told | None = None) -> None:
    """Say so on standard error where the environment holds what looks like a setting and is none."""
    for said in strangers(given):
        err.print(said, style="yellow", markup=False, highlight=False)


@contextmanager
def standing_house(brand: str | None = None) -> Iterator[tuple[House, dict[str, int]]]:
    """A house on a database with the newest schema and the brands in place, with the brands' row ids by key."""
    settings = load_settings()
    remark_on_file(settings_file())
    configure_logging(settings.log_format, level=30)
    with servers(settings) as reached, engine_of(reached) as engine:
        if settings.embedded:
            migrate(engine)
        elif current_revision(engine) != newest_revision():
            raise ConfigurationError("The database's schema is not the newest. Run `doorstep migrate` first.")
        house = build_house(reached, engine=engine)
        brands = ensure_brands(house.sessions, house.catalog)
        if brand is not None and brand not in brands:
            raise NotFound(f"There is no brand {brand!r}. One of: {', '.join(sorted(brands))}.")
        yield house, brands
