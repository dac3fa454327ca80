"""What the `diffusers` generator costs over the bare pipeline loop on the same prompts, in one run.

    python -m benchmarks.pipeline_overhead [FOLDER] [--clips 12] [--seconds 1] [--threads 1]

FOLDER is a text-to-video pipeline folder, as is the trained LattePipeline of the real data; without one, a random one
is made. A bare clip takes about --seconds of processor time, by the steps chosen. Both make the same clips, in turns
of changing order, so that a busy machine hurts both alike. Printed are medians and the median of the ratios, by the
clock and in processor time of this process, which other processes move less; and whether all frames are equal.
"""

import argparse
import statistics
import tempfile
import time
from typing import Any

import numpy as np
import torch

from generators import load
from generators.recipe import parse

PROMPT = "a red ball moves left on a white background"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.folder
        call: dict[str, Any] = {"height": 64, "width": 64, "video_length": 16, "guidance_scale": 2.5}
        if folder is None:
            from tests.generators.tiny_pipelines import save

            folder = save("latte", made)
            call["video_length"] = 4
        measure(folder, call | {"mask_feature": False}, arguments.clips, arguments.seconds)


def measure(folder: str, call: dict[str, Any], clips: int, seconds: float) -> None:
    from diffusers import DiffusionPipeline

    bare_pipe = DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    bare_pipe.set_progress_bar_config(disable=True)

    def bare(seed: int, steps: int) -> np.ndarray:
        generator = torch.Generator("cpu").manual_seed(seed)
        made = bare_pipe(PROMPT, num_inference_steps=steps, generator=generator, output_type="pt", **call)
        return np.asarray((made.frames[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1))

    def ours(seed: int, steps: int) -> np.ndarray:
        settings = {
            "source": {"folder": folder},
            "frames": call["video_length"],
            "height": call["height"],
            "width": call["width"],
            "guidance": {"scale": call["guidance_scale"]},
            "extra": {"mask_feature": False},
            "scheduler": {"steps": steps},
        }
        return load("diffusers").generate(PROMPT, seed, parse("diffusers", settings)).frames

    steps = 10
    for _ in range(3):  # the first call is slow; then find how many steps take that long
        started = time.process_time()
        bare(0, steps)
        steps = max(2, min(500, round(steps * seconds / (time.process_time() - started))))
    ours(0, 2)
    times: dict[str, list[tuple[float, float]]] = {"bare": [], "generator": []}
    equal = True
    for seed in range(clips):
        frames = {}
        order = [("bare", bare), ("generator", ours)]
        for name, make in order if seed % 2 else order[::-1]:
            started, worked = time.perf_counter(), time.process_time()
            frames[name] = make(seed, steps)
            times[name].append((time.perf_counter() - started, time.process_time() - worked))
        equal &= bool((frames["bare"] == frames["generator"]).all())
    for which, said in enumerate(("clock", "processor")):
        bare_times, our_times = ([taken[which] for taken in times[name]] for name in ("bare", "generator"))
        ratios = [ours / bare for bare, ours in zip(bare_times, our_times, strict=True)]
        low, middle, high = (value - 1 for value in statistics.quantiles(ratios, n=4))
        medians = [statistics.median(taken) for taken in (bare_times, our_times)]
        print(f"{said}: bare {medians[0]:.3f} s, generator {medians[1]:.3f} s a clip (medians of {clips})")
        print(f"  median of their ratios {middle:+.2%} (quartiles {low:+.2%} and {high:+.2%})")
    print(f"{steps} steps; frames equal: {equal}")


if __name__ == "__main__":
    main()
