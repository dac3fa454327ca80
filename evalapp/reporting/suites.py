"""Behavioural suites in a report: by capability, test and filling, from the tags that a suite gives its prompts.

A prompt is of a suite by its tags `capability:` and `test:`; the suite's name is that of its group, or where it has
none the prompt's key without its number. What fills the slots is what differs among the tags of a group, in the order
of the prompts, which is that in which the suite lists its fillings.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy

from evalapp.catalog.suites import TESTS
from evalapp.reporting.percents import between, hundred, points
from evalapp.reporting.reasons import DRAWS, SEED
from evalapp.reporting.sections import LEVEL, Row, headline, too_few
from evalapp.reporting.table import VoteTable
from evalapp.reporting.wording import said
from metrics import resolve

SECTION = "suites"
"""Of a snapshot."""
MINIMUM, INVARIANCE, DIRECTIONAL = TESTS
TITLES = {
    MINIMUM: gettext_lazy("minimum functionality"),
    INVARIANCE: gettext_lazy("invariance"),
    DIRECTIONAL: gettext_lazy("directional"),
}
Prompt = dict[str, Any]


def no_suites() -> Row:
    return {"groups": [], "pairings": []}


def suites(table: VoteTable, tests: bool) -> Row:
    """Per capability, test and filling its prompts (`groups`, with `parts` within), and per pairing the headline win
    rate of each, in the same order; of fillings, whether they matter. `tests`: whether voting has ended."""
    found, groups = _suites(table.prompts), list[Row]()
    for capability, within in found.items():
        parts = [_test(name, test, places, table.prompts) for (name, test), places in within.items()]
        groups.append(_named(capability, sorted(p for part in parts for p in part["places"]), table.prompts, parts))
    asked, pairings = table.aspects.index(headline(table)), list[Row]()
    for first, second in table.pairings:
        votes = table.votes(table.places(asked, (first, second)))
        if groups and len(votes):
            names = [table.contenders[first], table.contenders[second]]
            pairings.append({"contenders": names, "groups": [_rated(votes, group, tests) for group in groups]})
    _adjust([test for row in pairings for group in row["groups"] for test in group["parts"]])
    return {"groups": [_plain(group) for group in groups], "pairings": pairings}


def _tagged(prompt: Prompt, kind: str) -> str:
    return next((tag.removeprefix(kind) for tag in prompt["tags"] if tag.startswith(kind)), "")


def _suites(prompts: Sequence[Prompt]) -> dict[str, dict[tuple[str, str], list[int]]]:
    """By capability, and by name and test of the suite, the places of its prompts."""
    found: dict[str, dict[tuple[str, str], list[int]]] = {}
    for place, prompt in enumerate(prompts):
        capability, test = _tagged(prompt, "capability:"), _tagged(prompt, "test:")
        if capability and test in TESTS:
            name = _tagged(prompt, "group:").rpartition(" ")[0] or prompt["key"].rpartition("-")[0]
            found.setdefault(capability, {}).setdefault((name or capability, test), []).append(place)
    return found


def _named(name: str, places: list[int], prompts: Sequence[Prompt], parts: Sequence[Row] = ()) -> Row:
    keys = [prompts[place]["key"] for place in places]
    return {"name": name, "prompts": len(places), "keys": keys, "parts": list(parts), "places": places}


def _test(name: str, test: str, places: list[int], prompts: Sequence[Prompt]) -> Row:
    """One test with its fillings; `of_group` and `of_filling` are those of each of its prompts."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place in places:
        groups[_tagged(prompts[place], "group:")].append(place)
    groups.pop("", None)
    fillings: dict[str, list[int]] = {}
    of_group, of_filling = {}, {}
    for number, group in enumerate(groups.values()):
        shared = set.intersection(*(set(prompts[place]["tags"]) for place in group))
        for place in group:
            filled = ", ".join(sorted(set(prompts[place]["tags"]) - shared))
            if filled:
                fillings.setdefault(filled, []).append(place)
                of_group[place], of_filling[place] = number, list(fillings).index(filled)
    parts = [_named(filled, within, prompts) for filled, within in fillings.items()]
    return _named(name, places, prompts, parts) | {"test": test, "of_group": of_group, "of_filling": of_filling}


def _plain(group: Row) -> Row:
    kept = {key: group[key] for key in ("name", "test", "prompts", "keys") if key in group}
    return kept | {"parts": [_plain(part) for part in group["parts"]]}


def _rated(votes: Any, group: Row, tests: bool) -> Row:
    """The win rate on a capability, test or filling, with those of its parts, and what a test says of its fillings."""
    mine = votes.take(np.isin(votes.prompt, group["places"]))
    rate: Any = resolve("metrics.preference.winrate:win_rate_of")(mine, LEVEL)
    row: Row = {
        "name": group["name"],
        "prompts": rate.prompts,
        "votes": rate.votes,
        "win_rate": rate.estimate,
        "interval": [rate.interval.low, rate.interval.high] if rate.interval else None,
        "reason": rate.reason,
        "parts": [_rated(votes, part, tests) for part in group["parts"]],
    }
    if "test" in group:
        row |= {"test": group["test"], "p_value": None, "p_value_adjusted": None}
        if group["test"] != MINIMUM:
            row |= _of_fillings(mine, group, tests)
    return row


def _of_fillings(votes: Any, group: Row, tests: bool) -> Row:
    """How far the fillings lie apart (invariance), or how much the win rate rises from the first to the last."""
    votes = votes.take(np.isin(votes.prompt, list(group["of_group"])))
    of_group, of_filling = (
        np.array([group[of][prompt] for prompt in votes.prompt.tolist()], dtype=np.int64)
        for of in ("of_group", "of_filling")
    )
    few = too_few(len(np.unique(votes.prompt)), len(np.unique(votes.assessor)))
    if group["test"] == INVARIANCE:
        found: Any = resolve("metrics.preference.fillings:apart")(
            votes, of_group, of_filling, len(group["parts"]), np.random.default_rng(SEED), DRAWS
        )
        row: Row = {"apart": found.apart, "apart_by_chance": found.by_chance if tests else None, "groups": found.groups}
        p_value, reason = found.p_value, found.reason
    else:
        risen, groups = resolve("metrics.preference.fillings:rise")(
            votes, of_group, of_filling, len(group["parts"]), LEVEL
        )
        ends = [risen.low, risen.high] if risen and risen.low is not None else None
        row = {"rise": risen.value if risen else None, "rise_interval": ends, "groups": groups}
        p_value = risen.p_value if risen else None
        reason = risen.reason if risen else resolve("metrics.preference.fillings:NONE")
    told = said("whether the filling matters cannot be tested: {reason}", reason=few or reason)
    untested = told if tests else "tested in the report, once voting has ended"
    return row | {"p_value": p_value if tests and not few else None, "sentence": untested}


def _adjust(rows: list[Row]) -> None:
    """Benjamini-Hochberg over the tests of all pairings, and what each says in words."""
    tested = [row for row in rows if row["p_value"] is not None]
    fair = resolve("metrics.preference.multiplicity:benjamini_hochberg")([row["p_value"] for row in tested]).tolist()
    for row, adjusted in zip(tested, fair if tested else [], strict=True):
        row["p_value_adjusted"] = adjusted
        row["sentence"] = _sentence(row, adjusted)


def _sentence(row: Row, p: float) -> str:
    told = {"p": f"{p:.2g}"}
    if row["test"] == INVARIANCE:
        if p < 0.05:
            return said("the win rate changes with the filling by more than chance (p = {p}): not invariant", **told)
        return said("no sign that the filling matters (p = {p})", **told)
    if p >= 0.05:
        return said("no sign that the win rate rises or falls from the first filling to the last (p = {p})", **told)
    if row["rise"] > 0:
        return said("the win rate rises from the first filling to the last by more than chance (p = {p})", **told)
    return said("the win rate falls from the first filling to the last by more than chance (p = {p})", **told)


def shown(found: Row) -> list[Row]:
    """Per pairing its capabilities, tests and fillings one below the other, each with its place in an address."""
    pairings = []
    for row in found["pairings"]:
        lines: list[Row] = []
        for number, group in enumerate(row["groups"]):
            _add(lines, group, 0, f"{SECTION}.{number}")
        pairings.append({"first": row["contenders"][0], "second": row["contenders"][1], "lines": lines})
    return pairings


def _add(lines: list[Row], found: Row, level: int, place: str) -> None:
    if level == 0 and [part["name"] for part in found["parts"]] == [found["name"]]:
        return _add(lines, found["parts"][0], 0, f"{place}.0")  # a capability's only test, which bears its name
    rise = found.get("rise")
    lines.append(
        found
        | {"level": level, "group": place, "kind": TITLES.get(found.get("test", ""), "")}
        | {"share": hundred(found["win_rate"]), "ends": between(found["interval"])}
        | {"apart": hundred(found.get("apart")), "by_chance": hundred(found.get("apart_by_chance"))}
        | {"rise": "" if rise is None else points(rise), "rise_ends": between(found.get("rise_interval"), points)}
    )
    for number, part in enumerate(found["parts"]):
        _add(lines, part, 2 if "test" in found else 1, f"{place}.{number}")
