"""`doorstep templates check`: everything that is asked of a template, before a shopper sees it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID
from rich.text import Text

from app.cli.consoles import AsJson, operator, out, print_json, progress_bar, reasons_of
from app.clock import wall_now
from app.errors import Fault, InvalidInput, NotFound
from app.messages.catalog import Catalog
from app.messages.checking.accepting import FILE, Accepted, keep_accepted, read_accepted
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.checking.everything import check_folder
from app.messages.checking.findings import Finding, Report
from app.settings import shipped

app = typer.Typer(no_args_is_help=True, help="Checking templates.")


@app.command("check")
def check_command(
    path: Annotated[
        Path | None, typer.Argument(help="A templates folder, or one file in it; those that ship, if not given.")
    ] = None,
    brand: Annotated[str | None, typer.Option("--brand", help="Only this brand; all, if not given.")] = None,
    warnings: Annotated[
        bool, typer.Option("--warnings/--no-warnings", help="Whether a warning alone makes the check fail.")
    ] = True,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept", help=f"Let a warning through from now on: ID=REASON, kept in {FILE}; may be repeated."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Validate every template against the worst orders there are: each fault with its place and its remedy."""
    root, only, owner = _place(path)
    reasons, accepted = reasons_of(accept), read_accepted(root)
    known = sorted(folder.name for folder in (root / "brands").glob("*") if (folder / "brand.yaml").is_file())
    brands = [one for one in known if one in (brand or one, owner or one) and (brand or owner or one) == one]
    if not brands:
        raise NotFound(f"There is no brand {brand or owner!r} in {root}. One of: {', '.join(known) or 'none'}.")
    Catalog(root, PUBLIC_URL).brands()
    with ExitStack() as shown:
        reports = check_folder(root, brands, only, _bar(shown, not as_json))
    found = _merged(reports)
    if reasons:
        accepted = {**accepted, **_accepting(found, reasons)}
        keep_accepted(root, accepted)
    let_through = [one for one in found if one.severity == "warning" and one.id in accepted]
    found = [one for one in found if one not in let_through]
    failed = any(one.severity == "error" or warnings for one in found)
    templates = sum(report.templates for report in reports.values())
    renderings = sum(report.renderings for report in reports.values())
    if as_json:
        told = [{**asdict(one), "id": one.id} for one in found]
        through = [{**asdict(one), **asdict(accepted[one.id])} for one in let_through]
        print_json({"passed": not failed, "templates": templates, "renderings": renderings, "findings": told,
                    "accepted": through})  # fmt: skip
    else:
        _tell(found, templates, renderings)
        _tell_accepted(let_through, accepted, root)
    if failed:
        raise typer.Exit(1)


def _bar(shown: ExitStack, visible: bool) -> Callable[[int, int], None]:
    """What moves a progress bar. The bar is there once some are done: it has a thread of its own, and processes begin
    faster before it has."""
    begun: list[Callable[[int], None]] = []

    def told(done: int, total: int) -> None:
        if not begun:
            progress = shown.enter_context(progress_bar(visible))
            begun.append(partial(_move, progress, progress.add_task("Checking templates", total=total)))
        begun[0](done)

    return told


def _move(progress: Progress, task: TaskID, done: int) -> None:
    progress.update(task, completed=done)


def _place(path: Path | None) -> tuple[Path, list[str] | None, str | None]:
    """The templates folder, the paths in it that are meant (None: all), and the brand whose own file is meant."""
    if path is None:
        return shipped("templates"), None, None
    if not path.exists():
        raise NotFound(f"There is no {path}. Name a templates folder, or one file in it.")
    if (path / "brands").is_dir():
        return path, None, None
    for root in path.resolve().parents:
        if (root / "brands").is_dir():
            inside = path.resolve().relative_to(root).parts
            owner = inside[1] if inside[0] == "brands" and len(inside) > 1 else None
            start = "/".join(inside[2:] if owner else inside)
            if path.is_file():
                return root, [start], owner
            below = [file.relative_to(path).as_posix() for file in path.rglob("*.*")]
            return root, [f"{start}/{file}".lstrip("/") for file in below], owner
    raise NotFound(f"{path} lies in no templates folder: none above it holds brands/. Name one that does.")


def _merged(reports: Mapping[str, Report]) -> list[Finding]:
    """What was found, each once though several brands show it."""
    first: dict[tuple[str, str, int | None, int | None], Finding] = {}
    for report in reports.values():
        for one in report.findings:
            first.setdefault((one.id, one.label, one.line, one.column), one)
    return sorted(first.values(), key=lambda one: (one.label, one.line or 0, one.column or 0))


def _tell(found: list[Finding], templates: int, renderings: int) -> None:
    last = ""
    for one in found:
        if one.label != last:
            out.print(Text(one.label, style="bold"))
            last = one.label
        place = ":".join(str(part) for part in (one.line, one.column) if part is not None)
        said = Text("  ")
        said.append(f"{place or 'file'} ", style="dim")
        said.append(one.severity, style="red" if one.severity == "error" else "yellow")
        said.append(f" {one.code} [{one.id}]: {one.message}{f' ({one.seen})' if one.seen else ''}. {one.remedy}")
        out.print(said, soft_wrap=True)
        for line in _pointed(one):
            out.print(Text(line, style="dim"), soft_wrap=True)
    errors = sum(one.severity == "error" for one in found)
    sums = f"{templates:,} templates, {renderings:,} renderings: "
    rest = len(found) - errors
    counted = f"{errors} error{'s' * (errors != 1)}, {rest} warning{'s' * (rest != 1)}."
    said_all = counted if found else "all is well."
    out.print(sums + said_all, highlight=False)


def _accepting(found: Sequence[Finding], reasons: Mapping[str, str]) -> dict[str, Accepted]:
    """The warnings that are let through from now on. Raises InvalidInput for what was not found, or is an error."""
    known = {one.id: one for one in found}
    faults = []
    for name in reasons:
        if name not in known:
            faults.append(Fault(None, "accept", f"no warning called {name} was found", "Copy the id from the check."))
        elif known[name].severity == "error":
            faults.append(Fault(None, "accept", f"{name} is an error, and those are mended", known[name].remedy))
    if faults:
        raise InvalidInput(faults)
    by, day = operator(), wall_now().date().isoformat()
    return {name: Accepted(name, known[name].message, reason, by, day) for name, reason in reasons.items()}


def _tell_accepted(let_through: Sequence[Finding], accepted: Mapping[str, Accepted], root: Path) -> None:
    for one in let_through:
        why = accepted[one.id]
        said = f"  accepted {one.code} [{one.id}] in {one.label}: {one.message}. {why.by or 'Somebody'}: {why.reason}"
        out.print(Text(said, style="dim"), soft_wrap=True)
    if let_through:
        out.print(f"Accepted, by {root / FILE}: {len(let_through)}.", markup=False, highlight=False)


def _pointed(one: Finding) -> list[str]:
    """The line as it is written, and a caret under the column."""
    if one.line is None or one.column is None:
        return []
    file = Path(one.label)
    lines = file.read_text(encoding="utf-8", errors="replace").split("\n") if file.is_file() else []
    if not 0 < one.line <= len(lines):
        return []
    start = max(0, one.column - 60)
    return [f"    {lines[one.line - 1][start : start + 100]}", f"    {' ' * (one.column - 1 - start)}^"]
