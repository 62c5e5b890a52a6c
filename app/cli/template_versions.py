"""`doorstep templates …`: a brand's files between database and folder, publishing them, comparing, taking them back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.cli.common import AsJson, BrandKey, out, print_json
from app.cli.consoles import reasons_of
from app.cli.template_desk import Desk, Draft, Edition, desk_of, drafts_read, lacks_of
from app.cli.template_differing import Catalogs, paint
from app.cli.template_folder import Pulled, local_files, pulled, remember, write
from app.cli.trail import log_change
from app.errors import ConfigurationError
from app.messages.checking.accepting import Accepted, keep_accepted, read_accepted
from app.messages.versions.drafts import drafts_of, require_read
from app.messages.versions.history import history, publication
from app.messages.versions.live import digest_of, files_after
from app.messages.versions.publishing import Published, Seen, check_changes, publish, publish_drafts, rollback
from app.messages.versions.telling import Pair, changed_by, changed_now, in_lines, in_words, pairs
from app.rehearsal.lacking import Lack
from app.rehearsal.pictures.frames import desktop, phone
from app.web.access.changes import templates_published

app = typer.Typer(no_args_is_help=True, help="What messages say and look like: versions of a brand's files.")

Folder = Annotated[Path, typer.Argument(help="A folder, laid out as templates/ is.")]
Why = Annotated[str, typer.Option(help="Stands in the history, beside your name.")]
Paths = Annotated[list[str] | None, typer.Option("--path", help="Only this file; may be repeated.")]
Accept = Annotated[
    list[str] | None, typer.Option("--accept", help="Let a warning through: ID=REASON; may be repeated.")
]
Lines = Annotated[bool, typer.Option("--lines", help="Line by line instead of in words.")]


@app.command("list")
def list_command(brand: BrandKey = "fjallhem", as_json: AsJson = False) -> None:
    """Every file that a brand's messages are made of, where it comes from, and whether there is a draft."""
    with desk_of(brand) as desk:
        drafts, shelf = drafts_of(desk.session, desk.brand.id), desk.shelf
        rows = []
        for path in sorted({*shelf.paths(), *drafts}):
            file, draft = shelf.file(path), drafts.get(path)
            origin, digest = (file.origin, digest_of(file.content)) if file else (None, None)
            saved = {"digest": draft.digest, "saved_at": draft.saved_at, "saved_by": draft.saved_by} if draft else None
            rows.append({"path": path, "origin": origin, "digest": digest, "draft": saved})
        number = desk.edition.number
    if as_json:
        print_json({"brand": brand, "edition": number, "files": rows})
        return
    table = Table("file", "from", "digest", "draft", "draft by", box=None)
    for row in rows:
        told = [str(row["path"]), str(row["origin"] or "nowhere yet"), str(row["digest"] or "")[:12]]
        draft = drafts.get(str(row["path"]))
        table.add_row(*told, draft.digest[:12] if draft else "", draft.saved_by if draft else "")
    out.print(table, markup=False)


@app.command("pull")
def pull_command(
    folder: Folder,
    brand: BrandKey = "fjallhem",
    published: Annotated[bool, typer.Option("--published", help="Only what was published, not what ships.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what was edited in the folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the files that count into a folder, byte for byte. What was edited there is not overwritten."""
    with desk_of(brand) as desk:
        counting = desk.counting()
        files = {path: counting[path] for path in desk.edition.files} if published else counting
        drafts = {path: draft.digest for path, draft in drafts_of(desk.session, desk.brand.id).items()}
        now = Pulled(brand, desk.edition.number, _digests(counting), frozenset(files), drafts)
        accepted = {
            name: Accepted(name, one["sentence"], one["reason"], one["by"])
            for name, one in desk.edition.accepted.items()
        }
    changed = write(folder, now, files, force)
    if accepted:
        keep_accepted(folder, {**accepted, **read_accepted(folder)})
    if as_json:
        print_json({"folder": str(folder), "edition": now.edition, "files": sorted(files), "changed": changed})
        return
    out.print(f"{len(files)} files in {folder}, {len(changed)} of them new or changed.", markup=False, highlight=False)


@app.command("push")
def push_command(
    folder: Folder,
    why: Why = "",
    brand: BrandKey = "fjallhem",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would change, and publish nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also over what others published since the pull.")] = False,
    accept: Accept = None,
    lines: Lines = False,
    as_json: AsJson = False,
) -> None:
    """Publish what was edited in a folder since it was pulled; all of it, or nothing where something is wrong, or
    somebody changed the same file meanwhile: published it, or saved a draft of it."""
    before, here = pulled(folder, brand), local_files(folder)
    if before is None and not force:
        raise ConfigurationError(f"{folder} was not pulled, so nobody knows what you saw. Pull first, or add --force.")
    counted = before.counted if before else {}
    edited = {path: content for path, content in here.items() if digest_of(content) != counted.get(path)}
    seen = Seen() if force else Seen(digests={path: counted.get(path, "") for path in edited})
    with desk_of(brand, why) as desk:
        whose = (desk.session, desk.catalog, desk.brand)
        known = desk.counting()
        fresh = {path: content for path, content in edited.items() if known.get(path) != content}
        if dry_run:
            would, found = check_changes(*whose, fresh, whole=True)
            told = [asdict(one) | {"id": one.id} for one in (*found.errors, *found.warnings)]
            _tell_dry(_pairs(desk, would), told, lines, as_json, lacks_of(desk, fresh))
            if found.errors:
                raise typer.Exit(2)
            return
        seen = Seen(digests={path: digest for path, digest in seen.digests.items() if path in fresh})
        if not force:
            require_read(desk.session, desk.brand.id, fresh, before.drafts if before else {})
        done = publish(*whose, fresh, desk.said, seen, {**_kept(folder), **reasons_of(accept)})
        log_change(desk.session, templates_published(done, why), desk.brand.id)
        changed = changed_now(desk.catalog, brand, done)
    if before is not None:
        now = {**counted, **_digests({path: here[path] for path in edited})}
        remember(folder, Pulled(brand, done.number, now, before.written | frozenset(edited), before.drafts))
    _tell(done, changed, lines, as_json)


@app.command("publish")
def publish_command(
    why: Why,
    brand: BrandKey = "fjallhem",
    path: Paths = None,
    accept: Accept = None,
    draft: Draft = None,
    edition: Edition = None,
    as_json: AsJson = False,
) -> None:
    """Let drafts count from the next batch on: all, those of the paths that are named, or those that were read."""
    with desk_of(brand, why) as desk:
        seen = Seen(edition, drafts=drafts_read(desk, draft))
        done = publish_drafts(desk.session, desk.catalog, desk.brand, path, desk.said, seen, reasons_of(accept))
        log_change(desk.session, templates_published(done, why), desk.brand.id)
        changed = changed_now(desk.catalog, brand, done)
    _tell(done, changed, False, as_json)


@app.command("history")
def history_command(brand: BrandKey = "fjallhem", as_json: AsJson = False) -> None:
    """What was published for a brand, newest first: when, by whom, why and which files."""
    with desk_of(brand) as desk:
        found = history(desk.session, desk.brand.id, limit=1000)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        out.print("Nothing was published: the templates that ship with Doorstep count.")
        return
    table = Table("number", "published (UTC)", "by", "why", "files", box=None)
    for one in found:
        named = [f"{file.path}{'' if file.digest else ' (as it ships)'}" for file in one.files]
        told = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
        table.add_row(str(one.number), f"{one.published_at:%Y-%m-%d %H:%M}", one.published_by, one.why, told)
    out.print(table, markup=False)


@app.command("diff")
def diff_command(
    number: Annotated[int | None, typer.Argument(min=1, help="A publication; without it, the drafts.")] = None,
    brand: BrandKey = "fjallhem",
    lines: Lines = False,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", help="A folder to write a PNG into for each message that looks different."),
    ] = None,
    dark: Annotated[bool, typer.Option("--dark", help="With --pictures: as it looks by night.")] = False,
    on_phone: Annotated[bool, typer.Option("--phone", help="With --pictures: as a phone shows it.")] = False,
    as_json: AsJson = False,
) -> None:
    """What a publication changed, or what the drafts would change: in words, line by line, or in pictures."""
    with desk_of(brand) as desk:
        before, after, edition = desk.edition.files, desk.edition.files, desk.edition.number
        lacks: Sequence[Lack] = ()
        saved = drafts_of(desk.session, desk.brand.id) if number is None else {}
        if number is None:
            drafts = {path: draft.content for path, draft in saved.items()}
            changed, after = _pairs(desk, drafts), {**before, **drafts}
            lacks = lacks_of(desk, drafts)
        else:
            found = publication(desk.session, desk.brand.id, number)
            changed = changed_by(desk.session, desk.catalog, desk.brand.id, brand, found)
            before, after = (files_after(desk.session, desk.brand.id, which) for which in (number - 1, number))
        catalogs = Catalogs(brand, desk.catalog.over(brand, before), desk.catalog.over(brand, after))
    read = {path: draft.digest for path, draft in saved.items()}
    _tell_dry(changed, [], lines, as_json, lacks, {"edition": edition, "drafts": read})
    if not as_json:
        for path, draft in saved.items():
            out.print(f"  draft by {draft.saved_by}: --draft {path}={draft.digest[:12]}", markup=False, highlight=False)
    if pictures is not None:
        paint(
            catalogs,
            [path for path, *_ in changed],
            pictures,
            phone(dark) if on_phone else desktop(dark),
            tell=not as_json,
        )


@app.command("rollback")
def rollback_command(
    number: Annotated[int, typer.Argument(min=0, help="What counted after it counts again; 0 is what ships.")],
    why: Why,
    brand: BrandKey = "fjallhem",
    path: Paths = None,
    accept: Accept = None,
    edition: Edition = None,
    as_json: AsJson = False,
) -> None:
    """Publish what counted after an older publication again: all of it, or the paths that are named."""
    with desk_of(brand, why) as desk:
        whose = (desk.session, desk.catalog, desk.brand)
        done = rollback(*whose, number, path, desk.said, Seen(edition), reasons_of(accept))
        log_change(desk.session, templates_published(done, why, number), desk.brand.id)
        changed = changed_now(desk.catalog, brand, done)
    _tell(done, changed, False, as_json)


def _kept(folder: Path) -> dict[str, str]:
    """The reasons that the folder itself keeps, by the id of the warning."""
    return {one.id: one.reason for one in read_accepted(folder).values()}


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: digest_of(content) for path, content in files.items()}


def _pairs(desk: Desk, changes: Mapping[str, bytes | None]) -> list[Pair]:
    after = {path: content for path, content in {**desk.edition.files, **changes}.items() if content is not None}
    return pairs(desk.catalog, desk.brand.key, desk.edition.files, after, changes)


def _tell(done: Published, changed: Sequence[Pair], lines: bool, as_json: bool) -> None:
    if as_json:
        told = [asdict(one) | {"sentence": str(one)} for one in in_words(changed)]
        print_json({"new": done.new, "number": done.number, "accepted": list(done.accepted), "changes": told})
        return
    if not done.new:
        out.print("Nothing is new: all of it counts already.", highlight=False)
        return
    out.print(f"Publication {done.number} counts from the next batch on.", highlight=False)
    _tell_changes(changed, lines)


def _tell_dry(
    changed: Sequence[Pair], findings: Sequence[Mapping[str, object]], lines: bool, as_json: bool,
    lacks: Sequence[Lack] = (), read: Mapping[str, object] | None = None,
) -> None:  # fmt: skip
    if as_json:
        told = [asdict(one) | {"sentence": str(one)} for one in in_words(changed)]
        needs = [asdict(one) | {"sentence": str(one)} for one in lacks]
        told_too = {"findings": list(findings), "needs": needs, "unified": in_lines(changed), **(read or {})}
        print_json({"changes": told, **told_too})
        return
    if not changed:
        out.print("Nothing would change.")
    _tell_changes(changed, lines)
    for lack in lacks:
        out.print(f"  {lack.path}: {lack}", markup=False, highlight=False)
    for one in findings:
        out.print(f"  {one['severity']} {one['id']}: {one['message']} {one['remedy']}", markup=False, highlight=False)


def _tell_changes(changed: Sequence[Pair], lines: bool) -> None:
    if lines:
        out.file.write(in_lines(changed))
        return
    for one in in_words(changed):
        out.print(f"  {one.path}: {one}", markup=False, highlight=False)
