"""What colour a style means: by number, by name, or seen through (CSS Color Module Level 4, section 4 to 7)."""

import re
from colorsys import hls_to_rgb
from functools import lru_cache

Colour = tuple[float, float, float, float]
"""Red, green and blue from 0 to 255, and how much of it covers what lies under it, from 0 to 1."""

_NAMES = """
aliceblue=f0f8ff antiquewhite=faebd7 aqua=00ffff aquamarine=7fffd4 azure=f0ffff beige=f5f5dc bisque=ffe4c4
black=000000 blanchedalmond=ffebcd blue=0000ff blueviolet=8a2be2 brown=a52a2a burlywood=deb887 cadetblue=5f9ea0
chartreuse=7fff00 chocolate=d2691e coral=ff7f50 cornflowerblue=6495ed cornsilk=fff8dc crimson=dc143c cyan=00ffff
darkblue=00008b darkcyan=008b8b darkgoldenrod=b8860b darkgray=a9a9a9 darkgreen=006400 darkgrey=a9a9a9 darkkhaki=bdb76b
darkmagenta=8b008b darkolivegreen=556b2f darkorange=ff8c00 darkorchid=9932cc darkred=8b0000 darksalmon=e9967a
darkseagreen=8fbc8f darkslateblue=483d8b darkslategray=2f4f4f darkslategrey=2f4f4f darkturquoise=00ced1
darkviolet=9400d3 deeppink=ff1493 deepskyblue=00bfff dimgray=696969 dimgrey=696969 dodgerblue=1e90ff firebrick=b22222
floralwhite=fffaf0 forestgreen=228b22 fuchsia=ff00ff gainsboro=dcdcdc ghostwhite=f8f8ff gold=ffd700 goldenrod=daa520
gray=808080 green=008000 greenyellow=adff2f grey=808080 honeydew=f0fff0 hotpink=ff69b4 indianred=cd5c5c indigo=4b0082
ivory=fffff0 khaki=f0e68c lavender=e6e6fa lavenderblush=fff0f5 lawngreen=7cfc00 lemonchiffon=fffacd lightblue=add8e6
lightcoral=f08080 lightcyan=e0ffff lightgoldenrodyellow=fafad2 lightgray=d3d3d3 lightgreen=90ee90 lightgrey=d3d3d3
lightpink=ffb6c1 lightsalmon=ffa07a lightseagreen=20b2aa lightskyblue=87cefa lightslategray=778899
lightslategrey=778899 lightsteelblue=b0c4de lightyellow=ffffe0 lime=00ff00 limegreen=32cd32 linen=faf0e6
magenta=ff00ff maroon=800000 mediumaquamarine=66cdaa mediumblue=0000cd mediumorchid=ba55d3 mediumpurple=9370db
mediumseagreen=3cb371 mediumslateblue=7b68ee mediumspringgreen=00fa9a mediumturquoise=48d1cc mediumvioletred=c71585
midnightblue=191970 mintcream=f5fffa mistyrose=ffe4e1 moccasin=ffe4b5 navajowhite=ffdead navy=000080 oldlace=fdf5e6
olive=808000 olivedrab=6b8e23 orange=ffa500 orangered=ff4500 orchid=da70d6 palegoldenrod=eee8aa palegreen=98fb98
paleturquoise=afeeee palevioletred=db7093 papayawhip=ffefd5 peachpuff=ffdab9 peru=cd853f pink=ffc0cb plum=dda0dd
powderblue=b0e0e6 purple=800080 rebeccapurple=663399 red=ff0000 rosybrown=bc8f8f royalblue=4169e1 saddlebrown=8b4513
salmon=fa8072 sandybrown=f4a460 seagreen=2e8b57 seashell=fff5ee sienna=a0522d silver=c0c0c0 skyblue=87ceeb
slateblue=6a5acd slategray=708090 slategrey=708090 snow=fffafa springgreen=00ff7f steelblue=4682b4 tan=d2b48c
teal=008080 thistle=d8bfd8 tomato=ff6347 turquoise=40e0d0 violet=ee82ee wheat=f5deb3 white=ffffff whitesmoke=f5f5f5
yellow=ffff00 yellowgreen=9acd32
"""
_BY_NAME = dict(re.findall(r"(\w+)=(\w+)", _NAMES))
_HEX = re.compile(r"#([0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})(?![0-9a-z])")
_CALL = re.compile(r"(rgb|hsl)a?\(([^()]*)\)")
_WORD = re.compile(r"(?<![\w#(-])[a-z]{3,}(?![\w(-])")
_FIGURE = re.compile(r"(-?(?:\d+\.?\d*|\.\d+))(%|deg)?")


@lru_cache(maxsize=1024)
def read_colour(value: str) -> Colour | None:
    """The first colour in a style's value, or None where there is none that can be told."""
    value = value.lower()
    found = [one for one in (_HEX.search(value), _CALL.search(value), *_WORD.finditer(value)) if one]
    for one in sorted(found, key=lambda match: match.start()):
        told = _told(one)
        if told is not None:
            return told
    return None


def _told(found: re.Match[str]) -> Colour | None:
    text = found[0]
    if text.startswith("#"):
        return _digits(found[1])
    if text == "transparent":
        return (0, 0, 0, 0)
    if text in _BY_NAME:
        return _digits(_BY_NAME[text])
    if "(" not in text:
        return None
    figures = [(float(number), unit) for number, unit in _FIGURE.findall(found[2])]
    if len(figures) < 3:
        return None
    (one, kind), (two, _), (three, _) = figures[:3]
    covers = 1.0 if len(figures) < 4 else figures[3][0] / (100 if figures[3][1] == "%" else 1)
    if found[1] == "hsl":
        red, green, blue = (part * 255 for part in hls_to_rgb(one / 360 % 1, three / 100, two / 100))
        return (red, green, blue, covers)
    share = 2.55 if kind == "%" else 1
    return (one * share, two * share, three * share, covers)


def _digits(text: str) -> Colour:
    if len(text) < 6:
        text = "".join(digit * 2 for digit in text)
    red, green, blue, covers = (int(text.ljust(8, "f")[at : at + 2], 16) for at in (0, 2, 4, 6))
    return (red, green, blue, covers / 255)


def laid_over(colour: Colour, ground: Colour) -> Colour:
    """What is seen where a colour lies over a ground that covers everything."""
    red, green, blue = (
        over * colour[3] + under * (1 - colour[3]) for over, under in zip(colour[:3], ground[:3], strict=True)
    )
    return (red, green, blue, 1.0)


def as_hex(colour: Colour) -> str:
    """A colour as `#rrggbb`."""
    return "#" + "".join(f"{max(0, min(255, round(part))):02x}" for part in colour[:3])
