"""A snapshot as pages and files show it: grouped by pairing, in percent, with its figures."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from evalapp.reporting import charts, figures, suites, tradeoff_charts, trends
from evalapp.reporting.filters import in_words
from evalapp.reporting.percents import between as _between
from evalapp.reporting.percents import hundred as _hundred
from evalapp.reporting.percents import points as _points
from evalapp.reporting.wording import late, spoken

COEFFICIENTS = {
    "raw_agreement": gettext_lazy("Raw agreement"),
    "krippendorff_alpha": gettext_lazy("Krippendorff's α"),
    "krippendorff_alpha_ordinal": gettext_lazy("Krippendorff's α, ordinal"),
    "self_consistency": gettext_lazy("Self-consistency"),
    "gwet_ac1": gettext_lazy("Gwet's AC1"),
    "human_ceiling": gettext_lazy("Human ceiling"),
}
MODELS = {
    "davidson": gettext_lazy("Davidson"),
    "rao-kupper": gettext_lazy("Rao-Kupper"),
    "davidson with side": gettext_lazy("Davidson with side"),
    "rao-kupper with side": gettext_lazy("Rao-Kupper with side"),
}
"""Of strengths; the others are named as the snapshot has them."""

MOST_PAIRINGS = 6
"""So many stand one below the other; where there are more, the ranking leads and they are folded."""

FOUND = {
    "found_slices": gettext_lazy("By groups found in the prompts' words"),
    "found_by_clips": gettext_lazy("By groups found in what the clips look like"),
}


def presented(snapshot: dict[str, Any]) -> dict[str, Any]:
    """What the report's template takes."""
    titles = {aspect["key"]: gettext(aspect["name"]) for aspect in snapshot["comparison"]["aspects"]}
    snapshot = _headline_first(spoken(snapshot, titles))
    closed = snapshot["comparison"]["state"] == "closed" and not snapshot["exploratory"]
    pairings = []
    for number, verdict in enumerate(snapshot["verdicts"]):
        names = verdict["contenders"]
        rows = [row for row in snapshot["results"] if row["contenders"] == names]
        pairings.append(
            {
                "number": number,
                "bad": sum(row["both_bad"] or 0 for row in rows),
                "first": names[0],
                "second": names[1],
                "verdict": verdict,
                "better": [titles[key] for key in verdict["first_better_at"]],
                "worse": [titles[key] for key in verdict["second_better_at"]],
                "rows": [_row(row, titles, closed) for row in rows],
                "votes": sum(row["votes"] for row in rows),
                "without": next(
                    _without(row) for row in snapshot["without_each_assessor"] if row["contenders"] == names
                ),
                "slices": next((_slices(row) for row in snapshot["slices"] if row["contenders"] == names), None),
                "found": [
                    _slices(row, {group["name"]: f"{key}.{n}" for n, group in enumerate(snapshot[key]["groups"])})
                    | {"title": title}
                    for key, title in FOUND.items()
                    for row in snapshot[key]["pairings"]
                    if row["contenders"] == names
                ],
                "drivers": next(
                    (_drivers(row, titles) for row in snapshot["drivers"] if row["contenders"] == names), None
                ),
                "sensitivity": next(_sensitivity(row) for row in snapshot["sensitivity"] if row["contenders"] == names),
                "shares": figures.shares(names, rows, titles),
                "intervals": figures.intervals(names, rows, titles, closed),
            }
        )
    people, metrics = people_of(snapshot), _metrics(snapshot, titles)
    powered = [_powered(row, titles) for row in snapshot.get("powered", [])]
    drawn = _against_people(metrics, people)
    curves, drawn_curves = trends.curves(snapshot, titles)
    drift, drawn_drift = trends.drift(snapshot)
    weighed, drawn_costs = tradeoff_charts.shown(snapshot["tradeoffs"]) if snapshot.get("tradeoffs") else ({}, {})
    return snapshot | {
        "titles": titles,
        "filters": in_words(snapshot.get("filters", {})),
        "closed": closed,
        "people": people,
        "headline": titles[snapshot["headline_aspect"]],
        "pairings": pairings,
        "crowded": _crowded(snapshot, closed),
        "figures": figures_of(snapshot, pairings) | drawn | drawn_costs | drawn_curves | drawn_drift,
        **weighed,
        "curves": curves,
        "drift": drift,
        "looks": _looks(snapshot["looks"]),
        "metrics": [metric for metric in metrics if not metric["sets"]],
        "sets": [metric for metric in metrics if metric["sets"]],
        "unmeasured": [metric for metric in metrics if metric["without"]],
        "followed": [
            metric | {"drawn": metric["figure"] in drawn, "silent": _one_reason(metric["following"])}
            for metric in metrics
            if metric["following"]
        ],
        "position_bias": [
            _ends(row) | {"title": titles.get(row["aspect"], gettext("All aspects")), "share": _hundred(row["left"])}
            for row in snapshot["position_bias"]
        ],
        "ranking": [
            row | {"title": titles[row["aspect"]], "scale": scale}
            for row, scale in zip(snapshot["ranking"], snapshot["one_scale"], strict=True)
        ],
        "agreement": [_agreement(row, titles) for row in snapshot["agreement"]],
        "scales": [
            row | {"title": titles[row["aspect"]], "model": MODELS.get(row["model"], row["model"])}
            for row in snapshot["scales"]
        ],
        "kinds": [
            _kind(row, f"found_clips.{n}")
            | {"parts": [_kind(part, f"found_clips.{n}.{k}") for k, part in enumerate(row["parts"])]}
            for n, row in enumerate(snapshot["found_clips"]["groups"])
        ],
        "suites": suites.shown(snapshot.get(suites.SECTION, suites.no_suites())),
        "powered": [each for each in powered if each["share"]],
        "unpowered": _by_reason([each for each in powered if not each["share"]]),
    }


def _crowded(snapshot: dict[str, Any], closed: bool) -> dict[str, Any] | None:
    """What leads a report of more pairings than one reads one by one: who is ahead, and how many have a winner."""
    verdicts = snapshot["verdicts"]
    if len(verdicts) <= MOST_PAIRINGS:
        return None
    sentences = []
    rated = next(row["rated"] for row in snapshot["ranking"] if row["aspect"] == snapshot["headline_aspect"])
    if closed and rated and (first := [each["contender"] for each in rated if each["ranks"][0] == 1]):
        ahead = (
            gettext("%(names)s is ahead of all others.")
            if len(first) == 1
            else gettext("The first rank is left open between %(names)s.")
        )
        sentences.append(ahead % {"names": ", ".join(first)})
    if closed:
        won = sum(row["verdict"] in ("first preferred", "second preferred") for row in verdicts)
        told = {"won": won, "all": len(verdicts)}
        sentences.append(gettext("In %(won)s of %(all)s pairings one of the two is preferred.") % told)
    return {"sentences": sentences}


def _powered(row: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    saved = row["votes_saved"]
    return _percent(row) | {
        "title": titles[row["aspect"]],
        "alone_share": _hundred(row["alone"]),
        "alone_ends": _between(row["alone_interval"]),
        "saved": "" if saved is None else f"{saved:.0f}",
    }


def _by_reason(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a judge adds nothing to: the aspects of each judge and pairing for which that has the same reason."""
    found: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        found.setdefault((row["judge"], " – ".join(row["contenders"]), row["reason"]), []).append(row["title"])
    return [
        {"judge": judge, "contenders": contenders, "reason": reason, "titles": titles}
        for (judge, contenders, reason), titles in found.items()
    ]


def _one_reason(following: list[dict[str, Any]]) -> str:
    """Why a measure can be held against no aspect, where that is one reason for all of them."""
    reasons = {row["reason"] for row in following if not row["share"] and row["tau"] is None}
    silent = all(not row["share"] and row["tau"] is None for row in following)
    return reasons.pop() if silent and len(reasons) == 1 else ""


def _headline_first(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The aspect that verdicts speak of stands first wherever aspects are listed, after what is said of all."""

    def first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(rows, key=lambda row: row["aspect"] not in (None, snapshot["headline_aspect"]))

    grouped = ("results", "position_bias", "ranking", "one_scale", "agreement", "scales")
    listed = {key: first(snapshot[key]) for key in grouped}
    metrics = [metric | {"following": first(metric["following"])} for metric in snapshot["metrics"]]
    return snapshot | listed | {"metrics": metrics}


def figures_of(snapshot: dict[str, Any], pairings: list[dict[str, Any]]) -> dict[str, figures.Figure]:
    """Figures of votes by name; those of a pairing end in its number."""
    found = {
        f"{kind}-{pairing['number']}": pairing[kind]
        for pairing in pairings
        if pairing["votes"]
        for kind in ("shares", "intervals")
    }
    for pairing in pairings:
        if pairing["drivers"] and pairing["drivers"]["aspects"]:
            found[f"drivers-{pairing['number']}"] = charts.drivers(pairing["drivers"]["aspects"])
    if tagged := [row for row in snapshot["slices"] if any(each["shrunk"] is not None for each in row["tags"])]:
        found["tags"] = charts.tags(tagged)
    for row in snapshot["ranking"]:
        if row["aspect"] == snapshot["headline_aspect"] and row["rated"]:
            found["ranking"] = charts.ranking(row["rated"])
    return found


def _metrics(snapshot: dict[str, Any], titles: dict[str, str]) -> list[dict[str, Any]]:
    """Measures by name, each with its contenders in their order and how far it follows people, aspect by aspect."""
    names, shown = snapshot["comparison"]["contenders"], []
    for number, metric in enumerate(snapshot["metrics"]):
        rows = {row["contender"]: row for row in metric["rows"]}
        following = [
            row
            | _ends(row)
            | {"title": titles[row["aspect"]], "share": _hundred(row["agreement"])}
            | {"headline": row["aspect"] == snapshot["headline_aspect"]}
            for row in metric["following"]
        ]
        words = {"title": gettext(metric["title"]), "unit": gettext(metric["unit"]), "figure": f"measure-{number}"}
        words["label"] = "; ".join(map(late, metric["label"].split("; ")))
        cells = [_measured(rows.get(name)) for name in names]
        tags = []
        for each in metric.get("tags", []):
            mine = {row["contender"]: row for row in each["rows"]}
            tags.append({"tag": each["tag"], "cells": [_measured(mine.get(name)) for name in names]})
        without = [each | {"contender": row["contender"]} for row in metric["rows"] for each in row.get("without", [])]
        more = {"cells": cells, "following": following, "sets": metric.get("kind") == "set", "tags": tags}
        more["without"] = without
        shown.append(metric | words | more)
    return shown


def _measured(row: dict[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    floor, spread, plain = row.get("floor"), row.get("spread"), row.get("plain")
    return row | {
        "plain_short": "" if plain in (None, row["value"]) or row["value"] is None else _short(plain),
        "ends": _between(row["interval"], _short),
        "short": "" if row["value"] is None else _short(row["value"]),
        "floor_short": "" if floor is None else _short(floor),
        "spread_short": "" if spread is None else _short(spread),
    }


def _against_people(metrics: list[dict[str, Any]], people: list[dict[str, Any]]) -> dict[str, figures.Figure]:
    """Figures of measures against people's votes: pairs where single clips are measured, contenders where sets are."""
    found = {}
    for metric in metrics:
        if metric["sets"]:
            points = [
                (cell["value"], float(each["share"]), each["contender"])
                for cell, each in zip(metric["cells"], people, strict=True)
                if cell and cell["value"] is not None and each["share"]
            ]
            if len(points) > 1:
                values, shares, names = (list(column) for column in zip(*points, strict=True))
                found[metric["figure"]] = charts.systems(_axis(metric), values, shares, names)
        elif metric["following"] and len(bins := metric["following"][0]["bins"]) > 1:
            found[metric["figure"]] = charts.following(_axis(metric), bins)
    return found


def _axis(metric: dict[str, Any]) -> str:
    """What is measured and in what: a figure saved as a file has no caption."""
    return f"{metric['title']}, {metric['unit']}"


def people_of(snapshot: dict[str, Any]) -> list[dict[str, Any]]:
    """What people say of each contender on the headline aspect, beside measures: with two contenders the win rate, with
    more the chance of winning against the average one."""
    names, headline = snapshot["comparison"]["contenders"], snapshot["headline_aspect"]
    if len(names) == 2:
        row = next(row for row in snapshot["results"] if row["aspect"] == headline)
        first = row["win_rate"]
        shares = [first, None if first is None else 1 - first]
    else:
        ranked: list[dict[str, Any]] = next(
            (row["rated"] for row in snapshot["ranking"] if row["aspect"] == headline), []
        )
        chances = {each["contender"]: each["chance"] for each in ranked}
        shares = [chances.get(name) for name in names]
    return [{"contender": name, "share": _hundred(share)} for name, share in zip(names, shares, strict=True)]


def _looks(looks: dict[str, Any] | None) -> dict[str, Any] | None:
    """Planned looks with their numbers in percent."""
    if not looks:
        return None
    pairings = [
        pairing
        | {
            "looks": [
                look | {"share": _hundred(look["win_rate"]), "ends": _between(look["look_interval"])}
                for look in pairing["looks"]
            ]
        }
        for pairing in looks["pairings"]
    ]
    return looks | {"pairings": pairings, "margin": _hundred(looks["margin"])}


def _short(value: float) -> str:
    return f"{value:.3g}"


def _row(row: dict[str, Any], titles: dict[str, str], closed: bool) -> dict[str, Any]:
    """While voting goes on the live interval is the only one on the page."""
    if not closed:
        reason = row["reason"] or row["live_reason"]
        row = row | {"interval": row["live_interval"], "interval_same_assessors": None, "reason": reason}
    return _percent(row) | {
        "title": titles[row["aspect"]],
        "same": _between(row["interval_same_assessors"]),
        "weighed": _hundred(row["weighted_win_rate"]),
        "weighed_ends": _between(row["weighted_interval"]),
        "bad_share": _hundred(row["both_bad"] / row["votes"]) if row["both_bad"] and row["votes"] else "",
    }


def _drivers(row: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    """Effects and contributions in points of 100, the greatest contribution first."""
    aspects = [
        {
            "aspect": each["aspect"],
            "title": titles[each["aspect"]],
            "effect": _points(each["effect"]),
            "effect_ends": _between(each["effect_interval"], _points),
            "contribution": each["contribution"],
            "contribution_interval": each["contribution_interval"],
            "contribution_points": _points(each["contribution"]),
            "contribution_ends": _between(each["contribution_interval"], _points),
            "share": "" if each["share"] is None else f"{100 * each['share']:.0f}",
        }
        for each in sorted(row["aspects"], key=lambda each: -abs(each["contribution"]))
    ]
    explained = {key: _hundred(row[key]) for key in ("explained", "explained_unseen")}
    left_out = [titles[key] for key in row["left_out"]]
    return row | explained | {"aspects": aspects, "left_out": left_out}


def _slices(row: dict[str, Any], groups: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`groups`: by what each tag goes in an address, where it is a group that was found."""
    tags = [
        _percent(each)
        | {"group": (of := (groups or {}).get(each["tag"], ""))}
        | {"parts": [_percent(part) | {"group": f"{of}.{n}"} for n, part in enumerate(each.get("parts", []))]}
        | {"drawn": _hundred(each["shrunk"]), "drawn_ends": _between(each["shrunk_interval"])}
        for each in row["tags"]
    ]
    return row | {"tags": tags}


def _kind(row: dict[str, Any], group: str) -> dict[str, Any]:
    return _percent(row) | {"group": group, "counts": list(row["contenders"].values())}


def _without(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"low": _hundred(row["lowest"]), "high": _hundred(row["highest"])}


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


def _agreement(row: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    coefficients = [
        found
        | {
            "title": COEFFICIENTS[found["name"]],
            "ends": f"{found['interval'][0]:.2f} – {found['interval'][1]:.2f}" if found["interval"] else "",
        }
        for found in row["coefficients"]
    ]
    known = any(found["estimate"] is not None for found in coefficients)
    silent = "" if known else row["reason"] or (coefficients[0]["reason"] if coefficients else "")
    return row | {"title": titles[row["aspect"]], "coefficients": coefficients, "silent": silent}
