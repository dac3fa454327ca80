"""The parts of a report, each from the vote table alone. Statistics come from metrics.preference, reached by name."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evalapp.comparisons.models import FEWEST_ASSESSORS, FEWEST_PROMPTS, HEADLINE, sides_are_fixed
from evalapp.measuring.results import Voted
from evalapp.reporting.looking import Looked
from evalapp.reporting.table import Repeats, VoteTable
from evalapp.reporting.wording import joined, said
from metrics import resolve

LEVEL = 0.95
MOST_ASKED = 2
"""The greatest strength that the screen offers: a full preference, unless imported votes know a greater one."""
SIDES_UNKNOWN = "it is not known who stood on which side"
COEFFICIENTS = (
    *("raw_agreement", "krippendorff_alpha", "krippendorff_alpha ordinal", "gwet_ac1"),
    *("self_consistency", "human_ceiling"),
)
Row = dict[str, Any]


def headline(table: VoteTable) -> str:
    """The aspect that verdicts speak of: the overall preference, or the first one where it is not asked."""
    return HEADLINE if HEADLINE in table.aspects else table.aspects[0]


def results(table: VoteTable, tests: bool, looked: Mapping[tuple[int, int], Looked] | None = None) -> list[Row]:
    """One row per pairing and aspect; `tests`: whether p-values may be shown, that is, voting has ended. Where nothing
    may be claimed (`too_few`, `sides_fixed`) there are none, and the others are adjusted without them.

    `live_interval` is the only interval that may be watched while votes come in. Pairings that planned looks were taken
    at get intervals and p-values that hold over all looks.
    """
    win_rate_of, strength_weighted = (
        resolve(f"metrics.preference.winrate:{name}") for name in ("win_rate_of", "strength_weighted")
    )
    strongest = 0 if table.strength is None else int(table.strength.max(initial=MOST_ASKED))
    live_interval = resolve("metrics.preference.stopping:live_interval")
    rows: list[Row] = []
    for first, second in table.pairings:
        for code, aspect in enumerate(table.aspects):
            votes = table.votes(table.places(code, (first, second)))
            look = (looked or {}).get((first, second))
            found = win_rate_of(votes, look.level if look else LEVEL)
            names = [table.contenders[first], table.contenders[second]]
            lacking = {"too_few": too_few(found.prompts, found.assessors), "sides_fixed": sides_fixed(votes, *names)}
            tested = tests and not any(lacking.values())
            weighed = strength_weighted(votes, strongest, found.level) if strongest else None
            live = live_interval(votes, max(len(table.prompts), 1), level=LEVEL)
            rows.append(
                {
                    "contenders": names,
                    "aspect": aspect,
                    "votes": found.votes,
                    "wins": found.wins,
                    "ties": found.ties,
                    "both_bad": found.both_bad,
                    "losses": found.losses,
                    "prompts": found.prompts,
                    "assessors": found.assessors,
                    "win_rate": found.estimate,
                    "interval": _ends(found.interval),
                    "interval_same_assessors": _ends(found.same_assessors),
                    "live_interval": [live.low, live.high] if live.low is not None else None,
                    "live_reason": live.reason,
                    "standard_error": found.interval.se if found.interval else None,
                    "degrees_of_freedom": found.interval.df if found.interval else None,
                    "p_value": _p_value(found.p_value, look) if tested else None,
                    "p_value_adjusted": None,
                    "weighted_win_rate": weighed.estimate if weighed else None,
                    "weighted_interval": _ends(weighed.interval) if weighed else None,
                    "reason": found.reason,
                    **lacking,
                    "in_words": found.in_words,
                }
            )
    if tests:
        _adjust(rows, headline(table))
    return rows


def _p_value(plain: float | None, look: Looked | None) -> float | None:
    return look.p_value(plain) if look and plain is not None else plain


def _adjust(rows: list[Row], aspect: str) -> None:
    """Holm over the pairings of the headline aspect; Benjamini-Hochberg over everything else, which is exploring."""
    for correction, chosen in (
        ("holm", [row for row in rows if row["aspect"] == aspect]),
        ("benjamini_hochberg", [row for row in rows if row["aspect"] != aspect]),
    ):
        tested = [row for row in chosen if row["p_value"] is not None]
        adjusted = resolve(f"metrics.preference.multiplicity:{correction}")([row["p_value"] for row in tested])
        for row, value in zip(tested, adjusted.tolist(), strict=True):
            row["p_value_adjusted"] = value


def too_few(prompts: int | None, assessors: int | None) -> str:
    few: list[str] = []
    if (prompts or 0) < FEWEST_PROMPTS:
        one = "one prompt, where {least} are the least"
        told = "{n} prompts, where {least} are the least" if prompts != 1 else one
        few.append(said(told, n=prompts or 0, least=FEWEST_PROMPTS))
    if (assessors or 0) < FEWEST_ASSESSORS:
        one = "one assessor, where {least} are the least"
        told = "{n} assessors, where {least} are the least" if assessors != 1 else one
        few.append(said(told, n=assessors or 0, least=FEWEST_ASSESSORS))
    return joined(few, " and ") if few else ""


def sides_fixed(votes: Any, first: str, second: str) -> str:
    """Why quality and place cannot be told apart: one of the two always, or nearly always, stood on the left. Empty
    where sides vary, are not known, or of too few votes to tell."""
    if votes.first_on_left is None:
        return ""
    left, n = int(votes.first_on_left.sum()), len(votes)
    if not sides_are_fixed(left, n):
        return ""
    name, left = (first, left) if 2 * left >= n else (second, n - left)
    template = "{name} stood on the left in {left} of {n} votes, so its quality and its place cannot be told apart"
    return said(template, name=name, left=left, n=n)


def position_bias(table: VoteTable) -> list[Row]:
    """How often the left side won among decided votes: overall and by aspect."""
    measure = resolve("metrics.preference.bias:left_share")
    groups: list[tuple[str | None, int | None]] = [
        (None, None),
        *((key, code) for code, key in enumerate(table.aspects)),
    ]
    rows: list[Row] = []
    for aspect, code in groups:
        chosen = np.arange(len(table)) if code is None else table.places(code)
        if table.first_on_left is None or not len(chosen):
            reason = "no votes" if table.first_on_left is not None else SIDES_UNKNOWN
            rows.append({"aspect": aspect, "decided": 0, "left": None, "interval": None, "reason": reason})
            continue
        left, balance = measure(table.votes(chosen), LEVEL)
        rows.append(
            {
                "aspect": aspect,
                "decided": left.votes,
                "left": left.estimate,
                "interval": _ends(left.interval),
                "reason": left.reason or balance,
            }
        )
    return rows


def rankings(table: VoteTable) -> list[Row]:
    """Where more than two contenders meet: Bradley-Terry strengths per aspect, or why there are none."""
    if len(table.contenders) < 3:
        return []
    rank = resolve("metrics.preference.ranking:rank")
    rows: list[Row] = []
    for code, aspect in enumerate(table.aspects):
        try:
            unclear = _same_place(table, code)
            found = rank(table.tally(code), level=LEVEL, unclear=unclear)
        except ValueError as error:
            rows.append({"aspect": aspect, "rated": [], "reason": str(error), "method": ""})
            continue
        rows.append({"aspect": aspect, "method": found.method, **rated(found, unclear)})
    return rows


def _same_place(table: VoteTable, code: int) -> list[tuple[int, int]]:
    """Pairings whose sides were fixed, or of a contender that stood on one side throughout: of these two, nobody can
    say who is ahead."""
    if table.first_on_left is None:
        return []
    kinds, size = table.tally(code), len(table.contenders)
    met, left = np.zeros((2, size, size))
    np.add.at(met, (kinds.first, kinds.second), kinds.votes)
    np.add.at(left, (kinds.first, kinds.second), kinds.votes * (kinds.side > 0))
    met, left = met + met.T, left + (met - left).T
    always = [sides_are_fixed(*both) for both in zip(left.sum(axis=1), met.sum(axis=1), strict=True)]
    return [
        (first, second)
        for first, second in table.pairings
        if always[first] or always[second] or sides_are_fixed(left[first, second], met[first, second])
    ]


def rated(ranking: Any, unclear: Sequence[tuple[int, int]] = ()) -> Row:
    """The contenders of a ranking, strongest first, and why ranks say less than strengths: all are left open where too
    few voted to claim anything, and `unclear` pairs are not told apart."""
    few, everyone = too_few(ranking.prompts, ranking.assessors), [1, len(ranking.rated)]
    rows = [
        {
            "contender": each.name,
            "votes": each.votes,
            "rating": each.elo[0],
            "interval": [each.elo[1], each.elo[2]] if each.elo[1] is not None else None,
            "chance": each.chance[0],
            "ranks": everyone if few else list(each.ranks),
        }
        for each in ranking.rated
    ]
    why = said("every rank is left open: {reason}", reason=few) if few else ""
    if unclear and not few:
        pairs = ", ".join(" – ".join(ranking.names[place] for place in pair) for pair in unclear)
        why = said("ranks leave open who is ahead where one of two stood on one side throughout: {pairs}", pairs=pairs)
    return {"rated": rows, "reason": ranking.reason, "ranks_reason": why}


def agreement(table: VoteTable, repeats: Repeats | None = None) -> list[Row]:
    """How far assessors agree on each aspect, and, where pairs were repeated, each of them with themselves."""
    choices = resolve("metrics.preference.agreement:Choices")
    rows: list[Row] = []
    for code, aspect in enumerate(table.aspects):
        chosen = table.places(code)
        if not len(chosen):
            rows.append({"aspect": aspect, "coefficients": [], "reason": "no votes"})
            continue
        made = choices.of(
            table.pair[chosen],
            table.assessor[chosen],
            np.rint(2 - 2 * table.outcome[chosen]).astype(int),
            prompt=table.prompt[chosen],
        )
        coefficients: list[Row] = []
        for name in COEFFICIENTS:
            if name == "self_consistency":
                if repeats is None:
                    continue
                found = _with_themselves(repeats, code)
            else:
                function, *scale = name.split(" ")
                found = resolve(f"metrics.preference.agreement:{function}")(made, *scale)
            ends = [found.low, found.high] if found.low is not None else None
            coefficients.append(
                {
                    "name": name.replace(" ", "_"),
                    "estimate": found.estimate,
                    "interval": ends,
                    "pairs": found.items,
                    "pairs_with_one_vote": found.single,
                    "reason": found.reason,
                }
            )
        rows.append({"aspect": aspect, "coefficients": coefficients, "reason": ""})
    return rows


def _with_themselves(repeats: Repeats, code: int) -> Any:
    """How often the second answer to one pair was the first one's; a repeat is an item of its own."""
    mine = repeats.aspect == code
    item, prompt = np.arange(int(mine.sum())), repeats.prompt[mine]
    return resolve("metrics.preference.agreement:self_consistency")(
        np.r_[item, item],
        np.zeros(2 * len(item), dtype=np.int64),
        np.r_[repeats.before[mine], repeats.after[mine]],
        prompt=np.r_[prompt, prompt],
    )


def without_each_assessor(
    table: VoteTable, looked: Mapping[tuple[int, int], Looked] | None = None, lean: bool = False
) -> list[Row]:
    """How far each headline win rate moves when one assessor is left out, and whom the finding hangs on: without them
    the interval leaves, or comes to hold, one half. `lean`: not reckoned, the rows are empty."""
    rate_of, leave_out = (
        resolve(f"metrics.preference.winrate:{name}") for name in ("win_rate_of", "without_each_assessor")
    )
    code, rows = table.aspects.index(headline(table)), []
    for pairing in table.pairings:
        votes = table.votes(table.places(code, pairing)[: 0 if lean else None])
        level = looked[pairing].level if looked and pairing in looked else LEVEL
        found = {who: rate for who, rate in leave_out(votes, level).items() if rate.estimate is not None}
        rates, side = [rate.estimate for rate in found.values()], _favoured(rate_of(votes, level))
        rows.append(
            {
                "contenders": [table.contenders[side_of] for side_of in pairing],
                "lowest": min(rates, default=None),
                "highest": max(rates, default=None),
                "changed_by": [table.assessors[who]["code"] for who, rate in found.items() if _favoured(rate) != side],
            }
        )
    return rows


def _favoured(rate: Any) -> int:
    """1 or -1 where the interval lies above or below one half, else 0."""
    return 0 if rate.interval is None else (rate.interval.low > 0.5) - (rate.interval.high < 0.5)


def voted(table: VoteTable) -> dict[str, Voted]:
    """Per aspect the mean outcome of each pair, for what measures are held against."""
    found = {}
    for code, aspect in enumerate(table.aspects):
        chosen = table.rows(code)
        pairs, place = np.unique(table.pair[chosen], return_inverse=True)
        means = np.bincount(place, table.outcome[chosen], len(pairs)) / np.maximum(np.bincount(place), 1)
        outcomes = dict(zip(pairs.tolist(), means.tolist(), strict=True))
        found[aspect] = Voted(outcomes, int(chosen.sum()), int(table.simulated[chosen].sum()))
    return found


def _ends(interval: Any) -> list[float] | None:
    return [interval.low, interval.high] if interval else None
