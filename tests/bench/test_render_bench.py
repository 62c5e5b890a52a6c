"""A slice of `doorstep bench render`: what it measures is what leaves, and the floor beside it says the same."""

import json

from app.bench.render import LINES, bare_templates, bench_render, order_of
from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, PUBLIC_URL
from app.messages.rendering.render import Renderer
from app.messages.rendering.view import fields
from app.settings import shipped
from tests.cli.test_commands import run


def test_the_floor_writes_the_same_message():
    """Bare Jinja2 gives the email's very HTML and subject, of an order of ten lines."""
    template = Catalog(shipped("templates"), PUBLIC_URL).resolve("fjallhem", "en", "out_for_delivery", "email")
    facts = order_of(LINES)
    sent = Renderer().render_email(template, facts, PERSON, LINKS, NOW)
    known = fields(template, facts, PERSON, LINKS, NOW)
    bare = {name: one.render(known) for name, one in bare_templates(template).items()}
    assert bare["html"] == sent.html and " ".join(bare["subject"].split()) == sent.subject
    assert f"and {LINES - 1} more" in sent.subject and sent.html.count("Wool blanket number") > 5


def test_both_channels_are_measured():
    """Compiling each time costs many times what filling in does; the command prints the ratio."""
    email, sms = bench_render(50)
    assert (email.channel, sms.channel) == ("email", "sms")
    assert email.naive_ms > 5 * email.cpu_ms > 0 and email.view_ms < email.cpu_ms and email.ratio > 0.5
    first, _ = json.loads(run("bench", "render", "--messages", "50", "--json")[1])
    assert first["channel"] == "email" and first["ratio"] > 0 and "within" in first
