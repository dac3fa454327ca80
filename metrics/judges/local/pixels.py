"""Pictures as each network was trained to see them, by Pillow and torch alone: torchvision's presence moves nothing."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from metrics.features.resizing import scaled, tensor_of
from metrics.judges.local.base import Pictures


def resized(pictures: Pictures, height: int, width: int) -> Pictures:
    """Pillow's bicubic, as the processors of CLIP, BLIP and Qwen have it."""
    if pictures.shape[1:3] == (height, width):
        return pictures
    size, how = (width, height), Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(each).resize(size, how)) for each in pictures])


def clip_pixels(pictures: Pictures, size: int) -> Tensor:
    """Shorter side to `size` (the longer one cut to a whole number), middle square, CLIP's mean and deviation:
    (n, 3, size, size) float32, as CLIPImageProcessor has it."""
    height, width = pictures.shape[1:3]
    short = min(height, width)
    tall, wide = (size * height // short, size * width // short)
    fitted = resized(pictures, tall, wide)
    top, left = (tall - size) // 2, (wide - size) // 2
    return scaled(tensor_of(fitted[:, top : top + size, left : left + size]), "clip")


def squashed_pixels(pictures: Pictures, size: int) -> Tensor:
    """Both sides to `size`, whatever the shape: BLIP-2's processor."""
    return scaled(tensor_of(resized(pictures, size, size)), "clip")


def padded_pixels(pictures: Pictures, size: int) -> Tensor:
    """HPSv2's: the longer side to `size` by bicubic on tensors (antialiased, torchvision's default since 0.17, not cut
    to 0..1), black around to a square, then CLIP's mean and deviation, black included."""
    height, width = pictures.shape[1:3]
    factor = size / max(height, width)
    tall, wide = round(height * factor), round(width * factor)
    levels = tensor_of(pictures)
    if factor != 1:
        levels = F.interpolate(levels, (tall, wide), mode="bicubic", align_corners=False, antialias=True)
    down, across = size - tall, size - wide
    levels = F.pad(levels, (across // 2, across - across // 2, down // 2, down - down // 2))
    return scaled(levels, "clip")


def idefics_pictures(pictures: Pictures) -> Pictures:
    """Idefics2's sizes by Pillow's bilinear: the longer side 980 at most, either one 378 at least."""
    height, width = tall, wide = pictures.shape[1:3]
    if width >= height and width > 980:
        tall, wide = int(980 / (width / height)), 980
    elif height > width and height > 980:
        tall, wide = 980, int(980 * (width / height))
    tall, wide = max(tall, 378), max(wide, 378)
    if (tall, wide) == (height, width):
        return pictures
    how = Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(each).resize((wide, tall), how)) for each in pictures])


def qwen_size(height: int, width: int, factor: int, least: int, most: int) -> tuple[int, int]:
    """Both sides multiples of `factor`, between `least` and `most` pixels, the shape kept as far as that goes
    (Qwen2-VL's "smart resize", Wang et al., 2024). Raises ValueError for a shape beyond 1 : 200."""
    if max(height, width) > 200 * min(height, width):
        raise ValueError(f"pictures of {width}×{height} are too long and thin for Qwen's vision")
    tall, wide = (max(factor, round(side / factor) * factor) for side in (height, width))
    if tall * wide > most:
        shrink = math.sqrt(height * width / most)
        tall, wide = (max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width))
    elif tall * wide < least:
        grow = math.sqrt(least / (height * width))
        tall, wide = (math.ceil(side * grow / factor) * factor for side in (height, width))
    return tall, wide


def qwen_patches(
    pictures: Pictures, patch: int = 14, merge: int = 2, together: int = 2, scale: str = "clip"
) -> tuple[Tensor, tuple[int, int, int]]:
    """Patches (t·h·w, 3·together·patch²) in the order of Qwen's vision tower, and the grid (t, h, w).

    Pictures have sides that `patch · merge` divides; `together` of them make one step in time, the last one repeated
    where they do not come out even.
    """
    height, width = pictures.shape[1:3]
    if height % (patch * merge) or width % (patch * merge):
        raise ValueError(f"pictures of {width}×{height} have no whole patches of {patch * merge}")
    levels = scaled(tensor_of(pictures), scale)
    if lacking := -len(levels) % together:
        levels = torch.cat([levels, levels[-1:].expand(lacking, -1, -1, -1)])
    t, h, w = len(levels) // together, height // patch, width // patch
    parts = levels.reshape(t, together, 3, h // merge, merge, patch, w // merge, merge, patch)
    return parts.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(t * h * w, -1), (t, h, w)
