"""Win rates along an axis: over the checkpoints of one training, over calendar time, over the position in a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from metrics.preference.sandwich import (
    Estimate,
    add,
    codes,
    degrees_of_freedom,
    effective_assessors,
    estimates,
    positive,
    two_way_meat,
)
from metrics.preference.votes import AllVotes
from metrics.preference.winrate import WinRate, win_rate_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Scale = Literal["linear", "doublings"]


@dataclass(frozen=True)
class Point:
    """One checkpoint on a training curve: its win rate against the anchor, and what it gained over the point before
    (None for the first), as a share of 1."""

    name: str
    step: float
    win_rate: WinRate
    gain: Estimate | None


@dataclass(frozen=True)
class Curve:
    """Win rate against a fixed anchor over training steps, in rising order of steps. `slope`: least squares over the
    points, win rate per step ("linear") or per doubling of the steps ("doublings"); None with its `reason`."""

    anchor: str
    points: tuple[Point, ...]
    slope: Estimate | None
    scale: Scale
    level: float
    reason: str = ""


def training_curve(
    votes: AllVotes, anchor: str, steps: Mapping[str, float], scale: Scale = "linear", level: float = 0.95
) -> Curve:
    """Win rate of every contender in `steps` (name → training step) against the contender `anchor`.

    Gains and slope come from the covariance of all points together, clustered by prompt and by assessor (Cameron,
    Gelbach & Miller, 2011): points share both, so that their own intervals may overlap where the gain is clear.
    Raises ValueError for an unknown contender, the anchor among the steps, two contenders at one step, or steps that
    are not positive where doublings are asked for.
    """
    if anchor in steps:
        raise ValueError(f"{anchor!r} is the anchor: it cannot be a point of its own curve")
    if len(set(steps.values())) != len(steps):
        raise ValueError("two contenders stand at one step: a curve has one point at each")
    if not all(np.isfinite(step) for step in steps.values()):
        raise ValueError("steps must be finite numbers")
    if scale == "doublings" and min(steps.values(), default=1) <= 0:
        raise ValueError("steps must be positive to count doublings: leave out step 0 or take the linear scale")
    if scale not in ("linear", "doublings"):
        raise ValueError(f"scale {scale!r} is none of linear, doublings")
    names = sorted(steps, key=lambda name: steps[name])
    pairings = [votes.pairing(name, anchor) for name in names]
    rates = [win_rate_of(pairing, level) for pairing in pairings]
    used = [k for k, rate in enumerate(rates) if rate.estimate is not None]
    if len(used) < 2:
        points = tuple(Point(name, steps[name], rate, None) for name, rate in zip(names, rates, strict=True))
        return Curve(anchor, points, None, scale, level, "a slope needs two checkpoints with votes against the anchor")
    theta = np.array([rates[k].estimate for k in used])
    prompt = codes(np.concatenate([pairings[k].prompt for k in used]))
    assessor = codes(np.concatenate([pairings[k].assessor for k in used]))
    influence = np.zeros((len(prompt), len(used)))
    start = 0
    for column, k in enumerate(used):
        own = codes(pairings[k].prompt)
        per_prompt = add(own, np.ones(len(own)))
        rows = slice(start, start := start + len(own))
        influence[rows, column] = (pairings[k].outcome - theta[column]) / (len(per_prompt) * per_prompt[own])
    covariance = positive(two_way_meat(influence, prompt, assessor))
    df, reason = degrees_of_freedom(int(prompt.max()) + 1, effective_assessors(assessor))
    at = np.array([steps[names[k]] for k in used], dtype=np.float64)
    at = np.log2(at) if scale == "doublings" else at
    lever = (at - at.mean()) / ((at - at.mean()) ** 2).sum()
    weights = np.vstack([np.diff(np.eye(len(used)), axis=0), lever])
    spread = ((weights @ covariance) * weights).sum(axis=1)
    *gains, slope = estimates(weights @ theta, spread, df, reason, level)
    gain_of = dict(zip(used[1:], gains, strict=True))
    return Curve(
        anchor,
        tuple(Point(name, steps[name], rates[k], gain_of.get(k)) for k, name in enumerate(names)),
        slope,
        scale,
        level,
    )


@dataclass(frozen=True)
class Drift:
    """Change of a value per unit of a position, such as the win rate per day or seconds per hundred votes.

    `early` and `late`: means of the first and the last third of positions. `within`: each assessor is compared with
    themselves. `slope` is None where `reason` says why; a slope without an interval says why itself.
    """

    slope: Estimate | None
    early: float | None
    late: float | None
    within: bool
    votes: int
    assessors: int
    level: float
    reason: str = ""

    @property
    def clear(self) -> bool:
        """Whether the slope differs from zero at the level."""
        return self.slope is not None and self.slope.p_value is not None and self.slope.p_value < 1 - self.level


def drift(
    value: ArrayLike,
    position: ArrayLike,
    assessor: ArrayLike,
    prompt: ArrayLike | None = None,
    within: bool = True,
    level: float = 0.95,
) -> Drift:
    """Whether `value` (n,) moves along `position` (n,): days since the first vote, or place in the session.

    value: outcomes 1, ½, 0 (win rate), log seconds (speed), `agreement_with_others`, … Least squares; with `within`,
    around each assessor's own means, so that who votes late, or long, plays no part. Standard error by leaving out each
    assessor in turn (cluster jackknife; Bell & McCaffrey, 2002), t with Σ²/Σ² effective assessors − 1, each weighing as
    much as their positions vary. Where `prompt` (n,) is given, prompts that came up at one time are clustered too
    (Cameron, Gelbach & Miller, 2011). Raises ValueError for unequal lengths or missing values.
    """
    y, x = np.asarray(value, dtype=np.float64), np.asarray(position, dtype=np.float64)
    who = codes(assessor)
    if not y.shape == x.shape == who.shape:
        raise ValueError("value, position and assessor must have one entry per vote each")
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise ValueError("values and positions must be finite: leave out votes that miss one")
    count = int(who.max(initial=-1)) + 1

    if not len(x):
        return Drift(None, None, None, within, 0, 0, level, "no votes")
    low, high = np.quantile(x, [1 / 3, 2 / 3])
    early, late = float(y[x <= low].mean()), float(y[x >= high].mean())

    def answer(slope: Estimate | None, reason: str = "") -> Drift:
        return Drift(slope, early, late, within, len(x), count, level, reason)

    number = add(who, np.ones(len(x)))
    x_centre, y_centre = (add(who, x) / number)[who] if within else x.mean(), y.mean()
    if within:
        y_centre = (add(who, y) / number)[who]
    x, y_free = x - x_centre, y - y_centre
    squares, products = add(who, x * x, count), add(who, x * y_free, count)
    if squares.sum() <= 1e-12:
        return answer(None, "no assessor voted at two positions" if within else "all votes have the same position")
    slope = float(products.sum() / squares.sum())
    worth = float(squares.sum() ** 2 / (squares**2).sum())
    if worth < 2:
        reason = f"the votes are worth {worth:.1f} assessors along this axis: an interval needs at least two"
        return answer(Estimate(slope, reason=reason))
    left_squares, left_products = squares.sum() - squares, products.sum() - products
    if not within:  # the mean of the others moves too
        others, sum_x = len(x) - number, add(who, x, count)
        left_squares = left_squares - sum_x**2 / others
        left_products = left_products - sum_x * add(who, y_free, count) / others
    if left_squares.min() <= 1e-9 * squares.sum():
        return answer(Estimate(slope, reason="without one of the assessors all votes have the same position"))
    left_out = left_products / left_squares
    variance = float((count - 1) / count * ((left_out - slope) ** 2).sum())
    if prompt is not None:
        prompts = codes(prompt)
        if prompts.shape != x.shape:
            raise ValueError("prompt must have one entry per vote")
        scores = x * (y_free - slope * x) / squares.sum()
        cell = codes(prompts * count + who)
        variance += max(0.0, _clustered(scores, prompts) - _clustered(scores, cell))
    if variance <= 1e-24:
        return answer(Estimate(slope, reason="no variation between assessors"))
    error = float(np.sqrt(variance))
    reach = float(stdtrit(worth - 1, (1 + level) / 2)) * error
    p_value = float(2 * stdtr(worth - 1, -abs(slope) / error))
    return answer(Estimate(slope, error, slope - reach, slope + reach, p_value))


def session_positions(assessor: ArrayLike, seconds: ArrayLike, pause: float = 1800.0) -> Ints:
    """The how-manieth vote (n,) of its session each is, from 0; a session of an assessor ends with a break of more than
    `pause` seconds. `seconds` (n,): when each vote came, on any clock. Votes of one form share `seconds` and position.

    >>> session_positions([1, 1, 2, 1], [0, 60, 70, 9000]).tolist()
    [0, 1, 0, 0]
    """
    who, when = codes(assessor), np.asarray(seconds, dtype=np.float64)
    if who.shape != when.shape or not np.isfinite(when).all():
        raise ValueError("seconds must be finite, one per vote")
    position = np.zeros(len(who), dtype=np.int64)
    order = np.lexsort((when, who))
    fresh = np.r_[True, (np.diff(who[order]) != 0) | (np.diff(when[order]) > pause)][: len(who)]
    later = np.r_[False, np.diff(when[order]) > 0][: len(who)] & ~fresh
    total = np.cumsum(later)
    position[order] = total - np.maximum.accumulate(np.where(fresh, total, 0))
    return position


def agreement_with_others(item: ArrayLike, choice: ArrayLike) -> Floats:
    """Share (n,) of the other votes on the same item that made the same choice; NaN where there is no other.

    >>> agreement_with_others([7, 7, 7, 8], ["a", "a", "b", "a"]).tolist()
    [0.5, 0.5, 0.0, nan]
    """
    items, choices = codes(item), codes(choice)
    if items.shape != choices.shape:
        raise ValueError("item and choice must have one entry per vote each")
    same = codes(items * (int(choices.max(initial=0)) + 1) + choices)
    others = add(items, np.ones(len(items)))[items] - 1
    alike = add(same, np.ones(len(items)))[same] - 1
    share: Floats = np.divide(alike, others, out=np.full(len(items), np.nan), where=others > 0)
    return share


def _clustered(scores: Floats, groups: Ints) -> float:
    sums = add(groups, scores)
    return float(sums @ sums) * (len(sums) / (len(sums) - 1) if len(sums) > 1 else 1.0)
