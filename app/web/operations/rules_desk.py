"""What every page of the rules begins with: the live rules, one's own draft, and whether it can be published."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from fastapi import Request
from sqlalchemy.orm import Session

from app.errors import Fault, InvalidInput
from app.models import Brand
from app.pipeline.deciding.editions import as_of_now
from app.pipeline.deciding.live_rules import as_lived_by
from app.pipeline.deciding.publishing import Live, known_names, live_set
from app.pipeline.deciding.rule_drafts import Draft, draft_of
from app.pipeline.house import House
from app.rules.document import parse_rules
from app.rules.known import Known
from app.rules.ruleset import RuleSet
from app.web.access.roles import Right
from app.web.access.sessions import Visitor


@dataclass(frozen=True, slots=True)
class Desk:
    """The live rules, and somebody's draft: `rules` is the set that it makes, None where it has `faults`."""

    live: Live
    draft: Draft
    rules: RuleSet | None
    faults: Sequence[Fault]

    @property
    def behind(self) -> bool:
        """Whether other rules were published since the draft was begun."""
        return self.draft.based_on != self.live.digest

    @property
    def differs(self) -> bool:
        """Whether the draft is another text than the live rules'."""
        return self.draft.content != self.live.rules.content


def house_of(request: Request) -> House:
    """The house that this process works with."""
    house: House = request.app.state.house
    return house


def desk(session: Session, house: House, visitor: Visitor) -> Desk:
    """The visitor's desk at their brand."""
    live = live_rules_of(session, house, visitor)
    draft = draft_of(session, visitor.brand_id, visitor.account_id, live)
    rules, faults = checked(draft.content, names_of(session, house, visitor))
    return Desk(live, draft, lived(session, house, visitor, rules) if rules is not None else None, faults)


def live_rules_of(session: Session, house: House, visitor: Visitor) -> Live:
    """What the brand lives by: the text as it was published, and the rules with the brand's own quiet hours."""
    live = live_set(session, house, visitor.brand_id)
    return Live(live.publication, lived(session, house, visitor, live.rules))


def lived(session: Session, house: House, visitor: Visitor, rules: RuleSet) -> RuleSet:
    """A set as the brand lives by it, or would: with its own quiet hours where a rule states none."""
    return as_lived_by(session, house, visitor.brand_id, rules)


def names_of(session: Session, house: House, visitor: Visitor) -> Known:
    """What the brand's rules may name at this moment."""
    return known_names(as_of_now(session, house), visitor.brand_key)


@lru_cache(maxsize=16)  # one text is asked about by several pages, and a thousand rules are three seconds' work
def checked(content: str, known: Known) -> tuple[RuleSet | None, Sequence[Fault]]:
    """The set that a text makes, or what is wrong with it."""
    try:
        return parse_rules(content, known), ()
    except InvalidInput as error:
        return None, error.faults


def brand_of(session: Session, visitor: Visitor) -> Brand:
    """The brand whose pages these are."""
    return session.get_one(Brand, visitor.brand_id)


def tabs(visitor: Visitor) -> list[tuple[str, str, str]]:
    """The views of the rules: key, word and address."""
    at = f"/b/{visitor.brand_key}"
    drafting = [("draft", "Draft", f"{at}/rules/draft")] if visitor.has(Right.rules) else []
    testing = [("backtests", "Back-test", f"{at}/rules/backtests")] if visitor.has(Right.rules) else []
    return [
        ("live", "Live", f"{at}/rules"),
        *drafting,
        ("try", "Dry run", f"{at}/rules/try"),
        *testing,
        ("history", "History", f"{at}/rules/history"),
        ("pauses", "Pauses", f"{at}/pauses"),
    ]


def lines_of(text: str) -> str:
    """A text as a form sends it, with the line ends that it had."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
