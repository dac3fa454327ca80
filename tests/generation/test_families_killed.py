"""Tiny random pipelines of five families, registered as a user does, rendered by two workers that are killed midway."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from tests.generation.house import House, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SHORT = {"extra": {"max_sequence_length": 16}, "frames": 9}
FAMILIES = {
    "cogvideox": SHORT,
    "wan": SHORT,
    "ltx": SHORT,
    "stable_video_diffusion": {"frames": 4, "conditioning": {"first_frame": "{prompt}"}},
    "sdxl": {},
}
LAUNCH = """
from evalapp.catalog.models import *
from evalapp.comparisons.launch import create, launch
prompts = [PromptText(f"p{n}", "a red ball moves left", image=IMAGE) for n in range(2)]
contenders = list(Contender.objects.order_by("pk"))
launch(create("families", PromptSet.objects.freeze("set", prompts), contenders))
"""
TOLD = """
import json
from evalapp.generation.models import Clip
print(json.dumps([
    [clip.contender.name, clip.kind, clip.facts["provenance"]["image"], clip.facts["provenance"]["checkpoint"]]
    for clip in Clip.objects.select_related("contender")
]))
"""


def test_five_families_survive_both_their_workers(tmp_path):
    from generators.video import write_still
    from tests.generators.tiny_pipelines import save

    house = House(tmp_path, OMP_NUM_THREADS="1")
    try:
        house.watch()
        image = "ab" * 32
        (tmp_path / "media" / "prompts").mkdir(parents=True)
        shades = np.random.default_rng(0).integers(0, 255, (32, 32, 3)).astype(np.uint8)
        write_still(shades, tmp_path / "media" / "prompts" / f"{image}.webp")
        for family, settings in FAMILIES.items():
            recipe = {"scheduler": {"steps": 2}, "width": 32, "height": 32} | settings
            path = tmp_path / f"{family}.json"
            path.write_text(json.dumps({"generator": "diffusers", "settings": recipe}))
            folder = save(family, tmp_path / "weights" / family)
            house.run("register", family, "--recipe", str(path), "--checkpoint", str(folder), "--no-trial")
        house.run("shell", "-v0", "-c", LAUNCH.replace("IMAGE", repr(image)))
        workers = [house.start_worker(beat=not number, threads=1) for number in range(2)]
        until(lambda: house.rendering() and house.unfinished() < 10, seconds=400)
        for worker in workers:
            house.kill(worker)
        interrupted = house.rendering()
        for number in range(2):
            house.start_worker(beat=not number, threads=1)
        until(lambda: not house.unfinished(), seconds=600)
        clips = house.clips()
        assert len(clips) == 10
        assert all(clip["whole"] for clip in clips)
        assert house.accepted_twice() == 0
        assert all(house.restart_of(*clip) for clip in interrupted)
        told = json.loads(house.run("shell", "-v0", "-c", TOLD))
        assert {name for name, *_ in told} == set(FAMILIES)
        assert {kind for name, kind, *_ in told if name == "sdxl"} == {"image"}
        assert all(shown == image and len(checkpoint) == 64 for _, _, shown, checkpoint in told)
    finally:
        house.end()
