"""Trying a recipe when it is registered: two steps, twice, alone and in a batch. Says what is reproducible."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from generators import GeneratorError
from generators.calls import call_arguments
from generators.pipeline_settings import Distilled, Settings
from generators.pipelines import described
from generators.schedulers import ignored_options

if TYPE_CHECKING:
    from generators.diffusers import Diffusers

PROMPTS = ("a red ball moves left on a white background", "a blue cube turns")
SEEDS = (0, 1)
STEPS = 2


def preflight(generator: "Diffusers", recipe: Settings) -> dict[str, Any]:
    """Facts about the recipe: pipeline, call arguments, size, whether it repeats itself, how far a batch is off.

    Pixel differences are in 0..255. Raises GeneratorError when the recipe cannot run.
    """
    from generators.diffusers import with_distilled

    kind, said, _ = described(recipe)
    full = with_distilled(recipe)
    arguments = call_arguments(kind, full, "guider" in said)
    with sample_image() as image:
        return _tried(generator, recipe.with_image(image), kind, arguments)


def _tried(generator: "Diffusers", recipe: Settings, kind: type, arguments: dict[str, Any]) -> dict[str, Any]:
    from generators.diffusers import with_distilled

    full, short = with_distilled(recipe), shortened(recipe)
    prompts = [recipe_prompt(recipe, number) for number in range(2)]
    first = generator.generate(prompts[0], SEEDS[0], short)
    second = generator.generate(prompts[0], SEEDS[0], short)
    loaded = generator.resident(short)
    facts: dict[str, Any] = {
        "pipeline": kind.__name__,
        "arguments": {
            name: value if isinstance(value, str | int | float) else str(value) for name, value in arguments.items()
        },
        "frames": int(first.frames.shape[0]),
        "height": int(first.frames.shape[1]),
        "width": int(first.frames.shape[2]),
        "noise_sha256": first.facts["noise_sha256"],
        "repeats": difference(first.frames, second.frames),
        "versions": first.facts["versions"],
        "device": first.facts["device"],
    }
    facts["reproducible"] = facts["repeats"] == 0
    try:
        batch = generator.generate_batch(prompts, SEEDS, short)
        facts["batch"] = difference(first.frames, batch[0].frames)
    except GeneratorError as error:
        facts["batch"] = None
        facts["batch_refused"] = str(error)
    if dropped := ignored_options(loaded, full):
        facts["warnings"] = [
            f"scheduler {full.scheduler.name} drops these settings of the checkpoint's own: {', '.join(dropped)}"
        ]
    return facts


@contextmanager
def sample_image() -> Iterator[Path]:
    """An image to try recipes with that begin from the prompt's own: shades from side to side."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.png"
        shades = np.linspace(0, 255, 256).astype(np.uint8)
        Image.fromarray(np.stack(np.broadcast_arrays(shades[:, None], shades[None], 128), -1).astype(np.uint8)).save(
            path
        )
        yield path


def recipe_prompt(recipe: Settings, number: int) -> str:
    """A prompt to try with; recipes bound to a table of prompts get one of theirs."""
    from generators.pipeline_settings import Table
    from generators.rewriting import _table

    if isinstance(recipe.prompting.rewriter, Table):
        known = list(_table(recipe.prompting.rewriter.file, 0))
        return known[number % len(known)] if known else PROMPTS[number]
    return PROMPTS[number]


def shortened(recipe: Settings) -> Settings:
    """The recipe with two steps; explicit ones keep their first and last."""
    scheduler = recipe.scheduler
    if any(isinstance(one, Distilled) for one in recipe.modifiers) or scheduler.table is not None:
        return recipe
    if scheduler.timesteps is not None:
        return _with_scheduler(recipe, {"timesteps": (scheduler.timesteps[0], scheduler.timesteps[-1])})
    if scheduler.sigmas is not None:
        return _with_scheduler(recipe, {"sigmas": scheduler.sigmas[:1] + scheduler.sigmas[-2:]})
    return _with_scheduler(recipe, {"steps": STEPS})


def _with_scheduler(recipe: Settings, update: dict[str, Any]) -> Settings:
    return recipe.model_copy(update={"scheduler": recipe.scheduler.model_copy(update=update)})


def difference(one: np.ndarray, other: np.ndarray) -> int:
    """The largest difference of two clips in any pixel, 0..255; 255 where their shapes differ."""
    if one.shape != other.shape:
        return 255
    return int(np.abs(one.astype(np.int16) - other.astype(np.int16)).max())
