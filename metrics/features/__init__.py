"""Feature extractors for distances between sets of clips: frames in, rows out.

Everything that turns a clip into rows stands in its `Definition`, and so in the identity of every value made from them:
two values compare only where these match. Nothing heavy loads here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sampling:
    """Which frames of a clip count. `count` None: all of them.

    even: spread over the clip, its first and last ones among them, each at most once; window: as many in a row from its
    middle, at the clip's own rate or, with `fps`, the nearest ones in time.
    """

    count: int | None
    how: Literal["even", "window", "all"]
    fps: float | None = None
    least: int = 1

    def chosen(self, frames: int, fps: float) -> NDArray[np.int64]:
        """Numbers of the frames. Raises ValueError where the clip is too short."""
        if self.how == "even" and self.count is not None and frames >= self.least:
            return np.linspace(0, frames - 1, min(self.count, frames)).round().astype(np.int64)
        if self.how == "all" or self.count is None:
            if frames < self.least:
                raise ValueError(f"{frames} frames are too few: this extractor needs {self.least}")
            return np.arange(frames)
        step = fps / self.fps if self.fps else 1.0
        needed = int(np.ceil((self.count - 1) * step - 1e-9)) + 1
        if frames < needed or frames < self.least:
            at = f" at {fps:g} a second" if self.fps else ""
            raise ValueError(f"{frames} frames{at} are too few: this extractor needs {max(needed, self.least)}")
        first = (frames - needed) // 2
        return first + np.round(np.arange(self.count) * step).astype(np.int64)

    def __str__(self) -> str:
        if self.how == "all" or self.count is None:
            return "all frames"
        if self.how == "even":
            return f"{self.count} frames spread evenly"
        return (
            f"{self.count} frames in a row from the middle at {f'{self.fps:g} fps' if self.fps else 'their own rate'}"
        )


@dataclass(frozen=True)
class Definition:
    """What is done to a clip before a network sees it, and what is read from it.

    network: "package.module:loader", which makes it of the files of `weights`; per: what one row stands for; reads: the
    layer; of: which published definition this is.
    """

    network: str
    weights: str
    reads: str
    dimensions: int
    per: Literal["frame", "clip"]
    sampling: Sampling
    size: int
    resize: str
    crop: str
    scale: str
    of: str

    def identity(self, sha256: str) -> str:
        """All that another value must share to be comparable."""
        return (
            f"{self.reads} of {self.weights} {sha256[:16]}; {self.sampling}; {self.crop} to {self.size}², "
            f"{self.resize}, {self.scale}; RGB, float32"
        )


_PICTURES = Sampling(8, "even")
_LEGACY = Sampling(16, "window", least=16)
_INCEPTION = Definition(
    "metrics.features.inception:load",
    "inception",
    "pool3 and logits without bias",
    3056,
    "frame",
    _PICTURES,
    299,
    "tf1-bilinear",
    "squash",
    "(x-128)/128",
    "torch-fidelity, TTUR",
)
_I3D = Definition(
    "metrics.features.i3d:load",
    "i3d",
    "logits",
    400,
    "clip",
    _LEGACY,
    224,
    "by the network itself",
    "squash",
    "2x/255-1",
    "StyleGAN-V, 16 frames",
)
_DREAMSIM = Definition(
    "metrics.features.dreamsim:load",
    "dreamsim",
    "embedding freed of its mean, of length 1",
    1792,
    "frame",
    _PICTURES,
    224,
    "pillow-bicubic",
    "squash",
    "x/255",
    "DreamSim, ensemble",
)
EXTRACTORS: dict[str, Definition] = {
    "inception-tf": _INCEPTION,
    "inception-pytorch": replace(_INCEPTION, resize="bilinear", scale="2x/255-1", of="pytorch-fid"),
    "inception-clean": replace(_INCEPTION, resize="clean-bicubic", of="clean-fid"),
    "clip": Definition(
        "metrics.features.vision:load_clip",
        "clip",
        "image embedding of length 1",
        768,
        "frame",
        _PICTURES,
        336,
        "pillow-bicubic",
        "square",
        "clip",
        "CMMD",
    ),
    "clip-b32": Definition(
        "metrics.features.vision:load_clip",
        "clip-b32",
        "image embedding of length 1",
        512,
        "frame",
        _PICTURES,
        224,
        "pillow-bicubic",
        "square",
        "clip",
        "CLIPScore's network, for the team's own judge",
    ),
    "dinov2": Definition(
        "metrics.features.vision:load_dinov2",
        "dinov2",
        "class token, places as its authors stretch them",
        1024,
        "frame",
        _PICTURES,
        224,
        "pillow-bicubic",
        "squash",
        "imagenet",
        "dgm-eval",
    ),
    "siglip": Definition(
        "metrics.features.vision:load_siglip",
        "siglip",
        "attention-pooled image embedding",
        1152,
        "frame",
        _PICTURES,
        384,
        "pillow-bicubic",
        "squash",
        "2x/255-1",
        "SigLIP, for the team's own judge",
    ),
    "i3d-16": _I3D,
    "i3d-16-crop": replace(
        _I3D, resize="bilinear", crop="shorter-side", of="common_metrics: cropped instead of squashed"
    ),
    "i3d-all": replace(_I3D, sampling=Sampling(None, "all", least=9), of="StyleGAN-V, whole clips"),
    "videomae": Definition(
        "metrics.features.vision:load_videomae",
        "videomae",
        "mean of tokens, normalised",
        1408,
        "clip",
        _LEGACY,
        224,
        "bilinear",
        "squash",
        "x/255",
        "content-debiased FVD",
    ),
    "dreamsim": _DREAMSIM,
    "dreamsim-dino": replace(_DREAMSIM, weights="dreamsim-dino", dimensions=768, of="DreamSim, DINO alone"),
    "vjepa": Definition(
        "metrics.features.vjepa:load",
        "vjepa",
        "attentive pooler of the Something-Something v2 probe",
        1280,
        "clip",
        _LEGACY,
        224,
        "antialiased-bilinear",
        "shorter-side",
        "imagenet",
        "JEDi, which leaves the size to the caller",
    ),
    "vjepa2": Definition(
        "metrics.features.vision:load_vjepa2",
        "vjepa2",
        "attentive pooler",
        1024,
        "clip",
        _LEGACY,
        256,
        "antialiased-bilinear",
        "shorter-side",
        "imagenet",
        "the distance of JEDi on V-JEPA 2, where JEDi has V-JEPA",
    ),
}
