"""The invented people, places and goods of the sample shop. Nobody here exists, and no number here reaches anyone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Land:
    """A country the shop sends to: how its people are called, where they live, what they pay with."""

    country: str
    locale: str
    currency: str
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class House:
    """One of the two brands: where its parcels start, where they go, and what is in them (sku, name, cents)."""

    key: str
    prefix: str
    origin: str
    warehouse: str
    hub: str
    lands: tuple[str, ...]
    goods: tuple[tuple[str, str, int], ...]


LANDS: dict[str, Land] = {
    "SE": Land(
        "SE", "sv-SE", "SEK",
        ("Astrid", "Elin", "Maja", "Signe", "Ebba", "Nils", "Axel", "Hjalmar", "Gustav", "Åke"),
        ("Lundqvist", "Sjögren", "Åkerblad", "Nyström", "Fjällgren", "Holmstrand", "Björkdahl", "Ekfors"),
        (("Stockholm", "118 20"), ("Göteborg", "411 04"), ("Umeå", "903 26"), ("Östersund", "831 31")),
    ),
    "NO": Land(
        "NO", "nb-NO", "NOK",
        ("Ingrid", "Solveig", "Tuva", "Marit", "Sindre", "Eirik", "Håkon", "Torbjørn"),
        ("Fjeldstad", "Nordvik", "Haugerud", "Sætre", "Brekkhus", "Lysø"),
        (("Oslo", "0182"), ("Bergen", "5003"), ("Tromsø", "9008"), ("Trondheim", "7011")),
    ),
    "FI": Land(
        "FI", "fi-FI", "EUR",
        ("Aino", "Helmi", "Venla", "Kaisa", "Väinö", "Eero", "Onni", "Pekka"),
        ("Järvelä", "Koskimies", "Hakala", "Mäntysalo", "Lehtoranta", "Ylönen"),
        (("Helsinki", "00530"), ("Tampere", "33100"), ("Oulu", "90100"), ("Turku", "20100")),
    ),
    "DE": Land(
        "DE", "de-DE", "EUR",
        ("Johanna", "Käthe", "Mareike", "Frieda", "Jürgen", "Lennart", "Matthias", "Jonas"),
        ("Brückner", "Weißenfels", "Kühnast", "Lindemann", "Althoff", "Grünewald", "Sommerfeldt"),
        (("Berlin", "10961"), ("Hamburg", "22767"), ("München", "80469"), ("Köln", "50674"), ("Leipzig", "04107")),
    ),
    "FR": Land(
        "FR", "fr-FR", "EUR",
        ("Amélie", "Chloé", "Inès", "Margaux", "Zoé", "Benoît", "Loïc", "Théo", "François"),
        ("Delacourt", "Lefèvre", "Marchand-Roux", "Beauchêne", "Garrigue", "D'Aubigny", "Perraud"),
        (("Lyon", "69001"), ("Paris", "75011"), ("Nantes", "44000"), ("Marseille", "13006"), ("Lille", "59000")),
    ),
    "BE": Land(
        "BE", "nl-BE", "EUR",
        ("Lotte", "Fien", "Noor", "Jeroen", "Pieter", "Wout", "Élise"),
        ("Van den Broeck", "Declercq", "Vermeersch", "Claes-Dumont", "Peeters"),
        (("Gent", "9000"), ("Antwerpen", "2000"), ("Bruxelles", "1000"), ("Liège", "4000")),
    ),
    "GB": Land(
        "GB", "en-GB", "GBP",
        ("Imogen", "Niamh", "Beatrice", "Harriet", "Rhys", "Callum", "Alistair", "Siân"),
        ("Ashworth", "O'Connell", "Pemberton", "Llewellyn", "Whitcombe", "Fairfax-Blake"),
        (("London", "E8 3PN"), ("Bristol", "BS1 4QA"), ("Edinburgh", "EH6 6JJ"), ("Manchester", "M4 1HQ")),
    ),
}  # fmt: skip

HOUSES: tuple[House, ...] = (
    House(
        "fjallhem", "FH", "SE", "Borås", "Jönköping", ("SE", "SE", "NO", "FI", "DE"),
        (
            ("FH-ULL-01", "Merino base layer", 79_00), ("FH-TLT-2P", "Two-person tent Fjord", 389_00),
            ("FH-SOV-10", "Sleeping bag −10 °C", 249_00), ("FH-KOS-75", "Enamel mug, 3.5 dl", 14_50),
            ("FH-RYG-45", "Rucksack 45 l", 159_00), ("FH-STO-02", "Folding camp stool", 45_00),
            ("FH-LJU-LE", "Storm lantern LED", 62_90), ("FH-FIL-WO", "Wool blanket Vidda", 98_00),
            ("FH-SOC-3P", "Hiking socks, 3 pairs", 29_90), ("FH-YXA-SM", "Small forest axe", 112_00),
        ),
    ),
    House(
        "atelier-ombre", "AO", "FR", "Lyon", "Orléans", ("FR", "FR", "FR", "BE", "DE", "GB"),
        (
            ("AO-MNT-CR", "Manteau long « Crépuscule »", 420_00), ("AO-CHM-LN", "Chemise en lin lavé", 115_00),
            ("AO-PTL-NR", "Pantalon droit noir", 135_00), ("AO-ROB-SO", "Robe portefeuille en soie", 290_00),
            ("AO-FLR-VM", "Foulard vermillon", 65_00), ("AO-CTR-CU", "Ceinture en cuir", 85_00),
            ("AO-TRC-LA", "Tricot en laine", 149_00), ("AO-VST-AT", "Veste d'atelier", 198_00),
        ),
    ),
)  # fmt: skip

RATES = {"EUR": 1, "SEK": 11, "NOK": 12, "GBP": 0.85}
"""Roughly what a euro buys; prices only have to look right."""


def phone_number(index: int) -> str:
    """The index-th number (E.164) out of those that regulators keep free for films and books.

    Sweden's PTS keeps 070-174 06 05…99, Germany's Bundesnetzagentur (Amtsblatt 7/2021, notice 148) 0171-39200 00…99
    and 0176-040690 00…99, and landline blocks such as Berlin's 030-23125 000…999. Every shopper has one of these,
    wherever they live: Norway, Finland and Belgium keep no such range, and those of Britain and France are not valid
    by `phonenumbers`. After 1,295 shoppers the numbers come round again.
    """
    index %= 1295
    if index < 95:
        return f"+467017406{5 + index:02d}"
    if index < 195:
        return f"+4917139200{index - 95:02d}"
    if index < 295:
        return f"+49176040690{index - 195:02d}"
    return f"+493023125{index - 295:03d}"
