"""Time and agreement of our Fréchet distance and scipy's matrix root: `python -m benchmarks.frechet_speed [d] [n]`."""

import sys
import time

import numpy as np
from scipy.linalg import sqrtm

from metrics.distances import frechet_distance, gaussian_of


def main(dimensions: int = 2048, rows: int = 10_000) -> None:
    rng = np.random.default_rng(0)
    mix = np.eye(dimensions) + rng.normal(size=(dimensions, dimensions)) / np.sqrt(dimensions)
    a = gaussian_of(rng.normal(size=(rows, dimensions)) @ mix)
    b = gaussian_of(1.1 * rng.normal(size=(rows, dimensions)) @ mix + 0.05)
    start = time.perf_counter()
    ours = frechet_distance(a, b)
    middle = time.perf_counter()
    step = a.mean - b.mean
    theirs = step @ step + np.trace(a.covariance + b.covariance) - 2 * np.trace(sqrtm(a.covariance @ b.covariance).real)
    end = time.perf_counter()
    print(f"d = {dimensions}, n = {rows}: ours {middle - start:.2f} s, scipy.linalg.sqrtm {end - middle:.2f} s")
    print(f"ratio {(end - middle) / (middle - start):.1f}, relative difference {abs(ours - theirs) / theirs:.1e}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
