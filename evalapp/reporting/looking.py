"""What planned looks mean for a report, and what is kept from one while voting goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import erf, sqrt
from statistics import NormalDist
from typing import Any

from evalapp.assessing.looks import Look, planned_counts
from evalapp.comparisons.models import Comparison
from evalapp.reporting.table import VoteTable
from evalapp.reporting.wording import said
from metrics import resolve

ALPHA = 0.05
ORDINARY = frozenset(
    {
        *("interval", "interval_same_assessors", "standard_error", "degrees_of_freedom", "ranks"),
        *("side_corrected_interval", "effect_interval", "contribution_interval", "shrunk_interval"),
        *("weighted_interval", "alone_interval"),
        *("p_value", "p_value_adjusted", "gain_interval", "slope_interval", "order_p_value", "share_on_front"),
        *("rise_interval", "apart_by_chance"),
    }
)
"""Keys of a snapshot with ordinary intervals, or what gives one away: true for one look at the end, not for many."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Looked:
    """The looks that were taken at one pairing, in order; there is at least one."""

    looks: tuple[Look, ...]
    planned: tuple[int, ...]

    @property
    def last(self) -> Look:
        return self.looks[-1]

    @property
    def on_plan(self) -> bool:
        """Whether the last look was one of those planned, and not the one at an early end of voting."""
        return self.last.votes == self.planned[self.last.number - 1]

    @property
    def level(self) -> float:
        """Of an interval that, at this look, holds 95 times of 100 over all looks (a repeated confidence interval)."""
        if self.on_plan:
            bound = resolve("metrics.preference.stopping:obrien_fleming")(len(self.planned), ALPHA)[
                self.last.number - 1
            ]
        else:
            fractions = tuple(look.votes / self.planned[-1] for look in self.looks)
            bound = resolve("metrics.preference.stopping:spending_bounds")(fractions, ALPHA)[-1]
        return erf(bound / sqrt(2))

    def p_value(self, plain: float) -> float | None:
        """A p-value that may be read whenever one stopped, from that of one look; None off the planned moments."""
        if not self.on_plan:
            return None
        statistic = -NormalDist().inv_cdf(max(plain, 1e-15) / 2)
        repeated: float = resolve("metrics.preference.stopping:repeated_p_value")(
            statistic, self.last.number, len(self.planned)
        )
        return repeated


def looked_at(comparison: Comparison, table: VoteTable) -> dict[tuple[int, int], Looked]:
    """The looks taken so far, by pairing (codes of the table's contenders)."""
    place = {name: code for code, name in enumerate(table.contenders)}
    planned, found = tuple(planned_counts(comparison)), dict[tuple[int, int], list[Look]]()
    for look in Look.objects.filter(comparison=comparison).select_related("first", "second").order_by("number"):
        found.setdefault((place[look.first.name], place[look.second.name]), []).append(look)
    return {pairing: Looked(tuple(looks), planned) for pairing, looks in found.items()}


def looks(comparison: Comparison, table: VoteTable, looked: Mapping[tuple[int, int], Looked]) -> Row | None:
    """The rule fixed before launch and, per pairing, every look that was taken; None where none was planned."""
    if not comparison.planned_looks:
        return None
    counts = planned_counts(comparison)
    return {
        "planned_looks": comparison.planned_looks,
        "planned_votes": comparison.planned_votes,
        "planned_at": counts,
        "margin": comparison.margin,
        "aspect": comparison.headline.key if comparison.headline else None,
        "pairings": [_pairing(comparison, table, pairing, looked.get(pairing)) for pairing in table.pairings],
    }


def _pairing(comparison: Comparison, table: VoteTable, pairing: tuple[int, int], looked: Looked | None) -> Row:
    names = [table.contenders[code] for code in pairing]
    asked = table.aspects.index(comparison.headline.key) if comparison.headline else 0
    cast = int(table.rows(asked, pairing).sum())
    decided = looked is not None and looked.last.settles
    saved = max(0, (comparison.planned_votes or 0) - cast) if decided else 0
    return {
        "contenders": names,
        "decided": decided,
        "verdict": looked.last.verdict if looked else "undecided",
        "votes": cast,
        "votes_saved": saved,
        "sentence": _sentence(comparison, looked, cast, saved),
        "looks": [_look(look) for look in looked.looks] if looked else [],
    }


def _sentence(comparison: Comparison, looked: Looked | None, cast: int, saved: int) -> str:
    planned = {"looks": comparison.planned_looks, "planned": comparison.planned_votes}
    if looked is None:
        return said(
            "No look has been taken yet: {looks} are planned on the way to {planned} votes, and there are {votes}.",
            **planned,
            votes=cast,
        )
    if not looked.last.settles:
        return said(
            "Undecided at look {number} of {looks}; there are {votes} of {planned} planned votes.",
            **planned,
            number=looked.last.number,
            votes=cast,
        )
    if looked.last.verdict == "undecided":
        return said(
            "Undecided at look {number}, the last of {looks}, after {votes} of {planned} planned votes.",
            **planned,
            number=looked.last.number,
            votes=looked.last.votes,
        )
    return said(
        "Decided at look {number} of {looks} after {votes} of {planned} planned votes; {saved} votes were saved, as "
        "its pairs were not handed out any more.",
        **planned,
        number=looked.last.number,
        votes=looked.last.votes,
        saved=saved,
    )


def _look(look: Look) -> Row:
    return {
        "number": look.number,
        "votes": look.votes,
        "prompts": look.prompts,
        "assessors": look.assessors,
        "statistic": look.statistic,
        "boundary": look.boundary,
        "level": look.level,
        "win_rate": look.win_rate,
        "look_interval": [look.low, look.high] if look.low is not None else None,
        "verdict": look.verdict,
        "reason": look.reason,
        "at": look.at.isoformat(),
    }


def unfinished(snapshot: Row, why: str) -> Row:
    """A snapshot for a reader who looks before the end; how measures of clips vary has nothing to do with votes."""
    measured = [each | {"following": withheld(each["following"], why)} for each in snapshot["metrics"]]
    found: Row = withheld(snapshot, why)
    return found | {"metrics": measured}


def withheld(part: Any, why: str) -> Any:
    """A part of a snapshot without ordinary intervals, tests and what leads to them; `why` is the reason beside."""
    if isinstance(part, list):
        return [withheld(each, why) for each in part]
    if not isinstance(part, dict):
        return part
    found = {key: None if key in ORDINARY else withheld(inner, why) for key, inner in part.items()}
    if found == part:
        return found
    if ("reason" in part or ORDINARY & part.keys()) and not found.get("reason"):
        found["reason"] = why
    if "in_words" in part and part.get("win_rate") is not None:
        found["in_words"] = said("wins {share} of 100", share=round(100 * part["win_rate"]))
    if "forms" in part:
        found["sentence"] = said("What goes with the preference cannot be said: {reason}.", reason=why)
    return found
