"""Charts: where each bar and label of a drawing stands. The drawing itself is `console/charts.html`; the numbers stand
in a table behind each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

WIDTH, HEIGHT = 640, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 12, 24


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, or one part of a stacked one, in the drawing's own units; `tone` is 1 to 6, a colour."""

    x: float
    y: float
    width: float
    height: float
    tone: int
    said: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word at a place."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing: bars or lines over marked axes, `legend` with a tone for each series, and the table behind it: its
    head, and rows of a label and numbers (None where there is none), with so many `digits` behind the point. `question`
    is the sentence that it answers."""

    question: str
    width: int
    height: int
    bars: tuple[Bar, ...]
    lines: tuple[tuple[int, str, str], ...]
    below: tuple[Mark, ...]
    beside: tuple[Mark, ...]
    rules: tuple[float, ...]
    legend: tuple[tuple[int, str], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]
    unit: str = ""
    digits: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(any(values) for _, values in self.rows)


def columns(
    question: str, labels: Sequence[str], series: Mapping[str, Sequence[float]], *, first: str = "", unit: str = ""
) -> Chart:
    """Upright bars from zero, one for each label, stacked of the series in their order. `first` heads the column of
    labels in the table."""
    totals = [sum(values) for values in zip(*series.values(), strict=True)] or [0.0]
    top = ceiling(max(totals))
    step = (WIDTH - _LEFT - _RIGHT) / max(len(labels), 1)
    bars: list[Bar] = []
    for place, label in enumerate(labels):
        base = 0.0
        for tone, (name, values) in enumerate(series.items(), 1):
            if values[place]:
                height = _up(values[place], top)
                bars.append(
                    Bar(
                        round(_LEFT + place * step + step * 0.12, 2),
                        round(HEIGHT - _BOTTOM - _up(base, top) - height, 2),
                        round(step * 0.76, 2),
                        round(height, 2),
                        tone,
                        f"{label}, {name}: {values[place]:,.0f}{unit}",
                    )
                )
                base += values[place]
    return _chart(question, labels, series, top, first, unit, tuple(bars), ())


def side_by_side(
    question: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    first: str = "",
    unit: str = "",
    digits: int = 0,
) -> Chart:
    """Upright bars from zero, for each label one of each series beside the others: what is compared, not added up.
    Where there is no value no bar stands."""
    top = ceiling(max((value or 0 for values in series.values() for value in values), default=0))
    step = (WIDTH - _LEFT - _RIGHT) / max(len(labels), 1)
    width = min(step * 0.76 / max(len(series), 1), 28.0)
    bars = tuple(
        Bar(
            round(_LEFT + (place + 0.5) * step + (tone - 1 - len(series) / 2) * width, 2),
            round(HEIGHT - _BOTTOM - _up(value, top), 2),
            round(width * 0.92, 2),
            round(_up(value, top), 2),
            tone,
            f"{label}, {name}: {value:,.{digits}f}{unit}",
        )
        for place, label in enumerate(labels)
        for tone, (name, values) in enumerate(series.items(), 1)
        if (value := values[place])
    )
    return replace(_chart(question, labels, series, top, first, unit, bars, ()), digits=digits)


def lines(
    question: str, labels: Sequence[str], series: Mapping[str, Sequence[float]], *, first: str = "", unit: str = ""
) -> Chart:
    """Lines from zero through one point for each label."""
    top = ceiling(max((value for values in series.values() for value in values), default=0))
    step = (WIDTH - _LEFT - _RIGHT) / max(len(labels) - 1, 1)
    drawn = tuple(
        (
            tone,
            name,
            " ".join(
                f"{_LEFT + place * step:.1f},{HEIGHT - _BOTTOM - _up(value, top):.1f}"
                for place, value in enumerate(values)
            ),
        )
        for tone, (name, values) in enumerate(series.items(), 1)
    )
    return _chart(question, labels, series, top, first, unit, (), drawn)


def ranked(question: str, rows: Sequence[tuple[str, float]], *, first: str = "", unit: str = "") -> Chart:
    """Lying bars from zero, each with its label before it and its number behind."""
    top = max((value for _, value in rows), default=0) or 1
    height, left = 24, 200
    room = WIDTH - left - 72
    bars = tuple(
        Bar(
            left,
            place * height + 4,
            round(max(value / top * room, 1 if value else 0), 2),
            16,
            1,
            f"{label}: {value:,.0f}",
        )
        for place, (label, value) in enumerate(rows)
    )
    below = tuple(
        Mark(round(left + bar.width + 6, 2), bar.y + 13, f"{value:,.0f}{unit}")
        for bar, (_, value) in zip(bars, rows, strict=True)
    )
    beside = tuple(Mark(left - 8, place * height + 17, label[:30]) for place, (label, _) in enumerate(rows))
    table = tuple((label, (value,)) for label, value in rows)
    return Chart(
        question, WIDTH, max(len(rows), 1) * height, bars, (), below, beside, (), (), (first, "Number"), table, unit
    )


def ceiling(highest: float) -> float:
    """The round number that an axis ends with: the least of 1, 2, 5, 10, 20 … that nothing is above; for what is all
    below 1 the least of 0.01, 0.02, 0.05, 0.1 …"""
    step = 0.01 if 0 < highest < 1 else 1.0
    while True:
        for factor in (1, 2, 5):
            if step * factor >= highest:
                return step * factor
        step *= 10


def _up(value: float, top: float) -> float:
    return value / top * (HEIGHT - _TOP - _BOTTOM)


def _chart(
    question: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    top: float,
    first: str,
    unit: str,
    bars: tuple[Bar, ...],
    drawn: tuple[tuple[int, str, str], ...],
) -> Chart:
    step = (WIDTH - _LEFT - _RIGHT) / max(len(labels), 1)
    every = max(1, -(-len(labels) // 8))
    marks = tuple(
        Mark(round(_LEFT + (place + 0.5) * step, 1), HEIGHT - 6, label)
        for place, label in enumerate(labels)
        if place % every == 0
    )
    heights = (0.0, top / 2, top)
    beside = tuple(
        Mark(_LEFT - 8, round(HEIGHT - _BOTTOM - _up(value, top) + 4, 1), f"{value:,g}{unit}") for value in heights
    )
    rules = tuple(round(HEIGHT - _BOTTOM - _up(value, top), 1) for value in heights)
    rows = tuple((label, tuple(values[place] for values in series.values())) for place, label in enumerate(labels))
    legend = tuple(enumerate(series, 1)) if len(series) > 1 else ()
    return Chart(question, WIDTH, HEIGHT, bars, drawn, marks, beside, rules, legend, (first, *series), rows, unit)
