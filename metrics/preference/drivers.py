"""Which aspects go with the overall preference: associations within one form, filled in by one person; never causes.

The preference (1 first, ½ tie, 0 second) is a fractional logit (Papke & Wooldridge, 1996) of a constant and the choices
on the other aspects (+1 first, 0 tie, −1 second), with two-way prompt × assessor covariance (Cameron, Gelbach & Miller,
2011). From it, per aspect:

- effect, the average marginal effect β_j mean p(1 − p): how much more often a clip is preferred per step on the aspect
  (loses → tie → wins) while the other choices stay the same;
- contribution, effect × mean choice: the part of the win rate beyond ½ that goes with this aspect (Kitagawa, 1955);
- share of the explained deviance by Shapley values over all subsets of aspects (Lipovetsky & Conklin, 2001).

Standard errors of effects and contributions come from their influence functions, so that they count the chance in which
choices were made beside that in the coefficients. Explained is 1 − D/D₀ of deviances (Cameron & Windmeijer, 1997), on
the votes themselves and on prompts that the fit has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from metrics.preference.multiplicity import holm
from metrics.preference.sandwich import (
    Estimate,
    NoConvergence,
    Separated,
    add,
    codes,
    estimates,
    fractional_logit,
    newton_logit,
    newton_logits,
    positive,
    two_way_meat,
)
from metrics.preference.votes import Votes
from metrics.preference.winrate import WinRate, win_rate_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST = 7  # aspects: 2^7 fits give the Shapley shares, 3^7 patterns of choices hold all votes
ALIKE = 5.0  # variance inflation from which the credit between aspects is uncertain
ILL = 30.0  # condition number from which a design counts as ill-conditioned (Belsley, Kuh & Welsch, 1980)
NOT_A_CAUSE = "an association between answers on one form, not a cause"


@dataclass(frozen=True)
class Driver:
    """One aspect. `balance`: its mean choice, −1 (second always wins) to 1. `coefficient` in log-odds; `effect` and
    `contribution` as shares of 1 (0.1: ten of a hundred). `share` of the explained deviance, the shares adding up to 1;
    None where nothing is explained.
    `inflation`: by how much alike answers on other aspects inflate its variance (VIF; 1: not at all)."""

    name: str
    balance: float
    coefficient: Estimate
    effect: Estimate
    contribution: Estimate
    share: float | None
    inflation: float


@dataclass(frozen=True)
class Drivers:
    """What goes with the preference. `constant`: log-odds for the first contender where all aspects are ties.

    `explained` counts the votes that were fitted, `explained_unseen` prompts left out of the fit in turn (None with
    `unseen_reason`; below zero: worse than knowing the win rate alone). `warning` says where aspects were answered too
    much alike to divide the credit; `left_out` names aspects that never varied. Where `reason` is not empty there are
    no drivers.
    """

    drivers: tuple[Driver, ...]
    constant: Estimate | None
    win_rate: WinRate
    explained: float | None
    explained_unseen: float | None
    unseen_reason: str
    folds: int
    condition: float | None
    warning: str
    left_out: tuple[str, ...]
    votes: int
    level: float
    reason: str = ""

    def sentence(self, first: str = "the first", second: str = "the second") -> str:
        """The finding in words; aspects are named where their contribution is clear by Holm's test over all of them."""
        if self.reason:
            return f"What goes with the preference cannot be said: {self.reason}."
        tested = [driver for driver in self.drivers if driver.contribution.p_value is not None]
        if not tested:
            return f"What goes with the preference cannot be said: {self.drivers[0].contribution.reason}."
        adjusted = holm([driver.contribution.p_value or 0.0 for driver in tested])
        clear = [driver for driver, p in zip(tested, adjusted, strict=True) if p < 1 - self.level]
        theta, p_value = self.win_rate.estimate, self.win_rate.p_value
        if theta is None or theta == 0.5 or p_value is None or p_value >= 1 - self.level:
            text = f"Neither {first} nor {second} is clearly preferred"
            sides = {
                name: _listed([d for d in clear if (d.contribution.value > 0) == ahead])
                for name, ahead in ((first, True), (second, False))
            }
            for name, named in sides.items():
                text += f"; {named} speaks for {name}" if named else ""
            return f"{text} ({NOT_A_CAUSE})." if clear else f"{text}, and no aspect clearly speaks for either."
        winner, sign = (first, 1) if theta > 0.5 else (second, -1)
        for_it = _listed([d for d in clear if d.contribution.value * sign > 0])
        against = _listed([d for d in clear if d.contribution.value * sign < 0])
        if not clear:
            return f"{winner} is preferred; no single aspect clearly goes with it."
        text = f"{winner} is preferred" + (f" for its {for_it}" if for_it else "")
        text += f", in spite of its {against}" if against else ""
        return f"{text} ({NOT_A_CAUSE})."


def drivers(
    preference: ArrayLike,
    choices: ArrayLike,
    names: Sequence[str],
    prompt: ArrayLike,
    assessor: ArrayLike,
    level: float = 0.95,
) -> Drivers:
    """What goes with the preference on one pairing.

    preference (n,): 1 first, ½ tie, 0 second; choices (n, k): +1 first, 0 tie, −1 second on each of k ≤ 7 aspects
    called `names`, by the same assessor on the same pair; prompt, assessor (n,): labels.

    Raises ValueError for unequal lengths, values other than these, or no or too many aspects.
    """
    y, x = np.asarray(preference, dtype=np.float64), np.asarray(choices, dtype=np.float64)
    x = x.reshape(len(y), len(names)) if not x.size else x
    prompts, assessors = codes(prompt), codes(assessor)
    _check(y, x, names, prompts, assessors)
    rate = win_rate_of(Votes.of(prompts, assessors, y), level)

    def nothing(reason: str, left_out: tuple[str, ...] = ()) -> Drivers:
        return Drivers((), None, rate, None, None, reason, 0, None, "", left_out, len(y), level, reason)

    if not len(y):
        return nothing("no votes")
    varied = [j for j in range(len(names)) if np.ptp(x[:, j]) > 0]
    left_out = tuple(name for j, name in enumerate(names) if j not in varied)
    if np.ptp(y) == 0:
        return nothing("every vote has the same preference, so nothing can go with it", left_out)
    if not varied:
        return nothing("no aspect was ever answered in two ways", left_out)
    kept, x = [names[j] for j in varied], x[:, varied]
    inflation = _inflation(x)
    if not np.isfinite(inflation).all():
        alike = [name for name, value in zip(kept, inflation, strict=True) if not np.isfinite(value)]
        return nothing(f"answers on {' and '.join(alike)} follow from each other: leave one of them out", left_out)
    design = np.column_stack([np.ones(len(y)), x])
    rows, place = _numbered(x)
    patterns = _Patterns.of(rows, place, y)
    try:
        fit = fractional_logit(design, y, prompts, assessors)
        shares = shapley_shares(patterns)
    except Separated:
        return nothing("the aspects predict the preference perfectly: more votes are needed to weigh them", left_out)
    except NoConvergence as error:
        return nothing(str(error), left_out)
    # influence of each vote on effects and contributions
    slope = fit.fitted * (1 - fit.fitted)
    bread = np.linalg.inv((design * slope[:, None]).T @ design)
    on_beta = design * (y - fit.fitted)[:, None] @ bread
    steep, beta, balance = slope.mean(), fit.coefficients[1:], x.mean(axis=0)
    bend = (design * (slope * (1 - 2 * fit.fitted))[:, None]).mean(axis=0)
    on_steep = on_beta @ bend + (slope - steep) / len(y)
    on_effect = steep * on_beta[:, 1:] + on_steep[:, None] * beta
    effect = steep * beta
    on_contribution = on_effect * balance + (x - balance) / len(y) * effect
    spread = np.diag(positive(two_way_meat(np.hstack([on_effect, on_contribution]), prompts, assessors)))
    effects = estimates(effect, spread[: len(kept)], fit.df, fit.reason, level)
    contributions = estimates(effect * balance, spread[len(kept) :], fit.df, fit.reason, level)
    coefficients = fit.estimates(level)

    unseen, folds, unseen_reason = _unseen(rows, place, y, prompts)
    found = tuple(
        Driver(*row)
        for row in zip(
            kept, balance.tolist(), coefficients[1:], effects, contributions, shares, inflation.tolist(),
            strict=True,
        )
    )  # fmt: skip
    condition = _condition(design)
    return Drivers(
        found,
        coefficients[0],
        rate,
        1 - fit.deviance / patterns.deviance(()),
        unseen,
        unseen_reason,
        folds,
        condition,
        _warning(kept, inflation, condition),
        left_out,
        len(y),
        level,
    )


@dataclass(frozen=True, eq=False)
class _Patterns:
    """Votes by their pattern of choices: rows (m, k), and per row the votes and the sum of outcomes; `constant` is the
    deviance a perfect fit of every vote would have saved. Millions of votes become at most 3^k rows."""

    rows: Floats
    votes: Floats
    score: Floats
    constant: float

    @classmethod
    def of(cls, rows: Floats, place: Ints, y: Floats) -> _Patterns:
        """Votes with outcomes y (n,) on the patterns at `place` (n,) in `rows`; patterns without votes are dropped."""
        votes, score = add(place, np.ones(len(y)), len(rows)), add(place, y, len(rows))
        met = votes > 0
        return cls(rows[met], votes[met], score[met], float(2 * (xlogy(y, y) + xlogy(1 - y, 1 - y)).sum()))

    def fit(self, columns: Sequence[int]) -> Floats:
        """Coefficients (1 + columns) of a constant and some aspects."""
        return newton_logit(self.design(columns), self.score / self.votes, self.votes)

    def design(self, columns: Sequence[int]) -> Floats:
        return np.column_stack([np.ones(len(self.rows)), self.rows[:, list(columns)]])

    def deviances(self, subsets: Sequence[Sequence[int]]) -> Floats:
        """Deviance of the best fit of a constant and each of these subsets of aspects."""
        chosen = np.array([[True, *(j in subset for j in range(self.rows.shape[1]))] for subset in subsets])
        design = self.design(range(self.rows.shape[1]))
        eta = design @ newton_logits(design, self.score / self.votes, self.votes, chosen).T
        found: Floats = 2 * (self.votes @ np.logaddexp(0, eta) - self.score @ eta) + self.constant
        return found

    def deviance(self, columns: Sequence[int], beta: Floats | None = None) -> float:
        """Deviance of these votes at the coefficients given, by default at the best ones."""
        eta = self.design(columns) @ (self.fit(columns) if beta is None else beta)
        logs = self.votes * np.logaddexp(0, eta) - self.score * eta
        return float(2 * logs.sum()) + self.constant


def shapley_shares(patterns: _Patterns) -> list[float | None]:
    """Each aspect's mean gain in deviance over all orders, as shares of the whole gain; None if that is 0."""
    size = patterns.rows.shape[1]
    subsets = [subset for count in range(size + 1) for subset in combinations(range(size), count)]
    worth = dict(zip(subsets, (-patterns.deviances(subsets)).tolist(), strict=True))
    gains = np.zeros(size)
    for subset, value in worth.items():
        weight = (
            factorial(len(subset)) * factorial(size - len(subset) - 1) / factorial(size) if len(subset) < size else 0
        )
        for j in set(range(size)) - set(subset):
            gains[j] += weight * (worth[tuple(sorted((*subset, j)))] - value)
    whole = worth[tuple(range(size))] - worth[()]
    if whole <= 1e-9 * -worth[()]:
        return [None] * size
    return list((gains / whole).tolist())


def _unseen(rows: Floats, place: Ints, y: Floats, prompt: Ints, most: int = 5) -> tuple[float | None, int, str]:
    """Explained share of deviance on prompts left out in turn, the number of folds, or why there is none."""
    from sklearn.model_selection import GroupKFold

    folds = min(most, int(prompt.max()) + 1)
    if folds < 2:
        return None, 0, "one prompt only: none can be left out"
    columns = range(rows.shape[1])
    with_aspects = without = 0.0
    for seen, unseen in GroupKFold(folds).split(place, y, prompt):
        training, test = (_Patterns.of(rows, place[part], y[part]) for part in (seen, unseen))
        try:
            with_aspects += test.deviance(columns, training.fit(columns))
            without += test.deviance((), training.fit(()))
        except (Separated, NoConvergence):
            return (
                None,
                folds,
                "without some prompts the aspects can no longer be weighed: more votes are needed",
            )
    if without <= 0:
        return None, folds, "nothing is left to explain on the prompts left out"
    return 1 - with_aspects / without, folds, ""


def _numbered(x: Floats) -> tuple[Floats, Ints]:
    """The patterns (m, k) among rows of −1, 0, 1, and each row's place among them."""
    powers = 3 ** np.arange(x.shape[1])
    number = ((x + 1) @ powers).astype(np.int64)
    found = np.flatnonzero(np.bincount(number))
    rows: Floats = (found[:, None] // powers % 3 - 1).astype(np.float64)
    return rows, np.searchsorted(found, number).astype(np.int64)


def _inflation(x: Floats) -> Floats:
    """Variance inflation factors (k,): 1/(1 − R²) of each aspect on the others; infinite where they determine it."""
    found = np.empty(x.shape[1])
    centred = x - x.mean(axis=0)
    moments = centred.T @ centred
    for j in range(len(found)):
        others = [i for i in range(len(found)) if i != j]
        explained = moments[j, others] @ np.linalg.lstsq(moments[np.ix_(others, others)], moments[others, j])[0]
        rest = 1 - explained / moments[j, j]
        found[j] = 1 / rest if rest > 1e-9 else np.inf
    return found


def _condition(design: Floats) -> float:
    """Condition number of the design with columns scaled to unit length."""
    values = np.linalg.eigvalsh(design.T @ design / np.outer(*[np.linalg.norm(design, axis=0)] * 2))
    return float(np.sqrt(values[-1] / values[0]))


def _warning(names: Sequence[str], inflation: Floats, condition: float) -> str:
    alike = [name for name, value in zip(names, inflation, strict=True) if value > ALIKE]
    if not alike and condition <= ILL:
        return ""
    which = " and ".join(alike) or "the aspects together"
    return f"{which} were answered much alike: how the credit divides between them is uncertain"


def _listed(found: Sequence[Driver]) -> str:
    """Names by falling contribution: "movement, softness and beauty"."""
    words = [driver.name for driver in sorted(found, key=lambda d: -abs(d.contribution.value))]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _check(y: Floats, x: Floats, names: Sequence[str], prompt: Ints, assessor: Ints) -> None:
    if not 1 <= len(names) <= MOST:
        raise ValueError(f"drivers need 1 to {MOST} aspects, not {len(names)}: choose those to look at")
    if len(set(names)) != len(names):
        raise ValueError("two aspects share a name: they are told apart by name")
    if x.shape != (len(y), len(names)) or not len(y) == len(prompt) == len(assessor):
        raise ValueError(
            f"choices must have one row per vote and one column per aspect, ({len(y)}, {len(names)}), not {x.shape}; "
            "prompt and assessor one label per vote"
        )
    if not np.isin(x, (-1, 0, 1)).all():
        raise ValueError("choices are +1 (first), 0 (tie) or −1 (second): leave out votes that miss an aspect")
    if not np.isin(y, (0, 0.5, 1)).all():
        raise ValueError("preference is 1 (first), 0.5 (tie) or 0 (second): leave out votes that miss it")
