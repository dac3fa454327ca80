"""Training the team's own judge, scored on prompts and contenders that it has not seen, beside a plain baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from metrics.judges.agreement import decided_accuracy, reliability, three_way_accuracy
from metrics.judges.own.calibration import Calibration, calibrated, log_loss
from metrics.judges.own.examples import Examples, Space, enough
from metrics.judges.own.head import Head, Work, fit
from metrics.judges.own.layers import Layers
from metrics.judges.own.least import NotEnoughVotes
from metrics.preference.threads import one_thread

Floats = NDArray[np.float64]
RIDGES = (0.003, 0.03, 0.3, 3.0)
RESAMPLES = 500


@dataclass(frozen=True)
class Settings:
    """hidden: width of a hidden layer, 0 for none; mesa: weight of that regularisation, 0 for none; components: main
    directions of the features that are kept."""

    folds: int = 5
    hidden: int = 0
    mesa: float = 0.0
    components: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds < 2 or self.hidden < 0 or self.mesa < 0 or self.components < 1:
            raise ValueError(f"{self}: folds are 2 or more, components 1 or more, hidden and mesa 0 or more")


Fit = Callable[[Work, Floats], Layers]


@dataclass(frozen=True)
class Trained:
    """The judge and what is known of it. `card` is JSON-able: data, splits, settings, scores per method and aspect."""

    aspects: tuple[str, ...]
    columns: tuple[str, ...]
    layers: Layers
    calibrations: tuple[Calibration, ...]
    card: dict[str, Any]


@one_thread()
def train(examples: Examples, settings: Settings = Settings()) -> Trained:
    """Heads for the aspects with votes enough; the same examples and settings give the same judge.

    Scores are of votes on held-out prompts (folds by prompt), and of votes on a held-out contender. Regularisation is
    chosen within each training part, on a quarter of its prompts. Raises NotEnoughVotes.
    """
    examples, without = enough(examples)

    def by_torch(work: Work, ridge: Floats) -> Layers:
        return _layers(fit(work, ridge, settings.hidden, settings.mesa, settings.seed))

    methods: dict[str, Fit] = {"head": by_torch, "scikit-learn": by_scikit_learn}
    space = Space.of(examples.features[np.unique([examples.first, examples.second])], settings.components)
    features = space(examples.features)
    fold = examples.folds(settings.folds, settings.seed)
    gaps = {name: np.zeros(len(examples)) for name in methods}
    for number in range(settings.folds):
        kept, held = examples.take(fold != number), fold == number
        ridge, work = _chosen_ridge(kept, features, by_torch, settings), _work(features, kept)
        for name, method in methods.items():
            gaps[name][held] = _gap(method(work, ridge)(features), examples.take(held))
    calibrations = tuple(calibrated(gaps["head"][mine], examples.outcome[mine]) for mine in _by_aspect(examples))
    ridge = _chosen_ridge(examples, features, by_torch, settings)
    last = by_torch(_work(features, examples), ridge)
    centre: Any = -(space.mean @ space.basis)
    if settings.hidden:
        layers = Layers(
            (space.basis @ last.weights[0], last.weights[1]),
            (centre @ last.weights[0] + last.biases[0], last.biases[1]),
        )
    else:
        layers = Layers((space.basis @ last.weights[0],), (centre @ last.weights[0],))
    scores = [
        {"method": name, "aspect": aspect} | _scores(examples, gaps[name], fold, number)
        for number, aspect in enumerate(examples.aspects)
        for name in methods
    ]
    card = {
        "votes": len(examples),
        "pairs": len(np.unique(examples.first * len(examples.features) + examples.second)),
        "prompts": len(np.unique(examples.prompt)),
        "clips": len(np.unique([examples.first, examples.second])),
        "contenders": list(examples.contenders),
        "features": len(examples.columns),
        "settings": asdict(settings) | {"ridges": dict(zip(examples.aspects, ridge.tolist(), strict=True))},
        "split": f"{settings.folds} folds, no prompt in two of them; features are centred and turned on all clips",
        "scores": scores,
        "unseen_contenders": _unseen(examples, features, by_torch, settings),
        "calibration": {
            a: asdict(c) | {"margin": c.margin} for a, c in zip(examples.aspects, calibrations, strict=True)
        },
        "without": without,
    }
    return Trained(examples.aspects, examples.columns, layers, calibrations, card)


def by_scikit_learn(work: Work, ridge: Floats) -> Layers:
    """The baseline: logistic regression on differences of features, on decided votes alone, with the head's ridge."""
    gap = (work.features[work.first] - work.features[work.second]).astype(np.float64)
    weights = np.zeros((work.features.shape[1], work.counts.shape[1]), dtype=np.float32)
    for aspect in range(work.counts.shape[1]):
        weight = np.concatenate([work.counts[:, aspect, 0], work.counts[:, aspect, 2]])
        won = np.concatenate([gap, -gap])[weight > 0]
        # Every other pair is turned round: the likelihood stays, and both classes are there.
        turned = np.arange(len(won)) % 2
        model = LogisticRegression(C=1 / ridge[aspect], fit_intercept=False, solver="newton-cholesky")
        model.fit(np.where(turned[:, None], -won, won), 1 - turned, sample_weight=weight[weight > 0])
        weights[:, aspect] = model.coef_[0]
    return Layers((weights,), (np.zeros(weights.shape[1], dtype=np.float32),))


def _layers(head: Head) -> Layers:
    def array(each: Any) -> NDArray[np.float32]:
        return np.asarray(each.numpy(), dtype=np.float32)

    last = array(head.last.weight).T
    none = np.zeros(last.shape[1], dtype=np.float32)
    if head.first is None:
        return Layers((last,), (none,))
    return Layers((array(head.first.weight).T, last), (array(head.first.bias), none))


def _work(features: NDArray[np.float32], examples: Examples) -> Work:
    return Work(features, *examples.counts())


def _chosen_ridge(examples: Examples, features: NDArray[np.float32], method: Fit, settings: Settings) -> Floats:
    """Per aspect the ridge with the least loss on a quarter of the prompts, shape (aspects,)."""
    held = examples.folds(4, settings.seed + 1) == 0
    work, asked = _work(features, examples.take(~held)), examples.take(held)
    losses = []
    for ridge in RIDGES:
        gap = _gap(method(work, np.full(len(examples.aspects), ridge))(features), asked)
        losses.append([_loss(gap[mine], asked.outcome[mine]) for mine in _by_aspect(asked)])
    best: Floats = np.asarray(RIDGES, dtype=np.float64)[np.argmin(losses, axis=0)]
    return best


def _loss(gap: Floats, outcome: Floats) -> float:
    return log_loss(calibrated(gap, outcome).chances(gap), outcome) if len(gap) else 0.0


def _by_aspect(examples: Examples) -> list[NDArray[np.bool_]]:
    return [examples.aspect == each for each in range(len(examples.aspects))]


def _gap(scores: Floats, votes: Examples) -> Floats:
    return np.asarray(scores[votes.first, votes.aspect] - scores[votes.second, votes.aspect])


def _scores(examples: Examples, gaps: Floats, fold: NDArray[np.int64], aspect: int) -> dict[str, Any]:
    """Of votes of one aspect on held-out prompts; each fold calibrated on the others."""
    mine = examples.aspect == aspect
    gap, outcome, label, prompt = gaps[mine], examples.outcome[mine], examples.label[mine], examples.prompt[mine]
    chances = np.zeros((len(gap), 3))
    for number in np.unique(fold[mine]):
        held = fold[mine] == number
        chances[held] = calibrated(gap[~held], outcome[~held]).chances(gap[held])
    said = 1 - chances.argmax(1)
    first = chances[:, 0] + chances[:, 1] / 2
    raw = 1 / (1 + np.exp(-gap))
    return {
        "votes": len(gap),
        "accuracy": asdict(decided_accuracy(gap, label, prompt, resamples=RESAMPLES)),
        "three_way": asdict(three_way_accuracy(said, label, prompt, 0.0, resamples=RESAMPLES)),
        "log_loss": log_loss(chances, outcome),
        "calibration_error": reliability(first, label)[1],
        "calibration_error_raw": reliability(raw, label)[1],
        "ties_said": float((said == 0).mean()),
        "ties_voted": float((label == 0).mean()),
    }


def _unseen(examples: Examples, features: NDArray[np.float32], method: Fit, settings: Settings) -> list[dict[str, Any]]:
    """Per contender: votes on its clips, judged by heads that saw no vote on it. Its prompts were seen."""
    found: list[dict[str, Any]] = []
    for number, name in enumerate(examples.contenders):
        held = examples.involving(number)
        try:
            kept, without = enough(examples.take(~held))
        except NotEnoughVotes as error:
            found.append({"contender": name, "aspect": "", "accuracy": None, "reason": f"without it {error}"})
            continue
        scores = method(_work(features, kept), _chosen_ridge(kept, features, method, settings))(features)
        for aspect, mine in zip(examples.aspects, _by_aspect(examples), strict=True):
            row: dict[str, Any] = {
                "contender": name,
                "aspect": aspect,
                "accuracy": None,
                "reason": without.get(aspect, ""),
            }
            if aspect in kept.aspects and (mine & held).any():
                asked, place = examples.take(mine & held), kept.aspects.index(aspect)
                gap = scores[asked.first, place] - scores[asked.second, place]
                row["accuracy"] = asdict(decided_accuracy(gap, asked.label, asked.prompt, resamples=RESAMPLES))
            found.append(row)
    return found
