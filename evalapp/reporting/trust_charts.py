"""Figures of judges against people, plain dictionaries for plotly as in charts.py, legible without colour."""

from typing import Any

from django.utils.translation import gettext

from evalapp.reporting.charts import line_at, shade, side_axis
from evalapp.reporting.figures import CONFIG, FIRST, INK, SECOND, Figure, layout_of, safe

Row = dict[str, Any]


def accuracies(rows: list[Row]) -> Figure:
    """One aspect: each judge's accuracy on decided pairs, with its interval and under it the human ceiling of the same
    pairs. rows: {label, share, ceiling}, shares as snapshots hold them."""
    labels = [safe(each["label"]) for each in rows]
    traces: list[Row] = []
    for key, name, colour, symbol in (
        ("share", gettext("judge"), FIRST, "diamond"),
        ("ceiling", gettext("one assessor against the rest"), SECOND, "line-ns-open"),
    ):
        known = [(label, each[key]) for label, each in zip(labels, rows, strict=True) if each[key]["value"] is not None]
        x: list[float | None] = []
        y: list[str | None] = []
        for label, share in known if key == "share" else ():
            if share["low"] is not None:
                x, y = [*x, 100 * share["low"], 100 * share["high"], None], [*y, label, label, None]
        if x:
            interval = {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": INK, "width": 2}}
            traces.append(interval | {"hoverinfo": "skip", "name": gettext("95 % interval")})
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text" if key == "share" else "markers",
                "x": [100 * share["value"] for _, share in known],
                "y": [label for label, _ in known],
                "text": [f"{100 * share['value']:.1f}" for _, share in known],
                "textposition": "top center",
                "cliponaxis": False,
                "name": name,
                "hovertemplate": "%{y}: %{text}<extra>" + name + "</extra>",
                "marker": {"color": colour, "size": 11 if key == "share" else 18, "symbol": symbol}
                | {"line": {"color": "#ffffff" if key == "share" else colour, "width": 1 if key == "share" else 3}},
            }
        )
    layout = layout_of(len(rows), {"title": _title(gettext("right in 100 decided pairs")), "range": [-2, 104]})
    layout["xaxis"]["zeroline"] = False
    layout["yaxis"] |= {"categoryorder": "array", "categoryarray": labels}
    layout["shapes"] = [line_at(50)]
    return {"data": traces, "layout": layout | {"height": 150 + 44 * len(rows)}, "config": CONFIG}


def _title(text: str) -> Row:
    """Of an axis: small and close enough to stand within the margin, on a phone too."""
    return {"text": text, "font": {"size": 13}, "standoff": 8}


def heat(rows: list[Row], titles: dict[str, str], mapped: dict[str, Any]) -> Figure:
    """Every native output against every aspect of people: the number is how often its sign is right in 100 decided
    pairs; a frame marks what the declaration maps, bold the best of a column. Cells are shapes, as in `charts.tags`."""
    aspects = [cell["aspect"] for cell in rows[0]["cells"]] if rows else []
    best = {aspect: _best(rows, column) for column, aspect in enumerate(aspects)}
    places = [
        (x, y, cell["share"])
        for y, row in enumerate(rows)
        for x, cell in enumerate(row["cells"])
        if cell["share"] and cell["share"]["value"] is not None
    ]
    shapes, texts, weights = [], [], []
    for x, y, share in places:
        declared = rows[y]["native"] in mapped.get(aspects[x], {})
        edge = {"color": INK, "width": 2.5} if declared else {"color": "#999999", "width": 0.5}
        shapes.append(
            {"type": "rect", "x0": x - 0.48, "x1": x + 0.48, "y0": y - 0.46, "y1": y + 0.46, "layer": "below"}
            | {"fillcolor": shade(100 * share["value"]), "line": edge}
        )
        texts.append(f"{100 * share['value']:.0f}")
        weights.append("bold" if best[aspects[x]] == y else "normal")
    trace: Row = {
        "type": "scatter",
        "mode": "text",
        "x": [x for x, _, _ in places],
        "y": [y for _, y, _ in places],
        "text": texts,
        "textfont": {"color": "#000000", "size": 13, "weight": weights},
        "customdata": [
            [safe(rows[y]["native"]), safe(titles[aspects[x]]), _between(share), share["count"]]
            for x, y, share in places
        ],
        "hovertemplate": "%{customdata[0]} – %{customdata[1]}: %{text} (%{customdata[2]})<br>"
        + gettext("decided pairs: %s") % "%{customdata[3]}"
        + "<extra></extra>",
    }
    layout = layout_of(
        len(rows),
        {"tickvals": list(range(len(aspects))), "ticktext": [safe(titles[aspect]) for aspect in aspects]},
    )
    layout["xaxis"] |= {"range": [-0.55, len(aspects) - 0.45], "zeroline": False, "showgrid": False, "automargin": True}
    # Plotly leaves out a slanted label that reaches past its plot, such as the last one.
    layout["xaxis"] |= {"ticklabeloverflow": "allow"}
    layout["yaxis"] |= {
        **{"tickvals": list(range(len(rows))), "ticktext": [safe(row["native"]) for row in rows]},
        **{"range": [len(rows) - 0.5, -0.5], "autorange": False, "zeroline": False, "showgrid": False},
    }
    layout |= {"showlegend": False, "shapes": shapes, "height": 130 + 34 * len(rows)}
    return {"data": [trace], "layout": layout | {"margin": {"l": 10, "r": 45, "t": 10, "b": 30}}, "config": CONFIG}


def _best(rows: list[Row], column: int) -> int | None:
    """The place of the native output that goes along with people most often, whichever way its sign lies."""
    cells = [row["cells"][column]["share"] for row in rows]
    known = [
        (abs(share["value"] - 0.5), -place) for place, share in enumerate(cells) if share and share["value"] is not None
    ]
    return -max(known)[1] if known else None


def _between(share: Row) -> str:
    return "–" if share["low"] is None else f"{100 * share['low']:.0f} – {100 * share['high']:.0f}"


def calibration(curve: list[list[float]]) -> Figure:
    """Of the pairs on which the judge is so sure of the first, what share of votes went to the first; dotted: as sure
    as it should be. curve: [mean chance, share, pairs]."""
    x, y, pairs = ([each[place] for each in curve] for place in range(3))
    trace: Row = {
        "type": "scatter",
        "mode": "markers+lines+text",
        "x": [100 * chance for chance in x],
        "y": [100 * share for share in y],
        "text": [f"{count:.0f}" for count in pairs],
        "textposition": "top center",
        "cliponaxis": False,
        "hovertemplate": gettext("%(n)s pairs: said %(x)s, chosen %(y)s of 100")
        % {"n": "%{text}", "x": "%{x:.0f}", "y": "%{y:.0f}"}
        + "<extra></extra>",
        "line": {"color": FIRST, "width": 2},
        "marker": {"color": FIRST, "size": 9, "symbol": "diamond"},
    }
    layout = layout_of(5, {"title": _title(gettext("the judge's chance of the first, in 100")), "range": [-4, 104]})
    layout["yaxis"] = side_axis(gettext("of 100 votes")) | {"range": [-4, 110]}
    diagonal = {
        "type": "line",
        "x0": 0,
        "y0": 0,
        "x1": 100,
        "y1": 100,
        "line": {"color": INK, "dash": "dot", "width": 1},
    }
    layout |= {"showlegend": False, "height": 320, "shapes": [diagonal], "margin": {"l": 10, "r": 20, "t": 20, "b": 54}}
    return {"data": [trace], "layout": layout, "config": CONFIG}
