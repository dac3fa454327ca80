"""Inception features a second: ours and torch-fidelity's, the same random weights, from arrays and from PNG files.

`python -m benchmarks.feature_throughput [images] [rounds]`: medians of rounds, each taking the first place in its turn.
Random weights: speed only, no value means anything.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.targets import against
from generators.video import read
from metrics.features import EXTRACTORS
from metrics.features.extracting import Network, extract
from metrics.features.inception import Inception, PooledAndLogits
from tests.metrics.networks import fidelity_inception, seeded


def main(images: int = 64, rounds: int = 3) -> None:
    inception = seeded(Inception())
    state = {name: value.clone() for name, value in inception.state_dict().items()}
    theirs = fidelity_inception(state, ["2048"])
    ours = Network(EXTRACTORS["inception-tf"], PooledAndLogits(inception), "0" * 64, "cpu")
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (images, 12, 16, 3), dtype=np.uint8)
    frames = np.stack(
        [np.asarray(Image.fromarray(each).resize((640, 480), Image.Resampling.BICUBIC)) for each in frames]
    )
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        paths = [Path(folder) / f"{number}.png" for number in range(images)]
        for path, each in zip(paths, frames, strict=True):
            Image.fromarray(each).save(path)
        speeds: dict[str, list[float]] = {}
        work: dict[str, list[float]] = {}
        found: dict[str, np.ndarray] = {}

        def fidelity(source: list[np.ndarray]) -> np.ndarray:
            parts = [
                torch.from_numpy(np.stack(source[at : at + 32])).permute(0, 3, 1, 2) for at in range(0, images, 32)
            ]
            return np.concatenate([theirs(part)[0].numpy() for part in parts])

        def file_of(path: Path) -> tuple[np.ndarray, float]:
            footage = read(path)
            return footage.frames, footage.fps

        runs = {
            "torch-fidelity, arrays": lambda: fidelity(list(frames)),
            "ours, arrays": lambda: np.concatenate(
                [rows for _, rows in extract(ours, range(images), lambda at: (frames[at : at + 1], 1.0))]
            ),
            "torch-fidelity, files": lambda: fidelity([np.asarray(Image.open(path).convert("RGB")) for path in paths]),
            "ours, files": lambda: np.concatenate([rows for _, rows in extract(ours, paths, file_of)]),
        }
        for number in range(rounds):
            order = list(runs.items())
            turn = number % len(order)
            for name, run in order[turn:] + order[:turn]:
                start, used = time.perf_counter(), time.process_time()
                found[name] = run()
                speeds.setdefault(name, []).append(images / (time.perf_counter() - start))
                work.setdefault(name, []).append(1000 * (time.process_time() - used) / images)
                print(f"round {number + 1}, {name}: {speeds[name][-1]:.1f} images/s", flush=True)
    medians = {name: statistics.median(each) for name, each in speeds.items()}
    for name, each in medians.items():
        print(f"{name}: {each:.1f} images/s, {statistics.median(work[name]):.0f} ms of processor time an image")
    for kind in ("arrays", "files"):
        here, there = found[f"ours, {kind}"][:, :2048], found[f"torch-fidelity, {kind}"]
        apart = np.linalg.norm(here - there) / np.linalg.norm(there)
        ratio = medians[f"ours, {kind}"] / medians[f"torch-fidelity, {kind}"]
        lesser = min(work[f"torch-fidelity, {kind}"]) / min(work[f"ours, {kind}"])
        print(f"{kind}: {lesser:.2f} times as little processor time at best, features differ by {apart:.1e}")
        against(f"speed from {kind} over torch-fidelity's", ratio, least={"arrays": 1.0, "files": 1.3}[kind])
        against("relative difference of features", apart, most=1e-4, form=".0e")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
