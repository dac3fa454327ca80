"""What judges said of a comparison's pairs, as columns; and win rates with their help, beside those of votes alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db.models import Max, Sum
from numpy.typing import NDArray

from evalapp.comparisons.models import Comparison
from evalapp.measuring.judges import JudgeRun, JudgeVersion
from evalapp.measuring.verdicts import judges_of, told_of
from evalapp.reporting.looking import Looked
from evalapp.reporting.table import VoteTable
from metrics import resolve

LEVEL = 0.95
PARTLY = "the judge did not answer all pairs that people voted on: held beside other votes, it would not compare"
NOTHING = "the judge knows no pair beyond those that people voted on: there is nothing to add"
Row = dict[str, Any]


@dataclass
class Asked:
    """Pairs of one comparison as one judge told them; arrays (n,) in order of the pairs' ids, NaN where it did not."""

    pair: NDArray[np.int64]
    status: list[str]
    aspects: dict[str, NDArray[np.float64]]
    natives: dict[str, NDArray[np.float64]]
    forward: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    turned: dict[str, NDArray[np.float64]] = field(default_factory=dict)


def asked_of(comparison: Comparison, version: JudgeVersion) -> Asked:
    """The columns of one judge version; two queries."""
    declared = version.declaration
    told = list(told_of(comparison, version))

    def column(values: Iterable[float | None]) -> NDArray[np.float64]:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    found = Asked(
        np.array([each.pair for each in told], dtype=np.int64),
        [each.told.status for each in told],
        {key: column(each.told.aspects.get(key) for each in told) for key in declared.aspects},
        {key: column(each.told.natives.get(key) for each in told) for key in declared.natives},
    )
    if declared.mode == "pairwise":
        both = [(each.forward, each.turned) for each in told]
        orders = [
            [declared.scores(each.values) if each and each.status == "ok" else {} for each in side]
            for side in zip(*both, strict=True)
        ] or [[], []]
        for key in declared.aspects:
            found.forward[key] = column(each.get(key) for each in orders[0])
            # Told of the clip shown first, which in this order is the pair's second.
            found.turned[key] = -column(each.get(key) for each in orders[1])
    return found


def judged_inputs(comparison: Comparison) -> list[Any]:
    """What the judges' part of a report depends on; empty where none was asked."""
    judges = JudgeRun.objects.filter(comparison=comparison).order_by().values("judge").distinct()
    runs = JudgeRun.objects.filter(judge__in=judges).aggregate(last=Max("pk"), asked=Sum("asked"))
    return [runs["last"], runs["asked"]] if runs["last"] else []


def powered(
    comparison: Comparison, table: VoteTable, looked: Mapping[tuple[int, int], Looked] | None = None
) -> list[Row]:
    """A row per judge version, pairing and aspect that people voted on and the judge judges: the win rate by votes and
    verdicts together (PPI++), and by votes alone. Empty where no judge was asked."""
    rows: list[Row] = []
    for version in judges_of(comparison):
        asked = asked_of(comparison, version)
        sides = _sides(comparison, table, asked)
        for pairing in table.pairings:
            look = (looked or {}).get(pairing)
            for code, aspect in enumerate(table.aspects):
                if aspect in asked.aspects and (chosen := table.rows(code, pairing)).any():
                    found = _powered(table, chosen, asked, sides, pairing, aspect, look.level if look else LEVEL)
                    rows.append(
                        {"judge": str(version), "aspect": aspect}
                        | {"contenders": [table.contenders[place] for place in pairing]}
                        | found
                    )
    return rows


@dataclass(frozen=True)
class _Sides:
    """Of each pair that the judge was asked about: the places of both contenders, and its prompt; shape (n,)."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    prompt: NDArray[np.int64]


def _sides(comparison: Comparison, table: VoteTable, asked: Asked) -> _Sides:
    columns = ("pk", "first__contender__name", "second__contender__name", "prompt")
    places = {name: place for place, name in enumerate(table.contenders)}
    prompts = {pk: place for place, pk in enumerate(comparison.prompt_set.prompts.values_list("pk", flat=True))}
    known = {
        pk: (places[first], places[second], prompts[prompt])
        for pk, first, second, prompt in comparison.pairs.values_list(*columns)
    }
    found = np.array([known[pair] for pair in asked.pair.tolist()], dtype=np.int64).reshape(-1, 3).T
    return _Sides(*found)


def _powered(
    table: VoteTable,
    chosen: NDArray[np.bool_],
    asked: Asked,
    sides: _Sides,
    pairing: tuple[int, int],
    aspect: str,
    level: float,
) -> Row:
    delta = asked.aspects[aspect]
    verdict = (np.sign(delta) + 1) / 2
    mine = (sides.first == pairing[0]) & (sides.second == pairing[1])
    of_vote = verdict[np.searchsorted(asked.pair, table.pair[chosen])]
    counts = {"votes": int(chosen.sum()), "pairs_judged": int(np.isfinite(delta[mine]).sum()), "pairs": int(mine.sum())}
    nothing: Row = {"win_rate": None, "interval": None, "alone": None, "alone_interval": None}
    nothing |= {"weight": None, "votes_saved": None, "prompts_voted": None, "prompts_judged": None}
    if not np.isfinite(of_vote).all():
        return nothing | counts | {"reason": PARTLY}
    beyond = mine & np.isfinite(delta)
    prompt = table.prompt[chosen]
    if not (~np.isin(sides.prompt[beyond], prompt)).any():
        return nothing | counts | {"reason": NOTHING}
    found = resolve("metrics.judges.powered:powered_win_rate")(
        table.outcome[chosen], of_vote, prompt, table.assessor[chosen], verdict[beyond], sides.prompt[beyond], level
    )
    return counts | {
        "win_rate": found.estimate,
        "interval": None if found.low is None else [found.low, found.high],
        "alone": found.votes_alone,
        "alone_interval": None if found.alone_low is None else [found.alone_low, found.alone_high],
        "weight": found.weight,
        "votes_saved": found.votes_saved,
        "prompts_voted": found.prompts_voted,
        "prompts_judged": found.prompts_judged,
        "reason": found.reason,
    }
