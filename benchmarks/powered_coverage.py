"""Coverage and width of judge-powered win rates by simulation: `python -m benchmarks.powered_coverage [runs]`.

Prompts and assessors both have tastes; votes on some prompts, verdicts on all. The judge is good (it sees the prompt's
true taste with noise; calibrated: it says how sure it is), useless (a coin) or adversarial (turned against people).
Coverage is of the true mean over prompts and assessors of that world; the width is relative to the votes alone.
"""

import sys

import numpy as np

from metrics.judges.powered import powered_win_rate

VOTED, JUDGED, ASSESSORS, OVERLAP = 60, 400, 12, 3
JUDGES = {"calibrated": 1.0, "good": 1.0, "useless": 0.0, "adversarial": -1.0}


def world(rng: np.random.Generator, slope: float, graded: bool = False, bias: float = 0.8):
    """One data set: outcomes with normal effects of prompts (sd 1) and assessors (sd 0.4) in log-odds."""
    count = VOTED + JUDGED
    taste = rng.normal(0.3, 1.0, count)
    judge_chance = 1 / (1 + np.exp(-(bias + 2.0 * slope * (taste - 0.3) + rng.normal(0, 0.7, count))))
    verdict = (
        judge_chance
        if graded
        else np.where(rng.random(count) < 0.1, 0.5, (rng.random(count) < judge_chance).astype(float))
    )
    lean = rng.normal(0, 0.4, ASSESSORS)
    prompt = np.repeat(np.arange(VOTED), OVERLAP)
    assessor = np.concatenate([rng.choice(ASSESSORS, OVERLAP, replace=False) for _ in range(VOTED)])
    chance = 1 / (1 + np.exp(-(taste[prompt] + lean[assessor])))
    outcome = np.where(rng.random(len(chance)) < 0.15, 0.5, (rng.random(len(chance)) < chance).astype(float))
    return outcome, verdict[prompt], prompt, assessor, verdict, np.arange(count)


def truth(rng: np.random.Generator) -> float:
    draws = rng.normal(0.3, 1.0, 4_000_000) + rng.normal(0, 0.4, 4_000_000)
    return float(0.15 * 0.5 + 0.85 * (1 / (1 + np.exp(-draws))).mean())


def measure(runs: int = 4000, seed: int = 0) -> dict[str, dict[str, float]]:
    """Per judge: coverage with it and of the votes alone, mean width ratio, mean λ."""
    rng = np.random.default_rng(seed)
    target = truth(rng)
    found = {}
    for name, slope in JUDGES.items():
        inside, alone, ratio, weight = [], [], [], []
        for _ in range(runs):
            got = powered_win_rate(*world(rng, slope, graded=name == "calibrated"))
            inside.append(got.low <= target <= got.high)
            alone.append(got.alone_low <= target <= got.alone_high)
            ratio.append((got.high - got.low) / (got.alone_high - got.alone_low))
            weight.append(got.weight)
        found[name] = {
            "coverage": float(np.mean(inside)),
            "votes alone": float(np.mean(alone)),
            "width": float(np.mean(ratio)),
            "widest": float(np.max(ratio)),
            "weight": float(np.mean(weight)),
        }
    return found


def main(runs: int = 4000) -> None:
    print(f"{runs} worlds: {VOTED} prompts, {OVERLAP} votes each, {ASSESSORS} assessors; {JUDGED} with verdicts alone")
    print("judge         coverage  votes alone  width  widest  λ")
    for name, row in measure(runs).items():
        print(
            f"{name:12s}  {100 * row['coverage']:.1f} %    {100 * row['votes alone']:.1f} %       "
            f"{row['width']:.2f}   {row['widest']:.2f}    {row['weight']:.2f}"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
