"""Pipelines of diffusers with random weights, in the real format: loaded, checked, called, told and refused."""

import json
import shutil
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from generators import Cancelled, GeneratorError, keeping, load  # noqa: E402
from generators.recipe import identity, parse  # noqa: E402
from tests.generators.tiny_pipelines import save  # noqa: E402

SIZE = {"width": 32, "height": 32}


@pytest.fixture
def copied(stable_diffusion, tmp_path):
    return shutil.copytree(stable_diffusion, tmp_path / "copy")


def recipe(folder, steps=2, **settings):
    return parse("diffusers", SIZE | {"source": {"folder": str(folder)}, "scheduler": {"steps": steps}} | settings)


def take(folder, seed=1, prompt="a red ball moves left", watch=lambda done: None, **settings):
    return load("diffusers").generate(prompt, seed, recipe(folder, **settings), watch)


def video(folder, **settings):
    return take(folder, frames=9, extra={"max_sequence_length": 16}, **settings)


def test_settings_are_read_without_torch():
    program = (
        "import sys; from generators.recipe import parse, schema\n"
        "parse('diffusers', {'source': {'folder': 'x'}}); schema('diffusers')\n"
        "print({'torch', 'diffusers', 'transformers', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_text_to_video_pipeline_makes_clips_that_repeat_themselves_bit_by_bit(wan):
    one, again, other = video(wan), video(wan), video(wan, seed=2)
    assert one.frames.shape == (9, 32, 32, 3)
    assert one.frames.dtype == np.uint8
    assert (one.frames == again.frames).all()
    assert (one.frames != other.frames).any()


def test_a_text_to_image_pipeline_makes_a_clip_of_one_frame(stable_diffusion):
    assert take(stable_diffusion).frames.shape == (1, 32, 32, 3)


def test_frames_are_those_of_the_bare_pipeline(wan):
    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(wan, dtype=torch.float32)
    generator = torch.Generator("cpu").manual_seed(1)
    bare = pipe(
        "a red ball moves left", num_inference_steps=2, width=32, height=32, num_frames=9, max_sequence_length=16,
        generator=generator, output_type="np",
    ).frames[0]  # fmt: skip
    assert (video(wan).frames == (bare * 255).round().astype(np.uint8)).all()


def test_equal_seeds_begin_with_equal_noise_whatever_the_weights_and_the_recipe(stable_diffusion, tmp_path):
    other = save("sd", tmp_path / "other", seed=5)
    hashes = {
        take(stable_diffusion).facts["noise_sha256"],
        take(other).facts["noise_sha256"],
        take(other, steps=3, guidance={"scale": 3}, negative="static").facts["noise_sha256"],
    }
    assert len(hashes) == 1
    assert take(other, seed=2).facts["noise_sha256"] not in hashes
    assert take(other, width=48).facts["noise_sha256"] not in hashes


def test_the_noise_that_is_told_is_the_one_that_was_drawn(stable_diffusion):
    import hashlib

    noise = torch.randn((1, 4, 16, 16), generator=torch.Generator("cpu").manual_seed(1))
    draw = hashlib.sha256(f"{list(noise.shape)} {noise.dtype}".encode() + noise.numpy().tobytes()).digest()
    assert take(stable_diffusion).facts["noise_sha256"] == hashlib.sha256(draw).hexdigest()


def test_facts_name_versions_seconds_and_steps(stable_diffusion):
    facts = take(stable_diffusion, steps=3).facts
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["steps"] == 3
    assert all(facts[name] >= 0 for name in ("load_seconds", "encode_seconds", "sample_seconds", "decode_seconds"))


def test_weights_stay_loaded_while_recipes_share_them(stable_diffusion, wan):
    generator = load("diffusers")
    generator._resident.clear()
    take(wan, frames=9)
    assert take(stable_diffusion).facts["load_seconds"] > 0
    first = generator.resident(recipe(stable_diffusion))
    assert take(stable_diffusion, steps=3, negative="x").facts["load_seconds"] == 0
    assert generator.resident(recipe(stable_diffusion)) is first
    assert generator.weights_key(recipe(stable_diffusion)) == generator.weights_key(recipe(stable_diffusion, steps=9))
    assert generator.weights_key(recipe(stable_diffusion)) != generator.weights_key(recipe(wan))
    take(wan, frames=9)
    assert generator.holds(recipe(stable_diffusion))
    assert generator.resident(recipe(stable_diffusion)) is first


def test_what_was_unused_the_longest_makes_room_for_other_weights(stable_diffusion, wan, monkeypatch):
    generator = load("diffusers")
    generator._resident.clear()
    one, other = recipe(stable_diffusion), recipe(wan, frames=9)
    first = generator.resident(one)
    monkeypatch.setattr(keeping, "room", lambda: keeping.taken(first.pipe) + keeping.expected(other) - 1)
    generator.resident(other)
    assert (generator.holds(one), generator.holds(other)) == (False, True)
    assert generator.resident(one) is not first
    assert not generator.holds(other)


def test_a_clip_that_finds_no_memory_is_begun_anew_without_others_weights(stable_diffusion, wan, monkeypatch):
    generator = load("diffusers")
    generator._resident.clear()
    take(wan, frames=9)
    pipe = generator.resident(recipe(stable_diffusion)).pipe
    decode = pipe.vae.decode

    def crowded(*args, **kwargs):
        if len(generator._resident) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(*args, **kwargs)

    monkeypatch.setattr(pipe.vae, "decode", crowded)
    assert take(stable_diffusion).frames.any()
    assert not generator.holds(recipe(wan, frames=9))


def test_no_recipe_leaves_anything_behind_for_the_next(stable_diffusion):
    before = take(stable_diffusion).frames
    take(
        stable_diffusion, steps=3, scheduler={"name": "EulerDiscreteScheduler", "steps": 3},
        modifiers=[{"kind": "freeu"}, {"kind": "cads", "scale": 1}, {"kind": "epsilon-scaling", "scale": 1.5}],
        guidance={"scale": 3, "interval": [0, 0.5]},
    )  # fmt: skip
    assert (take(stable_diffusion).frames == before).all()


def test_progress_is_told_and_a_cancelled_clip_stops_at_its_next_step(stable_diffusion):
    told = []
    take(stable_diffusion, steps=4, watch=told.append)
    assert told == [0, 0.25, 0.5, 0.75, 1]
    before = take(stable_diffusion).frames

    def cancel(done):
        told.append(done)
        if done >= 0.5:
            raise Cancelled

    told.clear()
    with pytest.raises(Cancelled):
        take(stable_diffusion, steps=4, watch=cancel)
    assert told == [0, 0.25, 0.5]
    assert (take(stable_diffusion).frames == before).all()


def test_a_negative_prompt_makes_another_contender(stable_diffusion):
    plain, without = take(stable_diffusion), take(stable_diffusion, negative="static video, no movement")
    assert (plain.frames != without.frames).any()
    settings = {"source": {"folder": stable_diffusion}}
    assert identity("diffusers", settings) != identity(
        "diffusers", settings | {"negative": "static video, no movement"}
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"frames": 9}, "pipeline StableDiffusionPipeline: takes no frames: leave it out"),
        ({"guidance": {"true_scale": 2}}, "no guidance.true_scale: leave it out, or set guidance.scale, guidance.resc"),
        ({"extra": {"guidance_rescal": 0.5}}, "no argument 'guidance_rescal': did you mean 'guidance.rescale'"),
        ({"extra": {"clip_skp": 2}}, "no argument 'clip_skp': did you mean 'extra.clip_skip'?"),
        ({"extra": {"zzz": 2}}, "no argument 'zzz': known are extra.clip_skip, extra.cross_attention_kwargs"),
        ({"extra": {"width": 32}}, "extra.width is set elsewhere"),
        ({"extra": {"generator": 1}}, "extra.generator is set elsewhere"),
        ({"conditioning": {"first_frame": "x.png"}}, "takes no conditioning.first_frame"),
        ({"guidance": {"guider": "AutoGuidance"}}, "has no guider part"),
        ({"scheduler": {"name": "EulerDiscreteSchedule"}}, "did you mean 'EulerDiscreteScheduler'"),
        ({"scheduler": {"name": "AutoencoderKL"}}, "diffusers has no scheduler 'AutoencoderKL'"),
        ({"scheduler": {"options": {"timestep_spacin": "x"}}}, "did you mean 'timestep_spacing'"),
        ({"scheduler": {"name": "FlowMatchEulerDiscreteScheduler"}}, "this model predicts epsilon"),
        ({"height": 33}, "refused the recipe: `height` and `width` have to be divisible by 8"),
        ({"runtime": {"offload": "model"}}, "needs a GPU"),
        ({"runtime": {"parallel": {"ulysses": 2}}}, "torchrun"),
    ],
)
def test_a_wrong_recipe_is_refused_in_words(stable_diffusion, asked, words):
    with pytest.raises(GeneratorError) as raised:
        take(stable_diffusion, **asked)
    assert words in str(raised.value)


def test_frames_that_the_model_cannot_make_are_told_with_those_it_made(wan):
    with pytest.raises(GeneratorError, match="made 9 frames where 10 were asked for: set frames to 9"):
        take(wan, frames=10)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "old.ckpt", "weights.pt", "a/b.pkl"])
def test_a_pickled_checkpoint_is_refused(copied, name):
    (copied / name).parent.mkdir(exist_ok=True)
    (copied / name).write_bytes(b"x")
    with pytest.raises(GeneratorError, match=r"only safetensors files are loaded.*convert it with save_pretrained"):
        take(copied)


def test_code_in_a_checkpoint_is_never_run(copied):
    (copied / "unet" / "pipeline.py").write_text("raise SystemExit")
    with pytest.raises(GeneratorError, match="code in a checkpoint is never run"):
        take(copied)


def test_a_missing_folder_and_one_without_an_index_are_told_apart(tmp_path, copied):
    with pytest.raises(GeneratorError, match=r"nowhere: there is no such folder on this worker"):
        take(tmp_path / "nowhere")
    with pytest.raises(GeneratorError, match=r"has no model_index.json"):
        take(copied / "unet")


def index_says(folder, **changes):
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | changes))


def test_only_classes_that_the_operator_allows_are_loaded(copied, monkeypatch):
    index_says(copied, _class_name="PixArtAlphaPipeline")
    with pytest.raises(GeneratorError, match="PixArtAlphaPipeline is not on the operator's list"):
        take(copied)
    monkeypatch.setenv("DIFFUSERS_PIPELINES", "PixArtAlphaPipeline")
    with pytest.raises(GeneratorError, match="cannot be loaded as PixArtAlphaPipeline"):
        take(copied)
    index_says(copied, _class_name="StableDifusionPipeline")
    with pytest.raises(GeneratorError, match="did you mean 'StableDiffusionPipeline'"):
        take(copied)
    index_says(copied, _class_name=["pipeline", "MyPipeline"])
    with pytest.raises(GeneratorError, match="code of its own, which is never run"):
        take(copied)


def test_parts_come_from_known_libraries_alone(copied):
    index_says(copied, unet=["os", "system"])
    with pytest.raises(GeneratorError, match="unet comes from 'os'; only diffusers and transformers"):
        take(copied)


def test_a_part_that_is_missing_is_told(copied):
    (copied / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(GeneratorError, match="cannot be loaded as StableDiffusionPipeline"):
        take(copied)


def test_the_hub_is_closed_unless_the_operator_opens_it(monkeypatch, stable_diffusion):
    source = {"hub": "owner/name", "revision": "0" * 40}
    with pytest.raises(GeneratorError, match="may not fetch from the hub"):
        load("diffusers").generate("a", 1, parse("diffusers", {"source": source}))
    import huggingface_hub

    asked = []
    monkeypatch.setenv("HUB_ALLOWED", "1")
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *args, **more: asked.append((args, more)) or stable_diffusion
    )
    made = load("diffusers").generate("a", 1, parse("diffusers", SIZE | {"source": source, "scheduler": {"steps": 1}}))
    assert made.frames.shape == (1, 32, 32, 3)
    assert asked[0][0] == ("owner/name",)
    assert asked[0][1]["revision"] == "0" * 40


def test_files_that_changed_since_registration_are_refused(copied):
    from generators.pipelines import manifest, manifest_sha256

    known = manifest_sha256(copied)
    assert "unet/diffusion_pytorch_model.safetensors" in manifest(copied)
    source = {"folder": str(copied), "sha256": known}
    assert take(copied, source=source).frames.any()
    index_says(copied, _note="x")
    load("diffusers")._resident.clear()
    with pytest.raises(GeneratorError, match="its files have changed since the recipe was registered"):
        take(copied, source=source)
    moved = {"folder": "/elsewhere", "sha256": known}
    assert identity("diffusers", {"source": source}) == identity("diffusers", {"source": moved})


def test_out_of_memory_names_the_knobs_to_turn(stable_diffusion, monkeypatch):
    pipe = load("diffusers").resident(recipe(stable_diffusion)).pipe

    def exhausted(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(pipe.vae, "decode", exhausted)
    with pytest.raises(GeneratorError, match=r"out of memory .*smaller width and height, runtime.dtype bfloat16"):
        take(stable_diffusion)


@pytest.mark.parametrize("family", ["stable_diffusion", "wan"])
def test_out_of_memory_advises_fewer_frames_for_videos_alone(family, request, monkeypatch):
    folder = request.getfixturevalue(family)
    settings = {"frames": 9} if family == "wan" else {}
    pipe = load("diffusers").resident(recipe(folder, **settings)).pipe
    monkeypatch.setattr(pipe.vae, "decode", mock.Mock(side_effect=torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(GeneratorError, match="out of memory") as refused:
        take(folder, **settings)
    assert ("fewer frames than 9" in str(refused.value)) == ("frames" in str(refused.value)) == (family == "wan")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("stored", [torch.float32, torch.float16])
def test_weights_that_will_be_loaded_are_reckoned_by_their_numbers_and_precision(wan, tmp_path, stored, dtype):
    import diffusers

    folder = tmp_path / "stored"
    diffusers.DiffusionPipeline.from_pretrained(wan, dtype=stored).save_pretrained(folder)
    settings = recipe(folder, frames=9, runtime={"dtype": dtype, "component_dtype": {"vae": "float32"}})
    generator = load("diffusers")
    generator._resident.clear()
    expected, taken = keeping.expected(settings), keeping.taken(generator.resident(settings).pipe)
    assert 0.9 * taken < expected < 1.02 * taken


def test_pixels_that_are_no_numbers_are_refused(stable_diffusion, monkeypatch):
    pipe = load("diffusers").resident(recipe(stable_diffusion)).pipe
    monkeypatch.setattr(pipe.vae, "decode", lambda latents, **_: (torch.full((1, 3, 32, 32), torch.nan),))
    with pytest.raises(GeneratorError, match="pixels that are no numbers"):
        take(stable_diffusion)


def test_prompts_are_rewritten_and_put_into_the_template_and_the_outcome_is_told(stable_diffusion, tmp_path):
    table = tmp_path / "rewritten.jsonl"
    table.write_text('{"prompt": "a ball", "rewritten": "a red ball moves left"}\n')
    prompting = {"rewriter": {"kind": "table", "file": str(table)}, "template": "{prompt} on a white background"}
    made = take(stable_diffusion, prompt="a ball", prompting=prompting)
    assert made.facts["prompt_given"] == "a red ball moves left on a white background"
    plain = take(stable_diffusion, prompt="a red ball moves left on a white background")
    assert "prompt_given" not in plain.facts
    assert (made.frames == plain.frames).all()
    with pytest.raises(GeneratorError, match="has no rewriting of 'a cube': add a line for it"):
        take(stable_diffusion, prompt="a cube", prompting=prompting)


def test_a_language_model_rewrites_the_same_way_each_time(stable_diffusion, tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM

    from tests.generators.tiny_pipelines import word_tokenizer

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer = word_tokenizer()
    tokenizer.add_tokens([f"word{number}" for number in range(64 - len(tokenizer))])
    tokenizer.save_pretrained(tmp_path)
    prompting = {"rewriter": {"kind": "language-model", "folder": str(tmp_path), "tokens": 5}}
    given = take(stable_diffusion, prompting=prompting).facts["prompt_given"]
    from generators.rewriting import _asked

    _asked.cache_clear()
    assert take(stable_diffusion, seed=2, prompting=prompting).facts["prompt_given"] == given
    assert 0 < len(given.split()) <= 5


def test_words_beyond_what_the_text_encoder_reads_are_counted(stable_diffusion):
    assert "tokens_cut" not in take(stable_diffusion).facts
    letters = "b" * 100  # one token a letter
    assert take(stable_diffusion, prompt=letters).facts["tokens_cut"] == 100 + 2 - 77
