"""Takes the question of who lost a link, and answers everybody alike: whether there is such an order is looked up
later, by whoever mails the link. So hit and miss differ in nothing, not in time either.
"""

import hashlib
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.messages.authoring.bundle import locale_chain
from app.models import Brand
from app.pipeline.deciding.editions import catalog_of
from app.pipeline.house import House
from app.web.access.doors import same_site
from app.web.access.sessions import network_of
from app.web.pages import page
from app.web.shoppers.dead_ends import lost, understood

router = APIRouter(include_in_schema=False)

WITHIN_SECONDS, AN_ADDRESS, A_NETWORK = 900, 5, 20
"""Questions about one address, and from one network, within a quarter of an hour; the next one waits."""

# Whoever asks at once from one network, or about one address, takes turns: nobody slips through while others count.
_TURN = sa.text("""
    SELECT pg_advisory_xact_lock(key) FROM unnest(cast(:keys AS bigint[])) AS key ORDER BY key
""")
_ASK = sa.text("""
    INSERT INTO link_requests (brand_id, number, email, address_digest, network_digest)
    SELECT :brand_id, :number, :email, :address, :network
    WHERE (SELECT count(*) FROM link_requests
            WHERE address_digest = :address AND asked_at > now() - make_interval(secs => :within)) < :an_address
        AND (SELECT count(*) FROM link_requests
            WHERE network_digest = :network AND asked_at > now() - make_interval(secs => :within)) < :a_network
    RETURNING id
""")


@router.get("/find")
def which(request: Request) -> Response:
    """On to the form of the only brand; of several, the one that was ordered from is chosen by its name."""
    house: House = request.app.state.house
    with house.sessions() as session:
        catalog = catalog_of(session, house)
        looks = catalog.brands()
        keys = session.scalars(sa.select(Brand.key).where(Brand.key.in_(looks)).order_by(Brand.name)).all()
    if not keys:
        return lost(request)
    if len(keys) == 1:
        return RedirectResponse(f"/find/{keys[0]}", 303)
    language, words = catalog.page_words(keys[0], (*understood(request), "en"))
    content = {"brands": [looks[key] for key in keys], "words": words["find"], "language": language}
    return page("shoppers/which.html", content)


@router.get("/find/{brand}")
def find(request: Request, brand: str) -> Response:
    """The form."""
    return _answer(request, brand, "form")


@router.post("/find/{brand}", dependencies=[Depends(same_site)])
def ask(
    request: Request, brand: str, number: Annotated[str, Form()] = "", email: Annotated[str, Form()] = ""
) -> Response:
    """Write the question down; the answer is the same whether there is such an order or not."""
    house: House = request.app.state.house
    number, email = _typed(number, 100), _typed(email, 320)
    if not number or "@" not in email:
        return _answer(request, brand, "form", {"number": number, "email": email, "missing": True}, 422)
    with house.sessions.begin() as session:
        brand_id = session.scalar(sa.select(Brand.id).where(Brand.key == brand))
        if brand_id is None:
            return lost(request)
        taken = _ask(session, brand_id, number, email, network_of(request))
    return _answer(request, brand, "done") if taken else _answer(request, brand, "wait", status=429)


def _ask(session: Session, brand_id: int, number: str, email: str, network: str) -> bool:
    """Whether the question was taken; too many were asked before it otherwise."""
    address, net = _digest(f"{brand_id}\0{email.lower()}"), _digest(f"network\0{network}")
    session.execute(_TURN, {"keys": [int.from_bytes(one[:8], signed=True) for one in (address, net)]})
    values = {
        "brand_id": brand_id,
        "number": number,
        "email": email,
        "address": address,
        "network": net,
        "within": WITHIN_SECONDS,
        "an_address": AN_ADDRESS,
        "a_network": A_NETWORK,
    }
    return session.execute(_ASK, values).one_or_none() is not None


def _typed(text: str, most: int) -> str:
    """What somebody typed, as it can be stored and looked up."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:most]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _answer(request: Request, key: str, what: str, typed: dict[str, Any] | None = None, status: int = 200) -> Response:
    house: House = request.app.state.house
    with house.sessions() as session:
        catalog = catalog_of(session, house)
        look = catalog.brands().get(key)
    if look is None:
        return lost(request)
    language, words = catalog.page_words(look.key, (*understood(request), *locale_chain(look.locale, look.locale)))
    content = {"brand": look, "words": words["find"], "language": language, "what": what}
    typed = {"number": "", "email": "", "missing": False} | (typed or {})
    answer = page("shoppers/find.html", content | typed, status, forms=True)
    # The page has no secret in its address, and a browser says where a form comes from only if it may.
    answer.headers["Referrer-Policy"] = "same-origin"
    if status == 429:
        answer.headers["Retry-After"] = str(WITHIN_SECONDS)
    return answer
