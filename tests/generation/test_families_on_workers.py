"""Five families of real pipelines, tiny and random, registered, launched on two real workers and killed mid-way."""

import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from tests.generation.house import until
from tests.generators.test_families import FAMILIES
from tests.generators.tiny_pipelines import save

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
CHOSEN = ("cogvideox", "wan", "ltx", "stable_video_diffusion", "sdxl")
REGISTER = """
import json
from pathlib import Path
from evalapp.catalog.models import *
from evalapp.catalog.registration import register
from evalapp.comparisons.launch import create, launch
recipes = {folder.stem: folder for folder in sorted(Path(FOLDER).glob("*.json"))}
contenders = [register(name, recipe) for name, recipe in recipes.items()]
prompts = [PromptText(f"p{n}", text) for n, text in enumerate(("a red ball moves left", "a blue cube turns", "a ball"))]
launch(create("families", PromptSet.objects.freeze("set", prompts), contenders))
print(json.dumps([bool(contender.trial["reproducible"]) for contender in contenders]))
"""
MADE = """
import json
from evalapp.generation.files import sha256_of
from evalapp.generation.models import Clip
from generators.video import read
print(json.dumps([
    {"family": clip.contender.name, "frames": len(read(clip.master).frames), "attempt": clip.attempt, "pk": clip.pk,
     "whole": sha256_of(clip.master) == clip.sha256 and sha256_of(clip.rendition) == clip.rendition_sha256,
     "own": clip.facts["provenance"]["checkpoint"] == clip.contender.checkpoint.sha256
     and clip.facts["provenance"]["recipe"] == clip.contender.recipe.identity}
    for clip in Clip.objects.filter(state="ready").select_related("contender__checkpoint", "contender__recipe")
]))
"""


def write_recipes(folder):
    """A pipeline and a recipe for each family."""
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "first.png")
    for name in CHOSEN:
        settings = {"source": {"folder": save(name, folder / name)}, "width": 32, "height": 32}
        settings |= {"scheduler": {"steps": 20}} | FAMILIES[name][0]
        if "conditioning" in settings:
            settings["conditioning"] = {"first_frame": str(folder / "first.png")}
        (folder / f"{name}.json").write_text(json.dumps({"generator": "diffusers", "settings": settings}))


def test_five_families_on_two_workers_killed_mid_way_are_all_whole(house, tmp_path):
    house.environment["OMP_NUM_THREADS"] = "1"
    folder = tmp_path / "weights"
    folder.mkdir()
    write_recipes(folder)
    told = house.run("shell", "-v0", "-c", REGISTER.replace("FOLDER", repr(str(folder))))
    assert json.loads(told.splitlines()[-1]) == [True] * len(CHOSEN)
    first, second = (house.start_worker(beat=beat, threads=1) for beat in (True, False))
    interrupted = []
    for ready, worker, beat in ((3, first, True), (7, second, False)):
        until(lambda ready=ready: house.unfinished() <= 3 * len(CHOSEN) - ready, seconds=400)
        interrupted += house.freeze_at_work(worker)
        house.kill(worker)
        house.start_worker(beat=beat, threads=1)
    until(lambda: not house.unfinished(), seconds=400)
    made = json.loads(house.run("shell", "-v0", "-c", MADE))
    assert sorted(clip["family"] for clip in made) == sorted(3 * CHOSEN)
    assert all(clip["whole"] and clip["own"] for clip in made)
    assert {clip["family"]: clip["frames"] for clip in made} == {
        **{"cogvideox": 9, "wan": 9, "ltx": 9, "stable_video_diffusion": 4, "sdxl": 1}
    }
    attempts = {clip["pk"]: clip["attempt"] for clip in made}
    assert all(attempts[clip] > attempt for clip, attempt, *_ in interrupted)
    assert house.accepted_twice() == 0
