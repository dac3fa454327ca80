"""KID and precision, recall, density, coverage of 10,000 × 10,000 rows of 2,048: time and memory, and prdc's beside it.

`python -m benchmarks.kid_prdc_speed [n] [d]`. prdc keeps n × n matrices; it runs in a process of its own.
"""

import resource
import sys
import time
from multiprocessing import get_context

import numpy as np

from metrics.kernels import kid_estimate, kid_of_subsets
from metrics.manifolds import manifold


def rows(count: int, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mix = (np.eye(dimensions) + rng.normal(size=(dimensions, dimensions)) / np.sqrt(dimensions)).astype(np.float32)
    real, generated = (rng.normal(size=(count, dimensions)).astype(np.float32) @ mix for _ in range(2))
    return real, 0.95 * generated + np.float32(0.01)


def run(name: str, count: int, dimensions: int) -> None:
    real, generated = rows(count, dimensions)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    if name == "KID over all rows":
        found = kid_estimate(generated, real)
        told = f"{found.value:.6f} [{found.low:.6f}, {found.high:.6f}]"
    elif name == "KID 100 × 1000":
        told = "{:.6f} ± {:.6f}".format(
            *kid_of_subsets(generated, real, np.random.RandomState(2020), 100, min(1000, count))
        )
    elif name == "precision, recall, density, coverage":
        each = manifold(real, generated)
        told = f"{each.precision:.4f} {each.recall:.4f} {each.density:.4f} {each.coverage:.4f}"
    else:
        from prdc import compute_prdc

        told = " ".join(f"{value:.4f}" for value in compute_prdc(real, generated, nearest_k=5).values())
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{name}: {seconds:.1f} s, peak {peak / 2**20:.2f} GiB ({(peak - before) / 2**20:.2f} beyond the rows): {told}"
    )


def main(count: int = 10_000, dimensions: int = 2048) -> None:
    print(f"{count} × {count} rows of {dimensions}")
    for name in ("KID over all rows", "KID 100 × 1000", "precision, recall, density, coverage", "prdc's of the same"):
        process = get_context("spawn").Process(target=run, args=(name, count, dimensions))
        process.start()
        process.join()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
