"""`doorstep bench render`: what filling a template in costs, beside bare Jinja2 and beside compiling it each time."""

import gc
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jinja2

from app.clock import cpu_seconds
from app.messages.base import Template
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, PUBLIC_URL, facts_for
from app.messages.rendering.render import Renderer
from app.messages.rendering.sandbox import HTML, TEXT, Sandbox
from app.messages.rendering.view import fields
from app.models.decisions import digest_of
from app.models.facts import Facts, Item
from app.settings import shipped

BUDGET_MS = 0.5
"""CPU milliseconds that one published order email of LINES lines may cost: subject, HTML and text."""
LINES = 10
_ROUNDS = 5
_KEY, _BRAND, _LOCALE = "out_for_delivery", "fjallhem", "en"
_SOURCES = {"email": (("subject", TEXT), ("html", HTML), ("text", TEXT)), "sms": (("text", TEXT),)}


@dataclass(frozen=True, slots=True)
class RenderCost:
    """CPU milliseconds a message: by the renderer that sends, by bare Jinja2 with everything made ready for it, and by
    compiling its sources each time. `view_ms` is the part of `cpu_ms` that makes the fields ready."""

    channel: str
    messages: int
    cpu_ms: float
    floor_ms: float
    naive_ms: float
    view_ms: float

    @property
    def ratio(self) -> float:
        """How many times the bare floor."""
        return self.cpu_ms / self.floor_ms

    @property
    def within(self) -> bool:
        """Whether it keeps the budget."""
        return self.cpu_ms <= BUDGET_MS


def bench_render(messages: int) -> list[RenderCost]:
    """An email and an SMS about an order of ten lines, as a brand publishes them; the best of five rounds each, by
    turns. A stored template is read from JSON, as it comes from the database."""
    catalog = Catalog(shipped("templates"), PUBLIC_URL)
    templates = [_stored(catalog.resolve(_BRAND, _LOCALE, _KEY, channel)) for channel in _SOURCES]
    facts = order_of(LINES)
    gc.collect()
    gc.freeze()
    try:
        return [_cost(template, facts, messages) for template in templates]
    finally:
        gc.unfreeze()


def order_of(lines: int) -> Facts:
    """An ordinary parcel with so many things in it, read in English."""
    items = tuple(
        Item(name=f"Wool blanket number {number}", quantity=1 + number % 3, price_minor=49900 + number,
             image_url=f"https://pictures.example/{number}.png")
        for number in range(lines)
    )  # fmt: skip
    facts = facts_for(_KEY, items=items)
    order = facts.order.model_copy(update={"items": items})
    return facts.model_copy(update={"order": order, "shopper": facts.shopper.model_copy(update={"locale": _LOCALE})})


def _stored(template: Template) -> Template:
    parts = json.loads(json.dumps(template.parts))
    return Template(template.key, template.channel, template.locale, digest_of(parts), parts)


def _cost(template: Template, facts: Facts, messages: int) -> RenderCost:
    renderer = Renderer()
    work = renderer.render_email if template.channel == "email" else renderer.render_sms
    known = fields(template, facts, PERSON, LINKS, NOW)
    bare = bare_templates(template)
    few = max(5, messages // 50)
    ours, floor, naive, view = _least(
        (messages, lambda: work(template, facts, PERSON, LINKS, NOW)),
        (messages, lambda: [one.render(known) for one in bare.values()]),
        (few, lambda: [one.render(known) for one in bare_templates(template).values()]),
        (messages, lambda: fields(template, facts, PERSON, LINKS, NOW)),
    )
    return RenderCost(template.channel, messages, ours, floor, naive, view)


def bare_templates(template: Template) -> Mapping[str, jinja2.Template]:
    """The template's own sources in plain environments: no sandbox, no limits, no strict fields."""
    return {name: _plain(sandbox).from_string(template.parts[name]) for name, sandbox in _SOURCES[template.channel]}


def _plain(sandbox: Sandbox) -> jinja2.Environment:
    """Jinja2 as it comes out of its box, with the filters that the sources name."""
    environment = jinja2.Environment(
        autoescape=jinja2.select_autoescape(default_for_string=bool(sandbox.autoescape)),
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    environment.filters.update(sandbox.filters)
    return environment


def _least(*works: tuple[int, Callable[[], Any]]) -> list[float]:
    """CPU milliseconds that each work costs, the least of some rounds; the rounds take turns, so that what slows the
    machine down slows all of them."""
    for _, work in works:
        work()  # what is made once a process is made now
    spent = [float("inf")] * len(works)
    for _ in range(_ROUNDS):
        for place, (times, work) in enumerate(works):
            before = cpu_seconds()
            for _ in range(times):
                work()
            spent[place] = min(spent[place], 1000 * (cpu_seconds() - before) / times)
    return spent
