"""Measures of clips on pictures whose value can be said beforehand."""

import numpy as np
import pytest

from metrics import METRICS, load, video
from metrics.features import builtin
from metrics.frames import match_blocks

RNG = np.random.default_rng(3)
TEXTURE = np.kron(RNG.integers(0, 256, (40, 60)), np.ones((2, 2))).astype(np.uint8)


def clip(*greys):
    return np.repeat(np.stack(greys)[..., None], 3, axis=-1).astype(np.uint8)


def test_texture_that_slides_has_its_shift_found_and_does_not_boil():
    sliding = clip(*(TEXTURE[8:72, 20 + 3 * n : 100 + 3 * n] for n in range(4)))
    found = match_blocks(video.luma(sliding))
    inner = found.shift[:, 1:-1, 1:-1]
    assert (inner == [0, -3]).all()
    assert video.boiling(sliding, 24) == pytest.approx(0, abs=1e-3)
    assert video.motion(sliding, 10) == pytest.approx(3 * 10 / np.hypot(64, 80), rel=1e-6)


def test_noise_of_a_known_size_boils_by_about_its_size():
    noisy = clip(*(128 + 10 * RNG.choice([-1, 1], (64, 64)) for _ in range(5)))
    assert 4 < video.boiling(noisy, 24) < 10.5
    assert video.boiling(clip(*[noisy[0, ..., 0]] * 5), 24) == 0


def test_frame_difference_and_repeats_by_hand():
    frames = clip(np.full((16, 16), 10), np.full((16, 16), 14), np.full((16, 16), 14), np.full((16, 16), 8))
    assert video.frame_difference(frames, 24) == pytest.approx((4 + 0 + 6) / 3)
    assert video.frozen(frames, 24) == pytest.approx(1 / 3)
    assert video.unevenness(frames, 24) == pytest.approx(((4 + 6) / 2) / (10 / 3), rel=1e-4)


def test_colourfulness_of_two_colours_by_hand():
    frame = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    frame[0, :, 0] = (100, 0, 0)  # R − G: 100 and 0; (R + G)/2 − B: 50 and 0
    assert video.colourfulness(frame, 1) == pytest.approx(np.hypot(50, 25) + 0.3 * np.hypot(50, 25))


def test_brightness_and_clipping_by_hand():
    frames = clip(np.array([[0, 255], [51, 51]]))
    assert video.brightness(frames, 1) == pytest.approx((0 + 255 + 51 + 51) / 4 / 255)
    assert video.clipped(frames, 1) == 0.5


def test_blocks_of_eight_are_seen_and_a_ramp_has_none():
    ramp = np.tile(np.arange(64) * 2, (64, 1))
    tiles = np.kron(RNG.integers(0, 256, (8, 8)), np.ones((8, 8)))
    assert video.blockiness(clip((ramp + ramp.T) // 2), 1) == pytest.approx(1, abs=0.2)
    assert video.blockiness(clip(tiles), 1) > 100


def test_psnr_of_a_known_error_and_of_none():
    a = clip(np.full((16, 16), 100))
    assert video.psnr(a + np.uint8(5), a) == pytest.approx(10 * np.log10(255**2 / 25))
    assert video.psnr(a, a) == float("inf")


def test_ssim_agrees_with_its_formula_summed_at_one_place():
    a, b = RNG.integers(0, 256, (11, 11)), RNG.integers(0, 256, (11, 11))
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(window, window) / np.outer(window, window).sum()
    x, y = a / 255, b / 255
    mx, my = (window * x).sum(), (window * y).sum()
    vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
    cov = (window * (x - mx) * (y - my)).sum()
    expected = (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    assert video.ssim(clip(a), clip(b)) == pytest.approx(expected, rel=1e-5)
    assert video.ssim(clip(a), clip(a)) == pytest.approx(1)


@pytest.mark.parametrize("name", METRICS)
def test_frames_of_another_kind_are_refused(name):
    with pytest.raises(ValueError, match="uint8"):
        load(name)(np.zeros((4, 32, 32, 3)), 24)


@pytest.mark.parametrize("name", ["boiling", "motion", "unevenness", "frozen", "frame_difference", "motion_spread"])
def test_a_still_image_has_no_movement_to_measure(name):
    with pytest.raises(ValueError, match="too few"):
        load(name)(np.zeros((1, 32, 32, 3), dtype=np.uint8), 24)


def test_a_picture_without_edges_is_neither_sharp_nor_blurred():
    with pytest.raises(ValueError, match="no frame has an edge"):
        video.sharpness(np.full((2, 32, 32, 3), 90, dtype=np.uint8), 24)


def test_builtin_features_are_the_same_each_time_and_differ_between_clips():
    a, b = clip(TEXTURE, TEXTURE[::-1]), clip(TEXTURE, TEXTURE)
    assert builtin.features(a).shape == (32,)
    assert (builtin.features(a) == builtin.features(a.copy())).all()
    assert builtin.features(a)[-2] > 0 == builtin.features(b)[-2]
    assert np.isfinite(builtin.features(np.zeros((1, 16, 16, 3), dtype=np.uint8))).all()
