"""Frame by frame: cameras on cases worked by hand, schedules, and clips of a tiny image model."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from generators import GeneratorError, load  # noqa: E402
from generators.deforum import at, by_depth, flat, grained, stretched, with_colours_of  # noqa: E402
from generators.recipe import identity, parse  # noqa: E402
from tests.generators.tiny_pipelines import save  # noqa: E402


@pytest.fixture(scope="module")
def stable_diffusion(tmp_path_factory):
    return save("sd", tmp_path_factory.mktemp("sd"))


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)


def smooth():
    """A picture without edges, so that a warp's interpolation is exact to a grey level or two."""
    rows, columns = np.mgrid[0:48, 0:64]
    channels = (columns * 3, rows * 4, columns + rows * 2)
    return np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8)


def settings(folder, **more):
    image = {"source": {"folder": folder}, "scheduler": {"steps": 4}, "width": 32, "height": 32}
    return {"image": image | more.pop("image", {}), "frames": 3} | more


def frames(folder, seed=1, **more):
    return load("deforum").generate("a red ball", seed, parse("deforum", settings(folder, **more))).frames


def test_a_camera_at_rest_changes_nothing(picture):
    assert (flat(picture, 1, 0, 0, 0) == picture).all()
    assert (by_depth(picture, torch.full((24, 32), 3.0), 40, 0, 0, 0, 0, 0) == picture).all()


def test_moving_right_by_two_pixels_is_a_shift_by_two(picture):
    assert (flat(picture, 1, 0, 2, 0)[:, 2:] == picture[:, :-2]).all()
    assert (flat(picture, 1, 0, 0, 3)[3:] == picture[:-3]).all()


def test_half_a_turn_is_the_picture_upside_down_and_a_quarter_goes_against_the_clock(picture):
    assert (flat(picture, 1, 180, 0, 0) == picture[::-1, ::-1]).all()
    square = picture[:, :24]
    assert (flat(square, 1, 90, 0, 0) == np.rot90(square)).all()


def test_zooming_to_twice_the_size_shows_the_middle_half():
    odd = smooth()[:47, :63]
    assert np.abs(flat(odd, 2, 0, 0, 0)[23, 31::2].astype(int) - odd[23, 31 : 31 + 16].astype(int)).max() <= 1


def test_a_camera_going_forward_before_a_wall_is_a_zoom():
    wall = torch.full((48, 64), 4.0)
    near, zoomed = by_depth(smooth(), wall, 40, 1, 0, 0, 0, 0), flat(smooth(), 5 / 4, 0, 0, 0)
    # A point at depth 4 of the new camera lay at depth 5: it is looked up at 4/5 of its distance from the centre.
    assert np.abs(near.astype(int) - zoomed.astype(int)).max() <= 1


def test_near_things_move_more_than_far_ones_when_the_camera_moves_aside():
    depth = torch.full((48, 64), 2.0)
    depth[24:] = 8.0
    focal = 64 / 2 / np.tan(np.radians(20))
    step = 2 * 2.0 / focal  # two pixels at depth 2, half a pixel at depth 8
    moved = by_depth(smooth(), depth, 40, 0, step, 0, 0, 0).astype(int)
    assert (moved[:24, :60, 0] - smooth()[:24, :60, 0] == 6).all()  # three grey levels a pixel
    assert np.isin(moved[24:, :60, 0] - smooth()[24:, :60, 0], (1, 2)).all()


def test_panning_right_moves_the_picture_left_and_tilting_down_moves_it_up():
    wall = torch.full((48, 64), 4.0)
    assert by_depth(smooth(), wall, 40, 0, 0, 0, 3, 0)[24, 32, 0] > smooth()[24, 32, 0]
    assert by_depth(smooth(), wall, 40, 0, 0, 0, 0, 3)[24, 32, 1] > smooth()[24, 32, 1]


def test_inverse_depth_is_stretched_from_near_to_far():
    depth = stretched(torch.tensor([[0.0, 0.5, 1.0]]), near=2, far=8)
    assert depth.flatten().tolist() == pytest.approx([8, 1 / (0.5 / 2 + 0.5 / 8), 2])


def test_schedules_go_straight_from_keyframe_to_keyframe():
    assert [at("0: (1.0), 10:(2), 20:(-2)", frame) for frame in (0, 5, 10, 15, 20, 99)] == [1, 1.5, 2, 0, -2, -2]
    assert at(0.5, 7) == 0.5
    for wrong in ("0:(sin(t))", "1.0", "5:(1)", "0:(1), 9:(1), 5:(2)"):
        with pytest.raises(GeneratorError):
            at(wrong, 0)


def test_colours_are_brought_back_to_the_first_frames(picture):
    dull = (picture // 4 + 100).astype(np.uint8)
    brought = with_colours_of(dull, picture)
    assert np.allclose(brought.mean((0, 1)), picture.mean((0, 1)), atol=2)
    assert np.allclose(brought.std((0, 1)), picture.std((0, 1)), atol=3)


def test_grain_has_the_deviation_asked_for_and_none_is_none():
    grey = np.full((64, 64, 3), 128, dtype=np.uint8)
    assert (grained(grey, 0, 1) == grey).all()
    assert grained(grey, 0.05, 1).std() == pytest.approx(0.05 * 255, rel=0.05)
    assert (grained(grey, 0.05, 1) == grained(grey, 0.05, 1)).all()


def test_a_clip_begins_with_the_image_models_own_picture_and_repeats_itself(stable_diffusion):
    clip = frames(stable_diffusion, warp={"kind": "flat", "zoom": 1.1})
    assert clip.shape == (3, 32, 32, 3)
    recipe = parse("diffusers", settings(stable_diffusion)["image"])
    assert (clip[0] == load("diffusers").generate("a red ball", 1, recipe).frames[0]).all()
    assert (frames(stable_diffusion, warp={"kind": "flat", "zoom": 1.1}) == clip).all()
    assert (frames(stable_diffusion, warp={"kind": "flat", "zoom": 0.9})[1:] != clip[1:]).any()


@pytest.mark.parametrize(("stays", "steps"), [(0.75, 1), (0, 4), (1, 1)])
def test_what_does_not_stay_of_a_frame_is_painted_in_that_share_of_the_steps(stable_diffusion, stays, steps):
    told = []
    recipe = parse("deforum", settings(stable_diffusion, strength=stays) | {"frames": 2})
    load("deforum").generate("a red ball", 1, recipe, told.append)
    assert len(told) == 1 + 4 + steps  # the start, the first frame, the second


@pytest.mark.slow
def test_a_depth_model_moves_the_picture(stable_diffusion, tmp_path):
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessor

    torch.manual_seed(0)
    config = DPTConfig(
        hidden_size=32, num_hidden_layers=4, backbone_out_indices=[0, 1, 2, 3], num_attention_heads=4,
        intermediate_size=37, image_size=32, patch_size=16, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
    )  # fmt: skip
    DPTForDepthEstimation(config).save_pretrained(tmp_path)
    DPTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    deep = {"kind": "depth", "folder": str(tmp_path), "right": 0.3}
    clip, wall = (frames(stable_diffusion, warp=deep | more) for more in ({}, {"folder": None}))
    assert (clip[0] == wall[0]).all()
    assert (clip[1] != wall[1]).any()
    with pytest.raises(GeneratorError, match="there is no such folder"):
        frames(stable_diffusion, warp=deep | {"folder": str(tmp_path / "nowhere")})


@pytest.mark.slow
def test_a_video_model_has_no_image_to_image(tmp_path):
    with pytest.raises(GeneratorError, match="WanPipeline has no image-to-image pipeline"):
        frames(save("wan", tmp_path / "wan"), image={"frames": 1, "extra": {"max_sequence_length": 16}})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"warp": {"kind": "flat", "zoom": "0:(a)"}}, "warp.zoom: '0:(a)' is no schedule"),
        ({"image": {"width": None}}, "image needs a width and a height"),
        ({"image": {"scheduler": {}}}, "image needs scheduler.steps"),
        ({"warp": {"kind": "depth", "near": 5, "far": 2}}, "near must be less than far"),
        ({"warp": {"kind": "flat", "zom": 1}}, "did you mean 'zoom'"),
    ],
)
def test_a_wrong_recipe_is_refused_in_words(more, words):
    with pytest.raises(GeneratorError) as raised:
        parse("deforum", settings("x", **more))
    assert words in str(raised.value)


def test_the_camera_counts_in_the_identity():
    names = {identity("deforum", settings("x", warp={"kind": "flat", "zoom": zoom})) for zoom in (1.0, 1.1)}
    assert len(names) == 2


@pytest.mark.slow
def test_preflight_paints_two_frames_twice(stable_diffusion):
    facts = load("deforum").preflight(parse("deforum", settings(stable_diffusion)))
    assert (facts["width"], facts["reproducible"]) == (32, True)
