"""Rules: the set that counts, as sentences and as YAML side by side."""

from typing import Annotated, get_origin

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from app.models.vocabulary import Cause, Channel, Milestone
from app.pipeline.brakes.in_sight import pauses_in_sight
from app.pipeline.deciding.publishing import live_set
from app.pipeline.deciding.rule_drafts import draft_of
from app.rules.language import groups, variables
from app.rules.schema import rules_schema
from app.rules.sentences import set_sentences
from app.web.access.doors import may
from app.web.access.roles import Right
from app.web.access.sessions import Visitor
from app.web.console.frame import console_page
from app.web.operations.rules_desk import house_of, live_rules_of, names_of, tabs
from app.web.operations.rules_shown import channel_names, shown_rules, tellers
from app.zones import country_codes, zone_names

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(may(Right.see))]
Writer = Annotated[Visitor, Depends(may(Right.rules))]


@router.get("/b/{brand}/rules")
def live_rules(request: Request, visitor: Reader) -> Response:
    """What the brand lives by."""
    house = house_of(request)
    with house.sessions() as session:
        live = live_rules_of(session, house, visitor)
        as_written = live_set(session, house, visitor.brand_id).rules
        draft = draft_of(session, visitor.brand_id, visitor.account_id, live) if visitor.has(Right.rules) else None
        paused = {one.scope for one in pauses_in_sight(session, visitor.brand_id)}
    content = {
        "tabs": tabs(visitor),
        "live": live,
        "draft": draft if draft is not None and draft.revision else None,
        "rules": shown_rules(live.rules),
        "beside": set_sentences(live.rules),
        "tellers": tellers(live.rules),
        "channels": channel_names(live.rules),
        "lines": live.rules.content.rstrip("\n").split("\n"),
        "paused_rules": {scope.removeprefix("rule:") for scope in paused if scope.startswith("rule:")},
        "unread": live.rules.unread,
        "own_hours": live.rules.rules != as_written.rules,
    }
    return console_page(request, visitor, "operations/rules.html", content, title="Rules", place="rules")


@router.get("/b/{brand}/rules/words.json")
def words(request: Request, visitor: Writer) -> Response:
    """What an editor completes: the schema, the names that exist, and the fields that a condition may ask."""
    house = house_of(request)
    with house.sessions() as session:
        known = names_of(session, house, visitor)
    templates: dict[str, list[str]] = {}
    for name, channel in sorted(known.templates):
        templates.setdefault(channel, []).append(name)
    carriers, countries = sorted(known.carriers or house.carriers), sorted(country_codes())
    many = {name for name, annotation in groups() if get_origin(annotation) is tuple}
    fields = [
        [f"{group}{'[]' if group in many else ''}{f'.{name}' if name else ''}", kind]
        for group, named in variables().items()
        for name, kind in named.items()
    ]
    return JSONResponse(
        {
            "schema": rules_schema(),
            "templates": templates,
            "carriers": carriers,
            "countries": countries,
            "brand": visitor.brand_key,
            "fields": fields,
            "spoken": {
                "milestone": list(Milestone),
                "cause": list(Cause),
                "channel": list(Channel),
                "direction": ["outbound", "return"],
                "carrier": carriers,
                "country": countries,
                "zone": sorted(zone_names()),
            },
        }
    )
