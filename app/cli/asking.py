"""`doorstep explain`, `audit`, `keys`: what an operator looks up and sets."""

from dataclasses import asdict
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.table import Table

from app.cli.common import AsJson, BrandKey, out, print_json, standing_house
from app.cli.trail import log
from app.errors import NotFound
from app.insight.audit import audit as audit_database
from app.insight.explain import find_shipments
from app.insight.tell import tell
from app.models import ApiKey
from app.pipeline.brakes.alarming import end_mended
from app.rehearsal.aside import whole_story
from app.settings import load_settings
from app.web.access.keys import Scope, issue_key, revoke_keys

app = typer.Typer()
keys_app = typer.Typer(no_args_is_help=True, help="Keys with which programs call the API.")
app.add_typer(keys_app, name="keys")


@app.command()
def explain(
    shipment: Annotated[str, typer.Argument(help="A parcel's id (shp_…), its tracking number, or an order number.")],
    as_json: AsJson = False,
) -> None:
    """A parcel's whole story: scans, milestones, every rule's answer, messages, attempts, receipts."""
    with standing_house() as (house, _brands), house.sessions() as session:
        found = find_shipments(session, shipment)
        if not found:
            raise NotFound(f"Nothing is known by {shipment!r}. Give a parcel's id, a tracking or an order number.")
        stories = [whole_story(session, house, one) for one in found]
    if as_json:
        print_json([story.model_dump(mode="json") for story in stories])
        return
    for story in stories:
        for line in tell(story):
            out.print(line, markup=False, highlight=False)
        out.print()


@app.command()
def audit(as_json: AsJson = False) -> None:
    """The conservation law and the other invariants over the live database; exit 1 when one is broken."""
    settings = load_settings()
    with standing_house() as (house, _brands), house.sessions() as session:
        found = audit_database(session, settings.sending.settle)
        session.rollback()
        with house.sessions.begin() as writing:
            end_mended(writing, house, [breach.law for breach in found.breaches])
    if as_json:
        print_json({**asdict(found), "whole": found.whole})
    else:
        out.print(
            f"decided {found.decided} = sent {found.sent} + withheld {found.withheld}"
            f" + failed {found.failed} + pending {found.pending}"
        )
        out.print(", ".join(f"{count} {state}" for state, count in sorted(found.states.items())) or "No messages yet.")
        for waiting in found.paused:
            out.print(f"{waiting.count:,} of the pending wait for the pause {waiting.scope} ({waiting.why}).")
        for breach in found.breaches:
            out.print(f"BROKEN: {breach.law}: {breach.count}, e.g. {', '.join(breach.examples)}", style="red")
        out.print("Everything adds up." if found.whole else "Something does not add up.")
    raise typer.Exit(0 if found.whole else 1)


@keys_app.command("add")
def add_key(
    label: Annotated[str, typer.Argument(help="What the key is for, e.g. 'web shop'.")],
    brand: BrandKey = "fjallhem",
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(Scope)}; as often as need be. Without any: orders:read and orders:write."),
    ] = None,
) -> None:
    """A new API key for one brand. It is shown once; only its digest is kept."""
    with standing_house(brand) as (house, brands), house.sessions.begin() as session:
        scopes = scope or ["orders:read", "orders:write"]
        key = issue_key(session, brands[brand], label, scopes)
        log(session, "keys.add", label, after={"scopes": sorted(set(scopes))}, brand_id=brands[brand])
    out.print(key, markup=False, highlight=False)


@keys_app.command("list")
def list_keys(brand: BrandKey = "fjallhem", as_json: AsJson = False) -> None:
    """A brand's keys: what each is for, how it begins, what it may do, and when it was last used."""
    with standing_house(brand) as (house, brands), house.sessions() as session:
        query = sa.select(ApiKey).where(ApiKey.brand_id == brands[brand]).order_by(ApiKey.id)
        found = session.scalars(query).all()
    names = ("label", "prefix", "scopes", "created_at", "last_used_at", "revoked_at")
    rows = [{name: getattr(one, name) for name in names} for one in found]
    if as_json:
        print_json(rows)
        return
    table = Table("for", "begins with", "may", "last used (UTC)", "state", box=None)
    for one in found:
        used = f"{one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else "never"
        table.add_row(one.label, one.prefix, ", ".join(one.scopes), used, "revoked" if one.revoked_at else "good")
    out.print(table if found else "There is no key yet: `doorstep keys add LABEL` makes one.", markup=False)


@keys_app.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(help="How the key begins, as `doorstep keys list` shows it.")],
    brand: BrandKey = "fjallhem",
) -> None:
    """Revoke a brand's key: within seconds it is good for nothing."""
    with standing_house(brand) as (house, brands), house.sessions.begin() as session:
        count = revoke_keys(session, brands[brand], prefix)
        if not count:
            raise NotFound(f"No good key of {brand} begins with {prefix!r}. `doorstep keys list` shows them.")
        log(session, "keys.revoke", prefix, before={"prefix": prefix}, brand_id=brands[brand])
    out.print(f"{prefix}… is revoked.", markup=False, highlight=False)
