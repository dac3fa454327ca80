"""One flaw at a time: each damage moves the measure of its own aspect and leaves those of the others alone."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from generators.damage import DAMAGES, DamageError, damage, seen
from generators.shapes import Settings, Shapes
from generators.video import read
from metrics import load
from tests.conftest import DATA

FPS = 12
PROMPT = "a red ball rolls over grass"


@cache
def clip(prompt=PROMPT, **knobs):
    recipe = Settings(**{"frames": 12, "fps": FPS, "width": 160, "height": 112} | knobs)
    return Shapes().generate(prompt, 1, recipe).frames


def damaged(name, frames=None, seed=0):
    return damage(clip() if frames is None else frames, FPS, name, np.random.default_rng(seed))


def twitching(frames, fps):
    """How much nearer a frame is to the one before than to the one before that: 1 or more where things swing back."""
    grey = frames.astype(np.float64)
    return np.abs(grey[1:-1] - grey[2:]).mean() / max(np.abs(grey[:-2] - grey[2:]).mean(), 1e-9)


def change_of_colours(frames, fps):
    """Mean difference between the mean colours of the first and the last frames, place by place, brightness aside."""
    colours = [part.astype(np.float64).mean(0) for part in (frames[:3], frames[-3:])]
    return np.abs(np.diff([each - each.mean(-1, keepdims=True) for each in colours], axis=0)).mean()


MEASURES = {
    name: load(name) for name in ("sharpness", "colourfulness", "brightness", "frozen", "blockiness", "boiling")
}
MEASURES |= {"motion_spread": load("motion_spread"), "twitching": twitching, "change_of_colours": change_of_colours}
# damage: (its measure, by how much it moves at least, measures that stay)
LOOK = {"sharpness", "colourfulness", "brightness"}
TIME = {"frozen", "boiling", "motion_spread", "twitching"}
CLAIMS = {
    "blur": ("sharpness", -0.2, {"colourfulness", "brightness", *TIME}),
    "dullness": ("colourfulness", -30, {"sharpness", "brightness", "blockiness", *TIME}),
    "drops": ("frozen", 0.5, {*LOOK, "blockiness", "boiling", "change_of_colours"}),
    "jitter": ("twitching", 0.3, {*LOOK, "blockiness", "boiling", "change_of_colours", "frozen"}),
    "frozen": ("motion_spread", -0.01, {*LOOK, "boiling"}),
    "shaken": ("motion_spread", 0.4, {*LOOK, "frozen"}),
    "colour_change": ("change_of_colours", 15, {"sharpness", "brightness", "blockiness", *TIME}),
    "another_object": ("change_of_colours", 10, {"brightness", "frozen", "motion_spread", "blockiness"}),
    "flicker": ("boiling", 2, {*LOOK, "frozen", "blockiness", "change_of_colours"}),
    "boiling": ("boiling", 4, {"colourfulness", "brightness", "frozen", "change_of_colours"}),
    "blocks": ("blockiness", 1, {"colourfulness", "brightness", *TIME}),
}
# How far a measure may move and still count as left alone: a small part of what its own damage does to it.
SLACK = {
    "sharpness": 0.05,
    "colourfulness": 9,
    "brightness": 0.02,
    "frozen": 0.1,
    "blockiness": 0.35,
    "boiling": 0.6,
    "motion_spread": 0.1,
    "twitching": 0.12,
    "change_of_colours": 4,
}


@cache
def measured(name, damage_name=""):
    return MEASURES[name](damaged(damage_name) if damage_name else clip(), FPS)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_moves_the_measure_of_its_aspect(name):
    measure, least, _ = CLAIMS[name]
    moved = measured(measure, name) - measured(measure)
    assert moved * np.sign(least) >= abs(least)


@pytest.mark.parametrize(("name", "other"), [(name, each) for name in DAMAGES for each in sorted(CLAIMS[name][2])])
def test_a_damage_leaves_the_measures_of_other_aspects_alone(name, other):
    assert abs(measured(other, name) - measured(other)) <= SLACK[other]


@pytest.mark.parametrize("name", DAMAGES)
def test_shape_and_kind_stay_and_equal_seeds_give_equal_frames(name):
    once, again = damaged(name, seed=3), damaged(name, seed=3)
    assert (once.shape, once.dtype) == (clip().shape, np.uint8)
    assert (once == again).all()
    assert once is not clip()


def test_every_aspect_but_preference_and_relevance_can_be_damaged():
    assert {each.aspect for each in DAMAGES.values()} == {"beauty", "softness", "movement", "consistency", "defects"}


@pytest.mark.parametrize("name", ["drops", "jitter", "frozen"])
def test_a_still_clip_cannot_move_worse(name):
    with pytest.raises(DamageError, match="take another clip or another damage"):
        damaged(name, clip(motion=0))


@pytest.mark.parametrize("name", ["blur", "dullness", "blocks"])
def test_a_flaw_that_nobody_would_see_is_refused(name):
    with pytest.raises(DamageError, match="take another clip or another damage"):
        damaged(name, np.full((12, 64, 64, 3), 128, dtype=np.uint8))


def test_an_image_can_be_blurred_and_dulled_but_not_moved():
    still = clip()[:1]
    assert damaged("blur", still).shape == damaged("dullness", still).shape == still.shape
    with pytest.raises(DamageError, match="needs a video of 8 frames"):
        damaged("frozen", still)
    with pytest.raises(DamageError, match="32×32"):
        damaged("blur", clip()[:, :16, :16])


def test_flicker_is_seen_and_yet_no_flash_that_could_harm():
    """WCAG 2.2, 2.3.1: opposing changes of a tenth of the range of relative luminance or more, darker one below 0.8."""
    for shade in range(1, 256, 3):
        grey = np.full((24, 32, 32, 3), shade, dtype=np.uint8)
        flickering = DAMAGES["flicker"].apply(grey, 24, np.random.default_rng(shade))[:, 0, 0, 0] / 255
        luminance = np.where(flickering <= 0.04045, flickering / 12.92, ((flickering + 0.055) / 1.055) ** 2.4)
        jumps, darker = np.abs(np.diff(luminance)), np.minimum(luminance[1:], luminance[:-1])
        assert jumps[darker < 0.8].max(initial=0) < 0.1


def test_what_is_seen_is_told_by_the_most_changed_twentieth():
    before = np.zeros((1, 40, 50, 3), dtype=np.uint8)
    after = before.copy()
    after[:, :2, :50] = 200  # 100 of 2,000 pixels
    assert seen(before, after) == 200
    assert seen(before, before) == 0


@pytest.mark.skipif(not (DATA / "fetv").exists(), reason="the FETV clips are not here")
@pytest.mark.parametrize("name", DAMAGES)
def test_real_clips_take_every_damage(name):
    footage = read(sorted(Path(DATA / "fetv/clips/modelscope-t2v").glob("*.mp4"))[20])
    assert footage.frames.shape == damage(footage.frames, footage.fps, name, np.random.default_rng(1)).shape
