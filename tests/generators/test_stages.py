"""Pipelines of several checkpoints: one stage swapped changes that stage and what follows, and nothing before it."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from generators import Cancelled, GeneratorError, load
from generators.recipe import identity, parse
from generators.stages import blended, stream_seed
from tests.generators.tiny_pipelines import save

PARTS = {"load_seconds", "encode_seconds", "sample_seconds", "decode_seconds"}
SHORT = {"extra": {"max_sequence_length": 16}}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def folder(family, seed=0):
        if (family, seed) not in made:
            made[family, seed] = save(family, tmp_path_factory.mktemp(family), seed)
        return made[family, seed]

    return folder


def pipeline(folder, steps=2, **settings):
    return {"source": {"folder": folder}, "scheduler": {"steps": steps}} | settings


def base(folders, **more):
    small = {"frames": 5, "width": 16, "height": 16, "fps": 4} | SHORT
    return {"kind": "base", "recipe": pipeline(folders("wan"), **small)} | more


def super_resolution(folders, seed=0):
    return {"kind": "super-resolution", "recipe": pipeline(folders("upscaler", seed), extra={"noise_level": 20})}


def interpolation(folders):
    size = {"frames": 5, "width": 16, "height": 16} | SHORT
    return {"kind": "interpolation", "recipe": pipeline(folders("wan22_image_to_video"), steps=1, **size)}


def take(stages, seed=1, watch=lambda done: None, **more):
    return load("stages").generate("a red ball", seed, parse("stages", {"stages": stages} | more), watch)


def test_one_stage_is_the_pipeline_alone(folders):
    staged = take([base(folders)])
    alone = load("diffusers").generate("a red ball", 1, parse("diffusers", base(folders)["recipe"]))
    assert (staged.frames == alone.frames).all()
    assert (staged.fps, staged.facts["noise_sha256"]) == (4, alone.facts["noise_sha256"])
    assert {part for part in staged.facts if part.endswith("_seconds")} == PARTS
    assert staged.facts["sample_seconds"] > 0


def test_swapping_the_last_stage_leaves_those_before_it_bit_by_bit(folders):
    one = take([base(folders), super_resolution(folders)])
    other = take([base(folders), super_resolution(folders, seed=3)])
    assert one.frames.shape == (5, 32, 32, 3)  # the tiny decoder doubles
    assert (one.frames != other.frames).any()
    first, last = zip(*[[stage["sha256"] for stage in made.facts["stages"]] for made in (one, other)], strict=True)
    assert first[0] == first[1]
    assert last[0] != last[1]
    assert (take([base(folders), super_resolution(folders)]).frames == one.frames).all()


@pytest.mark.slow
def test_interpolation_keeps_the_base_frames_and_the_clips_length(folders):
    start = take([base(folders)])
    filled = take([base(folders), interpolation(folders)])
    assert len(filled.frames) == 4 * 4 + 1
    assert (filled.frames[::4] == start.frames).all()
    assert filled.fps == 4 * start.fps
    assert (len(filled.frames) - 1) / filled.fps == (len(start.frames) - 1) / start.fps


def test_each_stage_draws_from_a_stream_of_its_own():
    assert stream_seed(5, 0) == 5
    assert len({stream_seed(seed, number) for seed in (5, 6) for number in range(3)}) == 6


def test_a_blend_lies_between_its_neighbours():
    frames = np.array([0, 100, 40], dtype=np.uint8).reshape(3, 1, 1, 1).repeat(3, axis=3)
    assert blended(frames, 4)[:, 0, 0, 0].tolist() == [0, 25, 50, 75, 100, 85, 70, 55, 40]


def test_another_decoder_changes_pixels_and_not_what_was_made(folders):
    own = take([base(folders, decoder={"folder": f"{folders('wan')}/vae"})])
    assert (own.frames == take([base(folders)]).frames).all()
    other = take([base(folders, decoder={"folder": f"{folders('wan', 3)}/vae"})])
    assert (other.frames != own.frames).any()
    assert other.facts["noise_sha256"] == own.facts["noise_sha256"]
    with pytest.raises(
        GeneratorError, match=r"stage 1 \(base\): .*decodes 4 latent channels, and this pipeline makes 16"
    ):
        take([base(folders, decoder={"folder": f"{folders('sd')}/vae"})])
    assert (take([base(folders)]).frames == own.frames).all()


def test_a_latent_cascade_hands_latents_to_the_next_checkpoint(folders):
    image = pipeline(folders("sd"), width=32, height=32)
    latents = {"kind": "base", "recipe": image, "emits": "latents"}
    larger = {"kind": "super-resolution", "recipe": pipeline(folders("latent_upscaler")), "takes": "latents"}
    made = take([latents, larger])
    assert made.frames.shape == (1, 64, 64, 3)
    assert (take([latents, larger]).frames == made.frames).all()


def test_progress_goes_through_all_stages_and_cancelling_stops_in_any(folders):
    told = []
    stages = [base(folders), {"kind": "blend"}, super_resolution(folders)]
    take(stages, watch=told.append)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 1)

    def cancel(done):
        if done > 0.7:
            raise Cancelled

    with pytest.raises(Cancelled):
        take(stages, watch=cancel)


@pytest.mark.slow
def test_the_checkpoints_of_all_stages_stay_loaded_together(folders):
    load("diffusers")._resident.clear()  # what other tests of this process have left
    take([base(folders), super_resolution(folders)])
    held = dict(load("diffusers")._resident)
    take([base(folders), super_resolution(folders)], seed=2)
    assert len(held) == 2
    assert all(load("diffusers")._resident[key] is kept for key, kept in held.items())


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (["super-resolution"], "the first stage, and only the first, is of kind base"),
        (["base", "base"], "the first stage, and only the first, is of kind base"),
        (["latents"], "emits latents, and the last stage must hand on frames"),
        (["latents", "blend"], "emits latents, and stage blend takes frames"),
    ],
)
def test_stages_that_do_not_fit_are_refused(stages, words):
    recipe = {"source": {"folder": "x"}}
    known = {
        "base": {"kind": "base", "recipe": recipe},
        "latents": {"kind": "base", "recipe": recipe, "emits": "latents"},
        "super-resolution": {"kind": "super-resolution", "recipe": recipe},
        "blend": {"kind": "blend"},
    }
    with pytest.raises(GeneratorError) as raised:
        parse("stages", {"stages": [known[name] for name in stages]})
    assert words in str(raised.value)


def test_each_stage_counts_in_the_identity():
    def name(source, factor=2):
        stages = [{"kind": "base", "recipe": {"source": {"folder": source}}}, {"kind": "blend", "factor": factor}]
        return identity("stages", {"stages": stages})

    assert len({name("x"), name("y"), name("x", 3)}) == 3


@pytest.mark.slow
def test_preflight_runs_every_stage(folders):
    facts = load("stages").preflight(parse("stages", {"stages": [base(folders), super_resolution(folders)]}))
    assert (facts["frames"], facts["height"], facts["reproducible"]) == (5, 32, True)
    assert len(set(facts["checkpoints"])) == 2
