"""The two trained checkpoints of the real data: what the generator makes of them is what they learnt."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from generators import load
from generators.recipe import identity, parse

pytestmark = pytest.mark.slow


@pytest.fixture
def trained(shared_data):
    """Settings for one of the two checkpoints."""

    def chosen(which, **extra):
        return settings(shared_data / "tiny_t2v" / which, **extra)

    return chosen


def settings(folder, **extra):
    return {
        "source": {"folder": str(folder)},
        "frames": 16,
        "width": 64,
        "height": 64,
        "guidance": {"scale": 2.5},
        "scheduler": {"steps": 25},
        "extra": {"mask_feature": False} | extra,
    }


def take(prompt, seed=3, **chosen):
    import torch

    torch.set_num_threads(1)
    return load("diffusers").generate(prompt, seed, parse("diffusers", chosen))


def flicker(frames):
    """The mean second difference over time, of 0..1."""
    return float(np.abs(np.diff(frames / 255, 2, axis=0)).mean())


def test_late_obeys_colour_and_background(trained):
    for colour, channel in (("red", 0), ("blue", 2)):
        frames = take(f"a {colour} ball moves left on a white background", **trained("late")).frames / 255
        assert frames[:, :4, :4].mean() > 0.8
        thing = frames[frames.mean(-1) < 0.6]
        assert len(thing) > 100
        assert thing.mean(0).argmax() == channel


def test_without_temporal_attention_the_same_weights_flicker_more_and_are_another_contender(trained):
    prompt = "a red ball moves left on a white background"
    steady = take(prompt, **trained("late"))
    boiling = take(prompt, **trained("late", enable_temporal_attentions=False))
    assert flicker(boiling.frames) > 2.5 * flicker(steady.frames)
    assert boiling.facts["noise_sha256"] == steady.facts["noise_sha256"]
    assert boiling.facts["load_seconds"] == 0  # the weights are shared
    names = {identity("diffusers", trained("late", **extra)) for extra in ({}, {"enable_temporal_attentions": False})}
    assert len(names) == 2


def test_early_and_late_begin_with_the_same_noise_and_end_with_other_clips(trained):
    early, late = (take("a blue cube moves up on a white background", **trained(which)) for which in ("early", "late"))
    assert early.facts["noise_sha256"] == late.facts["noise_sha256"]
    assert (early.frames != late.frames).any()


def test_a_few_steps_fewer_leave_the_colours_as_they_were(trained):
    chosen = trained("late")
    for steps in (25, 10):
        chosen["scheduler"] = {"name": "DPMSolverMultistepScheduler", "steps": steps}
        frames = take("a green ball moves left on a black background", **chosen).frames / 255
        assert frames[:, :4, :4].mean() < 0.2
        assert frames.reshape(-1, 3).max(0).argmax() == 1
