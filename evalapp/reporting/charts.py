"""More figures of a report: what goes with the preference, tags, ranking, measures beside people's votes, time.

As in figures.py each is a plain dictionary for plotly, legible without colour: numbers stand in cells and beside
points, lines differ in dash and points in shape, and blue is told from orange with any kind of colour blindness.
"""

from itertools import cycle
from typing import Any

from django.utils.translation import gettext

from evalapp.reporting.figures import CONFIG, FIRST, INK, SECOND, Figure, beside, layout_of, safe, spread

FAR_FIRST, FAR_SECOND = (110, 165, 220), (240, 170, 70)
"""Shades of cells that are far from 50, light enough for black numbers."""
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
COLOURS = (FIRST, SECOND, "#333333", "#009e73", "#cc79a7", "#56b4e9")
"""Of these the last three are Okabe and Ito's (2008)."""
FULL_SHADE = 30
"""Points from 50 at which a cell is as dark as it gets."""
Row = dict[str, Any]


def drivers(aspects: list[Row]) -> Figure:
    """Per aspect: how many points of the win rate beyond 50 go with it, with interval where there is one."""
    values = [100 * each["contribution"] for each in aspects]
    figure = _points(
        [safe(each["title"]) for each in aspects],
        values,
        [each["contribution_interval"] for each in aspects],
        gettext("points of the win rate"),
    )
    figure["layout"]["shapes"] = [line_at(0)]
    return figure


def ranking(rated: list[Row]) -> Figure:
    """Ratings on the Elo scale, the strongest first."""
    return _points(
        [safe(each["contender"]) for each in rated],
        [each["rating"] for each in rated],
        [each["interval"] for each in rated],
        gettext("rating, Elo scale"),
        scale=1,
    )


def _points(
    labels: list[str], values: list[float], intervals: list[list[float] | None], title: str, scale: float = 100
) -> Figure:
    x: list[float | None] = []
    y: list[str | None] = []
    for label, ends in zip(labels, intervals, strict=True):
        if ends:
            x, y = [*x, scale * ends[0], scale * ends[1], None], [*y, label, label, None]
    text = [f"{round(value, 1) + 0.0:+.1f}" if scale == 100 else f"{value:.0f}" for value in values]
    traces: list[Row] = [
        {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": INK, "width": 2}, "hoverinfo": "skip"}
        | {"name": gettext("95 % interval"), "showlegend": bool(x)},
        {"type": "scatter", "mode": "markers+text", "x": values, "y": labels, "text": text, "name": gettext("estimate")}
        | {"textposition": "top center", "hovertemplate": "%{y}: %{text}<extra></extra>", "cliponaxis": False}
        | {"marker": {"color": FIRST, "size": 10, "symbol": "diamond", "line": {"color": "#ffffff", "width": 1}}},
    ]
    # room at both ends: an interval that touches the edge looks cut
    known = [*values, *(each for each in x if each is not None), *([0.0] if scale == 100 else [])]
    room = 0.04 * (max(known) - min(known)) or 1.0
    ends_at = [min(known) - room, max(known) + room]
    layout = layout_of(len(labels), {"title": {"text": title}, "zeroline": False, "range": ends_at})
    layout["yaxis"] |= {"categoryorder": "array", "categoryarray": labels}
    return {"data": traces, "layout": layout, "config": CONFIG}


def tags(rows: list[Row]) -> Figure:
    """Win rates by tag, drawn towards the whole: a row per pairing, a column per tag, the number in the cell.

    Cells are shapes: plotly's own heat map is a picture with inline styles, which our pages forbid.
    """
    cells = [{each["tag"]: each for each in row["tags"] if each["shrunk"] is not None} for row in rows]
    columns = sorted({tag for row in cells for tag in row})
    places = [(x, y, row[tag]) for y, row in enumerate(cells) for x, tag in enumerate(columns) if tag in row]
    shapes = [
        {"type": "rect", "x0": x - 0.48, "x1": x + 0.48, "y0": y - 0.46, "y1": y + 0.46, "layer": "below"}
        | {"fillcolor": shade(100 * each["shrunk"]), "line": {"color": "#999999", "width": 0.5}}
        for x, y, each in places
    ]
    trace: Row = {
        "type": "scatter",
        "mode": "text",
        "x": [x for x, _, _ in places],
        "y": [y for _, y, _ in places],
        "text": [f"{100 * each['shrunk']:.0f}" for _, _, each in places],
        "textfont": {"color": "#000000", "size": 13},
        "customdata": [
            [safe(columns[x]), each["prompts"] or 0, each["votes"], round(100 * each["shrunk"], 1)]
            for x, _, each in places
        ],
        "hovertemplate": "%{customdata[0]}: %{customdata[3]}<br>"
        + gettext("prompts: %(p)s, votes: %(v)s") % {"p": "%{customdata[1]}", "v": "%{customdata[2]}"}
        + "<extra></extra>",
    }
    longest = max(map(len, columns), default=0)
    layout = layout_of(len(rows), {"tickvals": list(range(len(columns))), "ticktext": [safe(tag) for tag in columns]})
    layout["xaxis"] |= {"range": [-0.55, len(columns) - 0.45], "zeroline": False, "showgrid": False, "automargin": True}
    layout["yaxis"] |= {
        **{"tickvals": list(range(len(rows))), "ticktext": [safe(" – ".join(row["contenders"])) for row in rows]},
        **{"range": [len(rows) - 0.5, -0.5], "autorange": False, "zeroline": False, "showgrid": False},
    }
    layout |= {"showlegend": False, "shapes": shapes, "height": 70 + 40 * len(rows) + 6 * min(longest, 24)}
    return {"data": [trace], "layout": layout | {"margin": {"l": 10, "r": 20, "t": 10, "b": 30}}, "config": CONFIG}


def shade(rate: float) -> str:
    """White at 50, the side's colour from FULL_SHADE points away."""
    part = min(1.0, abs(rate - 50) / FULL_SHADE)
    far = FAR_FIRST if rate > 50 else FAR_SECOND
    return "#" + "".join(f"{round(255 + part * (tone - 255)):02x}" for tone in far)


def following(unit: str, bins: list[list[float]]) -> Figure:
    """Pairs in groups by how far the measure tells their clips apart, against how people chose: each point a group."""
    x, y, pairs = ([each[place] for each in bins] for place in range(3))
    trace: Row = {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": [100 * share for share in y],
        "customdata": pairs,
        "hovertemplate": gettext("%(n)s pairs: difference %(x)s, chosen %(y)s of 100")
        % {"n": "%{customdata}", "x": "%{x:.3g}", "y": "%{y:.0f}"}
        + "<extra></extra>",
        "marker": {"color": FIRST, "size": 9, "symbol": "diamond"},
    }
    layout = layout_of(5, {"title": {"text": safe(unit)}, "zeroline": True, "zerolinecolor": INK})
    layout |= {"showlegend": False, "height": 260, "margin": {"l": 10, "r": 20, "t": 10, "b": 54}}
    layout["yaxis"] = side_axis(gettext("of 100 votes")) | {"range": [-4, 104]}
    layout["shapes"] = [line_at(50, across=True)]
    return {"data": [trace], "layout": layout, "config": CONFIG}


def systems(unit: str, values: list[float], shares: list[float], names: list[str]) -> Figure:
    """Contenders by what they measure and how often people choose them; each point has its name beside it."""
    trace: Row = {
        "type": "scatter",
        "mode": "markers+text",
        "x": values,
        "y": shares,
        "text": [safe(name) for name in names],
        "textposition": beside(spread(values, 0.2), [(share + 4) / 112 for share in shares], names),
        "cliponaxis": False,
        "hovertemplate": "%{text}: %{x:.4g}, %{y:.1f}<extra></extra>",
        "marker": {"color": FIRST, "size": 9, "symbol": "diamond"},
    }
    room = 0.2 * ((max(values) - min(values)) or 1)  # for names beside the outermost points
    ends = [min(values) - room, max(values) + room]
    layout = layout_of(5, {"title": {"text": safe(unit)}, "zeroline": False, "range": ends})
    layout |= {"showlegend": False, "height": 280, "margin": {"l": 10, "r": 40, "t": 24, "b": 54}}
    layout["yaxis"] = side_axis(gettext("of 100 votes")) | {"range": [-4, 108]}
    layout["shapes"] = [line_at(50, across=True)]
    return {"data": [trace], "layout": layout, "config": CONFIG}


def lines(series: list[Row], xtitle: str, ytitle: str, middle: float | None = None, kind: str = "linear") -> Figure:
    """Points joined along an axis (training steps, days), each series {name, x, y, interval} with its own dash."""
    traces: list[Row] = []
    looks = cycle(zip(COLOURS, DASHES, SHAPES, strict=False))
    for each, (colour, dash, shape) in zip(series, looks, strict=False):
        low, high = ([ends[side] if ends else None for ends in each["interval"]] for side in (0, 1))
        reach = {
            "type": "data",
            "symmetric": False,
            "color": colour,
            "thickness": 1,
            "array": [None if top is None else top - y for top, y in zip(high, each["y"], strict=True)],
            "arrayminus": [None if end is None else y - end for end, y in zip(low, each["y"], strict=True)],
        }
        traces.append(
            {"type": "scatter", "mode": "markers+lines", "name": safe(each["name"]), "x": each["x"], "y": each["y"]}
            | {"error_y": reach, "line": {"color": colour, "dash": dash, "width": 2}}
            | {"marker": {"color": colour, "symbol": shape, "size": 9}}
        )
    layout = layout_of(7, {"title": {"text": xtitle}, "type": kind})
    layout["yaxis"] = side_axis(ytitle)
    if middle is not None:
        layout["shapes"] = [line_at(middle, across=True)]
    return {"data": traces, "layout": layout, "config": CONFIG}


def side_axis(title: str) -> Row:
    grid = {"gridcolor": "#e6e6e6", "fixedrange": True, "zeroline": False, "automargin": True}
    return {"title": {"text": title, "standoff": 4}} | grid


def line_at(at: float, across: bool = False) -> Row:
    """Where neither is ahead."""
    ends = (
        {"xref": "paper", "x0": 0, "x1": 1, "y0": at, "y1": at}
        if across
        else {"x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1}
    )
    return {"type": "line", "line": {"color": INK, "dash": "dot", "width": 1}} | ends
