"""Charts: where each bar and label of a drawing stands, in hundredths of its width and height, so that words keep the
size of the page's text however wide it is. The drawing itself is `console/charts.html`; the numbers stand in a table
behind each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

WHOLE = 100.0
MOST_LABELS = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One upright bar, or one part of a stacked one; `tone` is 1 to 6, a colour."""

    x: float
    y: float
    width: float
    height: float
    tone: int
    said: str


@dataclass(frozen=True, slots=True)
class Lying:
    """One lying bar: so much of the longest, its label before it and its number behind."""

    label: str
    width: float
    number: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word under the middle of a bar. As little room as there is, two words stand; where there is more, four or all
    eight: `among` is in how full a row this one begins to stand."""

    x: float
    text: str
    among: int = 2


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing: upright bars over marked heights, or lying ones, `legend` with a tone for each series, and the table
    behind it: its head, and rows of a label and numbers (None where there is none), with so many `digits` behind the
    point. `question` is the sentence that it answers."""

    question: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]
    bars: tuple[Bar, ...] = ()
    lying: tuple[Lying, ...] = ()
    below: tuple[Mark, ...] = ()
    heights: tuple[str, ...] = ()
    legend: tuple[tuple[int, str], ...] = ()
    unit: str = ""
    digits: int = 0

    @property
    def long(self) -> bool:
        """Whether the words under the bars are longer than a time."""
        return any(len(mark.text) > len("00:00") for mark in self.below)

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
    top = ceiling(max(totals)) if unit else 2 * ceiling(max(max(totals) / 2, 1))  # half a message is none
    step = WHOLE / max(len(labels), 1)
    bars: list[Bar] = []
    for place, label in enumerate(labels):
        base = 0.0
        for tone, (name, values) in enumerate(series.items(), 1):
            if values[place]:
                height = values[place] / top * WHOLE
                bars.append(
                    Bar(
                        round(place * step + step * 0.12, 2),
                        round(WHOLE - base / top * WHOLE - height, 2),
                        round(step * 0.76, 2),
                        round(height, 2),
                        tone,
                        f"{label}, {name}: {values[place]:,.0f}{unit}",
                    )
                )
                base += values[place]
    return _chart(question, labels, series, top, first, unit, tuple(bars))


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
    step = WHOLE / max(len(labels), 1)
    width = min(step * 0.76 / max(len(series), 1), 4.5)
    bars = tuple(
        Bar(
            round((place + 0.5) * step + (tone - 1 - len(series) / 2) * width, 2),
            round(WHOLE - value / top * WHOLE, 2),
            round(width * 0.92, 2),
            round(value / top * WHOLE, 2),
            tone,
            f"{label}, {name}: {value:,.{digits}f}{unit}",
        )
        for place, label in enumerate(labels)
        for tone, (name, values) in enumerate(series.items(), 1)
        if (value := values[place])
    )
    return replace(_chart(question, labels, series, top, first, unit, bars), digits=digits)


def ranked(question: str, rows: Sequence[tuple[str, float]], *, first: str = "", unit: str = "") -> Chart:
    """Lying bars from zero, each with its label before it and its number behind."""
    top = max((value for _, value in rows), default=0) or 1
    lying = tuple(
        Lying(label, round(max(value / top * WHOLE, 0.2 if value else 0), 2), f"{value:,.0f}{unit}")
        for label, value in rows
    )
    table = tuple((label, (value,)) for label, value in rows)
    return Chart(question, (first, "Number"), table, lying=lying, unit=unit)


def ceiling(highest: float) -> float:
    """The round number that an axis ends with: the least of 1, 2, 5, 10, 20 … that nothing is above; for what is all
    below 1 the least of 0.01, 0.02, 0.05, 0.1 …"""
    step = 0.01 if 0 < highest < 1 else 1.0
    while True:
        for factor in (1, 2, 5):
            if step * factor >= highest:
                return step * factor
        step *= 10


def _chart(
    question: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    top: float,
    first: str,
    unit: str,
    bars: tuple[Bar, ...],
) -> Chart:
    every = -(-len(labels) // MOST_LABELS) or 1
    standing = range(0, len(labels), every)
    marks = tuple(
        Mark(round((place + 0.5) * WHOLE / len(labels), 2), labels[place], _among(at, len(standing)))
        for at, place in enumerate(standing)
    )
    heights = tuple(f"{value:,g}{unit}" for value in (top, top / 2, 0.0))
    rows = tuple((label, tuple(values[place] for values in series.values())) for place, label in enumerate(labels))
    legend = tuple(enumerate(series, 1)) if len(series) > 1 else ()
    return Chart(question, (first, *series), rows, bars, (), marks, heights, legend, unit)


def _among(at: int, of: int) -> int:
    if of > 4 and at % 2:
        return 8
    return 4 if of > 2 and at % 4 else 2
