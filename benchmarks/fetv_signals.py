"""Measures of the signal against FETV's human ratings: `python -m benchmarks.fetv_signals FOLDER`, where FOLDER holds
clips/<system>/<prompt id>.mp4 and human_ratings.csv (assessor, prompt_id, system, aspect, rating).

An assessor's two ratings on one prompt are a vote for the higher one, or a tie. About a minute on one core."""

import csv
import sys
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np

from generators.video import read
from metrics import METRICS
from metrics.frames import Prepared
from metrics.judges.signal import MEASURES
from metrics.judges.trust import JudgedPairs, trust


def measured(folder: Path) -> dict[tuple[str, str], dict[str, float]]:
    found = {}
    for path in sorted(folder.glob("clips/*/*.mp4")):
        footage = read(path)
        clip = Prepared(footage.frames)
        found[path.parent.name, path.stem] = {name: METRICS[name].load()(clip, footage.fps) for name in MEASURES}
    return found


def votes(folder: Path) -> dict[str, dict[tuple[str, str, str], Counter[int]]]:
    """Per aspect and (prompt, system, system): votes for the first (1), neither (0) and the second (−1)."""
    rated: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    with (folder / "human_ratings.csv").open() as file:
        for row in csv.DictReader(file):
            rated[row["aspect"], row["prompt_id"], row["assessor"]][row["system"]] = int(row["rating"])
    cast: dict[str, dict[tuple[str, str, str], Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
    for (aspect, prompt, _), ratings in rated.items():
        for one, other in combinations(sorted(ratings), 2):
            cast[aspect][prompt, one, other][int(np.sign(ratings[one] - ratings[other]))] += 1
    return cast


def main() -> None:
    folder = Path(sys.argv[1])
    values, cast = measured(folder), votes(folder)
    systems = sorted({system for system, _ in values})
    for aspect, pairs in sorted(cast.items()):
        keys = sorted(pairs)
        first, second = (np.array([systems.index(key[side]) for key in keys]) for side in (1, 2))
        prompt = np.unique([key[0] for key in keys], return_inverse=True)[1]
        counts = [np.array([pairs[key][side] for key in keys]) for side in (1, 0, -1)]
        for name in MEASURES:
            delta = np.array([values[one, key][name] - values[other, key][name] for key, one, other in keys])
            found = trust(JudgedPairs(systems, np.arange(len(keys)), prompt, first, second, *counts, delta))
            share = found.decided
            print(
                f"{aspect:16} {name:12} {100 * share.value:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}] "
                f"of {share.count}, AUC {100 * found.auc.value:.1f}"
            )
        print(f"{aspect:16} human ceiling {100 * found.ceiling.value:.1f} of {found.ceiling.count} votes")


if __name__ == "__main__":
    main()
