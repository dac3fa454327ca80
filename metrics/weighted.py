"""Measures of one clip that need weights: movement by optical flow, consistency of subject and background, and whether
the text is shown. Each takes the clip, its rate, the network and the prompt: whoever measures loads a network once.

Definitions are those of VBench (Huang et al., 2024, commit 45e79ec) where its name is used; what differs is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from metrics.amt import MULTIPLE, Amt
from metrics.features.resizing import pillow_bicubic, scaled, tensor_of
from metrics.features.vit import filled
from metrics.frames import Frames, Prepared, prepared
from metrics.raft import LEAST, Raft, drawn
from metrics.viclip import ClipAndText

UPDATES = 20
PER_SECOND = 8
MOST_PAIRS = 16
BATCH = 16
LONGEST = 512
Clip = Frames | Prepared


def _widened_flow(network: Raft, first: Tensor, second: Tensor) -> Tensor:
    """Flow (2, 8·k, 8·m) between two pictures (3, H, W), which are widened to such sides by repeating their borders."""
    height, width = first.shape[1:]
    if min(height, width) < LEAST:
        raise ValueError(f"frames of {width}×{height} are too small for optical flow: {LEAST} pixels a side are needed")
    device = next(network.parameters()).device
    sides = _sides(height, width, 8)
    one, two = (F.pad(each[None], sides, mode="replicate").to(device) for each in (first, second))
    with torch.inference_mode():
        found: Tensor = network(one, two, updates=UPDATES)[0].cpu()
    return found


def _flow(network: Raft, first: Tensor, second: Tensor) -> Tensor:
    """Flow (2, H, W) between two pictures (3, H, W)."""
    height, width = first.shape[1:]
    left, _, above, _ = _sides(height, width, 8)
    return _widened_flow(network, first, second)[:, above : above + height, left : left + width]


def _sides(height: int, width: int, multiple: int) -> tuple[int, int, int, int]:
    """What is lacking left, right, above and below to sides of a multiple."""
    tall, wide = -height % multiple, -width % multiple
    return wide // 2, wide - wide // 2, tall // 2, tall - tall // 2


def _speeds(clip: Clip, fps: float, network: Raft) -> tuple[list[float], float]:
    """Mean length in pixels of the longest 5 % of the flow between frames about ⅛ s apart, and the seconds between.

    Of the widened pictures, as VBench has it: its repeated borders (of 0 to 7 pixels a side) count among the 5 %.
    """
    whole = prepared(clip, 2)
    if "speeds" not in whole.kept:
        apart = max(1, round(fps / PER_SECOND))
        chosen = tensor_of(whole.frames[::apart])
        if len(chosen) < 2:
            raise ValueError(f"{len(whole.frames)} frames at {fps:g} a second are too short for optical flow")
        found = []
        for first, second in pairwise(chosen):
            lengths = _widened_flow(network, first, second).norm(dim=0).flatten()
            found.append(float(lengths.topk(max(1, int(len(lengths) * 0.05))).values.mean()))
        whole.kept["speeds"] = found, apart / fps
    speeds: tuple[list[float], float] = whole.kept["speeds"]
    return speeds


def flow_motion(clip: Clip, fps: float, network: Raft, prompt: str) -> float:
    """Movement of the fastest 5 %, in diagonals of the picture per second, mean over pairs of frames."""
    speeds, seconds = _speeds(clip, fps, network)
    return float(np.mean(speeds)) / float(np.hypot(*prepared(clip).frames.shape[1:3])) / seconds


def dynamic_degree(clip: Clip, fps: float, network: Raft, prompt: str) -> float:
    """VBench's dynamic degree: 1 where in a quarter of the pairs the fastest 5 % move over 6 pixels at 256, else 0."""
    speeds, _ = _speeds(clip, fps, network)
    least = 6 * min(prepared(clip).frames.shape[1:3]) / 256
    return float(sum(speed > least for speed in speeds) >= round(4 * (len(speeds) + 1) / 16))


def motion_smoothness(clip: Clip, fps: float, network: Amt, prompt: str) -> float:
    """VBench's: AMT-S makes every other frame anew from its neighbours; 1 − mean |made − there| in levels of 255.

    As VBench on a processor, never scaled down (on a GPU its size follows the memory). Of an even number of frames the
    last one has no neighbour behind it and does not count.
    """
    frames = prepared(clip, 3).frames
    height, width = frames.shape[1:3]
    sides = _sides(height, width, MULTIPLE)
    if min(height + sum(sides[2:]), width + sum(sides[:2])) < LEAST:
        raise ValueError(
            f"frames of {width}×{height} are too small for AMT-S: {LEAST - MULTIPLE + 1} pixels a side are needed"
        )
    differences = []
    for place in range(1, len(frames) - 1, 2):
        around = F.pad(tensor_of(frames[place - 1 : place + 2 : 2]) / 255, sides, mode="replicate")
        with torch.inference_mode():
            made = network(around[:1], around[1:])[0, :, sides[2] : sides[2] + height, sides[0] : sides[0] + width]
        levels = (made * 255).byte().permute(1, 2, 0).numpy()
        differences.append(np.abs(levels.astype(np.int16) - frames[place]).mean())
    return 1 - float(np.mean(differences)) / 255


def warping_error(clip: Clip, fps: float, network: Raft, prompt: str) -> float:
    """Mean squared difference, 0..1, of a frame and the next one drawn back to it along the flow (Lai et al., 2018).

    Places that are hidden in one of them or lie at borders of movement do not count (Ruder et al., 2016). Of pairs of
    neighbouring frames up to 16, spread evenly.
    """
    whole = prepared(clip, 2)
    count = len(whole.frames) - 1
    errors = []
    for place in np.unique(np.linspace(0, count - 1, min(MOST_PAIRS, count)).round().astype(int)):
        first, second = tensor_of(whole.frames[place : place + 2])
        there, back = _flow(network, first, second), _flow(network, second, first)
        seen = _seen(there, drawn(back[None], there[None])[0])
        if not seen.any():
            raise ValueError("no place of a frame is seen again in the next one")
        errors.append(float((((first - drawn(second[None], there[None])[0]) / 255) ** 2).mean(0)[seen].mean()))
    return float(np.mean(errors))


def _seen(there: Tensor, back: Tensor) -> Tensor:
    """Where the flow there and back cancels, away from borders of movement (H, W)."""
    lost = ((there + back) ** 2).sum(0) > 0.01 * ((there**2).sum(0) + (back**2).sum(0)) + 0.5
    across, down = torch.gradient(there, dim=2)[0], torch.gradient(there, dim=1)[0]
    border = (across**2 + down**2).sum(0) > 0.01 * (there**2).sum(0) + 0.002
    return ~(lost | border)


def consistency(rows: NDArray[np.floating]) -> float:
    """VBench's: each frame's cosine to the one before and to the first one, those below 0 as 0, their mean.

    >>> consistency(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    0.25
    """
    if len(rows) < 2:
        raise ValueError("one frame is consistent with itself: this measure needs 2")
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    before = np.maximum(0, (unit[1:] * unit[:-1]).sum(1))
    first = np.maximum(0, unit[1:] @ unit[0])
    return float((before + first).mean() / 2)


def subject_consistency(clip: Clip, fps: float, network: nn.Module, prompt: str) -> float:
    """On DINO ViT-B/16 class tokens of every frame, the shorter side 224, not cropped."""
    return consistency(_rows(_fitted(clip, "bilinear"), network, "imagenet"))


def background_consistency(clip: Clip, fps: float, network: ClipPair, prompt: str) -> float:
    """On CLIP ViT-B/32 embeddings of every frame, the middle square."""
    return consistency(_rows(_squares(clip), network.pictures, "clip"))


def aesthetic_quality(clip: Clip, fps: float, network: Aesthetic, prompt: str) -> float:
    """VBench's: LAION's line on CLIP ViT-L/14 embeddings of every frame, the middle square, a tenth of their mean."""
    return float(_rows(_squares(clip), network, "clip").mean()) / 10


def imaging_quality(clip: Clip, fps: float, network: nn.Module, prompt: str) -> float:
    """VBench's: MUSIQ trained on SPAQ, every frame, the longer side 512 at most, levels not rounded; a hundredth of the
    mean."""
    scores = []
    with torch.inference_mode():
        for part in _batches(prepared(clip).frames):
            height, width = part.shape[2:]
            if max(height, width) > LONGEST:
                factor = LONGEST / max(height, width)
                size = int(factor * height), int(factor * width)
                part = F.interpolate(part, size, mode="bilinear", align_corners=False)
            scores.append(network(part / 255).double().numpy())
    return float(np.concatenate(scores).mean()) / 100


def clip_score(clip: Clip, fps: float, network: ClipPair, prompt: str) -> float:
    """CLIPScore (Hessel et al., 2021): 2.5 · max(0, cosine of picture and text), mean over 8 frames spread evenly.

    Pictures as CLIP's own preparation has them: Pillow's bicubic in whole levels, the middle square.
    """
    _asked(prompt)
    frames = prepared(clip).frames
    chosen = frames[np.linspace(0, len(frames) - 1, min(8, len(frames))).round().astype(int)]
    return float(np.mean(2.5 * np.maximum(0, picture_rows(chosen, network) @ network.text(prompt))))


def overall_consistency(clip: Clip, fps: float, network: ClipAndText, prompt: str) -> float:
    """VBench's: cosine of clip and text by ViCLIP; 8 frames, the middle one of each eighth, in whole levels.

    Of a shorter clip every frame, the last one until there are 8.
    """
    _asked(prompt)
    frames = prepared(clip).frames
    bounds = np.linspace(0, len(frames), min(network.frames, len(frames)) + 1).astype(int)
    places = (bounds[:-1] + bounds[1:] - 1) // 2
    (chosen,) = _squares(frames[np.pad(places, (0, network.frames - len(places)), mode="edge")])
    return float(network.clip(scaled(chosen.clamp(0, 255).round(), "clip")) @ network.text(prompt))


def picture_rows(frames: Frames, network: ClipPair) -> NDArray[np.float64]:
    """CLIP's rows, prepared as its authors do: Pillow's bicubic in whole levels, the middle square."""
    fitting = (_middle(pillow_bicubic(part, *_size(frames))) for part in _batches(frames))
    return _rows(fitting, network.pictures, "clip")


def _asked(prompt: str) -> None:
    if not prompt.strip():
        raise ValueError("this clip has no text to be held against")


def _rows(pictures: Iterable[Tensor], network: Any, scale: str) -> NDArray[np.float64]:
    with torch.inference_mode():
        return np.concatenate([network(scaled(part, scale)).double().numpy() for part in pictures])


def _batches(frames: Frames) -> Iterator[Tensor]:
    for start in range(0, len(frames), BATCH):
        yield tensor_of(frames[start : start + BATCH])


def _fitted(clip: Clip, mode: str) -> Iterator[Tensor]:
    """Every frame with its shorter side at 224, without antialiasing: of floats, as VBench hands them to torchvision,
    which are neither rounded nor cut to 0..255."""
    frames = prepared(clip).frames
    for part in _batches(frames):
        yield F.interpolate(part, _size(frames), mode=mode, align_corners=False)


def _squares(clip: Clip) -> Iterator[Tensor]:
    return map(_middle, _fitted(clip, "bicubic"))


def _size(frames: Frames) -> tuple[int, int]:
    """Height and width as torchvision reckons them: the shorter side 224, the longer one rounded down."""
    height, width = frames.shape[1:3]
    return (224, 224 * width // height) if height < width else (224 * height // width, 224)


def _middle(pictures: Tensor) -> Tensor:
    top, left = (round((side - 224) / 2) for side in pictures.shape[2:])
    return pictures[:, :, top : top + 224, left : left + 224]


class ClipPair:
    """CLIP's pictures and texts in one space, rows of length 1."""

    def __init__(self, network: Any, tokenizer: Any) -> None:
        self.network, self.tokenizer = network.eval().requires_grad_(False), tokenizer

    def pictures(self, pictures: Tensor) -> Tensor:
        seen = self.network.vision_model(pixel_values=pictures).pooler_output
        return F.normalize(self.network.visual_projection(seen), dim=-1)

    def text(self, prompt: str) -> NDArray[np.float64]:
        """Text beyond 77 tokens is cut."""
        tokens = self.tokenizer(prompt, return_tensors="pt", truncation=True, max_length=77)
        with torch.inference_mode():
            read = self.network.text_model(**tokens).pooler_output
            row: NDArray[np.float64] = F.normalize(self.network.text_projection(read), dim=-1)[0].double().numpy()
        return row


class Aesthetic(nn.Module):
    """CLIP's embedding of pictures, of length 1, and LAION's line on it (Schuhmann, 2022): 1 to 10 or so."""

    def __init__(self, network: Any, line: nn.Module) -> None:
        super().__init__()
        self.network, self.line = network.eval().requires_grad_(False), line

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.line(F.normalize(self.network(pixel_values=pictures).image_embeds, dim=-1))
        return found


def load_aesthetic(files: Mapping[str, Path]) -> Aesthetic:
    from transformers import CLIPVisionModelWithProjection

    folder, head = files["config.json"].parent, files["sa_0_4_vit_l_14_linear.pth"]
    network = CLIPVisionModelWithProjection.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    line = nn.Linear(network.config.projection_dim, 1)
    return Aesthetic(network, filled(line, torch.load(head, weights_only=True), f"vbench-aesthetic: {head.name}"))


def load_clip(files: Mapping[str, Path]) -> ClipPair:
    from transformers import CLIPModel, CLIPTokenizer

    folder = _folder(files)
    network = CLIPModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    return ClipPair(network, CLIPTokenizer.from_pretrained(folder, local_files_only=True))


def _folder(files: Mapping[str, Path]) -> Path:
    (folder,) = {path.parent for path in files.values()}
    return folder
