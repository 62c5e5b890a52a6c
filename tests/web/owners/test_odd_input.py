"""What no page of ours sends: NULs, broken text, huge numbers, other kinds of fields. Refused or kept clean."""

import sqlalchemy as sa

from app.models import Account, AuditEntry

NUL = "a\0b"
FORMS = [
    ("/account/name", {"name": NUL}),
    ("/account/password", {"old": NUL, "new": NUL}),
    ("/account/second-step/confirm", {"code": NUL}),
    ("/account/sessions/99999999999999999999/end", {}),
    ("/account/sessions/-1/end", {}),
    ("/b/fjallhem/people/search", {"address": f"{NUL}@shop.example"}),
    ("/b/fjallhem/people/add", {"address": "alma@example.test", "kind": NUL, "why": NUL}),
    ("/b/fjallhem/people/add", {"address": "alma@example.test", "kind": "manual", "why": "x" * 100_000}),
    ("/b/fjallhem/people/lift", {"number": "1", "why": NUL}),
    ("/b/fjallhem/people/lift", {"number": "one", "why": "x"}),
    ("/b/fjallhem/people/rights", {"address": NUL}),
    ("/b/fjallhem/people/rights/export", {"address": NUL}),
    ("/b/fjallhem/people/rights/erase", {"address": NUL, "seen": NUL, "again": NUL}),
    ("/b/fjallhem/people/accounts", {"email": f"{NUL}@shop.example", "name": NUL, "role": "reader"}),
    ("/b/fjallhem/people/accounts", {"email": "eve@shop.example", "name": NUL, "role": "reader", "brands": NUL}),
    ("/b/fjallhem/people/accounts", {"email": "eve@shop.example", "name": NUL, "role": "reader"}),
    ("/b/fjallhem/people/accounts/usr_%00/close", {}),
    ("/b/fjallhem/settings/keys", {"label": NUL, "scopes": "orders:read"}),
    ("/b/fjallhem/settings/keys", {"label": "x", "scopes": NUL}),
    ("/b/fjallhem/settings/keys/0/revoke", {}),
    ("/b/fjallhem/settings/alerts/try", {"url": f"https://{NUL}.example/"}),
    ("/b/fjallhem/settings/hooks/%00/test", {}),
    ("/b/fjallhem/settings/carriers/%00/test", {"number": NUL}),
    ("/b/fjallhem/settings/channels/sms/twilio/test", {"to": NUL}),
    ("/b/fjallhem/settings/channels/%00/%00/test", {}),
    ("/sign-in/second", {"ticket": NUL, "code": NUL, "next": NUL}),
]
PAGES = (
    "/b/fjallhem/audit?who=%00&what=%00&since=%00&until=%00",
    "/b/fjallhem/audit.csv?who=%00",
    "/b/fjallhem/audit?before=99999999999999999999",
    "/b/fjallhem/people?kind=%00&lifted=%00&before=0",
    "/b/fjallhem/people/accounts/usr_%00",
    "/b/%00/people",
    "/sign-in/shop?next=%00",
    "/sign-in/shop/back?state=%00&code=%00",
)


def test_odd_forms_are_no_fault(visit, sessions, brand):
    """Whatever is sent, the answer is one of ours, and nothing with a NUL is kept."""
    owner = visit("owner")
    for path, form in FORMS:
        answer = owner.post(path, form)
        assert answer.status_code < 500, (path, form)
        assert not answer.headers.get("location", "").startswith("/sign-in?"), f"after {path} nobody is signed in"
    with sessions() as session:
        assert all("\0" not in one for one in session.scalars(sa.select(Account.name)))
        session.scalars(sa.select(AuditEntry.after)).all()


def test_odd_addresses_are_no_fault(visit, brand):
    """The same in what is asked for."""
    owner = visit("owner")
    for path in PAGES:
        assert owner.get(path).status_code < 500, path


def test_text_that_is_none_is_no_fault(visit, brand):
    """Bytes that are no UTF-8 in a form."""
    owner = visit("owner")
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRF-Token": owner.csrf}
    content = b"address=%ED%A0%80%FF@x.test&why=%ED%A0%80&kind=manual"
    answer = owner.client(
        "POST", "/b/fjallhem/people/add", content=content,
        headers={"Cookie": f"__Host-doorstep={owner.cookie}", "Accept": "text/html", **headers},
    )  # fmt: skip
    assert answer.status_code < 500
