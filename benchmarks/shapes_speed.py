"""How long a clip of `shapes` takes: to generate, to write as master and rendition, and to read back. Medians.

python -m benchmarks.shapes_speed
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generators import load, video
from generators.recipe import SHIPPED, parse

PROMPTS = (
    "two red balls bounce on grass",
    "a blue square slides left over the sea",
    "three yellow stars rise in the night sky",
    "a big purple hexagon zigzags over a city",
    "five turquoise diamonds fall in the studio",
)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main(rounds: int = 3) -> None:
    generator = load("shapes")
    print(
        f"{'recipe':16}{'generate':>10}{'master':>10}{'rendition':>11}{'poster':>9}{'read':>9}{'master':>11}{'rendition':>12}"
    )
    for name, (kind, settings) in SHIPPED.items():
        recipe = parse(kind, settings)
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            master, rendition = Path(folder, "clip.mkv"), Path(folder, "clip.mp4")
            for seed in range(rounds):
                for prompt in PROMPTS:
                    generating, take = timed(lambda p=prompt, s=seed, r=recipe: generator.generate(p, s, r))
                    frames, fps = take.frames, take.fps
                    rows.append((
                        generating,
                        timed(lambda f=frames, r=fps, m=master: video.write_master(f, r, m))[0],
                        timed(lambda f=frames, r=fps, m=rendition: video.write_rendition(f, r, m))[0],
                        timed(lambda f=frames: video.poster(f))[0],
                        timed(lambda m=rendition: video.read(m))[0],
                        master.stat().st_size / 1000,
                        rendition.stat().st_size / 1000,
                    ))  # fmt: skip
        a, b, c, d, e, large, small = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:16}{a:>8.3f} s{b:>8.3f} s{c:>9.3f} s{d:>7.3f} s{e:>7.3f} s{large:>8.0f} kB{small:>9.0f} kB")


if __name__ == "__main__":
    main()
