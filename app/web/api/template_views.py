"""What the API tells and takes of templates: documents, drafts, findings, publications and what they changed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.messages.checking.findings import Finding, Report
from app.messages.versions.differing import Difference
from app.messages.versions.drafts import Draft
from app.messages.versions.history import Publication

Why = Field(min_length=1, max_length=300, examples=["warmer words for a late parcel"])
Edition = Field(ge=0, le=2_000_000_000)


class DraftView(BaseModel):
    """A draft: `based_on` names the file that counted when it was begun, null where there was none."""

    digest: str
    based_on: str | None
    revision: int
    saved_at: datetime
    saved_by: str


class DocumentView(BaseModel):
    """One file of the brand. `origin` is `published`, `brand` or `shared` (both ship), null for a new draft."""

    path: str = Field(examples=["messages/en/delivered.email.md"])
    origin: str | None
    digest: str | None
    draft: DraftView | None


class Documents(BaseModel):
    """All files of the brand; `edition` is the number of the publication that counts, 0 before the first."""

    edition: int
    documents: list[DocumentView]


class FindingView(BaseModel):
    """One thing that the check says. An error refuses; a warning is accepted by its `id`, with a reason."""

    id: str
    severity: str
    path: str
    line: int | None
    column: int | None
    message: str
    remedy: str


class ChangeView(BaseModel):
    """One difference of one file: a field, or a sentence of its text where `field` is empty."""

    path: str
    what: str = Field(examples=["changed"])
    field: str = Field(examples=["subject"])
    before: str | None
    after: str | None
    sentence: str = Field(examples=['subject: "Here" became "There"'])


class FileView(BaseModel):
    """A file of a publication; `digest` is null where the one that ships counts again; `counts`: it does still."""

    path: str
    digest: str | None
    counts: bool
    accepted: list[dict[str, Any]]


class PublicationView(BaseModel):
    """The nth publication of the brand's templates."""

    number: int = Field(examples=[7])
    published_at: datetime
    published_by: str
    why: str
    files: list[FileView]


class Publications(BaseModel):
    """Publications, newest first; `next` is the `before` of the page that follows."""

    publications: list[PublicationView]
    next: int | None


class VersionView(BaseModel):
    """A publication and what it changed; `unified` is the same line by line."""

    publication: PublicationView
    changes: list[ChangeView]
    unified: str


class CheckedView(BaseModel):
    """What publishing would come to: it goes through where there are no errors and each warning is accepted. `drafts`
    are the digests of those that were checked, by path: hand them back with what you publish."""

    edition: int
    drafts: dict[str, str]
    errors: list[FindingView]
    warnings: list[FindingView]
    changes: list[ChangeView]


class PublishedView(BaseModel):
    """What publishing came to: `new` is false where all of it counted already. `accepted` are the warnings let
    through."""

    new: bool
    number: int
    accepted: list[dict[str, Any]]
    changes: list[ChangeView]


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WantedCheck(_Wanted):
    """Whose drafts are checked: of these paths, or all."""

    paths: list[str] | None = Field(None, max_length=500)


class Explained(WantedCheck):
    """Of which paths, why, and reasons for warnings by their id."""

    why: str = Why
    accept: dict[str, str] = Field(default_factory=dict, max_length=500)


class WantedPublication(Explained):
    """Which drafts are to count, why, and reasons for warnings by their id. `drafts` are the digests of those that you
    read, by path: where another stands there by now, nothing is published. Without `paths` those in `drafts` are meant,
    and without either all, whoever saved them."""

    drafts: dict[str, str] | None = Field(
        None, max_length=500, examples=[{"messages/en/delivered.sms.txt": "5f3c…, 64 hexadecimal digits"}]
    )


class WantedRollback(Explained):
    """To which publication, 0 for the files that ship; of these paths or of all."""

    number: int = Edition


def draft_view(draft: Draft) -> DraftView:
    """A draft without its content."""
    return DraftView.model_validate(draft, from_attributes=True)


def publication_view(found: Publication) -> PublicationView:
    """A publication with its files."""
    return PublicationView.model_validate(found, from_attributes=True)


def change_views(found: Iterable[Difference]) -> list[ChangeView]:
    """Differences, each with its sentence."""
    return [
        ChangeView(path=one.path, what=one.what, field=one.field, before=one.before, after=one.after, sentence=str(one))
        for one in found
    ]


def checked_view(edition: int, drafts: Mapping[str, str], found: Report, changes: Iterable[Difference]) -> CheckedView:
    """What a check of drafts, by path and digest, came to."""
    return CheckedView(
        edition=edition,
        drafts=dict(drafts),
        errors=[_finding(one) for one in found.errors],
        warnings=[_finding(one) for one in found.warnings],
        changes=change_views(changes),
    )


def published_view(
    new: bool, number: int, accepted: Iterable[Mapping[str, Any]], changes: Iterable[Difference]
) -> PublishedView:
    """What publishing came to."""
    told = [dict(one) for one in accepted]
    return PublishedView(new=new, number=number, accepted=told, changes=change_views(changes))


def _finding(one: Finding) -> FindingView:
    return FindingView.model_validate(one, from_attributes=True)
