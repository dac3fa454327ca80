"""Seconds a clip for all measures without weights, sharing what they share and each alone:
`python -m benchmarks.clip_measures_speed [FOLDER of clips]`; scenes of the built-in generator where none is given."""

import sys
import time
from pathlib import Path

from generators.shapes import Settings, Shapes
from generators.video import read
from metrics import METRICS
from metrics.frames import Prepared


def main(folder: str = "", most: int = 8) -> None:
    if folder:
        clips = [read(path).frames for path in sorted(Path(folder).rglob("*.mp4"))[:most]]
    else:
        clips = [Shapes().generate("a red ball bounces on grass", seed, Settings()).frames for seed in range(4)]
    print(f"{len(clips)} clips of {clips[0].shape} (the first)")
    known = {name: metric.load() for name, metric in METRICS.items() if metric.path.startswith("metrics.video:")}
    start = time.perf_counter()
    for clip in clips:
        for measure in known.values():
            measure(clip, 24.0)
    middle = time.perf_counter()
    spent = dict.fromkeys(known, 0.0)
    for clip in clips:
        shared = Prepared(clip)
        for name, measure in known.items():
            begun = time.perf_counter()
            measure(shared, 24.0)
            spent[name] += time.perf_counter() - begun
    alone, together = (middle - start) / len(clips), sum(spent.values()) / len(clips)
    print(f"each alone {alone:.2f} s a clip; sharing {together:.2f} s a clip, {alone / together:.1f} times as fast")
    print(", ".join(f"{name} {1000 * each / len(clips):.0f} ms" for name, each in spent.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
