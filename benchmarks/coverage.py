"""Do 95 % intervals hold the truth 95 times of 100, and how often does a test see a difference where none is?

    python -m benchmarks.coverage            # prints the tables of docs/coverage.md; about two minutes
    python -m benchmarks.coverage --write    # and writes them there

Simulated votes come from a probit model with ties: latent preference μ + prompt effect + assessor effect + residual,
normal, residual variance 1; the first contender wins above τ, the second below −τ. Its population win rate (new
prompts, new assessors) is known exactly, and so is the one for the assessors drawn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

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
