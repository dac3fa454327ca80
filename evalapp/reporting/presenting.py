"""A snapshot as pages and files show it: grouped by pairing, in percent, with its figures."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from evalapp.reporting import figures
from evalapp.reporting.wording import spoken

COEFFICIENTS = {
    "raw_agreement": gettext_lazy("Raw agreement"),
    "krippendorff_alpha": gettext_lazy("Krippendorff's α"),
    "gwet_ac1": gettext_lazy("Gwet's AC1"),
    "human_ceiling": gettext_lazy("Human ceiling"),
}


def presented(snapshot: dict[str, Any]) -> dict[str, Any]:
    """What the report's template takes."""
    titles = {aspect["key"]: gettext(aspect["name"]) for aspect in snapshot["comparison"]["aspects"]}
    snapshot = spoken(snapshot, titles)
    closed = snapshot["comparison"]["state"] == "closed" and not snapshot["exploratory"]
    pairings = []
    for number, verdict in enumerate(snapshot["verdicts"]):
        names = verdict["contenders"]
        rows = [row for row in snapshot["results"] if row["contenders"] == names]
        rows.sort(key=lambda row: row["aspect"] != snapshot["headline_aspect"])
        pairings.append(
            {
                "number": number,
                "first": names[0],
                "second": names[1],
                "verdict": verdict,
                "better": [titles[key] for key in verdict["first_better_at"]],
                "worse": [titles[key] for key in verdict["second_better_at"]],
                "rows": [_row(row, titles, closed) for row in rows],
                "votes": sum(row["votes"] for row in rows),
                "without": next(row for row in snapshot["without_each_assessor"] if row["contenders"] == names),
                "slices": next((_slices(row) for row in snapshot["slices"] if row["contenders"] == names), None),
                "drivers": next(
                    (_drivers(row, titles) for row in snapshot["drivers"] if row["contenders"] == names), None
                ),
                "sensitivity": next(_sensitivity(row) for row in snapshot["sensitivity"] if row["contenders"] == names),
                "shares": figures.shares(names, rows, titles),
                "intervals": figures.intervals(names, rows, titles, closed),
            }
        )
    return snapshot | {
        "titles": titles,
        "filters": {
            key: ", ".join(value) if isinstance(value, list) else value
            for key, value in snapshot.get("filters", {}).items()
        },
        "closed": closed,
        "headline": titles[snapshot["headline_aspect"]],
        "pairings": pairings,
        "figures": {
            f"{kind}-{pairing['number']}": pairing[kind]
            for pairing in pairings
            if pairing["votes"]
            for kind in ("shares", "intervals")
        },
        "position_bias": [
            _ends(row) | {"title": titles.get(row["aspect"], gettext("All aspects")), "share": _hundred(row["left"])}
            for row in snapshot["position_bias"]
        ],
        "ranking": [
            row | {"title": titles[row["aspect"]], "scale": scale}
            for row, scale in zip(snapshot["ranking"], snapshot["one_scale"], strict=True)
        ],
        "agreement": [_agreement(row, titles) for row in snapshot["agreement"]],
    }


def _row(row: dict[str, Any], titles: dict[str, str], closed: bool) -> dict[str, Any]:
    """While voting goes on the live interval is the only one on the page."""
    if not closed:
        reason = row["reason"] or row["live_reason"]
        row = row | {"interval": row["live_interval"], "interval_same_assessors": None, "reason": reason}
    return _percent(row) | {"title": titles[row["aspect"]], "same": _between(row["interval_same_assessors"])}


def _drivers(row: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    """Effects and contributions in points of 100, the greatest contribution first."""
    aspects = [
        {
            "title": titles[each["aspect"]],
            "effect": _points(each["effect"]),
            "effect_ends": _between(each["effect_interval"], _points),
            "contribution": _points(each["contribution"]),
            "contribution_ends": _between(each["contribution_interval"], _points),
            "share": "" if each["share"] is None else f"{100 * each['share']:.0f}",
        }
        for each in sorted(row["aspects"], key=lambda each: -abs(each["contribution"]))
    ]
    explained = {key: _hundred(row[key]) for key in ("explained", "explained_unseen")}
    left_out = [titles[key] for key in row["left_out"]]
    return row | explained | {"aspects": aspects, "left_out": left_out}


def _slices(row: dict[str, Any]) -> dict[str, Any]:
    tags = [
        _percent(each) | {"drawn": _hundred(each["shrunk"]), "drawn_ends": _between(each["shrunk_interval"])}
        for each in row["tags"]
    ]
    return row | {"tags": tags}


def _sensitivity(row: dict[str, Any]) -> dict[str, Any]:
    return row | {
        "sides": _hundred(row["side_corrected"]),
        "sides_ends": _between(row["side_corrected_interval"]),
        "weighed": _hundred(row["dawid_skene"]),
    }


def _percent(row: dict[str, Any]) -> dict[str, Any]:
    return _ends(row) | {"share": _hundred(row["win_rate"])}


def _ends(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"ends": _between(row["interval"])}


def _hundred(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _between(ends: list[float] | None, said: Callable[[float], str] = _hundred) -> str:
    return f"{said(ends[0])} – {said(ends[1])}" if ends else ""


def _agreement(row: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    coefficients = [
        found
        | {
            "title": COEFFICIENTS[found["name"]],
            "ends": f"{found['interval'][0]:.2f} – {found['interval'][1]:.2f}" if found["interval"] else "",
        }
        for found in row["coefficients"]
    ]
    return row | {"title": titles[row["aspect"]], "coefficients": coefficients}
