"""Figures of quality against cost, and of consistency, diversity and realism. Who is on the front is filled, who is
beaten hollow; names stand beside points, and the front is a dashed line: nothing depends on colour."""

from math import log10
from textwrap import wrap
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from evalapp.reporting.figures import CONFIG, FIRST, INK, SECOND, Figure, beside, layout_of, safe, spread

COSTS = {
    "steps": gettext_lazy("sampling steps"),
    "seconds": gettext_lazy("seconds a clip"),
    "energy": gettext_lazy("watt-hours a clip"),
}
CORNERS = {
    "consistency": gettext_lazy("Consistency with the prompt"),
    "diversity": gettext_lazy("Diversity"),
    "realism": gettext_lazy("Realism"),
}
Row = dict[str, Any]


def shown(tradeoffs: Row) -> tuple[Row, dict[str, Figure]]:
    """The section as the template takes it, and its figures by name."""
    figures, costs = {}, []
    for cost in tradeoffs["costs"]:
        qualities = []
        for number, quality in enumerate(cost["qualities"]):
            name = f"{cost['cost']}-{number}"
            figures[name] = against_cost(cost["cost"], quality)
            scale = _scale(quality)
            points = [
                _point(each)
                | {
                    "cost_short": f"{each['cost']:.3g}",
                    "short": f"{scale * each['value']:.3g}",
                    "ends": "{:.3g} – {:.3g}".format(*(scale * end for end in each["interval"]))
                    if each["interval"]
                    else "",
                }
                for each in quality["points"]
            ]
            qualities.append(quality | {"figure": name, "points": points, "title": _title(quality["title"])})
        costs.append(cost | {"title": COSTS[cost["cost"]], "qualities": qualities})
    found, corners = tradeoffs["front"], tradeoffs["front"]["corners"]
    if found["points"]:
        figures["front"] = front(corners, found["points"], found.get("knobs", []))
    named = [each | {"name": CORNERS[each["corner"]], "title": _title(each["title"])} for each in corners]
    points = [_point(each) | {"shorts": [f"{value:.3g}" for value in each["values"]]} for each in found["points"]]
    paths = [
        each | {"told": ", ".join(f"{name} ({value:g})" for name, value in zip(*_along(each), strict=True))}
        for each in found.get("knobs", [])  # reports made before knobs were told have none
    ]
    left_out = [each | {"title": COSTS[each["cost"]]} for each in tradeoffs.get("left_out", [])]  # newer than some
    if not costs and not any(each["known"] for each in left_out):
        left_out = []  # nothing was rendered here, as of imported votes
    section = {"costs": costs, "left_out": left_out}
    return section | {"front": found | {"corners": named, "points": points, "knobs": paths}}, figures


def _along(path: Row) -> tuple[list[str], list[float]]:
    return path["contenders"], path["values"]


def _point(point: Row) -> Row:
    share = point["share_on_front"]
    return point | {"share": "" if share is None else f"{100 * share:.0f}"}


def _scale(quality: Row) -> int:
    """Shares of people's votes are told of 100."""
    return 100 if quality["quality"].startswith("people:") else 1


def against_cost(cost: str, quality: Row) -> Figure:
    """Points {contender, cost, value, interval, on_front}, the cheapest first."""
    scale = _scale(quality)
    points = quality["points"]
    kept = [each for each in points if each["on_front"]]
    traces: list[Row] = [
        {"type": "scatter", "mode": "lines", "name": gettext("front"), "hoverinfo": "skip"}
        | {"x": [each["cost"] for each in kept], "y": [scale * each["value"] for each in kept]}
        | {"line": {"color": INK, "dash": "dash", "width": 1}}
    ]
    costs, log = [each["cost"] for each in points], _wide([each["cost"] for each in points])
    where = beside(
        spread([log10(cost) for cost in costs] if log else costs),
        spread([each["value"] for each in points], others=[end for each in points for end in each["interval"] or []]),
        [each["contender"] for each in points],
    )
    points = [each | {"where": place} for each, place in zip(points, where, strict=True)]
    for on_front, name in ((True, gettext("nobody is better and cheaper")), (False, gettext("beaten"))):
        mine = [each for each in points if each["on_front"] == on_front]
        if mine:
            traces.append(_dots(mine, [each["cost"] for each in mine], [scale * each["value"] for each in mine], name))
            reach = [each["interval"] for each in mine]
            traces[-1]["error_y"] = {
                **{"type": "data", "symmetric": False, "color": INK, "thickness": 1},
                "array": [
                    scale * (ends[1] - each["value"]) if ends else 0 for ends, each in zip(reach, mine, strict=True)
                ],
                "arrayminus": [
                    scale * (each["value"] - ends[0]) if ends else 0 for ends, each in zip(reach, mine, strict=True)
                ],
            }
    unit = gettext("of 100 votes") if scale == 100 else safe(gettext(quality["unit"]))
    return _figure(traces, str(COSTS[cost]), unit, log)


def front(corners: list[Row], points: list[Row], paths: list[Row]) -> Figure:
    """The first two measures as axes; a third stands as a number beside the name. Paths join contenders that differ by
    one setting of the recipe."""
    places = {each["contender"]: each["values"] for each in points}
    texts = [each["contender"] + (f" ({each['values'][2]:.3g})" if len(corners) > 2 else "") for each in points]
    across, up = (spread([each["values"][axis] for each in points]) for axis in (0, 1))
    where = beside(across, up, texts)
    points = [each | {"text": text, "where": place} for each, text, place in zip(points, texts, where, strict=True)]
    traces: list[Row] = []
    for path in paths:
        x, y = ([places[name][axis] for name in path["contenders"]] for axis in (0, 1))
        traces.append(
            {"type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip"}
            | {"name": safe(f"{path['checkpoint']}: {path['knob']}"), "line": {"color": INK, "dash": "dot", "width": 1}}
        )
    for on_front, name in ((True, gettext("nobody is better in all")), (False, gettext("beaten"))):
        mine = [each for each in points if each["on_front"] == on_front]
        if mine:
            x, y = ([each["values"][axis] for each in mine] for axis in (0, 1))
            traces.append(_dots(mine, x, y, name))
    titles = [f"{CORNERS[each['corner']]}: {safe(_title(each['title']))}" for each in corners]
    return _figure(traces, titles[0], titles[1])


def _dots(mine: list[Row], x: list[float], y: list[float], name: str) -> Row:
    on_front = mine[0]["on_front"]
    marker = {"color": FIRST if on_front else SECOND, "size": 10, "symbol": "diamond" if on_front else "circle-open"}
    return {
        **{"type": "scatter", "mode": "markers+text", "name": name, "x": x, "y": y, "marker": marker},
        "text": [safe(each.get("text") or each["contender"]) for each in mine],
        **{"textposition": [each["where"] for each in mine], "cliponaxis": False},
        "hovertemplate": "%{text}: %{x:.4g}, %{y:.4g}<extra></extra>",
    }


def _wide(costs: list[float]) -> bool:
    """Whether costs span so much that only a logarithmic axis shows the small ones."""
    return min(costs) > 0 and max(costs) / min(costs) > 20


def _title(text: str) -> str:
    """Of a measure, in the reader's language; what it was held against is a name."""
    measure, dot, reference = text.partition(" · ")
    return gettext(measure) + dot + reference


def _figure(traces: list[Row], xtitle: str, ytitle: str, log: bool = False) -> Figure:
    # In lines that fit phones: a long title would not break by itself.
    across, up = (wrap(each, 28, break_long_words=False, break_on_hyphens=False) for each in (xtitle, ytitle))
    titled = {"title": {"text": "<br>".join(across)}, "zeroline": False}
    layout = layout_of(6, titled | {"type": "log" if log else "linear"})
    more = 18 * (len(across) - 1)
    layout |= {"height": 340 + more, "margin": {"l": 10, "r": 60, "t": 56, "b": 66 + more}}
    layout["yaxis"] = {"title": {"text": "<br>".join(up), "standoff": 4}, "gridcolor": "#e6e6e6"}
    layout["yaxis"] |= {"fixedrange": True, "zeroline": False, "automargin": True}
    return {"data": traces, "layout": layout, "config": CONFIG}
