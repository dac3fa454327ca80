"""Snapshot → plotly figures, as plain dictionaries that the browser's plotly draws. Legible without colour."""

from typing import Any

from django.utils.translation import gettext

FIRST, TIE, SECOND, INK = "#2b6cb0", "#d3d3d3", "#dd8a00", "#333333"
CONFIG = {"displayModeBar": False, "responsive": True}
Figure = dict[str, Any]


def shares(names: list[str], rows: list[dict[str, Any]], titles: dict[str, str]) -> Figure:
    """Stacked bars: of 100 votes on each aspect, how many went to the first, to neither, to the second."""
    labels = [safe(titles[row["aspect"]]) for row in rows]

    def bar(name: str, key: str, colour: str, pattern: str, ink: str) -> dict[str, Any]:
        parts = [100 * row[key] / row["votes"] if row["votes"] else 0 for row in rows]
        return {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": labels,
            "x": [round(part, 2) for part in parts],
            "text": [str(row[key]) if part >= 6 else "" for row, part in zip(rows, parts, strict=True)],
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textangle": 0,
            "textfont": {"color": ink},
            "customdata": [row[key] for row in rows],
            "hovertemplate": "%{y}: %{customdata} / %{x:.0f} %<extra>" + name + "</extra>",
            "marker": {
                "color": colour,
                "line": {"color": INK, "width": 0.5},
                "pattern": {"shape": pattern, "fillmode": "overlay", "fgcolor": "#ffffff", "size": 6, "solidity": 0.2},
            },
        }

    bars = [
        bar(gettext("%s wins") % safe(names[0]), "wins", FIRST, "", "#ffffff"),
        bar(gettext("tie"), "ties", TIE, "", INK),
        bar(gettext("%s wins") % safe(names[1]), "losses", SECOND, "/", INK),
    ]
    layout = layout_of(len(rows), {"title": {"text": gettext("of 100 votes")}, "range": [0, 100], "zeroline": False})
    return {"data": bars, "layout": layout | {"barmode": "stack", "bargap": 0.3}, "config": CONFIG}


def intervals(names: list[str], rows: list[dict[str, Any]], titles: dict[str, str], closed: bool) -> Figure:
    """Win rates of the first with both intervals, while voting goes on with the live one alone; the line in the middle
    is where neither is preferred."""
    known = [row for row in rows if row["win_rate"] is not None]
    traces: list[dict[str, Any]] = []
    kinds = (
        (gettext("new prompts and new assessors"), "interval", 2, INK),
        (gettext("these assessors, new prompts"), "interval_same_assessors", 7, "#9fc1e6"),
    )
    for name, key, width, colour in (
        kinds if closed else ((gettext("valid while votes come in"), "live_interval", 2, INK),)
    ):
        shown = [row for row in known if row[key]]
        x: list[float | None] = []
        y: list[str | None] = []
        for row in shown:
            x += [100 * row[key][0], 100 * row[key][1], None]
            y += [safe(titles[row["aspect"]])] * 2 + [None]
        traces.insert(
            0,
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": x,
                "y": y,
                "line": {"color": colour, "width": width},
                "hoverinfo": "skip",
            },
        )
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": gettext("win rate of %s") % safe(names[0]),
            "x": [100 * row["win_rate"] for row in known],
            "y": [safe(titles[row["aspect"]]) for row in known],
            "customdata": [row["in_words"] for row in known],
            "hovertemplate": "%{y}: %{customdata}<extra></extra>",
            "marker": {"color": FIRST, "size": 10, "symbol": "diamond", "line": {"color": "#ffffff", "width": 1}},
        }
    )
    layout = layout_of(
        len(rows), {"title": {"text": gettext("wins of %s in 100") % safe(names[0])}, "range": [-2, 102]}
    )
    layout["yaxis"] |= {"categoryorder": "array", "categoryarray": [safe(titles[row["aspect"]]) for row in rows]}
    layout["shapes"] = [
        {"type": "line", "x0": 50, "x1": 50, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": INK, "dash": "dot"}}
    ]
    return {"data": traces, "layout": layout, "config": CONFIG}


def layout_of(rows: int, xaxis: dict[str, Any]) -> dict[str, Any]:
    return {
        "height": 140 + 34 * rows,
        "margin": {"l": 10, "r": 20, "t": 36, "b": 54},
        "showlegend": True,
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"}
        | {"bgcolor": "rgba(0,0,0,0)"},  # two lines of it, on a phone, would cover the highest label
        "xaxis": {"fixedrange": True, "gridcolor": "#e6e6e6"}
        | xaxis
        | {"title": {"standoff": 6} | xaxis.get("title", {})},  # else it is cut off below on low charts
        "yaxis": {"autorange": "reversed", "automargin": True, "fixedrange": True, "ticksuffix": "  "},
    }


PLACES = (
    *("top center", "bottom center", "middle right", "middle left"),
    *("top right", "top left", "bottom right", "bottom left"),
)
NARROW, LOW = 300, 190
"""Pixels of a chart on a phone: names that lie apart there lie apart wherever there is more room."""


def beside(x: list[float], y: list[float], names: list[str]) -> list[str]:
    """Where each name stands by its point, so that names lie on no other name and on no point, as far as there is room.

    x and y go from 0 to 1 over the chart. Each name in turn takes the place with the least overlap, three times over.
    """
    points = [(across * NARROW, -up * LOW) for across, up in zip(x, y, strict=True)]
    dots = [(left - 6, top - 6, left + 6, top + 6) for left, top in points]
    places = [PLACES[0]] * len(points)

    def cost(mine: int, place: str) -> float:
        box = _box(points[mine], place, names[mine])
        others = [_box(points[n], places[n], names[n]) for n in range(len(points)) if n != mine]
        laid = sum(_shared(box, each) for each in [*others, *(dot for n, dot in enumerate(dots) if n != mine)])
        beyond = max(0, -box[0]) + max(0, box[2] - NARROW)
        return laid + 20 * beyond + PLACES.index(place)

    for _ in range(3):
        for mine in range(len(points)):
            places[mine] = min(PLACES, key=lambda place: cost(mine, place))
    return places


Box = tuple[float, float, float, float]


def _box(point: tuple[float, float], place: str, name: str) -> Box:
    """Left, top, right and bottom of a name, at seven pixels a letter."""
    wide, high = 7 * len(name), 16
    upright, side = place.split()
    left = point[0] + {"center": -wide / 2, "right": 9, "left": -9 - wide}[side]
    top = point[1] + {"top": -8 - high, "middle": -high / 2, "bottom": 8}[upright]
    return left, top, left + wide, top + high


def _shared(a: Box, b: Box) -> float:
    """Square pixels that two boxes share."""
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def spread(values: list[float], room: float = 0.1, others: list[float] | None = None) -> list[float]:
    """0 to 1 along an axis that shows others too and leaves this share of its span free at both ends."""
    low, high = min([*values, *(others or [])]), max([*values, *(others or [])])
    span = (high - low) or 1
    return [(value - low + room * span) / (span * (1 + 2 * room)) for value in values]


def safe(text: str) -> str:
    """Plotly reads some HTML in labels, links among it: nothing of an organizer's text is markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
