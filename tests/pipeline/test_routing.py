"""Who is asked about whose parcels: by name, by number, through an aggregator, and after the settings changed."""

import pytest
import sqlalchemy as sa

from app.errors import ConfigurationError, InvalidInput
from app.intake.schema import parse_order
from app.intake.store import upsert_orders
from app.models import Brand, Order, Shipment
from app.pipeline.polling.rerouting import reroute
from app.pipeline.polling.routing import accepted_carriers, check_routes, route_of, routes_for
from app.settings.carriers import CarrierSettings
from app.tracking.adapter.numbers import NumberFormat
from app.tracking.carriers.dhl import Dhl
from tests.pipeline.conftest import START, World

WAYBILL = "3318810025"


class Other(Dhl):
    """Speaks as DHL does, under another name and with numbers that say less."""

    name, title = "other", "Other"
    formats = (NumberFormat(r"\d{10}", None, 0.1),)


class Aggregator(Dhl):
    """Asked about everybody's parcels."""

    name, title, formats = "agg", "Agg", ()


KEY = CarrierSettings(api_key="k")
CARRIERS = {"dhl": Dhl(), "other": Other(), "agg": Aggregator()}


def with_settings(world: World, **given: CarrierSettings) -> World:
    return world.with_(carriers=CARRIERS, carrier_settings=given)


def tell(world: World, number: str | None = WAYBILL, order: str = "1001", **parcel: object) -> Shipment:
    """Store an order of one parcel as a shop tells it; the parcel's row."""
    payload = {
        "number": order,
        "placed_at": START.isoformat(),
        "shopper": {"email": "maja@example.test", "country": "SE"},
        "parcels": [{"reference": "1", **({"tracking_number": number} if number else {}), **parcel}],
    }
    house = world.house
    with house.sessions.begin() as session:
        brand = session.scalars(sa.select(Brand).where(Brand.key == "fjallhem")).one()
        told = parse_order(payload, accepted_carriers(house))
        upsert_orders(session, brand, [told], now=world.clock.now(), route=routes_for(house, session, brand.id))
    return row(world, order)


def row(world: World, order: str = "1001") -> Shipment:
    with world.house.sessions() as session:
        return session.scalars(sa.select(Shipment).join(Order).where(Order.number == order)).one()


def test_a_carrier_that_is_not_set_up_is_accepted_and_says_what_is_missing(world):
    """Its parcel is stored and not asked about; setting it up and rerouting has it asked about at once."""
    bare = with_settings(world)
    parcel = tell(bare, carrier="dhl")
    assert (parcel.carrier, parcel.asked_of, parcel.next_poll_at) == ("dhl", None, None)
    assert parcel.problem == "not asked: DOORSTEP_CARRIERS__DHL__API_KEY must be set"
    keyed = with_settings(world, dhl=KEY)
    assert reroute(keyed.house) == {"dhl": 1}
    parcel = row(keyed)
    assert (parcel.asked_of, parcel.next_poll_at, parcel.problem) == ("dhl", world.clock.now(), None)
    assert reroute(keyed.house) == {}


def test_one_carrier_or_all_the_rest_go_through_an_aggregator(world):
    """`VIA` routes one carrier, `FOR_OTHERS` every one that cannot be asked itself; its own key goes before."""
    house = with_settings(world, evri=CarrierSettings(via="agg"), agg=KEY).house
    assert route_of(house, "evri").asked_of == "agg"
    assert "evri" in accepted_carriers(house)
    assert route_of(house, "dhl").asked_of is None
    house = with_settings(world, agg=CarrierSettings(api_key="k", for_others=True), dhl=KEY).house
    assert (route_of(house, "dhl").asked_of, route_of(house, "other").asked_of) == ("dhl", "agg")
    assert route_of(house, "evri").asked_of == "agg"
    keyless = with_settings(world, evri=CarrierSettings(via="agg")).house
    assert route_of(keyless, "evri").problem == "not asked: DOORSTEP_CARRIERS__AGG__API_KEY must be set"


def test_any_name_is_accepted_only_where_somebody_is_asked_about_the_rest(world):
    """With an aggregator an unknown carrier's name is taken, in small letters; without, the nearest name is given."""
    others = with_settings(world, agg=CarrierSettings(api_key="k", for_others=True))
    parcel = tell(others, carrier="Evri-UK")
    assert (parcel.carrier, parcel.asked_of) == ("evri-uk", "agg")
    with pytest.raises(InvalidInput, match="no carrier's name"):
        tell(others, carrier="Royal Mail; DROP")
    with pytest.raises(InvalidInput, match="Write 'dhl'"):
        tell(with_settings(world, dhl=KEY), carrier="dhll")


@pytest.mark.parametrize("said", [{}, {"carrier": None}, {"carrier": "auto"}])
def test_a_number_alone_finds_whom_to_ask(world, said):
    """The likeliest usable carrier is asked first, the others stand by, an aggregator last."""
    two = with_settings(world, dhl=KEY, other=KEY, agg=CarrierSettings(api_key="k", for_others=True))
    parcel = tell(two, **said)
    assert (parcel.carrier, parcel.asked_of) == (None, "dhl")
    assert parcel.candidates == ["dhl", "other", "agg"]
    assert parcel.next_poll_at == world.clock.now()
    alone = tell(with_settings(world, other=KEY), order="1002", **said)
    assert (alone.asked_of, alone.candidates) == ("other", ["other"])
    nobody = tell(with_settings(world, dhl=KEY), "PIGEON-1", order="1003", **said)
    assert (nobody.asked_of, nobody.candidates, nobody.next_poll_at, nobody.problem) == (None, [], None, None)


def test_the_brands_own_parcels_count(world):
    """What a brand's latest parcels travelled with ranks what two carriers' numbers have in common."""
    two = with_settings(world, dhl=KEY, other=KEY)
    for number in range(30):
        tell(two, f"X{number}", order=f"H{number}", carrier="other")
    assert tell(two, "9876543210").candidates[0] == "other"


def test_what_was_found_out_is_not_unlearned(world):
    """A shop that still does not know the carrier does not undo what asking settled; another number is another."""
    two = with_settings(world, dhl=KEY, other=KEY)
    tell(two)
    with world.house.sessions.begin() as session:
        session.execute(
            sa.update(Shipment).values(carrier="other", carrier_guessed=True, asked_of="other", candidates=[])
        )
    for said in ({}, {"carrier": "auto"}, {"carrier": None}):
        assert (tell(two, **said).carrier, row(two).asked_of) == ("other", "other")
    with_word = tell(two, carrier="other")
    assert (with_word.carrier_guessed, with_word.asked_of) == (False, "other")
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Shipment).values(carrier_guessed=True))
    parcel = tell(two, "73891051146", carrier="other")
    assert (parcel.carrier, parcel.carrier_guessed) == ("other", False), "told is told, whatever was guessed"
    with world.house.sessions.begin() as session:
        session.execute(sa.update(Shipment).values(carrier_guessed=True))
    parcel = tell(two, "3821724944")
    assert (parcel.carrier, parcel.carrier_guessed, parcel.candidates) == (None, False, ["dhl", "other"])
    parcel = tell(two, "3821724944", carrier="other")
    assert (parcel.carrier, parcel.asked_of, parcel.candidates) == ("other", "other", [])
    assert tell(two, "73891051146").carrier == "other", "what the shop told stands until it says otherwise"


def test_rerouting_touches_what_is_under_way_alone(world):
    """Parcels that have ended, were cancelled or erased stay as they are; those that wait keep their turn."""
    keyed = with_settings(world, dhl=KEY)
    for order in ("ended", "cancelled", "waits"):
        tell(keyed, carrier="dhl", order=order)
    guessed = tell(keyed, "3821724944", order="guessed")
    assert guessed.candidates == ["dhl"]
    with world.house.sessions.begin() as session:
        for order, values in (("ended", {"milestone": "delivered"}), ("cancelled", {"cancelled_at": START})):
            ids = sa.select(Order.id).where(Order.number == order).scalar_subquery()
            session.execute(sa.update(Shipment).where(Shipment.order_id == ids).values(next_poll_at=None, **values))
    other = with_settings(world, dhl=CarrierSettings(via="other"), other=KEY)
    assert reroute(other.house) == {"other": 2}
    assert {row(world, name).asked_of for name in ("ended", "cancelled")} == {"dhl"}
    assert row(world, "waits").asked_of == "other" and row(world, "waits").next_poll_at == world.clock.now()
    assert row(world, "guessed").candidates == ["other"]
    assert reroute(with_settings(world).house) == {"nobody": 2}
    assert row(world, "waits").next_poll_at is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"evri": CarrierSettings(via="agggg")}, "EVRI__VIA names 'agggg'.*Write agg"),
        ({"pigeon": CarrierSettings(for_others=True)}, "no adapter 'pigeon'"),
        ({"agg": CarrierSettings(for_others=True), "other": CarrierSettings(for_others=True)}, "agg and other"),
    ],
)
def test_settings_that_route_to_nobody_are_refused(given, says):
    """Named with the remedy, when the program starts."""
    with pytest.raises(ConfigurationError, match=says):
        check_routes(CARRIERS, given)
    check_routes(CARRIERS, {"agg": replace_for_others()})


def replace_for_others() -> CarrierSettings:
    return CarrierSettings(api_key="k", for_others=True)
