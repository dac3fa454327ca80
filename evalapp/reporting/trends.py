"""Curves over checkpoints and drift over time as pages show them: rows in words and numbers, and figures."""

from typing import Any

from django.utils.translation import gettext, gettext_lazy

from evalapp.reporting import charts
from evalapp.reporting.figures import Figure

Row = dict[str, Any]
AXES = {"days": gettext_lazy("days since the first vote"), "place in session": gettext_lazy("place in the session")}
MEASURES = {
    "win rate": gettext_lazy("win rate"),
    "seconds": gettext_lazy("seconds an answer took"),
    "agreement": gettext_lazy("agreement with the others"),
}


def curves(snapshot: Row, titles: dict[str, str]) -> tuple[list[Row], dict[str, Figure]]:
    """One entry per training, with a figure of the headline aspect against each anchor and the rows of all aspects."""
    trainings: dict[str, list[Row]] = {}
    for row in snapshot["curves"]:
        trainings.setdefault(row["training"], []).append(row)
    shown, drawn = [], {}
    for number, (training, rows) in enumerate(trainings.items()):
        series = [
            {
                "name": gettext("against %s") % row["anchor"],
                "x": [point["step"] for point in points],
                "y": [100 * point["win_rate"] for point in points],
                "interval": [_hundreds(point["interval"]) for point in points],
            }
            for row in rows
            if row["aspect"] == snapshot["headline_aspect"]
            and (points := [point for point in row["points"] if point["win_rate"] is not None])
        ]
        name = f"curve-{number}"
        if series:
            drawn[name] = charts.lines(series, gettext("training step"), gettext("wins in 100"), middle=50)
        told = [
            row
            | {"title": titles[row["aspect"]]}
            | {
                "points": [
                    _point(each, _in_order(snapshot, row["anchor"], each["contender"])) for each in row["points"]
                ]
            }
            for row in rows
        ]
        shown.append({"training": training, "figure": name if series else "", "rows": [_slope(row) for row in told]})
    return shown, drawn


def drift(snapshot: Row) -> tuple[list[Row], dict[str, Figure]]:
    """One entry per axis and measure (per pairing where win rates drift), in percent, with a figure each."""
    shown, drawn = [], {}
    for number, row in enumerate(snapshot["drift"]):
        seconds = row["measure"] == "seconds"
        scale = 1 if seconds else 100
        names = f" ({' – '.join(row['contenders'])})" if row["contenders"] else ""
        title = f"{MEASURES[row['measure']]}{names}"
        figure = f"drift-{number}" if len(row["points"]) > 1 else ""
        if figure:
            points = {
                "name": title,
                "x": [point[0] for point in row["points"]],
                "y": [scale * point[1] for point in row["points"]],
                "interval": [None] * len(row["points"]),
            }
            unit = gettext("seconds") if seconds else gettext("of 100")
            drawn[figure] = charts.lines([points], str(AXES[row["axis"]]), unit)
        level = {key: "" if row[key] is None else f"{scale * row[key]:.1f}" for key in ("early", "late")}
        slope = "" if row["slope"] is None else f"{100 * row['slope']:+.2f}"
        ends = row["slope_interval"]
        words = {"title": title, "along": AXES[row["axis"]], "figure": figure, "slope": slope}
        shown.append(row | words | level | {"ends": f"{100 * ends[0]:+.2f} – {100 * ends[1]:+.2f}" if ends else ""})
    return shown, drawn


def _hundreds(ends: list[float] | None) -> list[float] | None:
    return [100 * end for end in ends] if ends else None


def _in_order(snapshot: Row, *names: str) -> list[str]:
    """Two contenders as their pairs have them: first and second."""
    return sorted(names, key=snapshot["comparison"]["contenders"].index)


def _point(point: Row, pair: list[str]) -> Row:
    share = "" if point["win_rate"] is None else f"{100 * point['win_rate']:.1f}"
    ends = point["interval"]
    gain = "" if point["gain"] is None else f"{100 * point['gain']:+.1f}"
    return point | {
        "pair": pair,
        "share": share,
        "gain": gain,
        "ends": f"{100 * ends[0]:.1f} – {100 * ends[1]:.1f}" if ends else "",
    }


def _slope(row: Row) -> Row:
    slope, ends = row["slope_per_1000_steps"], row["slope_interval"]
    return row | {
        "slope": "" if slope is None else f"{100 * slope:+.2f}",
        "ends": f"{100 * ends[0]:+.2f} – {100 * ends[1]:+.2f}" if ends else "",
    }
