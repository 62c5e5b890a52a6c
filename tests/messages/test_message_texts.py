"""Small tools on text: Markdown with tags, the letters of an SMS, days and hours, and outside words made fit."""

from datetime import UTC, date, datetime

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from app.messages.authoring.markup import body_html, body_text, line_html
from app.messages.rendering.gsm import fits_gsm, segments, to_gsm
from app.messages.rendering.hostile import initial, place_name, quoted, safe_picture, tidy
from app.messages.rendering.moments import customs, money, spoken

_WORDS = {"today": "today", "tomorrow": "tomorrow", "yesterday": "yesterday", "at": "at", "by": "by", "from": "from"}


def test_tags_come_through_markdown_untouched() -> None:
    """Values, conditions and loops keep every letter; a condition alone on a line wraps blocks, not words."""
    source = (
        "{% if a < b and c == '**x**' %}\n**Bold** {{ d | default(\"_e_\") }}\n{% else %}\n- one\n{% endif %}\n"
        "{# a remark #}{% for x in y %}{{ x }}{% endfor %}"
    )
    html = body_html(source, {})
    assert html == (
        "{% if a < b and c == '**x**' %}\n"
        '<p><strong>Bold</strong> {{ d | default("_e_") }}</p>\n'
        "{% else %}\n<ul>\n<li>one</li>\n</ul>\n{% endif %}\n"
        "<p>{% for x in y %}{{ x }}{% endfor %}</p>\n"
    )


def test_markup_written_by_a_marketer_is_text() -> None:
    """Raw HTML in a message's text is shown, not obeyed; so are a picture and a scripted link."""
    html = body_html("<img src=x onerror=1> <script>x</script> [go](javascript:alert(1)) ![p](https://x.example/p)", {})
    assert "<script" not in html and "<img" not in html and 'href="javascript' not in html
    assert line_html("A & B <i> {{ x > '<' }}") == "A &amp; B &lt;i&gt; {{ x > '<' }}"


def test_a_link_to_a_value_is_held_to_addresses() -> None:
    """A link whose target is a value passes the `url` filter; one that only ends in a value is left alone."""
    assert 'href="{{ (brand.support_url) | url }}"' in body_html("[help]({{ brand.support_url }})", {})
    assert 'href="https://x.example/{{ order.number }}"' in body_html("[x](https://x.example/{{ order.number }})", {})


def test_markdown_reads_as_a_letter() -> None:
    """Marks go, links show their address, lists keep their dashes."""
    text = body_text("## Head\n\nSome **bold** [words](https://x.example).\n\n- one\n- two\n\nEnd")
    assert text == "Head\n\nSome bold words: https://x.example.\n\n- one\n- two\n\nEnd"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("å" * 306, 2),
        ("ł" * 70, 1),
        ("ł" * 71, 2),
        ("🧣" * 35, 1),
        ("🧣" * 36, 2),
        ("", 1),
    ],
)
def test_segments_are_counted_as_they_are_billed(text: str, count: int) -> None:
    """160 and 153 GSM letters, some of which count twice; 70 and 67 UTF-16 units otherwise."""
    assert segments(text) == count


def test_typography_does_not_cost_a_segment() -> None:
    """Curly quotes, dashes, hard spaces, accents outside GSM and emoji are put in GSM letters."""
    assert (
        to_gsm("Manteau\u00a0“Été” – l’ombre… ê ç œ 🎁 14:00\u202fPM") == 'Manteau "Été" - l\'ombre... e c oe  14:00 PM'
    )
    assert to_gsm("åäöÅÄÖéü€") == "åäöÅÄÖéü€"
    assert to_gsm("Привет") == "Привет"


@given(st.text(max_size=60))
def test_gsm_letters_are_never_dearer(text: str) -> None:
    """Whatever the text, putting it in GSM letters is stable, and Latin text then fits the alphabet."""
    once = to_gsm(text)
    assert to_gsm(once) == once
    if text.isascii() and text.isprintable():
        assert fits_gsm(once.replace("`", ""))


@given(st.text(max_size=400))
def test_outside_text_becomes_one_short_visible_line(text: str) -> None:
    """No control, no newline, no direction override, no more than was asked for; doing it twice changes nothing."""
    done = tidy(text, 100)
    assert len(done) <= 100 and "\n" not in done and "\x00" not in done and "\u202e" not in done
    assert done == done.strip() and tidy(done, 100) == done
    assert "://" not in quoted(f"{text} https://evil.example/x", 4000)


def test_small_courtesies() -> None:
    """Shouted places are calmed, a thing's letter is found behind its emoji, and only pictures are fetched."""
    assert place_name("HAMBURG - DE") == "Hamburg - DE" and place_name("Jönköping") == "Jönköping"
    assert (initial("🧣 scarf"), initial("«été»"), initial("🧣")) == ("S", "É", "•")
    assert safe_picture("https://x.example/a.png") and not safe_picture('https://x.example/"onload=')
    assert not safe_picture("data:image/png;base64,xx") and not safe_picture(None)


@pytest.mark.parametrize(
    ("language", "country", "said"),
    [
        ("en", None, "Thursday 26 November"),
        ("en", "SE", "Thursday 26 November"),
        ("en", "US", "Thursday, November 26"),
        ("en", "ZZ", "Thursday 26 November"),
        ("sv", "SE", "torsdag 26 november"),
        ("fr", "FR", "jeudi 26 novembre"),
        ("fr", "CH", "jeudi 26 novembre"),
        ("de", "AT", "Donnerstag, 26. November"),
        ("es", None, "el jueves 26 de noviembre"),
        ("pt-BR", "BR", "quinta-feira, 26 de novembro"),
        ("ja", "JP", "11月26日木曜日"),
    ],
)
def test_days_are_written_by_local_custom_without_the_year(language: str, country: str | None, said: str) -> None:
    """A day is weekday, day and month in the order and letters of the language and the country."""
    speech = spoken(_WORDS, customs(language, country), "Europe/Stockholm", datetime(2026, 11, 24, 12, tzinfo=UTC))
    assert speech.day(date(2026, 11, 26)) == said


@pytest.mark.parametrize(
    ("zone", "said"),
    [("Pacific/Kiritimati", "today"), ("Europe/Stockholm", "tomorrow"), ("Pacific/Honolulu", "tomorrow")],
)
def test_today_is_the_shoppers_today(zone: str, said: str) -> None:
    """At noon UTC on the 24th it is already the 25th at the date line, and still the 24th elsewhere."""
    speech = spoken(_WORDS, Locale("en"), zone, datetime(2026, 11, 24, 12, tzinfo=UTC))
    assert speech.day(date(2026, 11, 25)) == said


def test_hours_keep_their_zone_when_the_clocks_change() -> None:
    """On the night the clocks go back, an hour from 02:30 to 02:30 is said as its end."""
    speech = spoken(_WORDS, customs("en", "SE"), "Europe/Stockholm", datetime(2026, 10, 25, 0, tzinfo=UTC))
    assert (
        speech.hours(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == "by 02:30"
    )


def test_money_is_counted_in_its_own_minor_units() -> None:
    """Kronor have a hundredth, yen none, and an unknown code is shown as it is."""
    assert money(419500, "SEK", "sv_SE").replace("\xa0", " ") == "4 195,00 kr"
    assert money(4195, "JPY", "en_GB") == "JP¥4,195"
