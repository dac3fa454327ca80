"""A stored clip rendered once more, beside it: is it bit for bit the same, and if not, how far off?"""

import math
from dataclasses import dataclass
from typing import Any

from evalapp.generation.files import sha256_of
from evalapp.generation.machines import differences, machine
from evalapp.generation.models import Clip
from evalapp.generation.rendering import generated


@dataclass(frozen=True)
class Rerendered:
    equal: bool
    psnr: float | None
    """dB over all frames (10·log₁₀ 255²/MSE); None where the frames cannot be compared."""
    in_words: str
    changed: dict[str, tuple[Any, Any]]
    """What is different here from where it was rendered, by name: then, now."""


def rerender(clip: Clip) -> Rerendered:
    """Render a ready clip again with its own recipe, prompt and seed. Stores nothing, changes nothing.

    Raises ValueError for a clip that was never rendered or whose master is damaged, and what its generator raises.
    """
    import numpy as np

    from generators.video import read

    if clip.state != Clip.State.READY or "provenance" not in clip.facts:
        raise ValueError(
            f"clip {clip.pk} ({clip}) is {clip.state} and was not rendered here: there is nothing to repeat"
        )
    if sha256_of(clip.master) != clip.sha256:
        raise ValueError(f"{clip.master} is damaged: its sha256 is not the stored one; restore it from a backup")
    take, _ = generated(clip)
    stored, now = read(clip.master).frames, take.frames
    then = clip.facts["provenance"]["machine"]
    changed = differences(then, machine(take.facts.get("versions", {})))
    if stored.shape != now.shape:
        return Rerendered(False, None, f"not comparable: {stored.shape} then, {now.shape} now", changed)
    if np.array_equal(stored, now):
        return Rerendered(True, math.inf, f"bit-equal: all {len(now)} frames", changed)
    error = float(np.mean((stored.astype(np.float64) - now) ** 2))
    psnr = 10 * math.log10(255**2 / error)
    share = float(np.mean(np.any(stored != now, axis=-1)))
    return Rerendered(False, psnr, f"not bit-equal: PSNR {psnr:.2f} dB, {share:.2%} of pixels differ", changed)
