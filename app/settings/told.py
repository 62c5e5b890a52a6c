"""What an installation was told, and where: each setting's name with its place, whether there is such a setting, and
whether it is a secret."""

import difflib
import os
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from app.settings.file import NAMED_BY, PREFIX, SettingsFile, settings_file

ENVIRONMENT = "environment"
BESIDE = frozenset({NAMED_BY, "DOORSTEP_CHROMIUM", "DOORSTEP_REQUIRE_BROWSER", "DOORSTEP_SLOW_BROWSER"})
"""Names of the environment that are read elsewhere."""


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that was told: the values by name, the environment's before the file's, and the file that was read."""

    values: Mapping[str, str]
    file: SettingsFile | None
    in_environment: frozenset[str]

    def place(self, name: str) -> str:
        """Where a setting, or of a group the first of it, was told: "doorstep.env, line 3", "environment" or ""."""
        for one in sorted(self.values, key=lambda one: (one != name, one)):
            if one == name or one.startswith(f"{name}__"):
                in_file = self.file is not None and one not in self.in_environment
                return self.file.place(one) if in_file and self.file is not None else ENVIRONMENT
        return ""


@dataclass(frozen=True, slots=True)
class Field:
    """A setting that there is: its type, and whether it is a secret."""

    kind: Any
    secret: bool


def told(environ: Mapping[str, str] = os.environ) -> Told:
    """What stands in the environment and in the settings file. Raises ConfigurationError (`settings_file`)."""
    file = settings_file(environ)
    outside = {name.upper(): value for name, value in environ.items() if name.upper().startswith(PREFIX)}
    written = {name: one.value for name, one in file.values.items()} if file is not None else {}
    return Told({**written, **outside}, file, frozenset(outside))


def field_at(model: type[BaseModel], name: str) -> Field | None:
    """The setting of a name such as `DOORSTEP_TWILIO__FROM`; None where there is none."""
    kind: Any = model
    for part in name.removeprefix(PREFIX).lower().split("__"):
        if not part:
            return None
        kind = _inside(kind, part)
        if kind is None:
            return None
    return Field(kind, SecretStr in (kind, *get_args(kind)) or _group(kind) is not None)


def nearest(model: type[BaseModel], name: str) -> str:
    """The setting that a misspelt name may have meant, with `DOORSTEP_`; "" where none is near."""
    parts = name.removeprefix(PREFIX).lower().split("__")
    among = [f"{PREFIX}{one.upper()}" for one in names_of(model, parts[1] if len(parts) > 1 else "")]
    found = difflib.get_close_matches(name, among, 1, 0.8)
    return found[0] if found else ""


def names_of(model: type[BaseModel], key: str = "") -> Iterator[str]:
    """The names of all single settings, in small letters; of settings by carrier those for `key`, if there is one."""
    for name, field in model.model_fields.items():
        word, kind = field.alias or name, field.annotation
        inner = _group(kind)
        if inner is not None:
            yield from (f"{word}__{one}" for one in names_of(inner))
        elif get_origin(kind) is dict:
            inner = _group(get_args(kind)[1])
            if key and inner is not None:
                yield from (f"{word}__{key}__{one}" for one in names_of(inner))
        else:
            yield word


def _inside(kind: Any, part: str) -> Any:
    """The type of a group's part; None where it has none of that name."""
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    group = _group(kind)
    for name, field in group.model_fields.items() if group is not None else ():
        if (field.alias or name) == part:
            return field.annotation
    return None


def _group(kind: Any) -> type[BaseModel] | None:
    kinds = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return next((one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)), None)
