"""The check of a whole templates folder, on as many cores as help: every brand, every language."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from app.messages.authoring.wording import is_message
from app.messages.catalog import Catalog
from app.messages.checking.check import by_message, check, touching
from app.messages.checking.corpus import PUBLIC_URL
from app.messages.checking.findings import Finding, Report, report_of
from app.messages.checking.reading import Reader

_AT_ONCE = 6
"""Messages in one piece of work: few enough for a progress bar that moves, and for processes that end together."""
_ALONE = 24
"""As many messages are checked sooner than another process is started."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Messages of one brand; `rest` asks for what is not a message: layouts, words, languages."""

    brand: str
    paths: tuple[str, ...]
    light: bool
    rest: bool = False


_Piece = tuple[_Part, ...]
"""A piece of work: the same few messages of each brand."""


def check_folder(
    root: Path,
    brands: Sequence[str],
    only: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Report]:
    """A report for each brand. `only` are paths, with what they touch; `progress` is told how many messages are
    done, of how many, and called only once the other processes have begun.

    The first brand's emails meet every order; another brand's do so where it wrote them, their layout or a language's
    words itself. Every SMS meets every order.
    """
    pieces = list(_pieces(root, brands, only))
    total = sum(map(_size, pieces))
    found: dict[str, list[Report]] = {brand: [] for brand in brands}
    done = 0
    for piece, reports in _checked(root, pieces, alone=total <= _ALONE):
        for part, report in zip(piece, reports, strict=True):
            found[part.brand].append(report)
        done += _size(piece)
        if progress is not None:
            progress(done, total)
    return {brand: _together(reports) for brand, reports in found.items()}


def _size(piece: _Piece) -> int:
    return sum(len(part.paths) for part in piece)


def _pieces(root: Path, brands: Sequence[str], only: Sequence[str] | None) -> Iterator[_Piece]:
    catalog, touched = Catalog(root, PUBLIC_URL), touching(only)
    chosen = sorted(
        (by_message(path), number, path)
        for number, brand in enumerate(brands)
        for path in catalog.shelf(brand).paths()
        if is_message(path) and touched(path)
    )
    for start in range(0, len(chosen), _AT_ONCE):
        some = chosen[start : start + _AT_ONCE]
        parts = (
            _Part(brand, tuple(path for _, whose, path in some if whose == number), light=number > 0)
            for number, brand in enumerate(brands)
        )
        yield tuple(part for part in parts if part.paths)
    for brand in brands:
        yield (_Part(brand, (), light=False, rest=True),)


def _checked(root: Path, pieces: Sequence[_Piece], *, alone: bool) -> Iterator[tuple[_Piece, list[Report]]]:
    workers = min(os.cpu_count() or 1, 4)
    usual = _collect_seldom()
    try:
        yield from _shared_out(root, pieces, workers, alone=alone)
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def _collect_seldom() -> tuple[int, int, int]:
    """Let Python look for rubbish less often: a check makes trees without end and drops them whole. What was usual."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    return usual


def _shared_out(
    root: Path, pieces: Sequence[_Piece], workers: int, *, alone: bool
) -> Iterator[tuple[_Piece, list[Report]]]:
    catalog, reader = Catalog(root, PUBLIC_URL), Reader()
    if alone or workers == 1:
        for piece in pieces:
            yield piece, _check(catalog, reader, piece)
        return
    with ProcessPoolExecutor(workers - 1, mp_context=_starting(), initializer=_begin, initargs=(root,)) as pool:
        waiting = {pool.submit(_work, piece): piece for piece in pieces}
        try:
            for future, piece in reversed(list(waiting.items())):  # this process works too, from the other end
                if future.cancel():
                    del waiting[future]
                    yield piece, _check(catalog, reader, piece)
                for done in [one for one in waiting if one.done()]:
                    yield waiting.pop(done), done.result()
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:  # when this process is interrupted, nobody waits for what is left
            for future in waiting:
                future.cancel()


def _starting() -> multiprocessing.context.BaseContext:
    """How another process is begun: as a copy of this one, which has loaded everything, where nothing else goes on in
    it; else from nothing, which takes a second."""
    alone = sys.platform == "linux" and threading.active_count() == 1
    return multiprocessing.get_context("fork" if alone else "spawn")


_desks: list[tuple[Catalog, Reader]] = []
"""In a process that was started for this: the catalog that its pieces are taken from, and who reads them."""


def _begin(root: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the first process, and with it this one
    _collect_seldom()
    _desks[:] = [(Catalog(root, PUBLIC_URL), Reader())]


def _work(piece: _Piece) -> list[Report]:
    return _check(*_desks[0], piece)


def _check(catalog: Catalog, reader: Reader, piece: _Piece) -> list[Report]:
    return [
        check_rest(catalog, part.brand)
        if part.rest
        else check(catalog, part.brand, part.paths, light=part.light, reader=reader)
        for part in piece
    ]


def check_rest(catalog: Catalog, brand: str) -> Report:
    """What is asked of a brand's files that are no messages."""
    return check(catalog, brand, [path for path in catalog.shelf(brand).paths() if not is_message(path)], rest=True)


def _together(reports: Sequence[Report]) -> Report:
    found: list[Finding] = [one for report in reports for one in report.findings]
    return report_of(found, sum(one.templates for one in reports), sum(one.renderings for one in reports))
