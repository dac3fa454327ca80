"""Damage: one flaw put into a good clip, in one aspect, strong enough for people to see.

A clip beside its damaged copy has a known answer on that aspect, which tells whether an assessor looks. Frames are
uint8 (T, H, W, 3), RGB, in and out, of the same shape; equal arguments give equal frames. The flaws are those that
video quality experts are trained on (ITU-T P.910, ITU-T P.913: blur, jerkiness, freezing, flicker, block distortion),
sorted by the aspects of the house.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Floats = NDArray[np.float32]

LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
"""Brightness of R′G′B′ (ITU-R BT.709)."""


class DamageError(ValueError):
    """This damage would not be seen on this clip; the message says why and what to try instead."""


@dataclass(frozen=True)
class Damage:
    """`least`: the change of the most changed twentieth of the picture, in grey levels of 255, below which nobody could
    be asked to see it. `moving`: for videos alone."""

    aspect: str
    apply: Callable[[Frames, float, np.random.Generator], Frames]
    least: float
    moving: bool = False


def damage(frames: Frames, fps: float, name: str, rng: np.random.Generator) -> Frames:
    """The clip with that flaw; `name` is one of DAMAGES.

    Raises DamageError where the flaw would not be seen (a grey clip made duller, a still one frozen) and KeyError for
    an unknown name.
    """
    chosen = DAMAGES[name]
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or min(frames.shape[1:3]) < 32:
        raise DamageError(
            f"frames must be uint8 (T, H, W, 3) of 32×32 pixels or more, not {frames.dtype} {frames.shape}"
        )
    if chosen.moving and (len(frames) < 8 or fps <= 0):
        raise DamageError(f"{name} needs a video of 8 frames or more, not {len(frames)}: take another clip")
    damaged = chosen.apply(frames, fps, rng)
    if (change := seen(frames, damaged)) < chosen.least:
        raise DamageError(
            f"{name} changes this clip by {change:.1f} grey levels of 255, less than the {chosen.least} that people "
            f"surely see: take another clip or another damage"
        )
    return damaged


def seen(frames: Frames, damaged: Frames) -> float:
    """Mean absolute change of the most changed twentieth of the pixels of each frame, in grey levels of 255."""
    changes = []
    for before, after in zip(frames, damaged, strict=True):
        change = np.abs(before.astype(np.int16) - after).mean(-1).ravel()
        top = max(1, len(change) // 20)
        changes.append(float(np.partition(change, -top)[-top:].mean()))
    return float(np.mean(changes))


def blur(frames: Frames, fps: float, rng: np.random.Generator) -> Frames:
    """Beauty: out of focus, by three box filters in a row (near a Gaussian) over 1/32 of the shorter side each."""
    radius = max(1, round(min(frames.shape[1:3]) / 64))
    return _each(frames, lambda picture: _smoothed(picture, radius))


def dullness(frames: Frames, fps: float, rng: np.random.Generator) -> Frames:
    """Beauty: 85 % of the colour and 45 % of the contrast taken away, towards the clip's mean brightness."""
    middle = float(np.mean([frame.mean(dtype=np.float64) for frame in frames]))

    def dulled(picture: Floats) -> Floats:
        grey = (picture @ LUMA)[..., None]
        return np.asarray(middle + 0.55 * (grey + 0.15 * (picture - grey) - middle), dtype=np.float32)

    return _each(frames, dulled)


def drops(frames: Frames, fps: float, rng: np.random.Generator) -> Frames:
    """Softness: most frames dropped; each that is kept stands for 0.15 to 0.4 seconds, at least three frames."""
    shown = np.empty(len(frames), dtype=np.intp)
    start = 0
    while start < len(frames):
        length = max(3, round(fps * rng.uniform(0.15, 0.4)))
        shown[start : start + length] = start
        start += length
    held: Frames = frames[shown]
    return held


def jitter(frames: Frames, fps: float, rng: np.random.Generator) -> Frames:
    """Softness: time jumps to and fro by up to an eighth of a second (two frames at least), so that things twitch."""
    reach = max(2, round(fps / 8))
    numbers = np.arange(len(frames))
    signs = np.where(numbers % 2 == 0, 1, -1) * rng.integers(reach // 2 + 1, reach + 1, len(frames))
    twitching: Frames = frames[np.clip(numbers + signs, 0, len(frames) - 1)]
    return twitching


def frozen(frames: Frames, fps: float, rng: np.random.Generator) -> Frames:
    """Movement: nothing moves; the frame a quarter into the clip stands throughout."""
    return np.repeat(frames[len(frames) // 4][None], len(frames), axis=0)


def shaken(frames: Frames, fps: float, rng: np.random.Generator) -> Frames:
    """Movement: too much of it. The picture sways by 6 % of its shorter side, two or three times a second, cropped so
    that no border shows."""
    height, width = frames.shape[1:3]
    reach = round(0.06 * min(height, width))
    time = np.arange(len(frames)) / fps
    rates, phases = rng.uniform(2.0, 3.0, 2), rng.uniform(0, 2 * np.pi, 2)
    sway = np.round(reach * np.sin(2 * np.pi * time[:, None] * rates + phases)).astype(int)
    swayed = np.empty_like(frames)
    for number, (down, right) in enumerate(sway):
        rows = np.clip(np.arange(height) * (height - 2 * reach) // height + reach + down, 0, height - 1)
        columns = np.clip(np.arange(width) * (width - 2 * reach) // width + reach + right, 0, width - 1)
        swayed[number] = frames[number][rows][:, columns]
    return swayed


def colour_change(frames: Frames, fps: float, rng: np.random.Generator) -> Frames:
    """Consistency: from the middle on, within a fifth of a second, colours turn into others; brightness stays.

    Colours turn by a third of the colour circle or more, greyish parts take on a tint.
    """
    angle = rng.uniform(2 * np.pi / 3, 4 * np.pi / 3)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=np.float32)
    tint = 14 * np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
    ramp = np.clip((np.arange(len(frames)) - len(frames) / 2) / max(1.0, fps / 5), 0, 1)
    changed = frames.copy()
    for number in np.flatnonzero(ramp):
        picture = frames[number].astype(np.float32)
        luma = picture @ LUMA
        chroma = np.stack([(picture[..., 2] - luma) / 1.8556, (picture[..., 0] - luma) / 1.5748], axis=-1)
        chroma += np.float32(ramp[number]) * (chroma @ turned.T + tint - chroma)
        red, blue = luma + 1.5748 * chroma[..., 1], luma + 1.8556 * chroma[..., 0]
        green = (luma - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
        changed[number] = _bytes(np.stack([red, green, blue], axis=-1))
    return changed


def another_object(frames: Frames, fps: float, rng: np.random.Generator) -> Frames:
    """Consistency: the middle of the picture turns into something else halfway: upside down, mirrored and in other
    colours, with a soft border."""
    height, width = frames.shape[1:3]
    y, x = np.mgrid[0:height, 0:width]
    away = np.hypot((y - (height - 1) / 2) / (0.36 * height), (x - (width - 1) / 2) / (0.36 * width))
    mask = np.clip((1.15 - away) / 0.3, 0, 1).astype(np.float32)[..., None]
    order = rng.permutation(3)
    while (order == np.arange(3)).all():
        order = rng.permutation(3)
    changed = frames.copy()
    for number in range(len(frames) // 2, len(frames)):
        picture = frames[number].astype(np.float32)
        changed[number] = _bytes(picture + mask * (picture[::-1, ::-1][..., order] - picture))
    return changed


def flicker(frames: Frames, fps: float, rng: np.random.Generator) -> Frames:
    """Defects: brightness jumps from frame to frame by 1.8 to 2.4 %, up and down in turn.

    No stronger: relative luminance then changes by less than a tenth of its range, which is no flash that could harm
    (WCAG 2.2, 2.3.1: general flash).
    """
    signs = np.where(np.arange(len(frames)) % 2 == 0, 1, -1)
    gains = 1 + signs * rng.uniform(0.018, 0.024, len(frames))
    return np.stack([_bytes(frame * np.float32(gain)) for frame, gain in zip(frames, gains, strict=True)])


def boiling(frames: Frames, fps: float, rng: np.random.Generator) -> Frames:
    """Defects: a texture of blotches, anew in each frame, σ 14 grey levels, in brightness alone."""
    height, width = frames.shape[1:3]
    size = max(3, round(min(height, width) / 60))
    boiled = np.empty_like(frames)
    for number, frame in enumerate(frames):
        coarse = rng.standard_normal((height // size + 2, width // size + 2)).astype(np.float32)
        blotches = _smoothed(np.kron(coarse, np.ones((size, size), np.float32))[:height, :width, None], size // 2)
        boiled[number] = _bytes(frame + 14 * blotches / max(float(blotches.std()), 1e-6))
    return boiled


def blocks(frames: Frames, fps: float, rng: np.random.Generator) -> Frames:
    """Defects: as if starved of bits. In 6 of 10 blocks, others every quarter of a second, one mean colour is left.

    Blocks lie on the grid of 8 pixels, 8 or a multiple of it wide (a fortieth of the shorter side).
    """
    height, width = frames.shape[1:3]
    size = 8 * max(1, round(min(height, width) / 320))
    down, across = height // size, width // size
    blocked = frames.copy()
    for number, frame in enumerate(frames):
        if number % max(1, round(fps / 4)) == 0:
            struck = np.repeat(np.repeat(rng.random((down, across)) < 0.6, size, 0), size, 1)[..., None]
        part = frame[: down * size, : across * size]
        means = part.reshape(down, size, across, size, 3).mean((1, 3), dtype=np.float32)
        coarse = np.repeat(np.repeat(means, size, 0), size, 1)
        blocked[number, : down * size, : across * size] = np.where(struck, _bytes(coarse), part)
    return blocked


DAMAGES: dict[str, Damage] = {
    "blur": Damage("beauty", blur, 10.0),
    "dullness": Damage("beauty", dullness, 25.0),
    "drops": Damage("softness", drops, 20.0, moving=True),
    "jitter": Damage("softness", jitter, 20.0, moving=True),
    "frozen": Damage("movement", frozen, 20.0, moving=True),
    "shaken": Damage("movement", shaken, 20.0, moving=True),
    "colour_change": Damage("consistency", colour_change, 20.0, moving=True),
    "another_object": Damage("consistency", another_object, 20.0, moving=True),
    "flicker": Damage("defects", flicker, 2.0, moving=True),
    "boiling": Damage("defects", boiling, 20.0, moving=True),
    "blocks": Damage("defects", blocks, 8.0, moving=True),
}


def _each(frames: Frames, change: Callable[[Floats], Floats]) -> Frames:
    return np.stack([_bytes(change(frame.astype(np.float32))) for frame in frames])


def _bytes(picture: Floats) -> Frames:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _smoothed(picture: Floats, radius: int) -> Floats:
    """Three running means of 2 radius + 1 pixels in each direction; the border pixel goes on outside."""
    for _ in range(3 if radius else 0):
        for axis in (0, 1):
            moved = np.moveaxis(picture, axis, 0)
            padded = np.pad(moved, ((radius + 1, radius), (0, 0), (0, 0)), mode="edge").astype(np.float64)
            sums = np.cumsum(padded, axis=0)
            means = (sums[2 * radius + 1 :] - sums[: -2 * radius - 1]) / (2 * radius + 1)
            picture = np.moveaxis(means, 0, axis).astype(np.float32)
    return picture
