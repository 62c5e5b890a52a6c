"""Back-tests of drafts: started, watched while they run, and told in charts and examples."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import JSONResponse, Response

from app.errors import Conflict
from app.models import BacktestState, RuleBacktest
from app.rehearsal.runs import found, latest, start, stop, work_on
from app.rules.parts import CHANNELS
from app.web.access.doors import Denied, may, watch
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.access.trail import note
from app.web.console.charts import Chart, ranked, side_by_side
from app.web.console.frame import back, console_page
from app.web.operations.rules_desk import desk, house_of, tabs

router = APIRouter(include_in_schema=False)

Writer = Annotated[Visitor, Depends(may(Right.rules))]

SPANS = (7, 30, 90)
MOST_RULES = 15
"""Rules that a table lists of one side; the others are counted together."""


@router.get("/b/{brand}/rules/backtests")
def backtests(request: Request, visitor: Writer) -> Response:
    """The form that starts one, and those that are kept."""
    return _list(request, visitor)


@router.post("/b/{brand}/rules/backtests")
def start_one(request: Request, visitor: Writer, days: Annotated[int, Form(ge=1, le=90)] = 30) -> Response:
    """Start a back-test of the draft as it is saved, and go to where it is watched."""
    house = house_of(request)
    try:
        with house.sessions.begin() as session:
            at = desk(session, house, visitor)
            if at.rules is None:
                said = "The draft has faults. Mend them first; nothing was started."
                return back(request, visitor, f"/b/{visitor.brand_key}/rules/draft", said)
            made = start(session, visitor.brand_id, at.rules, days, visitor.actor)
            note(session, visitor, "rules.backtest", made.public_id, after={"days": days})
            row_id, name = made.id, made.public_id
    except Conflict as error:
        return _list(request, visitor, wrong=str(error))
    work_on(house, row_id, visitor.brand_id, at.rules, days)
    return back(request, visitor, f"/b/{visitor.brand_key}/rules/backtests/{name}")


@router.get("/b/{brand}/rules/backtests/{name}")
def one_backtest(request: Request, visitor: Writer, name: str) -> Response:
    """How far one is, or what it came to."""
    row = _row(request, visitor, name)
    with house_of(request).sessions() as session:
        at = desk(session, house_of(request), visitor)
    content = {
        "tabs": tabs(visitor),
        "row": row,
        "share": _share(row),
        "result": row.result,
        "sides": _sides(row.result) if row.result else [],
        "by_day": _by_day(row.result) if row.result else None,
        "is_draft": row.content == at.draft.content,
        "is_live": row.content == at.live.rules.content,
        "channels": {channel.value: word for channel, word in CHANNELS.items()},
    }
    return console_page(request, visitor, "operations/rules_backtest.html", content, title="Back-test", place="rules")


@router.get("/b/{brand}/rules/backtests/{name}/progress.json")
def progress(request: Request, visitor: Annotated[Visitor, Depends(watch(Right.rules))], name: str) -> Response:
    """How far it is, for the page that watches."""
    row = _row(request, visitor, name)
    return JSONResponse({"state": row.state, "done": row.done, "total": row.total, "share": _share(row)})


@router.post("/b/{brand}/rules/backtests/{name}/stop")
def stop_one(request: Request, visitor: Writer, name: str) -> Response:
    """End one that runs."""
    with house_of(request).sessions.begin() as session:
        ended = stop(session, visitor.brand_id, name)
        if ended:
            note(session, visitor, "rules.backtest_stop", name)
    return back(
        request, visitor, f"/b/{visitor.brand_key}/rules/backtests", "Stopped." if ended else "It had ended already."
    )


def _list(request: Request, visitor: Visitor, wrong: str = "") -> Response:
    house = house_of(request)
    with house.sessions() as session:
        at = desk(session, house, visitor)
        rows = latest(session, visitor.brand_id)
    content = {
        "tabs": tabs(visitor),
        "at": at,
        "rows": rows,
        "running": next((one for one in rows if one.state == BacktestState.running), None),
        "spans": SPANS,
        "wrong": wrong,
    }
    return console_page(
        request,
        visitor,
        "operations/rules_backtests.html",
        content,
        title="Back-tests",
        place="rules",
        status=409 if wrong else 200,
    )


def _row(request: Request, visitor: Visitor, name: str) -> RuleBacktest:
    with house_of(request).sessions() as session:
        row = found(session, visitor.brand_id, name)
    if row is None:
        raise Denied(404, "There is no such back-test", "Only the last twenty of a brand are kept.")
    return row


def _share(row: RuleBacktest) -> int:
    """How far it is, in whole percents."""
    return min(100, round(100 * row.done / row.total)) if row.total else 0


def _sides(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What would be gained, lost and changed, each with its rules, channels and examples."""
    said = {
        "gained": ("Gained", "Which rules would send more?"),
        "lost": ("Lost", "Which rules would send less?"),
        "changed": ("Changed", "Which rules would send at another time, or from another template?"),
    }
    sides = []
    for kind, (title, meaning) in said.items():
        change = result[kind]
        rules = sorted(change["by_rule"].items(), key=lambda one: (-one[1], one[0]))
        rest = sum(amount for _, amount in rules[MOST_RULES:])
        sides.append(
            {
                "kind": kind,
                "title": title,
                "meaning": meaning,
                "count": change["count"],
                "chart": ranked(meaning, [*rules[:MOST_RULES], *([("others", rest)] if rest else [])], first="Rule"),
                "channels": sorted(change["by_channel"].items()),
                "examples": [{**one, "at": datetime.fromisoformat(one["at"])} for one in change["examples"]],
            }
        )
    return sides


def _by_day(result: Mapping[str, Any]) -> Chart:
    """Messages a day under both sets, on each day of the span, those without any included."""
    days = result["by_day"]
    labels = _calendar(min(days), max(days)) if days else []
    series = {
        name: [days.get(day, {}).get(side, 0) for day in labels]
        for side, name in (("live", "live rules"), ("draft", "draft"))
    }
    words = [
        f"{date.fromisoformat(day):%a} {date.fromisoformat(day).day} {date.fromisoformat(day):%b}" for day in labels
    ]
    return side_by_side("How many messages leave each day?", words, series, first="Day")


def _calendar(first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=ahead)).isoformat() for ahead in range((end - start).days + 1)]
