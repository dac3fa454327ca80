"""Extractors: which frames count, networks written out against independent ones, and clips in any order and company."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
    SiglipVisionConfig,
    SiglipVisionModel,
    VideoMAEConfig,
    VJEPA2Config,
    VJEPA2ForVideoClassification,
)

from metrics import weights
from metrics.features import EXTRACTORS, Definition, Sampling, builtin
from metrics.features.extracting import Builtin, Network, extract, extractor
from metrics.features.i3d import I3D, load, padded, squashed
from metrics.features.vision import (
    ClassToken,
    ClipImage,
    Pooled,
    PooledPicture,
    dinov2_places,
    load_dinov2,
    load_siglip,
    videomae_of,
)
from tests.metrics.networks import seeded, videomae_shapes

RNG = np.random.default_rng(4)


def clip(frames=16, height=40, width=56):
    return RNG.integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def test_frames_are_chosen_as_they_say():
    assert Sampling(3, "even").chosen(11, 24).tolist() == [0, 5, 10]
    assert Sampling(8, "even").chosen(3, 24).tolist() == [0, 1, 2]
    assert Sampling(4, "window").chosen(10, 24).tolist() == [3, 4, 5, 6]
    assert Sampling(3, "window", fps=8).chosen(9, 24).tolist() == [1, 4, 7]
    assert Sampling(3, "window", fps=24).chosen(3, 24.0).tolist() == [0, 1, 2]
    assert Sampling(None, "all").chosen(3, 24).tolist() == [0, 1, 2]


def test_short_clips_are_refused_and_never_filled_up():
    with pytest.raises(ValueError, match="15 frames are too few: this extractor needs 16"):
        EXTRACTORS["i3d-16"].sampling.chosen(15, 24)
    with pytest.raises(ValueError, match="60 a second"):
        Sampling(16, "window", fps=8).chosen(100, 60)
    with pytest.raises(ValueError, match="needs 9"):
        EXTRACTORS["i3d-all"].sampling.chosen(8, 24)


def test_all_that_makes_a_row_stands_in_its_identity():
    known = [each.identity("a" * 64) for each in EXTRACTORS.values()]
    assert len(set(known)) == len(known)
    assert EXTRACTORS["i3d-16"].identity("a" * 64) != EXTRACTORS["i3d-16"].identity("b" * 64)


def test_same_padding_is_tensorflows():
    given = torch.ones(1, 1, 4, 224, 7)
    # 4 by 7/2: 2 outputs need 9, 5 lacking, 2 before; 224 by 7/2: 112 need 229; 7 by 7/2: 4 need 13, 6 lacking
    assert padded(given, (7, 7, 7), (2, 2, 2)).shape == (1, 1, 9, 229, 13)
    assert padded(given, (7, 7, 7), (2, 2, 2))[0, 0, :, 100, 6].tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0]


def i3d_by_function(state, clips):
    """I3D again, as functions of a state dict in the published order of layers, to hold the module against."""

    def same(x, kernel, stride):
        sides = []
        for axis in (4, 3, 2):
            k, s = kernel[axis - 2], stride[axis - 2]
            size = x.shape[axis]
            lacking = max(k - s, 0) if size % s == 0 else max(k - size % s, 0)
            sides += [lacking // 2, lacking - lacking // 2]
        return F.pad(x, sides)

    def unit(x, name, stride=1):
        weight = state[f"{name}.conv3d.weight"]
        x = F.conv3d(same(x, weight.shape[2:], (stride,) * 3), weight, stride=stride)
        kinds = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{name}.bn.{kind}"] for kind in kinds), eps=1e-3).relu()

    def pool(x, kernel, stride):
        return F.max_pool3d(same(x, kernel, stride), kernel, stride)

    def mixed(x, name):
        return torch.cat(
            [
                unit(x, f"{name}.b0"),
                unit(unit(x, f"{name}.b1a"), f"{name}.b1b"),
                unit(unit(x, f"{name}.b2a"), f"{name}.b2b"),
                unit(pool(x, (3, 3, 3), (1, 1, 1)), f"{name}.b3b"),
            ],
            1,
        )

    x = pool(unit(clips, "Conv3d_1a_7x7", 2), (1, 3, 3), (1, 2, 2))
    x = pool(unit(unit(x, "Conv3d_2b_1x1"), "Conv3d_2c_3x3"), (1, 3, 3), (1, 2, 2))
    x = pool(mixed(mixed(x, "Mixed_3b"), "Mixed_3c"), (3, 3, 3), (2, 2, 2))
    for letter in "bcdef":
        x = mixed(x, f"Mixed_4{letter}")
    x = mixed(mixed(pool(x, (2, 2, 2), (2, 2, 2)), "Mixed_5b"), "Mixed_5c")
    x = F.conv3d(F.avg_pool3d(x, (2, 7, 7), 1), state["logits.conv3d.weight"], state["logits.conv3d.bias"])
    return x.squeeze(4).squeeze(3).mean(2)


def stretched(levels, height, width):
    """Bilinear with half-pixel centres: place i of n looks at (i + ½)·m/n − ½ of m, not beyond the first and last."""

    def looks(wanted, there):
        place = ((np.arange(wanted) + 0.5) * there / wanted - 0.5).clip(0, there - 1)
        return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(there)))

    down, across = looks(height, levels.shape[1]), looks(width, levels.shape[2])
    return down @ levels.transpose(3, 0, 1, 2).astype(float) @ across.T


def test_a_picture_stretched_by_hand():
    """0 and 255 over four places: at −¼, ¼, ¾ and 1¼ of the way, so 0, 63.75, 191.25 and 255; scaled −1, −½, ½, 1."""
    row = np.array([0, 255], np.uint8).reshape(1, 1, 2, 1)
    assert stretched(row, 1, 4).flatten().tolist() == [0, 63.75, 191.25, 255]
    found = squashed(torch.from_numpy(np.tile(row, (1, 1, 56, 3))).permute(3, 0, 1, 2)[None])
    assert found.shape == (1, 3, 1, 224, 224)
    assert found[0, 0, 0, 9, :4].tolist() == [-1, -0.5, 0.5, 0.5]  # 0 255 0 255 …: the fourth place lies before a 0
    assert found[0, 2, 0, 223, -4:].tolist() == pytest.approx([-0.5, -0.5, 0.5, 1])


class Itself(torch.nn.Module):
    def forward(self, clips):
        return clips


def test_fvds_clips_are_squashed_as_stylegan_v_has_them_and_cropped_as_common_metrics_has_them():
    """StyleGAN-V: 16 frames in a row, 224 × 224 whatever the shape. common_metrics: the shorter side to 224, the longer
    one rounded up (52 to 374, where 373.3 is meant), the middle 224 from ⌊(374 − 224) / 2⌋. Both 2x/255 − 1."""
    levels = clip(20, 30, 50)
    (window,) = Network(EXTRACTORS["i3d-16"], Itself(), "0" * 64, "cpu").prepare(levels, 24.0)
    assert window.dtype == torch.uint8
    assert torch.equal(window, torch.from_numpy(levels[2:18]).permute(3, 0, 1, 2))
    np.testing.assert_allclose(squashed(window[None])[0], stretched(levels[2:18], 224, 224) / 127.5 - 1, atol=2e-5)
    for turned, place in ((levels, np.s_[..., 75:299]), (levels.transpose(0, 2, 1, 3), np.s_[..., 75:299, :])):
        (cropped,) = Network(EXTRACTORS["i3d-16-crop"], Itself(), "0" * 64, "cpu").prepare(turned, 24.0)
        sides = (224, 374) if turned is levels else (374, 224)
        np.testing.assert_allclose(cropped, stretched(turned[2:18], *sides)[place] / 127.5 - 1, atol=2e-5)


def test_i3d_is_the_published_order_of_layers_and_loads_its_state_dict(tmp_path):
    network = seeded(I3D()).requires_grad_(False)
    torch.save(network.state_dict(), tmp_path / "i3d_pretrained_400.pt")
    levels = clip(9)
    given = torch.from_numpy(stretched(levels, 224, 224) / 127.5 - 1).float()[None]
    found = load({"i3d_pretrained_400.pt": tmp_path / "i3d_pretrained_400.pt"})(
        torch.from_numpy(levels).permute(3, 0, 1, 2)[None]
    )
    torch.testing.assert_close(found, i3d_by_function(network.state_dict(), given), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="needs 9"):
        network(given[:, :, :8])


def test_i3d_as_torchscript_is_asked_as_stylegan_v_asks_it_and_as_common_metrics_does(tmp_path):
    class Published(torch.nn.Module):
        def forward(self, clips: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
            assert return_features
            assert rescale == resize
            return clips.mean((2, 3, 4)) + 1000 * int(resize)

    torch.jit.script(Published()).save(tmp_path / "i3d_torchscript.pt")
    network = load({"i3d_torchscript.pt": tmp_path / "i3d_torchscript.pt"})
    levels = np.full((16, 30, 40, 3), 255, np.uint8)
    for name, answer in (("i3d-16", 1255), ("i3d-all", 1255), ("i3d-16-crop", 1)):
        using = Network(EXTRACTORS[name], network, "0" * 64, "cpu")
        assert using.rows([using.prepare(levels, 24.0)])[0].tolist() == [[answer] * 3]


def vit_by_function(state, clips, heads, depth):
    """VideoMAE as its authors wrote it: sinusoid places, bias on query and value alone, mean of tokens, ε 1e-6."""
    weight = state["patch_embed.proj.weight"]
    tokens = F.conv3d(clips, weight, state["patch_embed.proj.bias"], stride=weight.shape[2:]).flatten(2).transpose(1, 2)
    count, width = tokens.shape[1:]
    angle = np.arange(count)[:, None] / np.power(10000, 2 * (np.arange(width) // 2) / width)
    angle[:, 0::2], angle[:, 1::2] = np.sin(angle[:, 0::2]), np.cos(angle[:, 1::2])
    x = tokens + torch.tensor(angle, dtype=torch.float32)

    def norm(x, name):
        return F.layer_norm(x, (width,), state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)

    for block in (f"blocks.{number}" for number in range(depth)):
        query, value = state[f"{block}.attn.q_bias"], state[f"{block}.attn.v_bias"]
        bias = torch.cat([query, torch.zeros_like(value), value])
        parts = F.linear(norm(x, f"{block}.norm1"), state[f"{block}.attn.qkv.weight"], bias)
        q, k, v = parts.reshape(len(x), count, 3, heads, -1).permute(2, 0, 3, 1, 4)
        attended = ((q @ k.transpose(-1, -2)) * (width // heads) ** -0.5).softmax(-1) @ v
        joint = attended.transpose(1, 2).reshape(len(x), count, width)
        x = x + F.linear(joint, state[f"{block}.attn.proj.weight"], state[f"{block}.attn.proj.bias"])
        hidden = F.gelu(
            F.linear(norm(x, f"{block}.norm2"), state[f"{block}.mlp.fc1.weight"], state[f"{block}.mlp.fc1.bias"])
        )
        x = x + F.linear(hidden, state[f"{block}.mlp.fc2.weight"], state[f"{block}.mlp.fc2.bias"])
    return norm(x.mean(1), "fc_norm")


def test_videomaes_published_weights_land_in_their_places():
    depth, heads, width = 2, 4, 32
    config = VideoMAEConfig(
        hidden_size=width, num_hidden_layers=depth, num_attention_heads=heads, intermediate_size=48, image_size=28,
        patch_size=14, num_frames=4, layer_norm_eps=1e-6,
    )  # fmt: skip
    draw = torch.Generator().manual_seed(0)
    state = {name: 0.3 * torch.randn(shape, generator=draw) for name, shape in videomae_shapes(width, depth).items()}
    clips = torch.rand(2, 3, 4, 28, 28, generator=draw)
    with torch.no_grad():
        found = videomae_of(state, config)(clips)
        torch.testing.assert_close(found, vit_by_function(state, clips, heads, depth), rtol=1e-4, atol=1e-5)


def test_dinov2s_places_are_stretched_by_a_tenth_more_as_its_authors_do():
    """A place at p of 16 lies at (p + ½) · 37 / 16.1 − ½ of 37 (facebookresearch/dinov2, interpolate_pos_encoding); a
    table that rises evenly tells where it was read, but for its borders."""
    rows, columns = np.mgrid[:37, :37].reshape(2, -1)
    table = torch.from_numpy(np.stack([rows, columns], 1)).float()
    found = dinov2_places(torch.cat([torch.full((1, 2), -7.0), table])[None], 16)
    assert found.shape == (1, 257, 2)
    assert found[0, 0].tolist() == [-7, -7]
    there = (np.arange(16) + 0.5) * 37 / 16.1 - 0.5
    inside = slice(8, 15)  # where a stretch by 16 would read 0.12 to 0.21 further on; bicubic bends by 0.05
    np.testing.assert_allclose(found[0, 1:, 0].reshape(16, 16)[inside, 5], there[inside], atol=0.05)
    np.testing.assert_allclose(found[0, 1:, 1].reshape(16, 16)[5, inside], there[inside], atol=0.05)


def test_dinov2_is_loaded_with_its_places_stretched(tmp_path):
    config = Dinov2Config(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=518, patch_size=14)
    plain = seeded(Dinov2Model(config))
    plain.save_pretrained(tmp_path)
    token = load_dinov2({path.name: path for path in tmp_path.iterdir()})
    pictures = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        away = (token(pictures) - plain(pixel_values=pictures).last_hidden_state[:, 0]).abs().max()
        plain.embeddings.position_embeddings = torch.nn.Parameter(
            dinov2_places(plain.embeddings.position_embeddings, 16)
        )
        torch.testing.assert_close(token(pictures), plain(pixel_values=pictures).last_hidden_state[:, 0])
    assert away > 1e-3


def small(network, definition, dimensions, size, **changes):
    """The network behind its definition, both made small."""
    fields = definition.__dict__ | {"dimensions": dimensions, "size": size} | changes
    return Network(Definition(**fields), network, "0" * 64, "cpu")


@pytest.fixture(scope="module")
def extractors():
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    picture = CLIPVisionConfig(**sizes, image_size=28, patch_size=14, projection_dim=16)
    dino = Dinov2Config(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
    jepa = VJEPA2Config(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, crop_size=32, frames_per_clip=16,
        num_pooler_layers=1, pred_hidden_size=32, pred_num_attention_heads=2, pred_num_hidden_layers=1,
    )  # fmt: skip
    return {
        "clip": small(ClipImage(CLIPVisionModelWithProjection(picture)), EXTRACTORS["clip"], 16, 28),
        "dinov2": small(ClassToken(Dinov2Model(dino)), EXTRACTORS["dinov2"], 32, 28),
        "siglip": small(
            PooledPicture(SiglipVisionModel(SiglipVisionConfig(**sizes, image_size=28, patch_size=14))),
            EXTRACTORS["siglip"],
            32,
            28,
        ),
        "vjepa2": small(Pooled(VJEPA2ForVideoClassification(jepa)), EXTRACTORS["vjepa2"], 32, 32),
        "builtin": Builtin(),
    }


@pytest.mark.parametrize("name", ["clip", "siglip", "dinov2", "vjepa2", "builtin"])
def test_rows_of_a_clip_do_not_depend_on_its_company(extractors, name):
    using = extractors[name]
    clips = {"a": clip(16), "b": clip(18, 64, 30), "c": clip(30, 33, 33)}
    together = dict(extract(using, clips, lambda key: (clips[key], 24.0)))
    turned = dict(extract(using, reversed(clips), lambda key: (clips[key], 24.0), threads=1))
    for key, frames in clips.items():
        (alone,) = using.rows([using.prepare(frames, 24.0)])
        assert alone.shape == ((8, using.dimensions) if name in ("clip", "siglip", "dinov2") else (1, using.dimensions))
        assert alone.dtype == np.float32
        np.testing.assert_allclose(together[key], alone, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(turned[key], alone, rtol=1e-4, atol=1e-5)


def test_siglip_is_loaded_from_a_folder_as_it_was_saved(extractors, tmp_path):
    extractors["siglip"].network.network.save_pretrained(tmp_path)
    loaded = load_siglip({name: tmp_path / name for name in ("config.json", "model.safetensors")}).eval()
    given = torch.rand(2, 3, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(loaded(given), extractors["siglip"].network(given))


def test_embeddings_of_pictures_have_length_one(extractors):
    (rows,) = extractors["clip"].rows([extractors["clip"].prepare(clip(), 24)])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)


def test_one_bad_clip_is_told_in_its_place_and_the_others_are_done(extractors):
    clips = {"good": clip(), "short": clip(4), "unreadable": None, "also": clip()}

    def read(key):
        if clips[key] is None:
            raise OSError("unreadable: no such file")
        return clips[key], 24.0

    found = list(extract(extractors["vjepa2"], clips, read))
    assert [key for key, _ in found] == list(clips)
    assert [type(each) for _, each in found] == [np.ndarray, ValueError, OSError, np.ndarray]


def test_without_weights_a_network_says_how_to_get_them_and_the_builtin_one_works(tmp_path):
    with pytest.raises(weights.WeightsMissing, match="weights fetch inception"):
        extractor("inception-tf", tmp_path)
    assert builtin.LABEL in extractor("builtin", tmp_path).identity
    with pytest.raises(KeyError, match="inception-tf"):
        extractor("inception", tmp_path)
