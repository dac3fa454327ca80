"""How far assessors agree: alpha, AC1, raw agreement, self-consistency, the human ceiling; and Dawid-Skene.

Every interval is a jackknife over prompts (t with prompts − 1 degrees of freedom): it speaks of *these assessors, new
prompts*. What cannot be computed is None with a reason in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.special import stdtrit

from metrics.preference.sandwich import codes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Scale = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True)
class Agreement:
    """One coefficient. `items` had at least two assessors; `single` had one and say nothing about agreement;
    `repeats` are later votes of an assessor on the same item, left out here (see `self_consistency`)."""

    name: str
    estimate: float | None
    low: float | None
    high: float | None
    items: int
    single: int
    repeats: int
    votes: int
    prompts: int
    reason: str = ""


@dataclass(frozen=True)
class Choices:
    """Choices in long form: one row per vote. `item` is what was judged (pair × aspect), `choice` indexes `categories`,
    `prompt` groups items for the intervals. All are integer codes from 0, shape (n,)."""

    item: Ints
    assessor: Ints
    choice: Ints
    prompt: Ints
    categories: tuple[str, ...]
    repeats: int = 0

    @classmethod
    def of(
        cls,
        item: ArrayLike,
        assessor: ArrayLike,
        choice: ArrayLike,
        categories: tuple[str, ...] = ("first", "tie", "second"),
        prompt: ArrayLike | None = None,
        keep_repeats: bool = False,
    ) -> Choices:
        """Any integer labels for item, assessor and prompt; `choice` as indexes into `categories`, or these names.

        Raises ValueError for a choice that is none of the categories, for columns of unequal length, and for an item
        that belongs to two prompts.
        """
        chosen = np.asarray(choice)
        if chosen.dtype.kind in "US" or chosen.dtype == object:
            known = {name: code for code, name in enumerate(categories)}
            if unknown := sorted({str(name) for name in chosen} - set(known)):
                raise ValueError(f"choice {unknown[0]!r} is none of {', '.join(categories)}")
            chosen = np.array([known[str(name)] for name in chosen], dtype=np.int64)
        elif chosen.size and (not np.all(np.isfinite(chosen)) or not np.all(chosen == np.floor(chosen))):
            raise ValueError("a choice must be an index into the categories; leave missing votes out, do not code them")
        chosen = chosen.astype(np.int64)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= len(categories)):
            raise ValueError(f"a choice lies outside 0..{len(categories) - 1}, the categories {', '.join(categories)}")
        items, assessors = codes(item), codes(assessor)
        prompts = items if prompt is None else codes(prompt)
        if not len(items) == len(assessors) == len(chosen) == len(prompts):
            raise ValueError("item, assessor, choice and prompt must have one entry per vote each")
        home = np.zeros(items.max(initial=-1) + 1, dtype=np.int64)
        home[items] = prompts
        if np.any(home[items] != prompts):
            raise ValueError("an item belongs to two prompts; an item is one pair of clips and has one prompt")
        repeats = 0
        if not keep_repeats and items.size:
            seat = items * (assessors.max() + 1) + assessors
            seen = np.bincount(seat) if seat.max() < 8 * len(seat) + 1024 else None
            if seen is None or seen.max() > 1:
                _, firsts = np.unique(seat, return_index=True)
                repeats = len(items) - len(firsts)
                rows = np.sort(firsts)
                items, assessors, chosen, prompts = items[rows], assessors[rows], chosen[rows], prompts[rows]
        return cls(items, assessors, chosen, prompts, categories, repeats)

    def counts(self) -> Floats:
        """Votes per item and category, shape (items, categories)."""
        return self._counted

    @cached_property
    def _counted(self) -> Floats:
        width = len(self.categories)
        table = np.bincount(self.item * width + self.choice, minlength=(self.item.max(initial=-1) + 1) * width)
        return table.reshape(-1, width).astype(np.float64)

    @cached_property
    def by_prompt(self) -> Floats:
        """Added up, per prompt (a row), what alpha, AC1 and raw agreement need: coincidences, agreement, items,
        prevalence."""
        counts = self.counts()
        votes = counts.sum(axis=1)
        several = votes > 1
        width = counts.shape[1]
        spare = np.where(several, 1 / np.maximum(votes - 1, 1), 0.0)
        prompts = self.prompt_of_item()
        columns = []
        for one in range(width):
            for other in range(width):
                together = counts[:, one] * (counts[:, other] - (one == other))
                columns.append(_sum(prompts, together * spare))
        agreed = (counts * (counts - 1)).sum(axis=1) * spare / np.maximum(votes, 1)
        columns += [_sum(prompts, agreed), _sum(prompts, several)]
        columns += [_sum(prompts, counts[:, c] / np.maximum(votes, 1)) for c in range(width)]
        return np.stack(columns, axis=1)

    def prompt_of_item(self) -> Ints:
        """The prompt of each item, shape (items,)."""
        home = np.zeros(self.item.max(initial=-1) + 1, dtype=np.int64)
        home[self.item] = self.prompt
        return home


def krippendorff_alpha(choices: Choices, scale: Scale = "nominal", level: float = 0.95) -> Agreement:
    """α = 1 − D_observed / D_expected (Krippendorff, Content Analysis, 2004; "Computing Krippendorff's Alpha", 2011).

    `ordinal` takes the categories in their order (first, tie, second) with Krippendorff's rank metric; `interval` takes
    their indexes.
    Undefined when every vote is the same category: nothing could have disagreed.
    """

    def statistic(sums: Floats) -> Floats:
        width = len(choices.categories)
        return _alpha(sums[:, : width * width].reshape(-1, width, width), scale)

    return _by_prompt(f"Krippendorff's alpha ({scale})", choices, statistic, level)


def gwet_ac1(choices: Choices, level: float = 0.95) -> Agreement:
    """AC1 = (p_a − p_e)/(1 − p_e), p_e = Σ π_c(1 − π_c)/(q − 1) (Gwet, 2008): steady when one category is rare.

    As published, prevalence π is the mean over all rated items, one-vote items included; agreement p_a needs two votes.
    """
    width = len(choices.categories)

    def statistic(sums: Floats) -> Floats:
        agreed = _ratio(sums[:, width * width], sums[:, width * width + 1])
        prevalence = sums[:, width * width + 2 : width * width + 2 + width]
        prevalence = prevalence / prevalence.sum(axis=1, keepdims=True)
        chance = (prevalence * (1 - prevalence)).sum(axis=1) / (width - 1)
        corrected: Floats = (agreed - chance) / (1 - chance)
        return corrected

    return _by_prompt("Gwet's AC1", choices, statistic, level)


def raw_agreement(choices: Choices, level: float = 0.95) -> Agreement:
    """The chance that two different assessors of an item made the same choice, averaged over items."""
    width = len(choices.categories)
    return _by_prompt(
        "raw agreement", choices, lambda sums: _ratio(sums[:, width * width], sums[:, width * width + 1]), level
    )


def human_ceiling(choices: Choices, level: float = 0.95) -> Agreement:
    """How often one assessor agrees with the majority of the others: what an automatic judge can hope for.

    Where the others are split evenly between k categories, agreeing with one of them counts 1/k (a half between two).
    """
    counts = choices.counts()
    others = counts[choices.item]
    rows = np.arange(len(others))
    others[rows, choices.choice] -= 1
    # few categories: going by columns is several times quicker than NumPy's sums along so short an axis
    top = reduce(np.maximum, others.T)
    rivals = reduce(np.add, (column == top for column in others.T), np.zeros(len(top)))
    credit = np.where(others[rows, choices.choice] == top, 1 / np.maximum(rivals, 1), 0.0)
    usable = top > 0
    sums = np.stack([_sum(choices.prompt, credit * usable), _sum(choices.prompt, usable)], axis=1)
    return _finish("human ceiling", choices, counts, sums, lambda s: _ratio(s[:, 0], s[:, 1]), level)


def self_consistency(
    item: ArrayLike,
    assessor: ArrayLike,
    choice: ArrayLike,
    categories: tuple[str, ...] = ("first", "tie", "second"),
    prompt: ArrayLike | None = None,
    level: float = 0.95,
) -> Agreement:
    """How often an assessor shown the same pair again (sides turned) chooses the same; an item is (pair, assessor)."""
    everything = Choices.of(item, assessor, choice, categories, prompt, keep_repeats=True)
    seat = codes(everything.item * (everything.assessor.max(initial=0) + 1) + everything.assessor)
    result = raw_agreement(replace(everything, item=seat), level)
    reason = "no pair was shown twice to one assessor" if result.estimate is None else result.reason
    return replace(result, name="self-consistency", reason=reason)


def _alpha(coincidence: Floats, scale: Scale) -> Floats:
    """Alpha of each coincidence matrix in a stack (…, c, c); NaN where only one category occurs."""
    margins = coincidence.sum(axis=-1)
    total = margins.sum(axis=-1)
    width = coincidence.shape[-1]
    if scale == "nominal":
        distance: Floats = np.broadcast_to(1 - np.eye(width), coincidence.shape)
    elif scale == "interval":
        steps = np.arange(width, dtype=np.float64)
        distance = np.broadcast_to((steps[:, None] - steps) ** 2, coincidence.shape)
    elif scale == "ordinal":
        middle = np.cumsum(margins, axis=-1) - margins / 2
        distance = (middle[..., :, None] - middle[..., None, :]) ** 2
    else:
        raise ValueError(f"scale {scale!r} is none of nominal, ordinal, interval")
    observed = (coincidence * distance).sum(axis=(-2, -1))
    expected = (margins[..., :, None] * margins[..., None, :] * distance).sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha: Floats = 1 - (total - 1) * observed / np.where(expected > 0, expected, np.nan)
    return alpha


def _by_prompt(name: str, choices: Choices, statistic: Callable[[Floats], Floats], level: float) -> Agreement:
    return _finish(name, choices, choices.counts(), choices.by_prompt, statistic, level)


def _finish(
    name: str, choices: Choices, counts: Floats, sums: Floats, statistic: Callable[[Floats], Floats], level: float
) -> Agreement:
    votes = counts.sum(axis=1)
    items, single = int((votes > 1).sum()), int((votes == 1).sum())
    useful = np.unique(choices.prompt_of_item()[votes > 1])

    def answer(estimate: float | None, low: float | None, high: float | None, reason: str = "") -> Agreement:
        total = int(votes[votes > 1].sum())
        return Agreement(name, estimate, low, high, items, single, choices.repeats, total, len(useful), reason)

    if not items:
        return answer(None, None, None, "no item has votes by two assessors: agreement needs an overlap of 2")
    value = float(statistic(sums.sum(axis=0, keepdims=True))[0])
    if not np.isfinite(value):
        return answer(
            None, None, None, "every vote is the same category: nothing could have disagreed, alpha is undefined"
        )
    if len(useful) < 2:
        return answer(value, None, None, "an interval needs at least two prompts with several assessors")
    left_out = statistic(sums.sum(axis=0) - sums[useful])
    if not np.all(np.isfinite(left_out)):
        return answer(value, None, None, "all disagreement comes from one prompt: no interval over prompts")
    if np.ptp(left_out) < 1e-12:
        return answer(
            value, None, None, "all prompts agree to the same degree: their spread says nothing about new prompts"
        )
    size = len(useful)
    error = np.sqrt((size - 1) / size * ((left_out - left_out.mean()) ** 2).sum())
    reach = float(stdtrit(size - 1, (1 + level) / 2)) * float(error)
    lowest = 0.0 if name in {"raw agreement", "human ceiling"} else -1.0
    return answer(value, max(lowest, value - reach), min(1.0, value + reach))


def _sum(groups: Ints, values: ArrayLike) -> Floats:
    total: Floats = np.bincount(groups, weights=np.asarray(values, dtype=np.float64)).astype(np.float64, copy=False)
    return total


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


@dataclass(frozen=True)
class DawidSkene:
    """`truth` (items, categories) is the probability of each category; `confusion` is (assessors, true, chosen);
    `shares` (categories,) is how common each is."""

    truth: Floats
    confusion: Floats
    shares: Floats
    iterations: int


def dawid_skene(choices: Choices, smoothing: float = 0.1, tolerance: float = 1e-8, limit: int = 5000) -> DawidSkene:
    """Votes weighed by how reliable each assessor seems (Dawid & Skene, 1979), by EM from majority shares.

    A sensitivity line beside the plain win rate, never instead of it: it assumes that a pair has one true answer.
    `smoothing` pseudo-votes per cell keep an assessor with few votes from being believed absolutely.
    Raises RuntimeError when no probability has settled to `tolerance` in `limit` rounds, ValueError without votes.
    """
    if not choices.item.size:
        raise ValueError("no votes: Dawid-Skene needs at least one")
    width, crowd = len(choices.categories), int(choices.assessor.max()) + 1
    counts = choices.counts()
    truth: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = choices.assessor * width + choices.choice
    cast = csr_array((np.ones(len(cell)), (cell, choices.item)), shape=(crowd * width, len(truth)))
    heard = csr_array(cast.T)
    for round_ in range(1, limit + 1):
        shares = (truth.sum(axis=0) + smoothing) / (len(truth) + smoothing * width)
        tally = np.asarray(cast @ truth).reshape(crowd, width, width).transpose(0, 2, 1)
        confusion: Floats = (tally + smoothing) / (tally.sum(axis=2, keepdims=True) + smoothing * width)
        score = np.log(shares) + heard @ np.log(confusion).transpose(0, 2, 1).reshape(crowd * width, width)
        # few categories: adding up columns is several times quicker than NumPy's sums along so short an axis
        score = np.exp(score - reduce(np.maximum, score.T)[:, None])
        fresh = score / reduce(np.add, score.T)[:, None]
        moved = float(np.abs(fresh - truth).max())
        truth = fresh
        if moved < tolerance:
            return DawidSkene(truth, confusion, shares, round_)
    raise RuntimeError(f"Dawid-Skene has not settled in {limit} rounds (last change {moved:.1e}): raise the limit")
