"""A head per aspect, by torch: scores of clips whose difference says how people vote, ties among the outcomes.

With d = s(first) − s(second) and τ > 0 (Rao & Kupper, 1967; VideoAlign's loss with log k = τ, learned per aspect):
P(first) = σ(d − τ), P(second) = σ(−d − τ), P(tie) = σ(d − τ) σ(−d − τ) (e^{2τ} − 1); the three sum to 1.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

Floats = NDArray[np.float64]
STEPS = 80
ROUNDS = 8
"""Where MESA asks for a past: rounds of as many steps together, after each of which the moving average moves on."""
REMEMBERED = 0.5
MESA_TEMPERATURE = 5.0
LEAST_TIE = 1e-3


class Head(nn.Module):
    """Features (clips, inputs) → scores (clips, aspects), through a hidden layer if asked for; τ per aspect."""

    def __init__(self, inputs: int, aspects: int, hidden: int = 0, seed: int = 0) -> None:
        super().__init__()
        width = hidden or inputs
        self.last = nn.Linear(width, aspects, bias=False)
        nn.init.zeros_(self.last.weight)
        self.first = nn.Linear(inputs, hidden) if hidden else None
        if self.first is not None:
            draw = torch.Generator().manual_seed(seed)
            with torch.no_grad():
                self.first.weight.copy_(torch.randn(hidden, inputs, generator=draw))
                self.first.bias.zero_()
                self.last.weight.copy_(torch.randn(aspects, hidden, generator=draw) / hidden)
        self.tie = nn.Parameter(torch.zeros(aspects))

    def forward(self, features: Tensor) -> Tensor:
        within = features if self.first is None else F.relu(self.first(features))
        scores: Tensor = self.last(within)
        return scores

    def ties(self) -> Tensor:
        """τ per aspect, above 0."""
        return F.softplus(self.tie) + LEAST_TIE

    def penalty(self, ridge: Tensor) -> Tensor:
        """½ ridge ‖w‖², ridge per aspect; of a hidden layer the mean ridge."""
        each: Tensor = (ridge[:, None] * self.last.weight**2).sum() / 2
        if self.first is not None:
            each = each + ridge.mean() * (self.first.weight**2).sum() / 2 / self.first.out_features
        return each


def loss(gap: Tensor, tie: Tensor, counts: Tensor) -> Tensor:
    """−Σ counts · log_chances, with half of the work."""
    first, even, second = counts.unbind(-1)
    told = (first + even) * F.softplus(tie - gap) + (second + even) * F.softplus(tie + gap)
    return told.sum() - (even.sum(0) * (2 * tie + torch.log(-torch.expm1(-2 * tie)))).sum()


def log_chances(gap: Tensor, tie: Tensor) -> Tensor:
    """log P of first, tie, second for differences (…, aspects) and τ (aspects,): (…, aspects, 3)."""
    won, lost = F.logsigmoid(gap - tie), F.logsigmoid(-gap - tie)
    even = won + lost + 2 * tie + torch.log(-torch.expm1(-2 * tie))
    return torch.stack([won, even, lost], dim=-1)


@dataclass(frozen=True)
class Work:
    """What a head is fitted to: features (clips, K), n pairs, votes for first, tie, second (n, aspects, 3)."""

    features: NDArray[np.float32]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    counts: Floats


def fit(work: Work, ridge: Floats, hidden: int = 0, mesa: float = 0.0, seed: int = 0) -> Head:
    """The head with the highest likelihood less ½ ridge ‖w‖² (ridge per aspect), by L-BFGS on all votes at once.

    mesa: weight of the divergence from the moving average of the head's own predictions, KL(past ‖ present) at
    temperature 5 (MESA of Du et al., "Sharpness-Aware Training for Free", arXiv 2205.14083; there the average moves
    with every step, here with every round of steps, the first one without it); 0 leaves it out. Deterministic.
    """
    head = Head(work.features.shape[1], work.counts.shape[1], hidden, seed)
    features = torch.from_numpy(work.features)
    first, second = torch.from_numpy(work.first), torch.from_numpy(work.second)
    counts, strength = torch.from_numpy(work.counts).float(), torch.from_numpy(ridge).float()
    total = counts.sum().clamp_min(1)
    seen = counts.sum(-1, keepdim=True)

    def gaps(by: Head) -> Tensor:
        scores = by(features)
        # Not scores[first]: the gradient of indexing sorts, that of index_select adds.
        gap: Tensor = scores.index_select(0, first) - scores.index_select(0, second)
        return gap

    def softened(by: Head, gap: Tensor) -> Tensor:
        logs: Tensor = F.log_softmax(log_chances(gap, by.ties()) / MESA_TEMPERATURE, dim=-1)
        return logs

    past, before = copy.deepcopy(head).requires_grad_(False), torch.empty(0)
    rounds = ROUNDS if mesa else 1
    for number in range(rounds):
        steps = STEPS // rounds
        optimiser = torch.optim.LBFGS(
            head.parameters(), max_iter=steps, max_eval=2 * steps, history_size=20, line_search_fn="strong_wolfe",
            tolerance_grad=1e-6, tolerance_change=1e-8,
        )  # fmt: skip

        def lost(before: Tensor = before, optimiser: torch.optim.Optimizer = optimiser) -> Tensor:
            optimiser.zero_grad()
            gap = gaps(head)
            found = (head.penalty(strength) + loss(gap, head.ties(), counts)) / total
            if len(before):
                divergence = (seen * before.exp() * (before - softened(head, gap))).sum() / total
                found = found + mesa * MESA_TEMPERATURE**2 * divergence
            found.backward()  # type: ignore[no-untyped-call]
            return found

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the work is small: several threads would wait for one another
        try:
            optimiser.step(lost)  # type: ignore[no-untyped-call]
        finally:
            torch.set_num_threads(threads)
        with torch.no_grad():
            for old, new in zip(past.parameters(), head.parameters(), strict=True):
                old.lerp_(new, 1 - REMEMBERED if number else 1.0)
            before = softened(past, gaps(past))
    return head.eval().requires_grad_(False)
