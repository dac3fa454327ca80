"""The shapes generator: understands prompts, gives equal frames everywhere, and each knob spoils its aspect alone."""

import hashlib

import numpy as np
import pytest

from generators import load
from generators.recipe import SHIPPED, parse
from generators.scenes import BACKGROUNDS, COLOURS, MOTIONS, SHAPES, Scene, Thing, understand
from generators.shapes import ignore_part, render, stream

PROMPT = "a red ball in the sky"


def generate(prompt: str = PROMPT, seed: int = 1, **settings: object) -> np.ndarray:
    return load("shapes").generate(prompt, seed, parse("shapes", settings)).frames


def outline(thing: Thing) -> tuple[int, str, str, str]:
    return thing.count, thing.colour, thing.shape, thing.motion


@pytest.mark.parametrize(
    ("prompt", "things", "background"),
    [
        ("Two red balls bounce on grass", [(2, "red", "ball", "bounce")], "grass"),
        ("a blue square slides left over the sea", [(1, "blue", "square", "slide")], "sea"),
        ("three big golden stars rising in the night sky", [(3, "yellow", "star", "rise")], "night"),
        ("a red ball bounces and a violet box spins in snow",
         [(1, "red", "ball", "bounce"), (1, "purple", "square", "spin")], "snow"),
        ("a green circle and a pink heart circle", [(1, "green", "ball", "orbit"), (1, "pink", "heart", "orbit")],
         "studio"),
        ("a white ball rolls on a white background", [(1, "white", "ball", "roll")], "white"),
        ("a white fluffy ball floats up over the desert", [(1, "white", "ball", "rise")], "desert"),
        ("grey triangles fall", [(3, "grey", "triangle", "fall")], "studio"),
        ("a pair of hexagons stay still in the city", [(2, "red", "hexagon", "still")], "city"),
        ("a bouncing red ball and a spinning star",
         [(1, "red", "ball", "bounce"), (1, "red", "star", "spin")], "studio"),
        ("a red ball and a blue star on a beach bounce",
         [(1, "red", "ball", "bounce"), (1, "blue", "star", "bounce")], "desert"),
        ("a ball in a forest bounces", [(1, "red", "ball", "bounce")], "studio"),
        ("", [(1, "red", "ball", "slide")], "studio"),
    ],
)  # fmt: skip
def test_a_prompt_is_understood(prompt, things, background):
    scene = understand(prompt)
    assert [outline(thing) for thing in scene.things] == things
    assert scene.background == background


def test_each_object_takes_its_own_direction():
    scene = understand("a ball slides right and a square slides left")
    assert [thing.direction for thing in scene.things] == [(1, 0), (-1, 0)]


def test_what_is_not_understood_is_noted_and_stop_words_are_not():
    facts = load("shapes").generate("a fluffy red dragon ball on a blue background", 1, parse("shapes", {})).facts
    assert facts["unknown_words"] == ["fluffy", "dragon", "blue background"]
    assert facts["understood"]["things"][0]["colour"] == "red"
    assert "ignored" not in facts


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_background_can_be_painted_and_differs_from_the_others(background):
    pictures = [render(Scene((), name), "", 1, parse("shapes", {"frames": 2})) for name in (background, "studio")]
    assert (background == "studio") == np.array_equal(*pictures)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("amount", [1, 3])
def test_objects_stay_in_the_picture_whatever_their_motion(motion, amount):
    settings = parse("shapes", {"frames": 12, "motion": amount})
    empty = render(Scene((), "white"), "p", 1, settings)
    with_thing = render(Scene((Thing(motion=motion),), "white"), "p", 1, settings)
    shown = (empty != with_thing).any(-1).sum((1, 2))
    assert shown.min() > 500
    moves = bool((np.diff(with_thing.astype(int), axis=0) != 0).any())
    assert moves == (motion != "still")


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_have_smooth_edges(shape):
    frame = render(Scene((Thing(shape=shape, colour="black", motion="still"),), "white"), "p", 1, parse("shapes", {}))
    greys = frame[0].mean(-1)
    assert ((greys > 110) & (greys < 235)).sum() > 30
    assert (greys < 60).sum() > 500


def test_the_seed_changes_the_scene_and_the_recipe_does_not():
    assert not np.array_equal(generate(seed=1), generate(seed=2))
    shown = []
    for recipe in ("end-to-end", "frame-by-frame"):
        take = load("shapes").generate("a still ball on grass", 4, parse(*SHIPPED[recipe]))
        frame = take.frames[0].astype(float)
        red = (frame[..., 0] - frame[..., 1:].max(-1)) > 60
        shown.append([axis.mean() for axis in np.nonzero(red)])
    assert np.allclose(*shown, atol=1.5)


def test_frames_are_the_same_on_every_machine():
    """Hashes of frames made once; a change in them is a change of every clip ever made with these recipes."""
    digest = hashlib.sha256()
    prompts = [f"two {colour} {shape}s {motion} in the {background}" for colour, shape, motion, background in
               zip(list(COLOURS), SHAPES * 2, MOTIONS, BACKGROUNDS * 2, strict=False)]  # fmt: skip
    for seed, prompt in enumerate(prompts):
        knobs = {"boil": 0.3, "camera_drift": 1, "jerk": 0.4, "identity": 1} if seed % 2 else {"dullness": 0.5}
        digest.update(generate(prompt, seed, frames=6, width=192, height=128, blur=0.3 * (seed % 3 == 0), **knobs))
    digest.update(generate("a spinning ball and three swinging stars", 7))
    assert digest.hexdigest() == "ab304c59c0d30098ba2a4ad3f8813285c463d83d656ce268a02ac254e8b4079b"


def signals(seed: int, **settings: object) -> dict[str, float]:
    """One plain measure per aspect, of the frames alone; the object is what differs from the empty scene."""
    recipe = parse("shapes", settings)
    scene, _ = ignore_part(understand(PROMPT), recipe.ignore, stream(PROMPT, seed, "ignore"))
    frames = generate(seed=seed, **settings).astype(float) / 255
    empty = render(Scene((), scene.background), PROMPT, seed, recipe).astype(float) / 255
    masks = np.abs(frames - empty).max(-1) > 0.05
    assert masks.sum((1, 2)).min() > 100
    colours = np.stack([frame[mask].mean(0) for frame, mask in zip(frames, masks, strict=True)])
    centres = np.stack([[axis.mean() for axis in np.nonzero(mask)] for mask in masks])
    steps = np.hypot(*np.diff(centres, axis=0).T)
    edges = np.abs(np.diff(frames[:8], axis=2)).max((2, 3))
    return {
        "beauty": float(np.median(edges.max(1)) * np.ptp(colours[:8], axis=1).mean()),
        "softness": float(steps.std() / max(steps.mean(), 0.1)),
        "movement": float(np.hypot(*(centres[-1] - centres[0])) / frames.shape[2]),
        "consistency": float(np.abs(_hue(colours[:4].mean(0)) - _hue(colours[-4:].mean(0))).max()),
        "defects": float(np.abs(np.diff(empty[:, :40], 2, axis=0)).mean()),
        "relevance": float(scene_colours(colours[0], empty[0])),
    }


def _hue(colour: np.ndarray) -> np.ndarray:
    centred = colour - colour.mean()
    return np.asarray(centred / max(np.linalg.norm(centred), 0.05))


def scene_colours(thing: np.ndarray, background: np.ndarray) -> float:
    """How far the hues shown are from a red thing on a blue sky."""
    asked = (_hue(np.asarray(COLOURS["red"])), _hue(np.asarray((0.36, 0.62, 0.92))))
    shown = (_hue(thing), _hue(background[:60].mean((0, 1))))
    return max(float(np.abs(one - other).max()) for one, other in zip(asked, shown, strict=True))


UNITS = {"beauty": 0.1, "softness": 0.3, "movement": 0.1, "consistency": 0.2, "defects": 0.004, "relevance": 0.25}
"""What one sees of each signal: changes of several units are plain, below one they are slight."""


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("knob", "value", "aspect"),
    [
        ("dullness", 1, "beauty"), ("blur", 1, "beauty"), ("jerk", 1, "softness"), ("motion", 0.35, "movement"),
        ("identity", 0.6, "consistency"), ("boil", 1, "defects"), ("camera_drift", 1, "defects"),
        ("ignore", 1, "relevance"),
    ],
)  # fmt: skip
def test_each_knob_spoils_its_own_aspect_and_hardly_any_other(knob, value, aspect, seed):
    clean, spoilt = signals(seed), signals(seed, **{knob: value})
    change = {name: abs(spoilt[name] - clean[name]) / UNITS[name] for name in UNITS}
    assert change.pop(aspect) > 1.5, spoilt
    if knob == "ignore":  # another colour on another background has another beauty
        change.pop("beauty")
    assert max(change.values()) < 1, change


def test_dull_clips_are_greyer_and_flatter():
    def saturation_and_contrast(**settings: float) -> tuple[float, float]:
        frames = generate("a red ball on grass", frames=2, **settings).astype(float)
        return float(np.ptp(frames, axis=-1).mean()), float(frames.mean(-1).std())

    (clean, plain), (grey, flat) = saturation_and_contrast(), saturation_and_contrast(dullness=1)
    assert grey < 0.2 * clean  # 0.25 × 0.6 is left
    assert flat < 0.75 * plain


def test_a_stronger_identity_knob_makes_objects_vanish_for_a_while():
    recipe = parse("shapes", {"identity": 1})
    scene = understand(PROMPT)
    shown = (render(scene, PROMPT, 1, recipe) != render(Scene((), "sky"), PROMPT, 1, recipe)).any(-1).sum((1, 2))
    assert shown[[0, -1]].all()
    assert not shown.min()


def test_ignoring_touches_only_what_the_prompt_said():
    scene = understand("two balls bounce")
    changed, ignored = ignore_part(scene, 1, stream("p", 1, "ignore"))
    assert sorted(ignored) == ["count", "motion", "shape"]
    assert (changed.background, changed.things[0].colour) == (scene.background, scene.things[0].colour)
    assert changed.things[0].count == 1
    assert (changed.things[0].motion, changed.things[0].shape != "ball") == ("still", True)
    assert ignore_part(scene, 0, stream("p", 1, "ignore")) == (scene, [])


def test_ignored_attributes_are_told_in_the_facts():
    take = load("shapes").generate("two blue balls bounce on grass", 1, parse("shapes", {"ignore": 0.5}))
    assert len(take.facts["ignored"]) == 3  # of five, rounded up
