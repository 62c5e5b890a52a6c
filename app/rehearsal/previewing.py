"""What a template would say: filled in by the very steps that write a message out, for a sample or a real parcel."""

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.channels.base import Outgoing, OutgoingEmail, OutgoingSms
from app.errors import Fault, InvalidInput, NotFound, nearest
from app.messages.authoring.bundle import SUFFIXES, known_locale
from app.messages.base import NotRenderable, Template
from app.messages.catalog import Catalog
from app.messages.rendering.gsm import fits_gsm, room, segments
from app.messages.rendering.render import Renderer
from app.messages.shelf import known_path
from app.models import Brand
from app.models.facts import Person
from app.models.vocabulary import Channel
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.house import House
from app.pipeline.leaving.judging import Release
from app.pipeline.leaving.team import TEAM
from app.pipeline.leaving.writing import write_out
from app.rehearsal.samples import ORDINARY, Subject, milestone_of, real_parcel, sample

MOST_FILES, LARGEST_FILE = 60, 400_000
"""How many unsaved files a preview takes, and how many bytes each may have."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which template, on which channel, in which language (None: the reader's own), and whom it is filled in for: a
    sample by name, or a parcel by id, tracking or order number."""

    key: str
    channel: str = "email"
    locale: str | None = None
    sample: str | None = None
    shipment: str | None = None
    show_person: bool = False


@dataclass(frozen=True, slots=True)
class Stranger:
    """A letter that is not in the GSM alphabet, and makes every segment of its SMS hold 70 letters instead of 160."""

    letter: str
    name: str


@dataclass(frozen=True, slots=True)
class SmsSize:
    """What an SMS takes: `letters` in its encoding, `GSM-7` or `UCS-2`, and the segments that are paid for."""

    encoding: str
    letters: int
    segments: int
    strangers: tuple[Stranger, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """One template filled in. `letter` is what a provider would be handed; `locale` is the language that was found for
    `asked_locale`. `preheader` is an email's, `size` an SMS's."""

    template: Template
    letter: Outgoing
    asked_locale: str
    about: str
    note: str
    preheader: str = ""
    size: SmsSize | None = None

    @property
    def locale(self) -> str:
        return self.template.locale

    @property
    def digest(self) -> str:
        """The name of the template's content, in hexadecimal digits."""
        return self.template.digest.hex()

    @property
    def subject(self) -> str:
        return self.letter.subject if isinstance(self.letter, OutgoingEmail) else ""

    @property
    def html(self) -> str:
        return self.letter.html if isinstance(self.letter, OutgoingEmail) else ""

    @property
    def text(self) -> str:
        """The plain text; of a WhatsApp message what fills its variables, a line each."""
        if isinstance(self.letter, OutgoingEmail | OutgoingSms):
            return self.letter.text
        return "\n".join(f"{name}: {filling}" for name, filling in self.letter.variables.items())


def preview(
    house: House,
    session: Session,
    brand: Brand,
    asked: Asked,
    now: datetime,
    files: Mapping[str, str | bytes] | None = None,
) -> Preview:
    """A template as its reader would see it. `files` are unsaved ones by path, laid over what counts; nothing is kept.

    Raises InvalidInput or NotFound with the nearest right name, BadTemplate for a file that is wrong, and
    NotRenderable, naming template and field, where it cannot be filled in.
    """
    catalog = with_files(catalog_of(session, house, brand.key), brand.key, files or {})
    known = _known(catalog, brand.key, asked)
    subject = (
        real_parcel(session, brand, known.key, known.shipment, now, show_person=known.show_person)
        if known.shipment is not None
        else sample(brand, known.key, known.sample or ORDINARY)
    )
    return filled_in(house, catalog, brand, known, subject)


def filled_in(house: House, catalog: Catalog, brand: Brand, asked: Asked, subject: Subject) -> Preview:
    """The same for a subject that was chosen before."""
    locale = asked.locale or subject.facts.shopper.locale
    shopper = subject.facts.shopper.model_copy(update={"locale": locale})
    subject = replace(subject, facts=subject.facts.model_copy(update={"shopper": shopper}))
    template = catalog.resolve(brand.key, locale, asked.key, asked.channel)
    # A renderer of its own: drafts come and go, and would push out of memory what the sending is done with.
    alone = replace(house, renderer=Renderer(remember=2))
    letter, _ = write_out(alone, _as_release(house, brand, asked, subject), template, "preview")
    text = letter.text if isinstance(letter, OutgoingSms) else None
    return Preview(
        template=template,
        letter=letter,
        asked_locale=locale,
        about=subject.name,
        note=subject.note,
        preheader=_preheader(alone, brand, asked, subject, template) if asked.channel == Channel.email else "",
        size=size_of(text) if text is not None else None,
    )


def with_files(catalog: Catalog, brand_key: str, files: Mapping[str, str | bytes]) -> Catalog:
    """A catalog with unsaved files of a brand laid over it. Raises InvalidInput for a path that has no place."""
    if not files:
        return catalog
    laid = {path: one if isinstance(one, bytes) else one.encode("utf-8", "replace") for path, one in files.items()}
    faults = [
        Fault(None, f"files.{path}", "is no file of a template", "Paths are like messages/en/delivered.email.md.")
        for path in files
        if not known_path(path)
    ]
    faults += [
        Fault(None, f"files.{path}", f"is larger than {LARGEST_FILE:,} bytes", "Make it shorter.")
        for path, content in laid.items()
        if len(content) > LARGEST_FILE
    ]
    if len(files) > MOST_FILES:
        faults.append(Fault(None, "files", f"are more than {MOST_FILES}", "Send those that you changed."))
    if faults:
        raise InvalidInput(faults)
    return catalog.over(brand_key, {**catalog.shelf(brand_key).published, **laid})


def size_of(text: str) -> SmsSize:
    """What a text costs as an SMS, with each letter that makes it dearer."""
    dear = dict.fromkeys(letter for letter in text if not fits_gsm(letter))
    return SmsSize(
        encoding="UCS-2" if dear else "GSM-7",
        letters=room(text),
        segments=segments(text),
        strangers=tuple(Stranger(one, unicodedata.name(one, f"U+{ord(one):04X}").lower()) for one in dear),
    )


def _known(catalog: Catalog, brand_key: str, asked: Asked) -> Asked:
    """What was asked for, if there is such a thing. Raises with the nearest right name."""
    if asked.channel not in SUFFIXES:
        raise InvalidInput([Fault(None, "channel", f"is {asked.channel!r}", nearest(asked.channel, SUFFIXES))])
    keys = {key for key, channel in catalog.keys(brand_key) if channel == asked.channel}
    if asked.key not in keys:
        remedy = nearest(asked.key, keys, "`doorstep templates list` has them all.")
        raise NotFound(f"There is no template {asked.key!r} for {asked.channel}. {remedy}")
    if asked.locale is not None and not known_locale(asked.locale.replace("_", "-")):
        remedy = nearest(asked.locale, catalog.locales(brand_key))
        raise InvalidInput([Fault(None, "locale", f"is {asked.locale!r}, which is no language", remedy)])
    return asked


def _as_release(house: House, brand: Brand, asked: Asked, subject: Subject) -> Release:
    """A message that nobody decided on, as one that is about to leave."""
    facts = subject.facts
    return Release.only_read(
        id=0,
        public_id="preview",
        brand_id=brand.id,
        channel=Channel(asked.channel),
        milestone=milestone_of(asked.key),
        template_version_id=0,
        tries=0,
        expires_at=house.clock.now() + timedelta(hours=4),
        facts=facts,
        person=subject.person,
        rendered_at=subject.now,
        parcel_id=facts.parcel.id,
        parcel_milestone=facts.parcel.milestone,
        as_decided=True,
        priority=0,
        recipient_id=TEAM if asked.key.endswith(f"_{TEAM}") else "shopper",
    )


def _preheader(house: House, brand: Brand, asked: Asked, subject: Subject, template: Template) -> str:
    """The line that a mail program shows behind the subject, filled in as the subject is."""
    parts = {**template.parts, "subject": template.parts.get("preheader", ""), "html": "", "text": ""}
    alone = replace(template, digest=hashlib.sha256(b"preheader" + template.digest).digest(), parts=parts)
    release = _as_release(house, brand, asked, replace(subject, person=Person(name=subject.person.name)))
    try:
        return write_out(house, release, alone, "preview")[1] or ""
    except NotRenderable:  # it comes out empty
        return ""
