"""`doorstep templates preview`, `test`, `waiting` and `move`, for people and for programs."""

import json

from app.models.vocabulary import Milestone
from app.pipeline.leaving import moving
from tests.cli.test_commands import doorstep  # noqa: F401 - a fixture
from tests.pipeline.conftest import world  # noqa: F401 - a fixture


def test_a_template_is_previewed_in_words_and_as_files(doorstep, tmp_path):  # noqa: F811
    """Subject, preheader and text; an SMS as a bubble with its cost; wrong names with the right one."""
    code, said, _ = doorstep("templates", "preview", "out_for_delivery", "--locale", "en")
    assert code == 0 and "Subject    Arriving today" in said and "Preheader  DHL" in said and "Order: FH-10482" in said
    code, said, _ = doorstep("templates", "preview", "delivered", "--channel", "sms", "--locale", "en")
    assert code == 0 and "╭" in said and "letters in GSM-7, 1 segment" in said
    assert "Did you mean 'delivered'?" in doorstep("templates", "preview", "deliverd")[2]
    assert "Did you mean 'emoji'?" in doorstep("templates", "preview", "delivered", "--sample", "emojy")[2]
    assert "forty items" in doorstep("templates", "preview", "--samples")[1]
    file = tmp_path / "mail.html"
    assert doorstep("templates", "preview", "delivered", "--out", str(file), "--locale", "en")[0] == 0
    assert "<html" in file.read_text(encoding="utf-8")
    code, _, error = doorstep("templates", "preview", "delivered", "--out", str(tmp_path / "mail.pdf"))
    assert code == 2 and "FILE.html" in error and not (tmp_path / "mail.pdf").exists()
    found = json.loads(doorstep("templates", "preview", "delivered", "--all-locales", "--json")[1])
    assert {one["locale"] for one in found} >= {"en"} and all(one["subject"] and one["html"] for one in found)
    code, _, error = doorstep("templates", "test", "delivered", "--to", "me@shop.example")
    assert code == 5 and "shadow mode" in error


def test_nothing_waits_and_nothing_is_moved_in_an_empty_house(doorstep):  # noqa: F811
    """Both say so; a program gets an empty list."""
    assert doorstep("templates", "waiting")[1].startswith("Nothing waits")
    assert json.loads(doorstep("templates", "waiting", "--json")[1])["total"] == 0
    code, said, _ = doorstep("templates", "move", "--key", "delivered", "--why", "better words", "--yes")
    assert code == 0 and said.startswith("Nothing waits")


def test_what_waits_is_shown_and_moved_after_a_yes(doorstep, world, brand, monkeypatch):  # noqa: F811
    """The list has parcel, message, versions and what changed; without a yes nothing happens."""
    (parcel,) = world.order("1001", shopper={"email": "m@example.test", "country": "SE", "locale": "en"})
    world.scan(parcel, Milestone.out_for_delivery)
    path = "messages/en/out_for_delivery.email.md"
    text = world.house.catalog.shelf("fjallhem").file(path).text.replace("Will you be out", "Are you going out")
    edition = world.house.catalog.over("fjallhem", {path: text.encode()})
    monkeypatch.setattr(moving, "catalog_of", lambda *_: edition)
    wanted = ("templates", "move", "--key", "out_for_delivery", "--why", "a friendlier question")
    code, said, _ = doorstep("templates", "waiting")
    assert code == 0 and "1 message waits with older words." in said and "shp_" in said and "msg_" in said
    assert doorstep(*wanted)[0] == 1 and world.messages()[0].rendered_at is None
    assert "1 message waits" in doorstep("templates", "waiting")[1]
    code, said, _ = doorstep(*wanted, "--yes")
    assert code == 0 and said.endswith("1 message moved.\n")
    assert doorstep("templates", "waiting")[1].startswith("Nothing waits")
    assert "because a friendlier question." in doorstep("explain", "1001")[1]
    assert doorstep("audit")[0] == 0
