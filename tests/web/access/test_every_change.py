"""Every change of the console and the API reaches the audit log, or is listed with the reason why it need not."""

from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

from app.web.access import trail
from tests.web.access.test_every_route import _routes, _stands_for

WITHOUT = {
    "/v1/orders…": "what the shop tells: each order, parcel and scan keeps its source, and a parcel's story shows it",
    "/v1/shipments/…": "what the shop tells, as above",
    "/v1/rules/check": "changes nothing",
    "/v1/rules/backtest": "changes nothing",
    "/v1/templates/check": "changes nothing",
    "/v1/templates/preview": "changes nothing",
    "/hooks/…": "what carriers and providers tell is kept as it came",
    "/find/…": "a shopper's question; what is mailed is kept beside the order",
    "/p/…": "a shopper's own choice, kept with its time",
    "/sign-in": "begins a session, which its person and the log see",
    "/sign-out": "ends a session, which is kept with its end",
    "/b/{brand}/rules/draft…": "one person's own draft, which nobody else sees; publishing it is a change",
    "/b/{brand}/templates/look/{path:path}": "changes nothing",
    "/b/{brand}/templates/check/{path:path}": "changes nothing",
    "/b/{brand}/people/search": "changes nothing",
    "/b/{brand}/people/rights": "changes nothing",
    "/account/second-step": "only begun: it counts once it is confirmed",
}
"""Addresses whose POST or PUT writes no line; with … all that begin so."""


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _called(function: FunctionType) -> Iterator[FunctionType]:
    """The functions that a function names, by themselves or with their module."""
    for code in _codes(function.__code__):
        found = [function.__globals__.get(name) for name in code.co_names]
        modules = [one for one in found if isinstance(one, ModuleType)]
        found += [getattr(module, name, None) for module in modules for name in code.co_names]
        yield from (one for one in found if isinstance(one, FunctionType) and one.__module__.startswith("app."))


def _writes_a_line(function: FunctionType, seen: set[FunctionType]) -> bool:
    if function in (trail.note, trail.note_change):
        return True
    if function in seen:
        return False
    seen.add(function)
    return any(_writes_a_line(one, seen) for one in _called(function))


def test_every_change_is_audited_or_says_why_not(site):
    """Whoever adds a form either writes the line or writes the reason here."""
    changes = [route for route in _routes(site.app.routes) if route.methods - {"GET", "HEAD", "OPTIONS"}]
    silent = {route.path for route in changes if not _writes_a_line(route.endpoint, set())}
    assert sorted(path for path in silent if not any(_stands_for(entry, path) for entry in WITHOUT)) == []
    assert [entry for entry in WITHOUT if not any(_stands_for(entry, path) for path in silent)] == []
