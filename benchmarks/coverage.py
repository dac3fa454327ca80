"""Do 95 % intervals hold the truth 95 times of 100, and how often does a test see a difference where none is?

    python -m benchmarks.coverage            # prints the tables of docs/coverage.md; about two minutes
    python -m benchmarks.coverage --write    # and writes them there

Simulated votes come from a probit model with ties: latent preference μ + prompt effect + assessor effect + residual,
normal, residual variance 1; the first contender wins above τ, the second below −τ. Its population win rate (new
prompts, new assessors) is known exactly, and so is the one for the assessors drawn.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from metrics.preference.stopping import examine, live_interval
from metrics.preference.votes import Votes
from metrics.preference.winrate import win_rate, win_rate_of

SEED = 20261121
PAGE = Path(__file__).resolve().parent.parent / "docs" / "coverage.md"


@dataclass(frozen=True)
class Design:
    """A simulated comparison. `prompt_sd`, `assessor_sd`: of the effects, in units of the residual's; `busiest`: share
    of votes that go to one assessor first of all (0: even loads); `tie`: τ."""

    name: str
    prompts: int = 100
    overlap: int = 3
    assessors: int = 10
    theta: float = 0.5
    prompt_sd: float = 0.7
    assessor_sd: float = 0.35
    busiest: float = 0.0
    tie: float = 0.5

    @cached_property
    def mean(self) -> float:
        """μ that gives the population win rate θ."""
        total = np.sqrt(1 + self.prompt_sd**2 + self.assessor_sd**2)
        return float(brentq(lambda mean: share(mean, self.tie, total) - self.theta, -30, 30))


def share(mean: np.ndarray | float, tie: float, sd: float) -> np.ndarray | float:
    """P(win) + P(tie)/2 of a latent preference N(mean, sd²)."""
    return (ndtr((mean - tie) / sd) + ndtr((mean + tie) / sd)) / 2


DESIGNS = (
    Design("20 prompts, 3 votes, 5 assessors", prompts=20, assessors=5),
    Design("20 prompts, 5 votes, 10 assessors", prompts=20, overlap=5),
    Design("50 prompts, 1 vote, 5 assessors", prompts=50, overlap=1, assessors=5),
    Design("50 prompts, 3 votes, 5 assessors", prompts=50, assessors=5),
    Design("50 prompts, 3 votes, 10 assessors", prompts=50),
    Design("50 prompts, 5 votes, 30 assessors", prompts=50, overlap=5, assessors=30),
    Design("200 prompts, 1 vote, 10 assessors", prompts=200, overlap=1),
    Design("200 prompts, 3 votes, 5 assessors", prompts=200, assessors=5),
    Design("200 prompts, 3 votes, 10 assessors", prompts=200),
    Design("200 prompts, 5 votes, 30 assessors", prompts=200, overlap=5, assessors=30),
    Design("one of 10 casts half the votes", overlap=1, busiest=0.5),
    Design("one of 10 casts a third of the votes", busiest=1 / 3),
    Design("one of 30 casts half the votes", prompts=200, overlap=1, assessors=30, busiest=0.5),
    Design("strong assessor effects", assessor_sd=0.7),
    Design("strong assessor effects, 5 assessors", assessor_sd=0.7, assessors=5, prompts=200),
    Design("strong prompt effects", prompt_sd=1.5),
    Design("mostly ties", tie=1.5),
    Design("independent votes", prompt_sd=0, assessor_sd=0),
    Design("independent votes, 5 assessors", prompt_sd=0, assessor_sd=0, assessors=5),
    Design("win rate .7", theta=0.7),
    Design("win rate .9", theta=0.9),
    Design("win rate .9, 20 prompts, 5 assessors", theta=0.9, prompts=20, assessors=5),
    Design("win rate .95", theta=0.95),
    Design("win rate .98", theta=0.98),
    Design("win rate .98, 20 prompts, 5 assessors", theta=0.98, prompts=20, assessors=5),
    Design("win rate .8, contrary tastes", theta=0.8, assessor_sd=2.0),
    Design("win rate .9, contrary tastes", theta=0.9, assessor_sd=2.0),
    Design("win rate .9, contrary tastes, 30 assessors", theta=0.9, assessor_sd=2.0, assessors=30),
)


def assign(design: Design, rng: np.random.Generator) -> np.ndarray:
    """Who votes on what: assessors (prompts, overlap), different ones on each prompt, loads even or led by one."""
    weights = np.ones(design.assessors)
    if design.busiest:
        weights[0] = 1e9 if design.overlap > 1 else design.busiest / (1 - design.busiest) * (design.assessors - 1)
    keys = np.log(weights) + rng.gumbel(size=(design.prompts, design.assessors))
    return np.argpartition(-keys, design.overlap - 1, axis=1)[:, : design.overlap]


def simulate(design: Design, rng: np.random.Generator) -> tuple[Votes, float]:
    """Votes of one comparison, and its win rate for the assessors drawn (new prompts)."""
    assessor = assign(design, rng)
    bias = design.assessor_sd * rng.standard_normal(design.assessors)
    liking = design.prompt_sd * rng.standard_normal(design.prompts)
    latent = design.mean + liking[:, None] + bias[assessor] + rng.standard_normal(assessor.shape)
    outcome = np.where(latent > design.tie, 1.0, np.where(latent < -design.tie, 0.0, 0.5))
    prompt = np.repeat(np.arange(design.prompts), design.overlap)
    own = share(design.mean + bias, design.tie, float(np.hypot(1, design.prompt_sd)))
    return Votes(prompt, assessor.ravel(), outcome.ravel()), float(own[assessor].mean())


@dataclass(frozen=True)
class Row:
    """Percentages over the repetitions of one design; widths in points of 100."""

    name: str
    new_assessors: float
    these_assessors: float
    votes_only: float
    bootstrap: float
    width: float
    votes_width: float
    alarms: float | None
    votes_alarms: float | None


def vote_bootstrap(votes: Votes, rng: np.random.Generator, rounds: int = 200) -> tuple[float, float]:
    """What arenas publish: percentiles of the mean over votes drawn with replacement (as counts of the outcomes)."""
    wins, ties, losses = votes.counts
    drawn = rng.multinomial(len(votes), np.array([wins, ties, losses]) / len(votes), rounds)
    low, high = np.quantile((drawn[:, 0] + drawn[:, 1] / 2) / len(votes), (0.025, 0.975))
    return float(low), float(high)


def measure(design: Design, repetitions: int, rng: np.random.Generator) -> Row:
    """Coverage of every interval for its own truth, widths, and false alarms where there is no difference."""
    hits = np.zeros((repetitions, 4), dtype=bool)
    widths = np.zeros((repetitions, 2))
    alarms = np.zeros((repetitions, 2), dtype=bool)
    for k in range(repetitions):
        votes, own = simulate(design, rng)
        result, counts = win_rate_of(votes), win_rate(*(votes.counts[i] for i in (0, 2, 1)))
        new, same, naive = result.interval, result.same_assessors, counts.interval
        low, high = vote_bootstrap(votes, rng)
        theta = design.theta
        hits[k] = (
            new.low <= theta <= new.high,
            same.low <= own <= same.high,
            naive.low <= theta <= naive.high,
            low <= theta <= high,
        )
        widths[k] = new.high - new.low, naive.high - naive.low
        alarms[k] = new.p_value < 0.05, not low <= 0.5 <= high
    null = design.theta == 0.5
    share_of = 100 * hits.mean(axis=0)
    return Row(
        design.name,
        *(float(share) for share in share_of),
        *(100 * float(width) for width in widths.mean(axis=0)),
        *(100 * float(rate) if null else None for rate in alarms.mean(axis=0)),
    )


@dataclass(frozen=True)
class Watched:
    """False alarms, in percent, of rules that look again and again at votes on no difference."""

    name: str
    five_looks: float
    vote_looks: float
    uneven_looks: float
    sequence: float
    naive_looks: float
    naive_votes: float


def watch(design: Design, repetitions: int, rng: np.random.Generator) -> Watched:
    """Peeking at a growing comparison: by plan (5 even looks in prompts; 5 in votes where all prompts get one vote
    before any gets a second; 4 uneven ones), by the confidence sequence at 59 looks, and, for contrast, by the win
    rate's 95 % interval at the 5 looks in prompts and by a test on votes at the 59 looks."""
    alarms = np.zeros((repetitions, 6), dtype=bool)
    planned = design.prompts
    for k in range(repetitions):
        votes, own = simulate(design, rng)
        even = [planned * look // 5 for look in range(1, 6)]
        so_far = {count: votes.take(votes.prompt < count) for count in even}
        alarms[k, 0] = any(
            examine(so_far[count], planned, even[:look]).verdict != "undecided" for look, count in enumerate(even)
        )
        round_by_round = np.lexsort((votes.prompt, np.tile(np.arange(design.overlap), planned)))
        cast = [len(votes) * look // 5 for look in range(1, 6)]
        alarms[k, 1] = any(
            examine(votes.take(round_by_round[:count]), len(votes), cast[:look], unit="votes").verdict != "undecided"
            for look, count in enumerate(cast)
        )
        uneven = [planned * share // 100 for share in (15, 55, 65, 100)]
        alarms[k, 2] = any(
            examine(votes.take(votes.prompt < count), planned, uneven[:look]).verdict != "undecided"
            for look, count in enumerate(uneven)
        )
        alarms[k, 4] = any(win_rate_of(so_far[count]).p_value < 0.05 for count in even)
        for count in np.unique(np.linspace(planned / 60, planned, 60)[1:].astype(int)):
            sofar = votes.take(votes.prompt < count)
            live = live_interval(sofar, planned)
            alarms[k, 3] |= live.low is not None and not live.low <= own <= live.high
            alarms[k, 5] |= abs(sofar.outcome.mean() - 0.5) > 1.96 * sofar.outcome.std() / np.sqrt(len(sofar))
    return Watched(design.name, *(100 * float(rate) for rate in alarms.mean(axis=0)))


WATCHED = (
    Design("120 prompts, 3 votes, 10 assessors", prompts=120),
    Design("120 prompts, 3 votes, 10 assessors without leanings", prompts=120, assessor_sd=0.0),
    Design("300 prompts, 1 vote, 30 assessors", prompts=300, overlap=1, assessors=30, assessor_sd=0.0),
    Design("120 prompts, 3 votes, 10 assessors, strong prompts", prompts=120, prompt_sd=1.5, assessor_sd=0.0),
)

INTRODUCTION = """# Do the intervals keep their word?

Measured, not promised: simulated comparisons whose true win rate is known, run through the same functions that make the
reports. A 95 % interval should hold the truth in 95 of 100 comparisons; the project's target is 94 to 97. A test should
cry wolf in at most 5 of 100 comparisons without a difference (target: at most 6, and at most 5.5 for a stopping rule).

    python -m benchmarks.coverage --write

{date}, seed {seed}, {repetitions} comparisons per design, {seconds:.0f} seconds. A 95 % entry is sure to ± {error:.1f}.
Votes: probit with ties; effects in units of the residual's standard deviation; unless said otherwise 100 prompts, 3
votes on each, 10 assessors with even loads, prompt effects 0.7, assessor effects 0.35, win rate ½, ties within ± 0.5.
"Contrary tastes": assessor effects 2, so that some assessors nearly always choose the other contender.

## Coverage and false alarms, percent

- **new assessors**: the two-way interval, held against the population win rate (new prompts, new assessors);
- **these assessors**: the prompt-clustered interval, held against the win rate of the assessors who voted;
- **votes only**: Wilson's interval from counts, as if votes were independent; **vote bootstrap**: percentiles of
  means over redrawn votes;
- **width**: mean width of the two-way interval and, after the stroke, of Wilson's, in points of 100;
- **alarms**: tests at 5 % that see a difference where there is none: two-way and, after the stroke, vote bootstrap.

"""


def page(rows: list[Row], watched: list[Watched], repetitions: int, seconds: float, conclusion: str) -> str:
    """The tables as Markdown."""
    error = 196 * float(np.sqrt(0.95 * 0.05 / repetitions))
    lines = [
        INTRODUCTION.format(
            date=date.today().isoformat(), seed=SEED, repetitions=repetitions, error=error, seconds=seconds
        )
        + "| design | new assessors | these assessors | votes only | vote bootstrap | width | alarms |\n|"
        + "---|" * 7
    ]
    for row in rows:
        alarms = "" if row.alarms is None else f"{row.alarms:.1f} / {row.votes_alarms:.1f}"
        lines.append(
            f"| {row.name} | **{row.new_assessors:.1f}** | **{row.these_assessors:.1f}** | {row.votes_only:.1f} "
            f"| {row.bootstrap:.1f} | {row.width:.0f} / {row.votes_width:.0f} | {alarms} |"
        )
    lines.append(
        "\n## False alarms under peeking, percent\n\nNo difference; the comparison is looked at while it grows and "
        "stops at the first verdict. The\nconfidence sequence is held against its own claim: these "
        "assessors' win rate.\n\n"
        "| design | 5 planned looks | 5 looks, by votes | 4 uneven looks | confidence sequence, 59 looks "
        "| 95 % interval at 5 looks | test on votes, 59 looks |\n|" + "---|" * 7
    )
    for one in watched:
        lines.append(
            f"| {one.name} | **{one.five_looks:.1f}** | **{one.vote_looks:.1f}** | **{one.uneven_looks:.1f}** "
            f"| **{one.sequence:.1f}** | {one.naive_looks:.1f} | {one.naive_votes:.1f} |"
        )
    return "\n".join(lines) + "\n" + conclusion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--write", action="store_true", help="write docs/coverage.md, keeping its conclusions")
    options = parser.parse_args()
    start = perf_counter()
    streams = iter(np.random.default_rng(SEED).spawn(len(DESIGNS) + len(WATCHED)))
    rows = [measure(design, options.repetitions, next(streams)) for design in DESIGNS]
    watched = [watch(design, options.repetitions, next(streams)) for design in WATCHED]
    old = PAGE.read_text() if PAGE.exists() else ""
    at = old.find("\n## What this says")
    text = page(rows, watched, options.repetitions, perf_counter() - start, old[at:] if at >= 0 else "")
    print(text)
    if options.write:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
