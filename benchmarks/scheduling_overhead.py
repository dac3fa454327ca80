"""What the house adds to the bare pipeline loop: the worker's way from claim to stored clip, on the same prompts.

    python -m benchmarks.scheduling_overhead [FOLDER …] [--clips 24] [--seconds 1]

FOLDERs are text-to-video pipeline folders of one family, as are the trained LattePipelines of the real data; without
any, two random ones are made. First, in one process: each clip is made by the bare pipeline and written as the house
writes it, and by the worker's own task (claim, lease, generator, files, result), in turns of changing order, so that a
busy machine hurts both alike; the worker ends its shift after each clip, which is its dearest case. Medians by the
clock, and the median of the ratios. Then two real workers render all contenders' clips: how often were weights loaded?
Targets: 3 % over the bare loop at 1 s a clip; loads = contenders per worker.
"""

import argparse
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

PROMPT = "a red ball moves left on a white background"
CALL: dict[str, Any] = {"height": 64, "width": 64, "guidance_scale": 2.5, "mask_feature": False, "clean_caption": False}
LOADS = """
from evalapp.generation.models import Clip
from collections import Counter
loads, workers = Counter(), Counter()
for clip in Clip.objects.filter(state="ready"):
    workers[clip.worker] += 1
    loads[clip.worker] += clip.facts["generator"]["load_seconds"] > 0
print([(workers[name], loads[name]) for name in workers])
"""


def settings_of(folder: str, frames: int, steps: int) -> dict[str, Any]:
    return {
        "source": {"folder": folder},
        "frames": frames,
        "height": CALL["height"],
        "width": CALL["width"],
        "guidance": {"scale": CALL["guidance_scale"]},
        "extra": {"mask_feature": False, "clean_caption": False},
        "scheduler": {"steps": steps},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=1.0)
    chosen = parser.parse_args()
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="scheduling-"))
        os.environ |= {"VAR_DIR": place, "DJANGO_SETTINGS_MODULE": "evalapp.settings", "BROKER_URL": "memory://"}
        import django
        import torch

        torch.set_num_threads(1)
        django.setup()
        folders, frames = [str(Path(folder).resolve()) for folder in chosen.folders], 16
        if not folders:
            from tests.generators.tiny_pipelines import save

            folders, frames = [save("latte", f"{place}/{name}") for name in "ab"], 4
        overhead(folders, frames, chosen.clips, chosen.seconds)
        loads(stack, folders, frames, prompts=chosen.clips)


def queued(folders: list[str], frames: int, steps: int, prompts: int) -> None:
    """A launched comparison of the folders' contenders."""
    from evalapp.catalog.models import Checkpoint, Contender, PromptSet, PromptText, digest
    from evalapp.comparisons.launch import create, launch
    from generators import load
    from generators.recipe import identity, parse

    generator: Any = load("diffusers")
    contenders = []
    for number, folder in enumerate(folders):
        settings = settings_of(folder, frames, steps)
        weights = digest(["diffusers", generator.weights_key(parse("diffusers", settings))])
        checkpoint = Checkpoint.objects.create(name=folder)
        named = identity("diffusers", settings)
        contenders.append(
            Contender.objects.register(str(number), checkpoint, "diffusers", settings, named, weights=weights)
        )
    listed = [PromptText(f"p{number}", PROMPT) for number in range(prompts)]
    launch(create("overhead", PromptSet.objects.freeze("set", listed), contenders))


def overhead(folders: list[str], frames: int, clips: int, seconds: float) -> None:
    """Prints what the worker costs over the bare loop."""
    import torch
    from diffusers import DiffusionPipeline
    from django.core.management import call_command

    from evalapp.generation import tasks
    from evalapp.generation.files import discard, write_files
    from evalapp.generation.models import Clip

    call_command("migrate", verbosity=0)
    pipes = [DiffusionPipeline.from_pretrained(folder, dtype=torch.float32) for folder in folders]
    for pipe in pipes:
        pipe.set_progress_bar_config(disable=True)

    def bare(turn: int, seed: int, steps: int) -> Any:
        generator = torch.Generator("cpu").manual_seed(seed)
        made = pipes[turn](
            PROMPT, video_length=frames, num_inference_steps=steps, generator=generator, output_type="pt", **CALL
        )
        return (made.frames[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()

    steps = 10
    for _ in range(3):  # the first call is slow; then find how many steps take that long
        started = time.process_time()
        bare(0, 0, steps)
        steps = max(2, min(500, round(steps * seconds / (time.process_time() - started))))
    queued(folders, frames, steps, prompts=clips + 2)
    tasks.SHIFT_SECONDS = 0
    for _ in range(2 * len(folders)):
        tasks.render_waiting("cpu")  # loads each contender's weights
    taken: dict[str, list[float]] = {"bare": [], "files": [], "worker": [], "generator": [], "stored": []}
    equal = True
    for number in range(clips * len(folders)):
        for part in ("bare", "worker") if number % 2 else ("worker", "bare"):
            started = time.perf_counter()
            if part == "worker":
                tasks.render_waiting("cpu")
                taken["worker"].append(time.perf_counter() - started)
            else:
                shown = bare(number % len(folders), 0, steps)
                taken["bare"].append(time.perf_counter() - started)
                stored = write_files(shown, 8)
                taken["files"].append(time.perf_counter() - started - taken["bare"][-1])
        clip = Clip.objects.filter(state="ready").select_related("contender").latest("finished_at", "pk")
        parts = clip.facts["provenance"]["seconds"]
        taken["generator"].append(parts["generate"])
        taken["stored"].append(parts["encode"])
        if int(clip.contender.name) == number % len(folders):
            equal &= stored["sha256"] == clip.sha256
        discard(Clip(folder=stored["folder"]))
    middle = {name: statistics.median(each) for name, each in taken.items()}
    ours, theirs = taken["worker"], [a + b for a, b in zip(taken["bare"], taken["files"], strict=True)]
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, half, high = (value - 1 for value in statistics.quantiles(ratios, n=4))
    around = [whole - made - kept for whole, made, kept in zip(ours, taken["generator"], taken["stored"], strict=True)]
    print(f"{len(ours)} clips of {steps} steps; masters equal: {equal}; medians in seconds a clip")
    whole = middle["bare"] + middle["files"]
    print(f"  bare loop {whole:.3f} (pipeline {middle['bare']:.3f}, files {middle['files']:.3f})")
    print(f"  worker {middle['worker']:.3f} (generator {middle['generator']:.3f}, files {middle['stored']:.3f})")
    print(f"  median of their ratios {half:+.2%} (quartiles {low:+.2%} and {high:+.2%}; target: at most +3 %)")
    share = statistics.median(part / whole for part, whole in zip(around, theirs, strict=True))
    print(f"  scheduling alone (claim, lease, result, bell): {1000 * statistics.median(around):.1f} ms, {share:+.2%}")


def loads(stack: ExitStack, folders: list[str], frames: int, prompts: int) -> None:
    """Prints how often each of two real workers loaded weights."""
    from tests.generation.house import House, until

    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loads-")))
    house = House(place, OMP_NUM_THREADS="1")
    stack.callback(house.end)
    call = f"queued({folders!r}, {frames}, 2, {prompts})"
    house.run("shell", "-v0", "-c", f"from benchmarks.scheduling_overhead import queued; {call}")
    for number in range(2):
        house.start_worker(beat=not number, threads=1)
    until(lambda: not house.unfinished(), seconds=3600)
    for clips, loaded in eval(house.run("shell", "-v0", "-c", LOADS)):
        print(f"  a worker made {clips} clips and loaded weights {loaded} times (contenders: {len(folders)})")


if __name__ == "__main__":
    main()
