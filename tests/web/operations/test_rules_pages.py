"""The rules in the console: read, drafted, published, taken back."""

import re

import pytest
import sqlalchemy as sa

from app.models import AuditEntry, RuleDraft, RuleSetPublication
from app.models.vocabulary import Channel
from app.rules.document import DEFAULT_RULES
from app.rules.quiet import parse_quiet
from app.web.operations import rules_desk

SET = """version: 1
quiet_hours: {sms: "21:00-08:00"}
rules:
  - name: out
    description: It comes today.
    when: out_for_delivery
    if: shopper.country == "SE"
    send: [email, sms]
    expires: 8h
"""
AT = "/b/fjallhem"


def hidden(page, name):
    """The value of a hidden field."""
    return re.search(rf'name="{name}" value="([^"]*)"', page.text)[1]


def write(browser, content, then="review", **given):
    """Save a draft as its page's form would."""
    page = browser.get(f"{AT}/rules/draft")
    form = {
        "content": content,
        "based_on": hidden(page, "based_on"),
        "revision": hidden(page, "revision"),
        "then": then,
    }
    return browser.post(f"{AT}/rules/draft", {**form, **given})


def publish(browser, content, why="because"):
    """Write and publish a set with whatever is to be accepted."""
    assert write(browser, content).status_code == 303
    page = browser.get(f"{AT}/rules/publish")
    assert page.status_code == 200, page.headers
    accepted = re.findall(r'name="accepted" value="([^"]*)"', page.text)
    form = {"seen": hidden(page, "seen"), "revision": hidden(page, "revision"), "why": why, "accepted": accepted}
    return browser.post(f"{AT}/rules/publish", form)


@pytest.fixture
def ops(visit):
    """Somebody of operations."""
    return visit("operations")


def test_the_rules_are_read_as_sentences_beside_their_yaml(ops):
    """Without any publication the set that ships is shown, each rule with the line at which it begins."""
    page = ops.get(f"{AT}/rules")
    assert page.status_code == 200
    assert "The set that ships" in page.text
    assert "When a parcel <strong>is out for delivery</strong>, send <strong>email and SMS</strong>" in page.text
    line = DEFAULT_RULES.read_text().split("\n").index("  - name: out_for_delivery") + 1
    assert f'href="#L{line}"' in page.text and f'id="L{line}"' in page.text


def test_a_set_is_written_published_and_taken_back(ops, sessions):
    """Draft, review with a reason, publication, history with what changed, and back in two steps; each is audited."""
    assert publish(ops, SET, "only the van").headers["location"] == f"{AT}/rules"
    page = ops.get(f"{AT}/rules")
    assert "the country is" in page.text and "Sweden" in page.text and "only the van" in page.text
    assert publish(ops, SET.replace("8h", "6h"), "sooner").status_code == 303
    listed = ops.get(f"{AT}/rules/history")
    assert f"{AT}/rules/history/1?beside=live" in listed.text
    one = ops.get(f"{AT}/rules/history/1?beside=live")
    assert "Let number 1 count again" in one.text
    done = ops.post(f"{AT}/rules/history/1/again", {"seen": hidden(one, "seen"), "why": "8 was right"})
    assert done.headers["location"] == f"{AT}/rules"
    assert "count again, as number 3" in ops.get(f"{AT}/rules").text
    with sessions() as session:
        assert session.scalars(sa.select(RuleSetPublication.number).order_by(RuleSetPublication.id)).all() == [1, 2, 3]
        log = session.execute(
            sa.select(AuditEntry.action, AuditEntry.actor, AuditEntry.after).order_by(AuditEntry.id)
        ).all()
        assert session.scalars(sa.select(RuleDraft)).all() == []
    assert [(one.action, one.actor) for one in log] == [
        ("rules.publish", "operations@shop.example"),
        ("rules.publish", "operations@shop.example"),
        ("rules.rollback", "operations@shop.example"),
    ]
    assert log[0].after["why"] == "only the van" and "silent:delivered" in log[0].after["warnings accepted"]


def test_a_reason_and_each_warning_are_asked_for(ops, sessions):
    """Nothing is published without; what was written and ticked stays on the page."""
    write(ops, SET)
    page = ops.get(f"{AT}/rules/publish")
    assert "Nobody is told any more that a parcel is late, by email and SMS." in page.text
    form = {"seen": hidden(page, "seen"), "revision": hidden(page, "revision")}
    refused = ops.post(f"{AT}/rules/publish", {**form, "why": " "})
    assert refused.status_code == 422 and "Write a reason." in refused.text
    refused = ops.post(f"{AT}/rules/publish", {**form, "why": "calm & quiet", "accepted": ["silent:delayed"]})
    assert refused.status_code == 422 and "Tick each" in refused.text
    assert 'value="calm &amp; quiet"' in refused.text and 'value="silent:delayed" checked' in refused.text
    assert ops.post(f"{AT}/rules/publish", {**form, "why": "x", "seen": "00"}).status_code == 422
    with sessions() as session:
        assert session.scalars(sa.select(RuleSetPublication)).all() == []


def test_a_draft_with_faults_is_kept_and_each_fault_stands_at_its_line(ops):
    """The line and column, what is wrong, what to write, and the line itself; the text is there at the next visit."""
    wrong = SET.replace("when: out_for_delivery", "when: out_for_delivry")
    page = write(ops, wrong)
    assert page.status_code == 422
    assert "Line 6, column 11" in page.text and "Did you mean &#39;out_for_delivery&#39;?" in page.text
    assert "out_for_delivry" in ops.get(f"{AT}/rules/draft").text
    moved = ops.get(f"{AT}/rules/publish")
    assert moved.headers["location"] == f"{AT}/rules/draft"
    assert "nothing was published" in ops.get(f"{AT}/rules/draft").text


def test_what_others_published_meanwhile_is_shown_and_not_overwritten(ops, visit, sessions):
    """The draft stays, the other's change is told rule by rule, and it is published only once somebody has decided."""
    write(ops, SET.replace("8h", "7h"))
    other = visit("owner")
    assert publish(other, SET, "theirs").status_code == 303
    assert ops.get(f"{AT}/rules/publish").headers["location"] == f"{AT}/rules/draft"
    page = ops.get(f"{AT}/rules/draft")
    assert "Others published since you began" in page.text and "theirs" in page.text
    assert "Both of you changed" in page.text and "expires: 7h" in page.text
    posted = ops.post(
        f"{AT}/rules/publish", {"seen": hidden(page, "based_on"), "revision": hidden(page, "revision"), "why": "x"}
    )
    assert posted.headers["location"] == f"{AT}/rules/draft"
    ops.post(f"{AT}/rules/draft/rebase", {"based_on": hidden(page, "based_on"), "revision": hidden(page, "revision")})
    assert "Others published since you began" not in ops.get(f"{AT}/rules/draft").text
    assert ops.get(f"{AT}/rules/publish").status_code == 200
    with sessions() as session:
        assert session.scalars(sa.select(RuleSetPublication.number)).all() == [1]


def test_two_windows_do_not_overwrite_each_other(ops):
    """The one that saves second keeps its text on the page, sees what differs, and may save once more."""
    first = ops.get(f"{AT}/rules/draft")
    assert write(ops, SET).status_code == 303
    form = {
        "content": SET.replace("8h", "5h"),
        "based_on": hidden(first, "based_on"),
        "revision": hidden(first, "revision"),
    }
    late = ops.post(f"{AT}/rules/draft", form)
    assert late.status_code == 409 and "Not saved." in late.text and "expires: 5h" in late.text
    again = ops.post(f"{AT}/rules/draft", {**form, "revision": hidden(late, "revision")})
    assert again.status_code == 303
    assert "expires: 5h" in ops.get(f"{AT}/rules/draft").text


def test_what_is_typed_is_checked_and_kept(ops):
    """The script's question: faults by line, sentences and what would change; in another window it is a conflict."""
    page = ops.get(f"{AT}/rules/draft")
    typed = {"content": SET, "based_on": hidden(page, "based_on"), "revision": 0}
    told = ops.post(f"{AT}/rules/draft/check", json=typed).json()
    assert told["revision"] == 1 and told["faults"] == [] and not told["behind"]
    assert told["rules"][0]["parts"][1] == ["is out for delivery", "strong"] and told["rules"][0]["line"] == 4
    assert ["out", "added"] in told["changes"]
    wrong = ops.post(f"{AT}/rules/draft/check", json={**typed, "revision": 1, "content": SET + "x: 1\n"}).json()
    assert wrong["changes"] is None and wrong["faults"][0]["line"] == 10
    assert ops.post(f"{AT}/rules/draft/check", json=typed).status_code == 409
    for odd in ({"content": "\0"}, {"content": "", "revision": -1}, {"based_on": "zz"}):
        assert ops.post(f"{AT}/rules/draft/check", json={**typed, "revision": 2, **odd}).status_code == 422, odd
    headers = {**ops._headers({}), "X-CSRF-Token": ops.csrf, "Content-Type": "application/json"}
    half = b'{"content": "\\ud800", "based_on": "", "revision": 2}'
    assert ops.client("POST", f"{AT}/rules/draft/check", headers=headers, content=half).status_code == 422


def test_whoever_only_looks_cannot_change_a_thing(visit, sessions):
    """A reader reads; drafting, publishing and taking back are refused, and no other brand's pages open."""
    reader = visit("reader")
    for path in ("/rules", "/rules/history", "/rules/try", "/pauses"):
        page = reader.get(f"{AT}{path}")
        assert page.status_code == 200 and f"{AT}/rules/draft" not in page.text, path
    for path in ("/rules/draft", "/rules/publish", "/rules/backtests", "/rules/words.json"):
        assert reader.get(f"{AT}{path}").status_code == 403, path
    for path in (
        "/rules/draft",
        "/rules/publish",
        "/rules/history/1/again",
        "/rules/backtests",
        "/pauses",
        "/pauses/lift",
    ):
        assert reader.post(f"{AT}{path}", {}).status_code == 403, path
    assert visit("operations", brands=[999], email="x@shop.example").get(f"{AT}/rules").status_code == 404


def test_words_for_the_editor_are_the_brands_own(ops):
    """The schema, templates by channel, carriers, and the fields of conditions."""
    told = ops.get(f"{AT}/rules/words.json").json()
    assert told["schema"]["title"] == "A rule set of Doorstep"
    assert "delivered" in told["templates"]["email"] and "dhl" in told["carriers"]
    assert ["shopper.country", "text, may be missing"] in told["fields"]
    assert ["other_parcels[].milestone", "text"] in told["fields"]


def test_who_tells_what_names_outside_senders(ops):
    """An owner stands in the table; a rule that tells it too has to be accepted, and is marked."""
    owned = SET.replace("rules:", "owners: {out_for_delivery: {sms: PostNord}}\nrules:")
    refused = write(ops, owned)
    assert "PostNord tells out_for_delivery by sms already" in refused.text
    meant = owned + "    despite_owner: true\n"
    write(ops, meant)
    assert (
        "Shoppers hear it twice: PostNord tells that a parcel is out for delivery by SMS"
        in ops.get(f"{AT}/rules/publish").text
    )
    publish(ops, meant)
    page = ops.get(f"{AT}/rules").text
    assert "<b>PostNord</b>" in page and "and we too" in page


def test_hostile_text_is_shown_and_not_run(ops):
    """Markup in a rule's words is text on every page."""
    evil = SET.replace("It comes today.", "<script>alert(1)</script>").replace("name: out\n", "name: out\n")
    publish(ops, evil, "<img src=x onerror=alert(1)>")
    for path in ("/rules", "/rules/history", "/rules/history/1", "/rules/draft"):
        page = ops.get(f"{AT}{path}").text
        assert "<script>alert" not in page and "<img src=x" not in page, path


def test_changes_of_other_lines_are_put_together(ops, visit):
    """Theirs stand in one's draft at the press of a button, which is not there where both touch the same lines."""
    two = SET + "\n  - name: late\n    when: delayed\n    send: [email]\n    expires: 48h\n"
    other = visit("owner")
    publish(other, two, "to begin with")
    write(ops, two.replace("expires: 8h", "expires: 7h"))
    publish(other, two.replace("48h", "24h"), "theirs")
    page = ops.get(f"{AT}/rules/draft")
    assert "can be put into your draft" in page.text
    form = {
        "based_on": re.search(r'name="based_on" value="([^"]*)"', page.text)[1],
        "revision": hidden(page, "revision"),
    }
    assert ops.post(f"{AT}/rules/draft/take", {**form, "based_on": "00"}).status_code == 303
    ops.post(f"{AT}/rules/draft/take", form)
    page = ops.get(f"{AT}/rules/draft").text
    assert "expires: 7h" in page and "expires: 24h" in page and "Others published" not in page
    publish(other, two.replace("expires: 8h", "expires: 5h"), "the same line")
    page = ops.get(f"{AT}/rules/draft")
    assert "Both of you changed" in page.text and "rules/draft/take" not in page.text
    form = {"based_on": hidden(page, "based_on"), "revision": hidden(page, "revision")}
    ops.post(f"{AT}/rules/draft/take", form)
    assert "touches yours" in ops.get(f"{AT}/rules/draft").text and "expires: 7h" in ops.get(f"{AT}/rules/draft").text


def test_nothing_is_changed_by_another_sites_page(ops, visit):
    """Without the page's secret, or from elsewhere, no form and no question of the script counts."""
    posts = ("rules/draft", "rules/draft/check", "rules/draft/discard", "rules/draft/rebase", "rules/draft/take",
             "rules/publish", "rules/backtests", "rules/history/1/again", "pauses", "pauses/lift")  # fmt: skip
    for path in posts:
        headers = ops._headers({})
        assert ops.client("POST", f"{AT}/{path}", headers=headers, data={"csrf": "guess"}).status_code == 403, path
        foreign = {**headers, "Sec-Fetch-Site": "cross-site"}
        assert ops.client("POST", f"{AT}/{path}", headers=foreign, data={"csrf": ops.csrf}).status_code == 403, path
    own = {**ops._headers({}), "Sec-Fetch-Site": "same-origin", "Origin": "null"}
    form = {"csrf": ops.csrf}
    assert ops.client("POST", f"{AT}/rules/draft/discard", headers=own, data=form).status_code == 303


def test_a_draft_is_one_persons(ops, visit):
    """Somebody else of the same brand begins from the live rules."""
    write(ops, SET)
    other = visit("owner")
    assert "It comes today." not in other.get(f"{AT}/rules/draft").text
    assert other.get(f"{AT}/rules/publish").headers["location"] == f"{AT}/rules/draft"


def test_odd_addresses_are_answered(ops):
    """A publication that there is not, numbers out of all bounds, and ends of lines as forms send them."""
    for path in ("rules/history/1", "rules/history/99999999999999999999", "rules/history/0", "rules/history/-1"):
        assert ops.get(f"{AT}/{path}").status_code == 404, path
    assert ops.get(f"{AT}/rules/history?before=0").status_code == 422
    again = {"seen": "zz", "why": "x"}
    assert ops.post(f"{AT}/rules/history/7/again", again).status_code == 404
    assert write(ops, SET.replace("\n", "\r\n")).status_code == 303
    assert "&#13;" not in ops.get(f"{AT}/rules/draft").text
    publish(ops, SET.replace("\n", "\r\n"))
    assert ops.post(f"{AT}/rules/history/1/again", again).status_code in (303, 409)


def test_what_a_program_changes_is_audited_too(anyone, brand, new_key, sessions):
    """Publishing, going back and pausing over HTTP stand in the same log, under the key."""
    client = anyone.holding(new_key(brand, "rules:write", "rules:read", "pauses:write"))
    client("PUT", "/v1/rules?why=a", content=SET, headers={"If-Match": "*"})
    client("PUT", "/v1/rules?why=b", content=SET.replace("8h", "7h"), headers={"If-Match": "*"})
    client("PUT", "/v1/rules?why=b", content=SET.replace("8h", "7h"), headers={"If-Match": "*"})
    client.post("/v1/rules/rollback", {"number": 1, "why": "c"}, headers={"If-Match": "*"})
    client.post("/v1/pause", {"scope": "channel:sms", "why": "d"})
    client.post("/v1/resume", {"scope": "channel:sms"})
    with sessions() as session:
        log = session.execute(sa.select(AuditEntry.action, AuditEntry.subject).order_by(AuditEntry.id)).all()
    assert [tuple(one) for one in log] == [
        ("rules.publish", "number 1"),
        ("rules.publish", "number 2"),
        ("rules.rollback", "number 3"),
        ("pause", "channel:sms"),
        ("resume", "channel:sms"),
    ]


def test_a_brands_own_quiet_hours_stand_in_the_sentences(ops, monkeypatch):
    """What the sentences say is what is lived by, and the page says whose hours they are."""
    own = {Channel.sms: parse_quiet("20:00-09:00")}
    monkeypatch.setattr(rules_desk, "as_lived_by", lambda _session, _house, _brand, rules: rules.within(own))
    publish(ops, SET)
    page = ops.get(f"{AT}/rules").text
    assert "<strong>20:00 and 09:00</strong> by SMS" in page and "quiet hours of its own" in page
    assert "20:00 and 09:00" in ops.get(f"{AT}/rules/draft").text
    assert "20:00 and 09:00" in ops.get(f"{AT}/rules/history/1").text
