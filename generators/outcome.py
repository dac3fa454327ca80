"""What a pipeline returned, as frames; and the versions of what made it."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generators import GeneratorError
from generators.pipeline_settings import Settings


def as_frames(made: Any, number: int, recipe: Settings) -> NDArray[np.uint8]:
    """Clip `number` of a pipeline's output ("pt", values 0..1) as uint8 (T, H, W, 3); an image has one frame.

    Raises GeneratorError when it is not what the recipe asked for, or is no picture at all.
    """
    frames = pixels(made)[number]
    asked = (recipe.frames, recipe.height, recipe.width)
    got = tuple(frames.shape[:3])
    for name, wanted, has in zip(("frames", "height", "width"), asked, got, strict=True):
        if wanted is not None and wanted != has:
            raise GeneratorError(
                f"the pipeline made {has} {name} where {wanted} were asked for: set {name} to {has}, or to another "
                "number that the model can make"
            )
    return frames


def pixels(made: Any) -> list[NDArray[np.uint8]]:
    """Every clip of an output as uint8 (T, H, W, 3), rounded as diffusers rounds."""
    values = made.frames if hasattr(made, "frames") else made.images
    if isinstance(values, list):
        values = torch.stack([torch.as_tensor(one) for one in values])
    values = torch.as_tensor(values)
    if not hasattr(made, "frames"):
        values = values[:, None]
    if values.ndim != 5 or values.shape[2] != 3:
        raise GeneratorError(f"the pipeline returned {list(values.shape)}, not clips (B, T, 3, H, W)")
    if not bool(torch.isfinite(values).all()):
        raise GeneratorError(
            "the clip has pixels that are no numbers: set runtime.dtype to bfloat16 or float32, or "
            'runtime.component_dtype to {"vae": "float32"}'
        )
    rounded = (values.float().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 1, 3, 4, 2)
    return [np.ascontiguousarray(one) for one in rounded.cpu().numpy()]


def versions() -> dict[str, str]:
    """Of the libraries that can move a pixel, and of the driver where there is one."""
    import platform

    import diffusers
    import transformers

    found = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
    }
    if torch.version.cuda:
        found["cuda"] = torch.version.cuda
    return found
