"""The pages for shoppers of whom nothing is known, not even the shop: a link that opens nothing, a fault, a test
message's link. They speak the language that the browser asks for, where we do.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from app.rehearsal.samples import SAMPLE_PAGE
from app.web.pages import page

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_MOST = 10
_OTHERWISE = "en"


class _Told(NamedTuple):
    title: str
    lines: tuple[str, ...]


class _Ends(NamedTuple):
    """What each page says; `again` is the last line of both pages of a fault. The reader is addressed as in the
    templates that ship."""

    lost: _Told
    ours: _Told
    unread: _Told
    sample: _Told
    again: str


_IN = {
    "en": _Ends(
        _Told(
            "This link opens nothing",
            (
                "It may have been cut short on its way, or the parcel arrived long ago and its page has been put away.",
                "Open the link from your latest message again. If that does not help, write to the shop that you"
                " ordered from: they can see your parcel.",
            ),
        ),
        _Told(
            "This page cannot be shown just now",
            ("The fault is on our side and has nothing to do with your parcel. Wait a minute, then open it again.",),
        ),
        _Told(
            "That could not be read",
            ("Nothing was changed. Go back and try once more, or open the link from your latest message again.",),
        ),
        _Told(
            "This was a test message",
            (
                "Somebody at the shop tried out how a message looks. There is no parcel behind this link, and nothing"
                " was changed by opening it.",
                "In a message to a shopper, the same link opens the page of their parcel, or what they have chosen to"
                " be told.",
            ),
        ),
        "If that does not help, write to the shop that you ordered from: they can see your parcel.",
    ),
    "sv": _Ends(
        _Told(
            "Den här länken leder ingenstans",
            (
                "Den kan ha kortats av på vägen, eller så kom paketet fram för länge sedan och sidan är borttagen.",
                "Öppna länken i ditt senaste meddelande igen. Hjälper det inte, skriv till butiken där du beställde:"
                " de kan se ditt paket.",
            ),
        ),
        _Told(
            "Sidan kan inte visas just nu",
            ("Felet ligger hos oss och har inget med ditt paket att göra. Vänta en minut och öppna sidan igen.",),
        ),
        _Told(
            "Det gick inte att läsa",
            ("Inget har ändrats. Gå tillbaka och försök en gång till, eller öppna länken i ditt senaste meddelande.",),
        ),
        _Told(
            "Det här var ett testmeddelande",
            (
                "Någon i butiken provade hur ett meddelande ser ut. Det finns inget paket bakom länken, och inget"
                " ändrades när du öppnade den.",
                "I ett meddelande till en kund öppnar samma länk sidan för paketet, eller det kunden har valt att få"
                " veta.",
            ),
        ),
        "Hjälper det inte, skriv till butiken där du beställde: de kan se ditt paket.",
    ),
    "de": _Ends(
        _Told(
            "Dieser Link führt nirgendwohin",
            (
                "Vielleicht ist er unterwegs abgeschnitten worden, oder das Paket ist längst da und seine Seite wurde"
                " entfernt.",
                "Öffne den Link aus deiner letzten Nachricht noch einmal. Wenn das nicht hilft, schreib dem Shop, bei"
                " dem du bestellt hast: Dort kann man dein Paket sehen.",
            ),
        ),
        _Told(
            "Diese Seite lässt sich gerade nicht zeigen",
            (
                "Der Fehler liegt bei uns und hat nichts mit deinem Paket zu tun. Warte eine Minute und öffne die"
                " Seite dann noch einmal.",
            ),
        ),
        _Told(
            "Das ließ sich nicht lesen",
            (
                "Es wurde nichts geändert. Geh zurück und versuch es noch einmal, oder öffne den Link aus deiner"
                " letzten Nachricht.",
            ),
        ),
        _Told(
            "Das war eine Testnachricht",
            (
                "Im Shop hat jemand ausprobiert, wie eine Nachricht aussieht. Hinter diesem Link steht kein Paket, und"
                " durch das Öffnen hat sich nichts geändert.",
                "In einer Nachricht an Kunden öffnet derselbe Link die Seite zu ihrem Paket, oder was sie erfahren"
                " möchten.",
            ),
        ),
        "Wenn das nicht hilft, schreib dem Shop, bei dem du bestellt hast: Dort kann man dein Paket sehen.",
    ),
    "fr": _Ends(
        _Told(
            "Ce lien ne mène nulle part",
            (
                "Il a peut-être été coupé en route, ou le colis est arrivé depuis longtemps et sa page a été retirée.",
                "Ouvrez à nouveau le lien de votre dernier message. Si cela n’aide pas, écrivez à la boutique où vous"
                " avez commandé\u202f: elle peut voir votre colis.",
            ),
        ),
        _Told(
            "Cette page ne peut pas être affichée pour l’instant",
            (
                "Le problème vient de chez nous et ne concerne pas votre colis. Attendez une minute, puis ouvrez-la à"
                " nouveau.",
            ),
        ),
        _Told(
            "Cela n’a pas pu être lu",
            (
                "Rien n’a été modifié. Revenez en arrière et réessayez, ou ouvrez à nouveau le lien de votre dernier"
                " message.",
            ),
        ),
        _Told(
            "C’était un message d’essai",
            (
                "Quelqu’un à la boutique a essayé un message pour voir son aspect. Il n’y a pas de colis derrière ce"
                " lien, et l’ouvrir n’a rien changé.",
                "Dans un message destiné à un client, le même lien ouvre la page de son colis, ou ce qu’il a choisi de"
                " recevoir.",
            ),
        ),
        "Si cela n’aide pas, écrivez à la boutique où vous avez commandé\u202f: elle peut voir votre colis.",
    ),
    "es": _Ends(
        _Told(
            "Este enlace no lleva a ninguna parte",
            (
                "Puede que se haya cortado por el camino, o que el paquete llegara hace tiempo y su página ya no esté.",
                "Abre otra vez el enlace de tu último mensaje. Si no sirve, escribe a la tienda en la que compraste:"
                " allí pueden ver tu paquete.",
            ),
        ),
        _Told(
            "Esta página no se puede mostrar ahora mismo",
            ("El fallo es nuestro y no tiene que ver con tu paquete. Espera un minuto y vuelve a abrirla.",),
        ),
        _Told(
            "No se ha podido leer",
            ("No se ha cambiado nada. Vuelve atrás e inténtalo de nuevo, o abre el enlace de tu último mensaje.",),
        ),
        _Told(
            "Era un mensaje de prueba",
            (
                "Alguien de la tienda probó qué aspecto tiene un mensaje. No hay ningún paquete detrás de este enlace,"
                " y abrirlo no ha cambiado nada.",
                "En un mensaje a un cliente, el mismo enlace abre la página de su paquete, o lo que ha elegido"
                " recibir.",
            ),
        ),
        "Si no sirve, escribe a la tienda en la que compraste: allí pueden ver tu paquete.",
    ),
    "nl": _Ends(
        _Told(
            "Deze link leidt nergens heen",
            (
                "Misschien is hij onderweg afgebroken, of is het pakket allang bezorgd en is de pagina weggehaald.",
                "Open de link uit je laatste bericht nog eens. Helpt dat niet, schrijf dan naar de winkel waar je hebt"
                " besteld: daar kunnen ze je pakket zien.",
            ),
        ),
        _Told(
            "Deze pagina kan nu niet worden getoond",
            (
                "De fout ligt bij ons en heeft niets met je pakket te maken. Wacht een minuut en probeer het dan"
                " opnieuw.",
            ),
        ),
        _Told(
            "Dat was niet te lezen",
            ("Er is niets veranderd. Ga terug en probeer het nog eens, of open de link uit je laatste bericht.",),
        ),
        _Told(
            "Dit was een testbericht",
            (
                "Iemand bij de winkel heeft uitgeprobeerd hoe een bericht eruitziet. Achter deze link zit geen pakket,"
                " en door hem te openen is er niets veranderd.",
                "In een bericht aan een klant opent dezelfde link de pagina van het pakket, of wat de klant wil horen.",
            ),
        ),
        "Helpt dat niet, schrijf dan naar de winkel waar je hebt besteld: daar kunnen ze je pakket zien.",
    ),
}


def understood(request: Request) -> Sequence[str]:
    """The languages that a browser asks for, in its order."""
    asked = request.headers.get("accept-language", "")[:200].split(",")
    named = [one.split(";")[0].strip().lower().split("-")[0] for one in asked]
    return list(dict.fromkeys(one for one in named if _LANGUAGE.fullmatch(one)))[:_MOST]


def lost(request: Request, token: str = "") -> Response:
    """The friendly answer to a link that opens nothing; another one to the link of a message that was only a test."""
    language = _language(request)
    told = _IN[language]
    return _page(language, told.sample, 200) if token == SAMPLE_PAGE else _page(language, told.lost, 404)


def trouble(request: Request, status: int) -> Response:
    """What a shopper is told where something went wrong, here (5xx) or in what was asked."""
    language = _language(request)
    told = _IN[language].ours if status >= 500 else _IN[language].unread
    return _page(language, told._replace(lines=(*told.lines, _IN[language].again)), status)


def _language(request: Request) -> str:
    return next((one for one in understood(request) if one in _IN), _OTHERWISE)


def _page(language: str, told: _Told, status: int) -> Response:
    answer = page("shoppers/dead_end.html", {"language": language, **told._asdict()}, status)
    answer.headers["Vary"] = "Accept-Language"
    return answer
