"""German, French and Spanish as a shopper reads them: subjects and text messages, read by eye and kept whole."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

import pytest

from app.messages.catalog import Catalog
from app.messages.checking.corpus import LINKS, NOW, PERSON, facts_for, other
from app.messages.rendering.moments import Speech, customs, spoken
from app.messages.rendering.render import Renderer
from app.models.facts import Eta, Facts, Item, News, Pickup, Promise, ShopperFacts
from app.models.vocabulary import Cause, Milestone
from tests.messages.message_corpus import ROOT

SHOPPERS = {
    "de": ("fjallhem", "de-DE", "Europe/Berlin", "Wolldecke"),
    "fr": ("atelier-ombre", "fr-FR", "Europe/Paris", "Écharpe"),
    "es": ("fjallhem", "es-ES", "Europe/Madrid", "Manta de lana"),
}
_THURSDAY = Eta(
    starts_at=datetime(2026, 11, 26, 13, tzinfo=UTC), ends_at=datetime(2026, 11, 26, 15, tzinfo=UTC),
    was_day=date(2026, 11, 25),
)  # fmt: skip
_TWO = {"merged": (other(2, Milestone.in_transit, "Lamp"),), "eta": Eta()}
_FRIDAY = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)

CASES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "sent, a day is known": ("dispatched", {"eta": _THURSDAY}),
    "two sent together": ("dispatched", _TWO),
    "on the way, no day": ("in_transit", {"eta": Eta(), "promise": Promise()}),
    "comes today": ("out_for_delivery", {}),
    "two come today": ("out_for_delivery", _TWO),
    "late, a new day": ("delayed", {"eta": _THURSDAY}),
    "late, no new day": ("delayed", {"eta": Eta()}),
    "nothing heard": (
        "delayed",
        {
            "eta": Eta(), "promise": Promise(on=date(2026, 12, 1)),
            "news": News(milestone=Milestone.delayed, cause=Cause.silence, occurred_at=NOW),
        },
    ),
    "another day": ("eta_changed", {"eta": _THURSDAY}),
    "delivered last week": (
        "delivered", {"news": News(milestone=Milestone.delivered, occurred_at=_FRIDAY, place="Lyon")},
    ),
    "waits at a counter": ("ready_for_pickup", {}),
    "nobody was there": ("attempt_failed", {"place": None}),
    "held up": ("exception", {"eta": Eta(), "promise": Promise()}),
    "the whole order is there": ("all_delivered", {"other_parcels": (other(2, Milestone.delivered, "Lamp"),)}),
    "a return was handed in": ("return_dispatched", {}),
    "a return has arrived": ("return_received", {}),
}  # fmt: skip

SAID: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "de": {
        "sent, a day is known": (
            "Unterwegs, voraussichtlich Donnerstag, 26. November, 14:00–16:00: Wolldecke und noch 1",
            "Fjällhem: Unterwegs, voraussichtlich Do., 26. Nov. 14:00-16:00: Wolldecke und noch 1.",
        ),
        "two sent together": (
            "Unterwegs: 2 Pakete",
            "Fjällhem: Unterwegs: 2 Pakete.",
        ),
        "on the way, no day": (
            "Unterwegs: Wolldecke und noch 1",
            "Fjällhem: Unterwegs zu dir: Wolldecke und noch 1.",
        ),
        "comes today": (
            "Kommt heute, 14:00–16:00: Wolldecke und noch 1",
            "Fjällhem: Kommt heute 14:00-16:00: Wolldecke und noch 1.",
        ),
        "two come today": (
            "Heute in Zustellung: 2 Pakete",
            "Fjällhem: Heute in Zustellung: 2 Pakete.",
        ),
        "late, a new day": (
            "Verspätet, jetzt voraussichtlich Donnerstag, 26. November, 14:00–16:00: Wolldecke und noch 1",
            "Fjällhem: Leider verspätet, jetzt voraussichtlich Do., 26. Nov. 14:00-16:00: Wolldecke und noch 1.",
        ),
        "late, no new day": (
            "Verspätet, zugesagt für gestern: Wolldecke und noch 1",
            "Fjällhem: Leider verspätet, noch kein neuer Tag: Wolldecke und noch 1.",
        ),
        "nothing heard": (
            "Zurzeit nichts Neues: Wolldecke und noch 1",
            "Fjällhem: Zurzeit leider nichts Neues von deinem Paket: Wolldecke und noch 1.",
        ),
        "another day": (
            "Jetzt voraussichtlich Donnerstag, 26. November, 14:00–16:00 (bisher morgen): Wolldecke und noch 1",
            "Fjällhem: Jetzt voraussichtlich Do., 26. Nov. 14:00-16:00 (bisher morgen): Wolldecke und noch 1.",
        ),
        "delivered last week": (
            "Zugestellt Freitag, 20. November, 09:30, Lyon: Wolldecke und noch 1",
            "Fjällhem: Zugestellt Fr., 20. Nov. 09:30, Lyon: Wolldecke und noch 1. Nicht da?",
        ),
        "waits at a counter": (
            "Bereit zum Abholen bis Dienstag, 1. Dezember, Tabac 12: Wolldecke und noch 1",
            "Fjällhem: Bereit zum Abholen bei Tabac 12 bis Di., 1. Dez.: Wolldecke und noch 1.",
        ),
        "nobody was there": (
            "Zustellversuch heute, 06:42: Wolldecke und noch 1",
            "Fjällhem: Zustellversuch heute 06:42, nicht übergeben: Wolldecke und noch 1.",
        ),
        "held up": (
            "Unterwegs aufgehalten: Wolldecke und noch 1",
            "Fjällhem: Leider unterwegs aufgehalten: Wolldecke und noch 1.",
        ),
        "the whole order is there": (
            "Alles ist da: Bestellung FH-10482",
            "Fjällhem: Alles ist da, beide Pakete (Bestellung FH-10482). Fehlt etwas?",
        ),
        "a return was handed in": (
            "Deine Rücksendung ist unterwegs zu uns: Wolldecke und noch 1",
            "Fjällhem: Deine Rücksendung ist unterwegs zu uns, abgegeben heute 06:42: Wolldecke und noch 1.",
        ),
        "a return has arrived": (
            "Deine Rücksendung ist angekommen: Wolldecke und noch 1",
            "Fjällhem: Deine Rücksendung ist bei uns: Wolldecke und noch 1. Wie es weitergeht:",
        ),
    },
    "fr": {
        "sent, a day is known": (
            "En route, prévu jeudi 26 novembre, 14:00–16:00 : Écharpe et 1 de plus",
            "Atelier Ombre : En route, prévu jeu. 26 nov. 14:00-16:00 : Écharpe et 1 de plus.",
        ),
        "two sent together": (
            "En route : 2 colis",
            "Atelier Ombre : En route : 2 colis.",
        ),
        "on the way, no day": (
            "En route : Écharpe et 1 de plus",
            "Atelier Ombre : En route : Écharpe et 1 de plus.",
        ),
        "comes today": (
            "Arrive aujourd’hui, 14:00–16:00 : Écharpe et 1 de plus",
            "Atelier Ombre : Arrive aujourd'hui 14:00-16:00 : Écharpe et 1 de plus.",
        ),
        "two come today": (
            "En cours de livraison aujourd’hui : 2 colis",
            "Atelier Ombre : En cours de livraison aujourd'hui : 2 colis.",
        ),
        "late, a new day": (
            "En retard, maintenant prévu jeudi 26 novembre, 14:00–16:00 : Écharpe et 1 de plus",
            "Atelier Ombre : Désolés, du retard, maintenant prévu jeu. 26 nov. 14:00-16:00 : Écharpe et 1 de plus.",
        ),
        "late, no new day": (
            "En retard, promis pour hier : Écharpe et 1 de plus",
            "Atelier Ombre : Désolés, du retard, pas encore de nouvelle date : Écharpe et 1 de plus.",
        ),
        "nothing heard": (
            "Sans nouvelles récentes : Écharpe et 1 de plus",
            "Atelier Ombre : Désolés, pas de nouvelles de votre colis pour le moment : Écharpe et 1 de plus.",
        ),
        "another day": (
            "Maintenant prévu jeudi 26 novembre, 14:00–16:00 (avant : demain) : Écharpe et 1 de plus",
            "Atelier Ombre : Maintenant prévu jeu. 26 nov. 14:00-16:00 (avant : demain) : Écharpe et 1 de plus.",
        ),
        "delivered last week": (
            "Livré vendredi 20 novembre, 09:30, Lyon : Écharpe et 1 de plus",
            "Atelier Ombre : Livré ven. 20 nov. 09:30, Lyon : Écharpe et 1 de plus. Pas trouvé ?",
        ),
        "waits at a counter": (
            "À retirer jusqu’à mardi 1er décembre, Tabac 12 : Écharpe et 1 de plus",
            "Atelier Ombre : A retirer : Tabac 12, dernier jour mar. 1er déc. (Écharpe et 1 de plus).",
        ),
        "nobody was there": (
            "Livraison tentée aujourd’hui, 06:42 : Écharpe et 1 de plus",
            "Atelier Ombre : Livraison tentée aujourd'hui 06:42, sans succès (Écharpe et 1 de plus).",
        ),
        "held up": (
            "Retenu en route : Écharpe et 1 de plus",
            "Atelier Ombre : Désolés, retenu en route : Écharpe et 1 de plus.",
        ),
        "the whole order is there": (
            "Tout est arrivé : commande FH-10482",
            "Atelier Ombre : Tout est arrivé, 2 colis (commande FH-10482). Il manque un article ?",
        ),
        "a return was handed in": (
            "Votre retour est en route vers nous : Écharpe et 1 de plus",
            "Atelier Ombre : Votre retour est en route vers nous, déposé aujourd'hui 06:42 : Écharpe et 1 de plus.",
        ),
        "a return has arrived": (
            "Votre retour est arrivé : Écharpe et 1 de plus",
            "Atelier Ombre : Votre retour est arrivé chez nous : Écharpe et 1 de plus. La suite :",
        ),
    },
    "es": {
        "sent, a day is known": (
            "En camino, previsto para el jueves 26 de noviembre, 14:00–16:00: Manta de lana y 1 más",
            "Fjällhem: En camino, previsto jue 26 nov 14:00-16:00: Manta de lana y 1 mas.",
        ),
        "two sent together": (
            "En camino: 2 paquetes",
            "Fjällhem: En camino: 2 paquetes.",
        ),
        "on the way, no day": (
            "En camino: Manta de lana y 1 más",
            "Fjällhem: En camino hacia ti: Manta de lana y 1 mas.",
        ),
        "comes today": (
            "Llega hoy, 14:00–16:00: Manta de lana y 1 más",
            "Fjällhem: Llega hoy 14:00-16:00: Manta de lana y 1 mas.",
        ),
        "two come today": (
            "En reparto hoy: 2 paquetes",
            "Fjällhem: En reparto hoy: 2 paquetes.",
        ),
        "late, a new day": (
            "Con retraso, ahora previsto para el jueves 26 de noviembre, 14:00–16:00: Manta de lana y 1 más",
            "Fjällhem: Lo sentimos, con retraso, ahora previsto jue 26 nov 14:00-16:00: Manta de lana y 1 mas.",
        ),
        "late, no new day": (
            "Con retraso, prometido para ayer: Manta de lana y 1 más",
            "Fjällhem: Lo sentimos, con retraso, sin nueva fecha por ahora: Manta de lana y 1 mas.",
        ),
        "nothing heard": (
            "Sin noticias recientes: Manta de lana y 1 más",
            "Fjällhem: Lo sentimos, sin noticias recientes de tu paquete: Manta de lana y 1 mas.",
        ),
        "another day": (
            "Ahora previsto para el jueves 26 de noviembre, 14:00–16:00 (antes, mañana): Manta de lana y 1 más",
            "Fjällhem: Ahora previsto jue 26 nov 14:00-16:00 (antes, mañana): Manta de lana y 1 mas.",
        ),
        "delivered last week": (
            "Entregado el viernes 20 de noviembre, 9:30, Lyon: Manta de lana y 1 más",
            "Fjällhem: Entregado vie 20 nov 9:30, Lyon: Manta de lana y 1 mas. ¿No lo ves?",
        ),
        "waits at a counter": (
            "Para recoger hasta el martes 1 de diciembre, Tabac 12: Manta de lana y 1 más",
            "Fjällhem: Para recoger en Tabac 12 hasta mar 1 dic: Manta de lana y 1 mas.",
        ),
        "nobody was there": (
            "Intento de entrega hoy, 6:42: Manta de lana y 1 más",
            "Fjällhem: Intento de entrega hoy 6:42, no se pudo entregar: Manta de lana y 1 mas.",
        ),
        "held up": (
            "Retenido en el camino: Manta de lana y 1 más",
            "Fjällhem: Lo sentimos, retenido en el camino: Manta de lana y 1 mas.",
        ),
        "the whole order is there": (
            "Ha llegado todo: pedido FH-10482",
            "Fjällhem: Ha llegado todo, 2 paquetes (pedido FH-10482). ¿Falta algo?",
        ),
        "a return was handed in": (
            "Tu devolución está en camino: Manta de lana y 1 más",
            "Fjällhem: Tu devolucion viene en camino, entregada hoy 6:42: Manta de lana y 1 mas.",
        ),
        "a return has arrived": (
            "Tu devolución ha llegado: Manta de lana y 1 más",
            "Fjällhem: Tu devolucion ha llegado: Manta de lana y 1 mas. Qué viene ahora:",
        ),
    },
}


def _told(language: str, case: str) -> tuple[str, Facts]:
    """A case as a shopper of that language has it, with two things of which one is named in it."""
    key, changed = CASES[case]
    _, locale, zone, thing = SHOPPERS[language]
    shopper = ShopperFacts(has_email=True, has_phone=True, locale=locale, country=locale[-2:], zone=zone)
    told = facts_for(key, **{**changed, "shopper": shopper, "items": (Item(name=thing), Item(name="x"))})
    if key == "ready_for_pickup":
        waiting = {"pickup": Pickup(name="Tabac 12", until=date(2026, 12, 1)), "milestone_at": NOW}
        told = told.model_copy(update={"parcel": told.parcel.model_copy(update=waiting)})
    return key, told


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("language", SHOPPERS)
def test_a_shopper_reads_their_own_language(catalog: Catalog, renderer: Renderer, language: str, case: str) -> None:
    """Subject and text message, whole, as a native reader found them good."""
    key, told = _told(language, case)
    brand = SHOPPERS[language][0]
    email = renderer.render_email(catalog.resolve(brand, language, key, "email"), told, PERSON, LINKS, NOW)
    sms = renderer.render_sms(catalog.resolve(brand, language, key, "sms"), told, PERSON, LINKS, NOW)
    assert (email.subject, sms.text) == (SAID[language][case][0], f"{SAID[language][case][1]} {LINKS.short}")


def _speech(language: str, country: str) -> Speech:
    words = {"today": "hoy", "tomorrow": "mañana", "yesterday": "ayer", "at": "a las", "by": "antes de las"}
    return spoken(words | {"from": "a partir de las"}, customs(language, country), "UTC", NOW)


@pytest.mark.parametrize(
    ("language", "country", "day", "long", "short"),
    [
        ("fr", "FR", date(2026, 12, 1), "mardi 1er décembre", "mar. 1er déc."),
        ("fr", "CH", date(2026, 12, 11), "vendredi 11 décembre", "ven. 11 déc."),
        ("de", "DE", date(2026, 12, 1), "Dienstag, 1. Dezember", "Di., 1. Dez."),
        ("es", "ES", date(2026, 12, 1), "el martes 1 de diciembre", "mar 1 dic"),
        ("es", "MX", date(2026, 12, 1), "el martes 1 de diciembre", "mar 1 de dic"),
    ],
)
def test_a_day_fits_into_a_sentence(language: str, country: str, day: date, long: str, short: str) -> None:
    """The French first of a month is `1er`, and a Spanish day has its article, so that either stands in a sentence."""
    speech = _speech(language, country)
    assert (speech.day(day), speech.day(day, short=True)) == (long, short)


@pytest.mark.parametrize(
    ("country", "hour", "said"),
    [
        ("ES", time(1, 5), "a la 1:05"),
        ("ES", time(13, 5), "a las 13:05"),
        ("ES", time(11, 0), "a las 11:00"),
        ("MX", time(13, 5), "a la 1:05 pm"),
        ("MX", time(23, 30), "a las 11:30 pm"),
    ],
)
def test_one_o_clock_is_one(country: str, hour: time, said: str) -> None:
    """Spanish says `a la` of one o'clock, by the clock of 24 hours and of 12; no full stop ends the time itself."""
    instant = datetime.combine(NOW.date(), hour, tzinfo=UTC)
    assert _speech("es", country).at_time("a las", instant).replace("\u202f", " ") == said


def test_a_window_that_ends_at_one_agrees() -> None:
    """The small words before a window's single hour agree with it too."""
    end = datetime.combine(NOW.date() + timedelta(days=1), time(1, 0), tzinfo=UTC)
    assert _speech("es", "ES").hours(None, end) == "antes de la 1:00"


def test_french_marks_stand_off_and_never_break(catalog: Catalog, renderer: Renderer) -> None:
    """Before : ; ? and inside « » French has a narrow no-break space, in the letter's own lines too."""
    _, told = _told("fr", "late, no new day")
    template = catalog.resolve("atelier-ombre", "fr", "delayed", "email")
    text = renderer.render_email(template, told, PERSON, LINKS, NOW).text.replace("https:", "")
    for at, letter in enumerate(text):
        if letter in ":;?!»":
            assert text[at - 1] == "\u202f", text[max(0, at - 30) : at + 5]
    assert "'" not in text


@pytest.mark.parametrize("language", SHOPPERS)
def test_quotes_are_the_languages_own(catalog: Catalog, renderer: Renderer, language: str) -> None:
    """What a carrier noted stands in the quotation marks of the language."""
    told = facts_for("exception")
    template = catalog.resolve("fjallhem", language, "exception", "email")
    quoted = {"de": "„{}“", "fr": "«\u202f{}\u202f»", "es": "«{}»"}[language].format("Left at the front door")
    assert quoted in renderer.render_email(template, told, PERSON, LINKS, NOW).text


@pytest.mark.parametrize("language", SHOPPERS)
def test_all_words_are_written(language: str) -> None:
    """Straight apostrophes and quotes are the keyboard's, not the language's."""
    for path in sorted((ROOT / "messages" / language).glob("*.email.md")):
        for line in path.read_text(encoding="utf-8").splitlines():
            bare = re.sub(r"\{.*?\}+", "", line)
            assert "'" not in bare and " ..." not in bare, (path.name, line)
