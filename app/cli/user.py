"""`doorstep user …`: who may sign in to the console. Passwords are chosen through a one-time link, never typed here."""

from typing import Annotated

import sqlalchemy as sa
import typer
from rich.table import Table

from app.cli.common import AsJson, out, print_json, standing_house
from app.cli.trail import actor
from app.models import Account, Brand
from app.models.accounts import Role
from app.pipeline.house import House
from app.web.access import accounts
from app.web.access.links import set_up_path
from app.web.access.second_step import who_have

app = typer.Typer(no_args_is_help=True, help="Who may sign in to the console.")

Who = Annotated[str, typer.Argument(metavar="EMAIL", help="Their address.")]


@app.command("add")
def add_command(
    email: Who,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.reader,
    name: Annotated[str, typer.Option(help="As others know them.")] = "",
    brand: Annotated[
        list[str] | None,
        typer.Option("--brand", help="For this brand; may be repeated. `all` for every one. Needed, but for an owner."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an account, and print the link by which its person chooses a password: it works once, for two days."""
    with standing_house() as (house, _brands), house.sessions.begin() as session:
        accounts.read_address(email)  # what is named first is found fault with first
        mine = accounts.read_brands(session, role, brand or [])
        account, secret = accounts.add_account(session, actor(), email, name, role, mine)
        told = {"id": account.public_id, "email": account.email, "role": account.role, "link": _link(house, secret)}
    _tell_link(told, as_json)


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Everybody who has an account: role, brands, and how they sign in."""
    with standing_house() as (house, _brands), house.sessions() as session:
        found = session.scalars(sa.select(Account).order_by(Account.email)).all()
        factors = who_have(session, [one.id for one in found])
        names = dict(session.execute(sa.select(Brand.id, Brand.key)).all())
    rows = [
        {
            "id": one.public_id,
            "email": one.email,
            "name": one.name,
            "role": one.role,
            "brands": None if one.brand_ids is None else sorted(names[number] for number in one.brand_ids),
            "second_step": one.id in factors,
            "state": _state(one),
        }
        for one in found
    ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        out.print("Nobody has an account yet: `doorstep user link` prints the link that makes the first owner.")
        return
    table = Table("email", "name", "role", "brands", "second step", "state", box=None)
    for row in rows:
        brands = ", ".join(row["brands"]) or "none" if isinstance(row["brands"], list) else "all"
        second = "yes" if row["second_step"] else "no"
        table.add_row(str(row["email"]), str(row["name"]), str(row["role"]), brands, second, str(row["state"]))
    out.print(table, markup=False)


@app.command("disable")
def disable_command(email: Who) -> None:
    """Let somebody in no more, and sign them out everywhere. The last owner stays."""
    with standing_house() as (house, _brands), house.sessions.begin() as session:
        account = accounts.account_by(session, email)
        ended = accounts.close_account(session, actor(), account)
        told = f"{account.email} cannot sign in any more; signed out of {ended} browser{'' if ended == 1 else 's'}."
    out.print(told, highlight=False, markup=False)


@app.command("enable")
def enable_command(email: Who) -> None:
    """Let somebody in again."""
    with standing_house() as (house, _brands), house.sessions.begin() as session:
        account = accounts.account_by(session, email)
        accounts.open_account(session, actor(), account)
        told = f"{account.email} can sign in again."
    out.print(told, highlight=False, markup=False)


@app.command("password-link")
def password_link_command(
    email: Who,
    end_second_step: Annotated[
        bool, typer.Option("--end-second-step", help="Also take away a second step that they lost.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print a link by which somebody chooses a new password. The one from before works until then."""
    with standing_house() as (house, _brands), house.sessions.begin() as session:
        account = accounts.account_by(session, email)
        if end_second_step:
            accounts.end_factor(session, actor(), account)
        secret = accounts.password_link(session, actor(), account)
        told = {"id": account.public_id, "email": account.email, "role": account.role, "link": _link(house, secret)}
    _tell_link(told, as_json)


@app.command("link")
def link_command() -> None:
    """Print a new link that makes the first owner, while nobody has an account."""
    with standing_house() as (house, _brands), house.sessions.begin() as session:
        path = set_up_path(session, actor())
    if path is None:
        out.print("Somebody has an account already. `doorstep user password-link EMAIL` lets them in.")
        raise typer.Exit(1)
    out.print(f"{house.public_url.rstrip('/')}{path}", soft_wrap=True, highlight=False, markup=False)


def _link(house: House, secret: str) -> str:
    return f"{house.public_url.rstrip('/')}/password?code={secret}"


def _tell_link(told: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    out.print(f"{told['email']} ({told['role']}) chooses a password here, once, within two days:", highlight=False)
    out.print(told["link"], soft_wrap=True, highlight=False, markup=False)


def _state(account: Account) -> str:
    if account.disabled_at is not None:
        return "closed"
    if account.password is None and account.subject is None:
        return "invited"
    return "open"
