"""Time and agreement of our Fréchet distance and scipy's matrix root.

`python -m benchmarks.frechet_speed [d] [n] [few]`: for n rows, and for `few` rows, fewer than features, where
covariances are singular. Beside the clock's seconds stand the processor's of all threads: where others use the machine
they tell more.
"""

import sys
import time

import numpy as np
from scipy.linalg import sqrtm

from metrics.distances import frechet_distance, frechet_of, gaussian_of


def main(dimensions: int = 2048, rows: int = 10_000, few: int = 1000) -> None:
    rng = np.random.default_rng(0)
    mix = np.eye(dimensions) + rng.normal(size=(dimensions, dimensions)) / np.sqrt(dimensions)
    for count in (rows, few):
        x = rng.normal(size=(count, dimensions)) @ mix
        y = 1.1 * rng.normal(size=(count, dimensions)) @ mix + 0.05
        a, b = gaussian_of(x), gaussian_of(y)
        clocks = [(time.perf_counter(), time.process_time())]
        ours = frechet_distance(a, b) if count > dimensions else frechet_of(x, y)
        clocks.append((time.perf_counter(), time.process_time()))
        step = a.mean - b.mean
        root = np.trace(sqrtm(a.covariance @ b.covariance).real)
        theirs = step @ step + np.trace(a.covariance + b.covariance) - 2 * root
        clocks.append((time.perf_counter(), time.process_time()))
        (wall, used), (wall_of_theirs, used_of_theirs) = np.diff(clocks, axis=0)
        print(f"d = {dimensions}, n = {count}: ours {wall:.2f} s, scipy.linalg.sqrtm {wall_of_theirs:.2f} s")
        print(
            f"ratio {wall_of_theirs / wall:.1f}, of processor time {used_of_theirs / used:.1f}, "
            f"relative difference {abs(ours - theirs) / theirs:.1e}"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
