"""A snapshot as pages and files show it: grouped by pairing, in percent, with its figures."""

from typing import Any

from django.utils.translation import gettext

from evalapp.reporting import figures

COEFFICIENTS = {"raw_agreement": "Raw agreement", "krippendorff_alpha": "Krippendorff's α", "gwet_ac1": "Gwet's AC1"}


def presented(snapshot: dict[str, Any]) -> dict[str, Any]:
    """What the report's template takes."""
    titles = {aspect["key"]: gettext(aspect["name"]) for aspect in snapshot["comparison"]["aspects"]}
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
                "rows": [_row(row, titles) for row in rows],
                "votes": sum(row["votes"] for row in rows),
                "without": next(row for row in snapshot["without_each_assessor"] if row["contenders"] == names),
                "tags": [_percent(row) for row in snapshot["tags"] if row["contenders"] == names],
                "shares": figures.shares(names, rows, titles),
                "intervals": figures.intervals(names, rows, titles),
            }
        )
    return snapshot | {
        "titles": titles,
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
        "ranking": [row | {"title": titles[row["aspect"]]} for row in snapshot["ranking"]],
        "agreement": [_agreement(row, titles) for row in snapshot["agreement"]],
    }


def _row(row: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    same = row["interval_same_assessors"]
    return _percent(row) | {
        "title": titles[row["aspect"]],
        "same": f"{_hundred(same[0])} – {_hundred(same[1])}" if same else "",
    }


def _percent(row: dict[str, Any]) -> dict[str, Any]:
    return _ends(row) | {"share": _hundred(row["win_rate"])}


def _ends(row: dict[str, Any]) -> dict[str, Any]:
    ends = row["interval"]
    return row | {"ends": f"{_hundred(ends[0])} – {_hundred(ends[1])}" if ends else ""}


def _hundred(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


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
