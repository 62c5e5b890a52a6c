"""The files that one brand's messages are made of, wherever they lie: published, the brand's own, or shared by all.

A path means the same in all three places: `brand.yaml`, `logo-light.png`, `layouts/parcel.mjml`,
`messages/sv/delivered.email.md`. What was published from the console lies over the brand's own folder
(`templates/brands/<key>/`), and that over what every brand shares (`templates/`).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from app.errors import ConfigurationError

Origin = Literal["published", "brand", "shared"]

_LOCALE = r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}"
_PATHS = re.compile(
    r"brand\.yaml"
    r"|[a-z0-9][a-z0-9_-]{0,60}\.png"
    r"|layouts/(?:blocks/)?[a-z][a-z0-9_-]{0,60}\.(?:mjml|txt)"
    rf"|messages/{_LOCALE}/(?:[a-z][a-z0-9_]{{0,60}}\.(?:email\.md|email\.mjml|sms\.txt|whatsapp\.yaml)|(?:words|page)\.yaml)"
)


class BadTemplate(ConfigurationError):
    """A template's file is wrong; the text says which file, what and what to do."""


@dataclass(frozen=True, slots=True)
class File:
    """One file. `label` is what people are told it is called: its place on disk, or that it is the published one."""

    path: str
    label: str
    content: bytes
    origin: Origin

    @property
    def text(self) -> str:
        """Its text, lines ended by `\\n`. Raises BadTemplate when it is not UTF-8."""
        try:
            return self.content.decode("utf-8").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise BadTemplate(f"{self.label} cannot be read: {error}. Save it as UTF-8 text.") from error


def known_path(path: str) -> bool:
    """Whether a path is one that a brand's shelf has a place for."""
    return _PATHS.fullmatch(path) is not None


def _folders_in(folder: Path, step: str) -> list[str]:
    return [f"{step}{entry.name}/" for entry in _entries(folder / step) if entry.is_dir()]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder; nothing where it is none, or may not be read."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


class Shelf:
    """The files of one brand. `root` is the templates folder, `published` what lies over it, by path.

    Files on disk are read when they are asked for.
    """

    def __init__(self, root: Path, brand_key: str, published: Mapping[str, bytes] = MappingProxyType({})) -> None:
        self.root = root
        self.brand_key = brand_key
        self.published = published

    def file(self, path: str) -> File | None:
        """What counts under a path, or None. Raises BadTemplate when it cannot be read."""
        found = self.layers(path)
        return found[-1] if found else None

    def layers(self, path: str) -> list[File]:
        """Everything that stands under a path, what counts last."""
        if not known_path(path):
            return []
        found = [self._on_disk(folder, path, origin) for folder, origin in self._folders(path)]
        layers = [file for file in found if file is not None]
        if path in self.published:
            layers.append(File(path, f"{self.brand_key}'s {path}", self.published[path], "published"))
        return layers

    def shipped(self, path: str) -> File | None:
        """What counts under a path where nothing was published."""
        found = [file for file in self.layers(path) if file.origin != "published"]
        return found[-1] if found else None

    def paths(self) -> list[str]:
        """Every path under which something stands, sorted."""
        found = set(self.published)
        for folder in (self.root / "brands" / self.brand_key, self.root):
            for step in ("", "layouts/", "layouts/blocks/", *_folders_in(folder, "messages/")):
                found.update(step + entry.name for entry in _entries(folder / step) if entry.is_file())
        return sorted(path for path in found if known_path(path))

    def place(self, path: str) -> str:
        """Where a file of that path would stand on disk for all brands; for the remedy in a refusal."""
        return str(self.root / path)

    def _folders(self, path: str) -> list[tuple[Path, Origin]]:
        own: list[tuple[Path, Origin]] = [(self.root / "brands" / self.brand_key, "brand")]
        return own if "/" not in path else [(self.root, "shared"), *own]

    def _on_disk(self, folder: Path, path: str, origin: Origin) -> File | None:
        place = folder / path
        try:
            return File(path, str(place), place.read_bytes(), origin)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise BadTemplate(f"{place} cannot be read: {error.strerror}. Make it readable.") from error
