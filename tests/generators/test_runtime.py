"""How a recipe is loaded and computed: what works without a GPU gives clips, what does not says what it needs."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from safetensors.torch import load_file, save_file

from generators import GeneratorError, load
from generators.recipe import parse


def frames(folder, **settings):
    common = {"source": {"folder": str(folder)}, "width": 32, "height": 32, "scheduler": {"steps": 3}}
    recipe = parse("diffusers", common | settings)
    return load("diffusers").generate("a red ball moves left", 1, recipe).frames


def refused(folder, **settings):
    with pytest.raises(GeneratorError) as raised:
        frames(folder, **settings)
    return str(raised.value)


def quantised(backend, components=None, **options):
    return {"quantisation": {"backend": backend, "options": options, "components": components}}


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        (quantised("torchao", quant_type="Int8WeightOnlyConfig"), "torchao needs a package that this worker lacks"),
        (quantised("bitsandbites"), "diffusers has no 'bitsandbites': did you mean 'bitsandbytes_"),
        (
            quantised("quanto", ["unt"]),
            "quantisation.components: this pipeline has no part 'unt': did you mean 'unet'?",
        ),
        (quantised("quanto", weight="int8"), "backend quanto takes no 'weight': did you mean 'weights_dtype'?"),
        (quantised("gguf"), "backend gguf reads .gguf files, and only safetensors files are loaded"),
        ({"component_dtype": {"vea": "float32"}}, "component_dtype: this pipeline has no part 'vea': did you mean"),
        ({"device": "cuda"}, "this worker has none: let a GPU queue render it"),
    ],
)
def test_what_this_worker_cannot_compute_is_refused_in_words(stable_diffusion, monkeypatch, runtime, words):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setitem(sys.modules, "torchao", None)  # as where it is not installed
    assert words in refused(stable_diffusion, runtime=runtime)


def test_a_backends_configuration_is_each_components_own_librarys(stable_diffusion):
    from diffusers import BitsAndBytesConfig as OfDiffusers
    from transformers import BitsAndBytesConfig as OfTransformers

    from generators.pipeline_settings import Runtime
    from generators.pipelines import described
    from generators.placing import quantisation

    settings = parse("diffusers", {"source": {"folder": stable_diffusion}})
    runtime = Runtime.model_validate(quantised("bitsandbytes_8bit", ["unet", "text_encoder"]))
    mapping = quantisation(runtime, described(settings)[1])["quantization_config"].quant_mapping
    assert {name: type(one) for name, one in mapping.items()} == {"unet": OfDiffusers, "text_encoder": OfTransformers}
    assert all(one.load_in_8bit for one in mapping.values())
    alone = quantisation(Runtime.model_validate(quantised("bitsandbytes_8bit")), described(settings)[1])
    assert list(alone["quantization_config"].quant_mapping) == ["unet"]


@pytest.mark.parametrize("named", ["weights", "weights_dtype"])
def test_one_option_of_quanto_goes_to_both_libraries_by_their_own_names(named):
    from generators.pipeline_settings import Runtime
    from generators.placing import quantisation

    runtime = Runtime.model_validate(quantised("quanto", ["unet", "text_encoder"], **{named: "int4"}))
    index = {"unet": ["diffusers", "UNet2DConditionModel"], "text_encoder": ["transformers", "CLIPTextModel"]}
    mapping = quantisation(runtime, index)["quantization_config"].quant_mapping
    assert (mapping["unet"].weights_dtype, mapping["text_encoder"].weights) == ("int4", "int4")


def test_parts_may_be_computed_in_precisions_of_their_own(wan):
    common = {"frames": 9, "extra": {"max_sequence_length": 16}}
    whole = frames(wan, runtime={"dtype": "bfloat16"}, **common)
    apart = frames(wan, runtime={"dtype": "bfloat16", "component_dtype": {"vae": "float32"}}, **common)
    assert (whole != apart).any()


@pytest.mark.slow
def test_a_compiled_denoiser_makes_the_same_clip_but_for_rounding(stable_diffusion):
    compiled = frames(stable_diffusion, runtime={"compile": True})
    assert np.abs(compiled.astype(int) - frames(stable_diffusion).astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("scheduler", "words"),
    [
        (
            {"timesteps": [900, 500]},
            "DDIMScheduler takes no explicit timesteps: set scheduler.steps, or a scheduler.na",
        ),
        ({"timesteps": [900, 500]}, "that takes them, such as DDPMScheduler, "),
        ({"sigmas": [14.0, 1.0]}, "DDIMScheduler takes no explicit sigmas"),
        ({"table": "align-your-steps-sd"}, "DDIMScheduler takes no explicit timesteps"),
    ],
)
def test_a_course_that_a_scheduler_cannot_take_names_schedulers_that_can(stable_diffusion, scheduler, words):
    said = refused(stable_diffusion, scheduler=scheduler)
    assert words in said
    assert said.rpartition("such as ")[2].count("Scheduler") > 1


def test_a_scheduler_for_noise_is_refused_for_a_flow_though_it_keeps_the_flows_settings(wan):
    for name in ("LCMScheduler", "DDIMScheduler"):
        said = refused(wan, frames=9, scheduler={"name": name})
        assert f"{name} takes epsilon, and this model predicts flow_prediction" in said


def test_a_corrector_of_another_kind_is_refused(stable_diffusion, wan):
    def said(folder):
        return refused(stable_diffusion, modifiers=[{"kind": "corrector", "at": "first", "folder": str(folder)}])

    wanted = "name a folder of UNet2DConditionModel, as save_pretrained writes it"
    assert said(f"{wan}/transformer").endswith(f"holds a WanTransformer3DModel: {wanted}")
    assert said(stable_diffusion).endswith(wanted)  # a pipeline, not its denoiser
    assert "/nowhere: there is no such folder on this worker" in said("/nowhere")


def test_an_adapter_for_another_model_is_refused_and_not_left_out(stable_diffusion, tmp_path):
    tensors = load_file(f"{stable_diffusion}/vae/diffusion_pytorch_model.safetensors")
    some = {f"transformer.{name}.lora_A.weight": tensor for name, tensor in list(tensors.items())[:2]}
    save_file(some, tmp_path / "pytorch_lora_weights.safetensors")
    assert "was it trained for another model?" in refused(stable_diffusion, adapters=[{"folder": str(tmp_path)}])


@pytest.mark.parametrize("part", ["unet/diffusion_pytorch_model", "text_encoder/model"])
def test_a_checkpoint_that_lacks_a_weight_is_refused_and_not_filled_with_chance(stable_diffusion, tmp_path, part):
    folder = Path(shutil.copytree(stable_diffusion, tmp_path / "lacking"))
    file = folder / f"{part}.safetensors"
    tensors = load_file(file)
    name = next(one for one in tensors if one.endswith("norm1.weight"))
    del tensors[name]
    save_file(tensors, file, metadata={"format": "pt"})
    said = refused(folder)
    assert f"{folder}/{part.partition('/')[0]}: 1 weights of" in said
    assert said.endswith(": is the copy complete?")
    assert name.rpartition("encoder.")[2] in said


def test_half_a_file_is_refused(stable_diffusion, tmp_path):
    folder = Path(shutil.copytree(stable_diffusion, tmp_path / "half"))
    file = folder / "vae/diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    assert "cannot be loaded as StableDiffusionPipeline: Unable to load weights" in refused(folder)


def test_a_revision_in_the_hubs_own_cache_is_read_and_another_one_is_not(stable_diffusion, tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setenv("HUB_ALLOWED", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    there, elsewhere = "a" * 40, "b" * 40
    shutil.copytree(stable_diffusion, tmp_path / "models--owner--tiny/snapshots" / there)
    made = frames(stable_diffusion, source={"hub": "owner/tiny", "revision": there})
    assert (made == frames(stable_diffusion)).all()
    said = refused(stable_diffusion, source={"hub": "owner/tiny", "revision": elsewhere})
    assert said.startswith(f"owner/tiny at {elsewhere[:12]} cannot be fetched")
