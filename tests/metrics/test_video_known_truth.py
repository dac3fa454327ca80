"""Measures of clips against scenes whose one flaw is known: each knob moves its own measure, and others little."""

from functools import cache

import numpy as np
import pytest

from generators.shapes import Settings, Shapes
from metrics import METRICS, load

PROMPTS = ("a red ball bounces on grass", "three yellow stars spin over the sea")


@cache
def mean(metric, **knobs):
    recipe = Settings(**{"frames": 12, "width": 192, "height": 128} | knobs)
    clips = [Shapes().generate(prompt, 1, recipe).frames for prompt in PROMPTS]
    return np.mean([load(metric)(frames, 24) for frames in clips])


@pytest.mark.parametrize(
    ("metric", "weak", "strong", "least"),
    [
        ("boiling", {"boil": 0.3}, {"boil": 1}, 1.0),
        ("unevenness", {}, {"jerk": 0.8}, 0.5),
        ("frozen", {}, {"jerk": 0.8}, 0.3),
        ("frozen", {}, {"motion": 0}, 0.9),
        ("motion", {"motion": 0}, {"motion": 0.4}, 0.05),
        ("motion", {"motion": 0.2, "frames": 36}, {"motion": 0.7, "frames": 36}, 0.05),
        ("motion_spread", {}, {"camera_drift": 0.8}, 0.3),
        ("sharpness", {"blur": 0.6}, {}, 0.1),
        ("colourfulness", {"dullness": 0.8}, {}, 20),
        ("frame_difference", {"motion": 0}, {}, 0.5),
    ],
)
def test_a_knob_moves_its_measure(metric, weak, strong, least):
    assert mean(metric, **strong) - mean(metric, **weak) > least


@pytest.mark.parametrize(
    "knobs", [{"dullness": 0.8}, {"blur": 0.6}, {"jerk": 0.8}, {"motion": 2}, {"identity": 0.8}, {"camera_drift": 0.5}]
)
def test_nothing_but_boiling_looks_like_boiling(knobs):
    assert mean("boiling", **knobs) < 0.05 * mean("boiling", boil=0.3)


@pytest.mark.parametrize("metric", ["sharpness", "colourfulness", "brightness", "clipped"])
@pytest.mark.parametrize("knob", ["jerk", "motion"])
def test_movement_leaves_the_look_alone(metric, knob):
    change = mean(metric, **{knob: 0.5}) - mean(metric)
    assert abs(change) <= 0.03 * max(mean(metric), 0.01)


def test_every_measure_in_the_registry_gives_a_finite_number():
    assert METRICS
    for name in METRICS:
        assert np.isfinite(mean(name))
