"""Every address names who may come: a right, a scope, or a reason why anybody may."""

from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.web.access.doors import May, same_site
from app.web.access.keys import Needs

FOR_ANYBODY = {
    "/": "says nothing but whether somebody is set up, and leads on",
    "/docs": "what the API takes and gives is no secret",
    "/healthz": "that the process lives",
    "/readyz": "that its database answers",
    "/metrics": "asked from this machine itself, or proved by a key",
    "/sign-in": "the way in",
    "/sign-in/second": "proved by a ticket that the right password gives",
    "/sign-in/shop": "leads to the shop's own sign-in",
    "/sign-in/shop/back": "proved by what the shop's own sign-in signed, for this browser",
    "/set-up": "proved by a one-time link",
    "/password": "proved by a one-time link",
    "/favicon.ico": "the sign of the house",
    "/static/{version}/{name}": "style, script and icons",
    "/schemas/rules.json": "the form of a rule set is no secret",
    "/t/{token}…": "proved by the parcel's secret",
    "/p/{token}…": "proved by the parcel's secret",
    "/find": "leads to the form below",
    "/find/…": "answers everybody alike, and mails only the order's own address",
    "/brand/…": "logos, which stand in every mail",
    "/hooks/…": "proved by the caller's signature",
}
"""Addresses without a right or a scope, and why; with … all that begin so."""


def _routes(routes) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif (inner := getattr(route, "original_router", None)) is not None:
            yield from _routes(inner.routes)
        else:
            assert route.path == "/openapi.json"


def _calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)


def test_every_address_names_who_may_come(site):
    """Each route has a right or a scope, or stands above with its reason; none stands there that has one."""
    nameless, named = set(), set()
    for route in _routes(site.app.routes):
        guards = [call for call in _calls(route.dependant) if isinstance(call, May | Needs)]
        (named if guards else nameless).add(route.path)
    excused = {path: {entry for entry in FOR_ANYBODY if _stands_for(entry, path)} for path in nameless}
    assert [path for path, entries in excused.items() if not entries] == []
    assert set(FOR_ANYBODY) == set().union(*excused.values())
    assert not [path for path in named for entry in FOR_ANYBODY if _stands_for(entry, path)]


def _stands_for(entry: str, path: str) -> bool:
    return path.startswith(entry[:-1]) if entry.endswith("…") else path == entry


def test_every_form_is_our_own(site):
    """What changes something either has a right, a scope or a signature, or looks where the form came from."""
    for route in _routes(site.app.routes):
        if route.methods & {"POST", "PUT", "PATCH", "DELETE"}:
            calls = list(_calls(route.dependant))
            proved = any(isinstance(call, May | Needs) or call is same_site for call in calls)
            assert proved or route.path.startswith(("/hooks/", "/p/")), route.path
