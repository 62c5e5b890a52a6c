"""What each parcel of an order holds and what is in none: the quantities always sum up to the order."""

from collections import Counter
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.deciding.splitting import contents, living, not_shipped

LINES = st.lists(
    st.builds(
        lambda sku, name, quantity: {"name": name, "quantity": quantity} | ({"sku": sku} if sku else {}),
        st.sampled_from(["", "A", "B", "C"]),
        st.sampled_from(["Tent", "Lamp", "Rope"]),
        st.integers(1, 5),
    ),
    max_size=6,
)


def parcel(number: int, items, direction: str = "outbound", cancelled=None):
    return SimpleNamespace(id=number, items=items, direction=direction, cancelled_at=cancelled)


def total(items) -> int:
    return sum(item["quantity"] for item in items)


@given(LINES, st.data())
def test_parcels_and_what_is_left_sum_up_to_the_order(ordered, data):
    """However the pieces are spread over parcels, a cancelled one, a return and nowhere, and with or without their
    skus: what the living parcels hold and what is left are the order, name by name."""
    parts = [[], [], [], [], []]
    for line in ordered:
        for _ in range(line["quantity"]):
            part = data.draw(st.integers(0, 4))
            keys = {"name": line["name"], "sku": line.get("sku", "")}
            parts[part].append({name: value for name, value in keys.items() if value} | {"quantity": 1})
    parcels = [parcel(n, items) for n, items in enumerate(parts[:3]) if items]
    gone = [parcel(8, parts[3], cancelled="now"), parcel(9, ordered, direction="return")]
    left = not_shipped(ordered, living([*parcels, *gone]))
    held = Counter()
    for items in [*(one.items for one in parcels), left]:
        for item in items:
            held[item["name"], item.get("sku", "")] += item["quantity"]
    wanted = Counter()
    for line in ordered:
        wanted[line["name"], line.get("sku", "")] += line["quantity"]
    assert held == wanted
    assert all(line["quantity"] > 0 for line in left)


@given(LINES, st.lists(LINES.filter(bool), min_size=1, max_size=4))
def test_no_parcel_takes_more_from_the_order_than_is_in_it(ordered, packed):
    """Whatever the shop says is in its parcels: what is left is between nothing and the order, and with too much
    packed nothing is left of it."""
    parcels = [parcel(n, items) for n, items in enumerate(packed)]
    left = not_shipped(ordered, parcels)
    assert 0 <= total(left) <= total(ordered)
    assert total(ordered) - total(left) <= sum(total(one.items) for one in parcels)
    assert not_shipped(ordered, [*parcels, parcel(7, ordered or [{"name": "x", "quantity": 1}])]) == []


def test_a_parcel_without_items_holds_the_order_alone_and_nothing_known_beside_others():
    """One alone is the whole order; of several nothing is known, and nothing is said to be left; a return holds what
    was said of it."""
    ordered = [{"sku": "A", "name": "Tent", "quantity": 2}]
    alone, other, back = parcel(1, []), parcel(2, []), parcel(3, [], direction="return")
    assert contents(ordered, alone, living([alone, back])) == ordered
    assert not_shipped(ordered, living([alone, back])) == []
    assert contents(ordered, alone, living([alone, other])) == [] == not_shipped(ordered, [alone, other])
    assert contents(ordered, back, living([alone, back])) == []
    other.cancelled_at = "now"
    assert contents(ordered, alone, living([alone, other])) == ordered


def test_names_stand_in_where_a_sku_is_missing_and_other_skus_never_meet():
    """A parcel's line without a sku is its order's line of that name; one with another sku is another thing."""
    ordered = [{"sku": "A", "name": "Tent", "quantity": 2}, {"name": "Lamp", "quantity": 1}]
    named = parcel(1, [{"name": "Tent", "quantity": 1}, {"sku": "L", "name": "Lamp", "quantity": 1}])
    assert not_shipped(ordered, [named]) == [{"sku": "A", "name": "Tent", "quantity": 1}]
    assert not_shipped(ordered, [parcel(1, [{"sku": "B", "name": "Tent", "quantity": 2}])]) == ordered
