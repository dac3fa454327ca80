"""What stands behind and beside the win rates: drivers, slices, other ways of counting, and what to be wary of.

Each part comes from the vote table alone; statistics come from metrics.preference, reached by name.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalapp.comparisons.models import SIDES_FIXED
from evalapp.reporting.sections import LEVEL, SIDES_UNKNOWN, Row, headline, sides_fixed, too_few
from evalapp.reporting.table import VoteTable
from evalapp.reporting.wording import said
from metrics import resolve

SEED = 20260101
"""Of permutations and draws: the same votes give the same report."""
DRAWS = 1999
ASPECTS = 7  # 2^7 fits give the shares of the drivers; more would be for no one to read
UNBALANCED = 0.35
"""A contender on the left in fewer of its votes than this, or in more than one minus this, is warned of."""


def drivers(table: VoteTable) -> list[Row]:
    """Per pairing: which aspects go with the headline aspect, in answers of the same assessor on the same pair."""
    asked = table.aspects.index(headline(table))
    others = [code for code in range(len(table.aspects)) if code != asked][:ASPECTS]
    if not others:
        return []
    find, rows = resolve("metrics.preference.drivers:drivers"), []
    for pairing in table.pairings:
        chosen, choices = _forms(table, pairing, asked, others)
        prompt, assessor = table.prompt[chosen], table.assessor[chosen]
        names = [table.aspects[code] for code in others]
        found = find(table.outcome[chosen], choices, names, prompt, assessor, LEVEL)
        first, second = _names(table, pairing)
        few = too_few(len(np.unique(prompt)), len(np.unique(assessor))) if not found.reason else ""
        few = few or sides_fixed(table.votes(chosen), first, second)
        unsaid = said("What goes with the preference cannot be said: {reason}.", reason=few)
        rows.append(
            {
                "contenders": [first, second],
                "sentence": unsaid if few else found.sentence(first, second),
                "forms": found.votes,
                "aspects": [
                    {
                        "aspect": each.name,
                        "balance": each.balance,
                        "effect": each.effect.value,
                        "effect_interval": _ends(each.effect),
                        "contribution": each.contribution.value,
                        "contribution_interval": _ends(each.contribution),
                        "share": each.share,
                        "inflation": each.inflation,
                    }
                    for each in found.drivers
                ],
                "explained": found.explained,
                "explained_unseen": found.explained_unseen,
                "unseen_reason": found.unseen_reason,
                "warning": found.warning,
                "left_out": list(found.left_out),
                "reason": found.reason,
            }
        )
    return rows


def _forms(
    table: VoteTable, pairing: tuple[int, int], asked: int, others: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows (n,) of the votes on the headline aspect whose form answers all others too, and those choices (n, k)."""
    form = table.pair * max(len(table.assessors), 1) + table.assessor
    base = table.places(asked, pairing)
    base = base[np.argsort(form[base], kind="stable")]
    keys, answered = form[base], np.ones(len(base), dtype=bool)
    choices = np.zeros((len(base), len(others)))
    for column, code in enumerate(others):
        rows = table.places(code, pairing)
        place = np.searchsorted(keys, form[rows])
        met = place < len(keys)
        met[met] = keys[place[met]] == form[rows[met]]
        here = np.zeros(len(base), dtype=bool)
        here[place[met]] = True
        choices[place[met], column] = 2 * table.outcome[rows[met]] - 1
        answered &= here
    return base[answered], choices[answered]


def slices(table: VoteTable, tests: bool) -> list[Row]:
    """Per pairing: whether the headline win rate differs between tags at all, and each tag's own and shrunk rate.

    `tests`: whether p-values may be shown, that is, voting has ended.
    """
    if not any(prompt["tags"] for prompt in table.prompts):
        return []
    return split(table, {number: prompt["tags"] for number, prompt in enumerate(table.prompts)}, tests)


def split(table: VoteTable, tags: Mapping[int, Collection[str]], tests: bool) -> list[Row]:
    """Per pairing the headline win rate by these tags of each prompt's number, and whether it differs between them."""
    slice_up, asked, rows = (
        resolve("metrics.preference.slices:slices"),
        table.aspects.index(headline(table)),
        list[Row](),
    )
    for pairing in table.pairings:
        votes = table.votes(table.places(asked, pairing))
        if not len(votes):
            continue
        found = slice_up(votes, tags, np.random.default_rng(SEED), DRAWS, LEVEL)
        few = too_few(len(np.unique(votes.prompt)), len(np.unique(votes.assessor)))
        told = found.heterogeneity.in_words if tests else "tested in the report, once voting has ended"
        rows.append(
            {
                "contenders": list(_names(table, pairing)),
                "p_value": found.heterogeneity.p_value if tests and not few else None,
                "in_words": said("whether slices differ cannot be tested: {reason}", reason=few) if few else told,
                "spread": found.spread,
                "untagged": found.untagged,
                "tags": [
                    {
                        "tag": each.name,
                        "prompts": each.prompts,
                        "votes": each.win_rate.votes,
                        "win_rate": each.win_rate.estimate,
                        "interval": _ends(each.win_rate.interval),
                        "shrunk": each.shrunk.estimate if each.shrunk else None,
                        "shrunk_interval": _ends(each.shrunk),
                        "p_value_adjusted": each.adjusted if tests and not few else None,
                        "reason": each.win_rate.reason,
                    }
                    for each in found.slices
                ],
                "method": found.method,
            }
        )
    return rows


def sensitivity(table: VoteTable) -> list[Row]:
    """The headline win rate counted in other ways: sides balanced by regression, assessors weighed by reliability."""
    correct = resolve("metrics.preference.bias:side_corrected")
    asked, rows = table.aspects.index(headline(table)), []
    for pairing in table.pairings:
        chosen = table.places(asked, pairing)
        votes = table.votes(chosen)
        row: Row = {"contenders": list(_names(table, pairing)), "side_corrected": None, "side_corrected_interval": None}
        row |= {"side_effect": None, "side_reason": SIDES_UNKNOWN, "dawid_skene": None}
        if table.first_on_left is not None:
            found = correct(votes, LEVEL)
            row |= {"side_corrected": found.estimate, "side_corrected_interval": _ends(found.interval)}
            row |= {"side_effect": found.effect, "side_reason": found.reason}
        row["dawid_skene"], row["dawid_skene_reason"] = _dawid_skene(table, chosen)
        rows.append(row)
    return rows


def no_sensitivity(table: VoteTable, why: str) -> list[Row]:
    row = dict.fromkeys(("side_corrected", "side_corrected_interval", "side_effect", "dawid_skene"))
    named = [{"contenders": list(_names(table, pairing))} for pairing in table.pairings]
    return [each | row | {"side_reason": why, "dawid_skene_reason": why} for each in named]


def _dawid_skene(table: VoteTable, chosen: NDArray[np.int64]) -> tuple[float | None, str]:
    if not len(chosen):
        return None, "no votes"
    assessor = table.assessor[chosen]
    if len(np.unique(assessor)) < 2:
        return None, "one assessor only: nobody to be weighed against"
    items, item = np.unique(table.pair[chosen], return_inverse=True)
    choice = np.rint(2 - 2 * table.outcome[chosen]).astype(int)
    made = resolve("metrics.preference.agreement:Choices").of(item, assessor, choice, prompt=table.prompt[chosen])
    alpha = resolve("metrics.preference.agreement:krippendorff_alpha")(made)
    if not alpha.items:
        return None, alpha.reason
    least = alpha.low if alpha.low is not None else alpha.estimate
    if least is not None and least <= 0:
        return None, "assessors agree no better than by chance, so none seems more reliable than another"
    try:
        truth = resolve("metrics.preference.agreement:dawid_skene")(made, tolerance=1e-4, limit=1000).truth
    except RuntimeError as error:
        return None, str(error)
    prompt = np.zeros(len(items), dtype=np.int64)
    prompt[item] = table.prompt[chosen]
    score, count = (np.bincount(prompt, weight) for weight in (truth @ [1, 0.5, 0], np.ones(len(items))))
    return float((score[count > 0] / count[count > 0]).mean()), ""


def one_scale(table: VoteTable, tests: bool) -> list[Row]:
    """With three or more contenders, per aspect: does one scale fit, and how often would equals tie (Davidson)?"""
    if len(table.contenders) < 3:
        return []
    rows: list[Row] = []
    for code, aspect in enumerate(table.aspects):
        row: Row = {"aspect": aspect, "circles": None, "circles_expected": None, "p_value": None, "reason": ""}
        row |= {"tie_chance_of_equals": None, "ties_reason": ""}
        votes = table.all_votes(code)
        try:
            found = resolve("metrics.preference.transitivity:transitivity")(
                votes, np.random.default_rng(SEED), draws=DRAWS, tally=table.tally(code)
            )
            row |= {"circles": found.triads, "circles_expected": found.expected_triads, "reason": found.reason}
            few = too_few(len(np.unique(votes.prompt)), len(np.unique(votes.assessor)))
            row["p_value"] = found.p_value if tests and not few else None
            row["reason"] = found.reason or (few if tests else "")
        except (ValueError, RuntimeError) as error:
            row["reason"] = str(error)
        try:
            row["tie_chance_of_equals"] = resolve("metrics.preference.ties:tie_chance_of_equals")(votes)
        except (ValueError, RuntimeError) as error:
            row["ties_reason"] = str(error)
        rows.append(row)
    return rows


def no_scale(table: VoteTable, why: str) -> list[Row]:
    known = ("circles", "circles_expected", "p_value", "tie_chance_of_equals")
    asked = table.aspects if len(table.contenders) > 2 else []
    return [{"aspect": aspect, "reason": why, "ties_reason": why} | dict.fromkeys(known) for aspect in asked]


def warnings(table: VoteTable, filtered: bool = False) -> list[str]:
    """What a reader must know before believing a number, in sentences; none where nothing is odd."""
    asked, told = table.aspects.index(headline(table)), list[str]()
    if not len(table):
        if filtered:
            return [said("No vote passes these filters: nothing below says anything.")]
        return [said("There are no votes: nothing below says anything.")]
    votes = table.rows(asked)
    if not votes.any():
        told.append(
            said("Nobody has answered on {aspect} yet, the aspect that verdicts speak of.", aspect=headline(table))
        )
    told += _crowd(table)
    for code, name in enumerate(table.contenders):
        met = votes & ((table.first == code) | (table.second == code))
        if not met.any():
            told.append(said("{name} has never been compared: no vote says anything about it.", name=name))
        elif table.first_on_left is not None and met.sum() >= 20 and not (code and len(table.contenders) == 2):
            left = float(np.where(table.first == code, table.first_on_left, ~table.first_on_left)[met].mean())
            unbalanced, fixed = (not least <= left <= 1 - least for least in (UNBALANCED, SIDES_FIXED))
            template = (
                "{name} stood on the left in {left} of 100 of its votes: where assessors favour a side, its win rate "
                "shows that too. See the side-corrected win rate."
                if not fixed
                else "{name} stood on the left in {left} of 100 of its votes: its quality and its place cannot be told "
                "apart, and no way of counting these votes repairs that."
            )
            if unbalanced:
                told.append(said(template, name=name, left=round(100 * left)))
    for pairing in table.pairings:
        outcomes = table.outcome[table.places(asked, pairing)]
        first, second = _names(table, pairing)
        if not len(outcomes):
            told.append(
                said("{first} and {second} have not been compared with each other.", first=first, second=second)
            )
        elif (outcomes == 0.5).all():
            told.append(
                said(
                    "All votes on {first} against {second} are ties ({n}): nobody saw a difference.",
                    n=len(outcomes),
                    first=first,
                    second=second,
                )
            )
    return told


def _crowd(table: VoteTable) -> list[str]:
    told, counts = list[str](), np.bincount(table.assessor)
    if (counts > 0).sum() == 1:
        told.append(
            said("All votes come from one assessor: they say what this person prefers, not what people prefer.")
        )
    elif counts.max() >= len(table) / 2:
        share = round(100 * float(counts.max()) / len(table))
        told.append(
            said("One assessor cast {share} of 100 votes: see how far win rates move without that person.", share=share)
        )
    if len(np.unique(table.prompt)) == 1:
        told.append(said("All votes are on one prompt: they say nothing about other prompts."))
    return told


def _names(table: VoteTable, pairing: tuple[int, int]) -> tuple[str, str]:
    return table.contenders[pairing[0]], table.contenders[pairing[1]]


def _ends(estimate: Any) -> list[float] | None:
    return [estimate.low, estimate.high] if estimate and estimate.low is not None else None
