"""One safetensors file in a family's original layout, built with the configuration of a pipeline folder."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from generators import GeneratorError, load
from generators.recipe import parse
from tests.generators.tiny_pipelines import save

TRANSFORMER = {"proj_in": "patchify_proj", "time_embed": "adaln_single", "norm_q": "q_norm", "norm_k": "k_norm"}
DECODER = {
    "up_blocks.0.": "up_blocks.1.", "up_blocks.1.upsamplers.0.": "up_blocks.2.", "up_blocks.1.": "up_blocks.3.",
    "up_blocks.2.": "up_blocks.6.", "up_blocks.3.": "up_blocks.9.", "mid_block.": "up_blocks.0.",
    "up_blocks.0.upsamplers.0.": "up_blocks.-.", "up_blocks.2.upsamplers.0.": "up_blocks.5.",
    "up_blocks.3.upsamplers.0.": "up_blocks.8.",
}  # fmt: skip
ENCODER = {
    "down_blocks.0.downsamplers.0.": "down_blocks.1.", "down_blocks.0.": "down_blocks.0.",
    "down_blocks.1.downsamplers.0.": "down_blocks.4.", "down_blocks.1.": "down_blocks.3.",
    "down_blocks.2.": "down_blocks.6.", "down_blocks.3.": "down_blocks.8.", "mid_block.": "down_blocks.9.",
}  # fmt: skip
"""LTX-Video's own names of what diffusers calls otherwise."""


def original(folder, file):
    """The folder's transformer and VAE as one file, named as LTX-Video names them."""
    from safetensors.torch import load_file, save_file

    held = {}
    for name, tensor in load_file(f"{folder}/transformer/diffusion_pytorch_model.safetensors").items():
        for ours, theirs in TRANSFORMER.items():
            name = name.replace(ours, theirs)
        held[f"model.diffusion_model.{name}"] = tensor
    for name, tensor in load_file(f"{folder}/vae/diffusion_pytorch_model.safetensors").items():
        for part, blocks in (("decoder.", DECODER), ("encoder.", ENCODER)):
            for ours in sorted(blocks, key=len, reverse=True):
                if name.startswith(part + ours):
                    name = part + blocks[ours] + name.removeprefix(part + ours)
                    break
        name = name.replace("resnets", "res_blocks")
        name = name.replace("latents_mean", "per_channel_statistics.mean-of-means")
        held[f"vae.{name.replace('latents_std', 'per_channel_statistics.std-of-means')}"] = tensor
    save_file(held, file)


def frames(source):
    settings = {"source": source, "scheduler": {"steps": 2}, "frames": 9, "width": 32, "height": 32}
    recipe = parse("diffusers", settings | {"extra": {"max_sequence_length": 16}})
    return load("diffusers").generate("a red ball", 1, recipe).frames


@pytest.mark.slow
def test_a_single_file_makes_the_clips_of_the_folder_it_was_made_from(tmp_path):
    folder = save("ltx", tmp_path / "folder")
    original(folder, tmp_path / "ltx.safetensors")
    other = save("ltx", tmp_path / "config", seed=5)  # of it, only the text encoder is taken along
    from shutil import copytree, rmtree

    rmtree(f"{other}/text_encoder")
    copytree(f"{folder}/text_encoder", f"{other}/text_encoder")
    single = {"file": str(tmp_path / "ltx.safetensors"), "pipeline": "LTXPipeline", "config": other}
    assert (frames(single) == frames({"folder": folder})).all()
    with pytest.raises(GeneratorError, match="there is no such file on this worker"):
        frames(single | {"file": str(tmp_path / "nowhere.safetensors")})
    with pytest.raises(GeneratorError, match="WanPipeline takes no single file"):
        frames(single | {"pipeline": "WanPipeline"})
