"""From a recipe's names to a pipeline's: read off the live signature, never from a table of families."""

import inspect
import re
from difflib import get_close_matches
from typing import Any

from generators import GeneratorError
from generators.pipeline_settings import Settings

NAMES: dict[str, tuple[str, ...]] = {
    "frames": ("num_frames", "video_length", "frames"),
    "width": ("width",),
    "height": ("height",),
    "fps": ("frame_rate", "fps"),
    "negative": ("negative_prompt",),
    "scheduler.steps": ("num_inference_steps",),
    "scheduler.timesteps": ("timesteps",),
    "scheduler.sigmas": ("sigmas",),
    "scheduler.eta": ("eta",),
    "guidance.scale": ("guidance_scale",),
    "guidance.scale_2": ("guidance_scale_2",),
    "guidance.true_scale": ("true_cfg_scale",),
    "guidance.lowest": ("min_guidance_scale",),
    "guidance.highest": ("max_guidance_scale",),
    "guidance.rescale": ("guidance_rescale",),
    "conditioning.first_frame": ("image",),
    "conditioning.last_frame": ("last_image",),
}
"""What a setting may be called; the first that the signature has is taken."""

OURS = frozenset(("prompt", "generator", "output_type", "return_dict", "latents", "self"))
"""Arguments that a recipe's `extra` may not set."""

OPTIONAL = frozenset(("fps",))
"""Settings that also mean something outside the call."""


def parameters(pipeline: type) -> dict[str, inspect.Parameter]:
    """The arguments of a pipeline's call."""
    found = inspect.signature(pipeline.__call__).parameters
    return {name: one for name, one in found.items() if one.kind is not one.VAR_KEYWORD and name != "self"}


def call_arguments(
    pipeline: type, settings: Settings, has_guider: bool = False, given: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Keyword arguments of the call that do not change from clip to clip; images stay paths, to be opened per clip.

    `given` names arguments that come from elsewhere, as those of a later stage do. Raises GeneratorError with
    everything that is wrong, each with the nearest right name.
    """
    known, problems = parameters(pipeline), []
    arguments: dict[str, Any] = {}
    for name, value in _wanted(settings).items():
        argument = next((one for one in NAMES[name] if one in known), None)
        if argument is not None:
            arguments[argument] = value
        elif name == "guidance.scale" and has_guider:
            continue
        elif name in ("scheduler.timesteps", "scheduler.sigmas"):
            continue  # handed to the scheduler itself
        elif name not in OPTIONAL:
            problems.append(f"takes no {name}: {_instead(name, known)}")
    for name, value in settings.extra.items():
        if name in OURS or name in arguments:
            problems.append(f"extra.{name} is set elsewhere in the recipe: leave it out")
        elif name not in known:
            problems.append(f"has no argument {name!r}: {_meant(name, known)}")
        else:
            arguments[name] = value
    if settings.negative is not None and "true_cfg_scale" in known and (settings.guidance.true_scale or 0) <= 1:
        problems.append("heeds a negative prompt only with guidance.true_scale above 1: set it, or leave negative out")
    if settings.guidance.guider is not None and not has_guider:
        problems.append("has no guider part: leave guidance.guider out and set guidance.scale")
    for name, one in known.items():
        if one.default is one.empty and name not in arguments and name not in OURS and name not in given:
            problems.append(f"needs {name!r}: set {setting_of(name)}")
    if problems:
        raise GeneratorError(f"pipeline {pipeline.__name__}: {'; '.join(problems)}")
    return arguments


def setting_of(argument: str) -> str:
    """What recipes call an argument of a pipeline's call."""
    return next((setting for setting, names in NAMES.items() if argument in names), f"extra.{argument}")


def _settable(known: dict[str, inspect.Parameter]) -> dict[str, str]:
    """Arguments that recipes can give a value, which tensors and callbacks are not, with what recipes call them."""
    return {
        name: setting_of(name)
        for name, one in known.items()
        if name not in OURS
        and (
            not setting_of(name).startswith("extra.")
            or not re.search("tensor|callable|callback", str(one), re.IGNORECASE)
        )
    }


def _instead(setting: str, known: dict[str, inspect.Parameter]) -> str:
    """What a pipeline takes that lacks this setting: others of the same part, or an argument of a like name."""
    settable = _settable(known)
    part = setting.rpartition(".")[0]
    others = [one for one in NAMES if part and one.startswith(f"{part}.") and one in settable.values()]
    near = [settable[name] for name in get_close_matches(NAMES[setting][0], sorted(settable))]
    found = others or [one for one in near if one.startswith("extra.")]
    return f"leave it out, or set {', '.join(found)}" if found else "leave it out"


def _meant(argument: str, known: dict[str, inspect.Parameter]) -> str:
    """Which setting an unknown argument of `extra` may have meant."""
    settable = _settable(known)
    if near := get_close_matches(argument, sorted(settable), n=1):
        return f"did you mean {settable[near[0]]!r}?"
    return f"known are {', '.join(sorted(one for one in settable.values() if one.startswith('extra.'))) or 'none'}"


def _wanted(settings: Settings) -> dict[str, Any]:
    scheduler, guidance = settings.scheduler, settings.guidance
    kinds = ("scale", "scale_2", "true_scale", "lowest", "highest", "rescale")
    wanted: dict[str, Any] = {
        name: getattr(settings, name) for name in ("frames", "width", "height", "fps", "negative")
    }
    wanted |= {f"scheduler.{name}": getattr(scheduler, name) for name in ("steps", "timesteps", "sigmas", "eta")}
    wanted |= {f"guidance.{name}": getattr(guidance, name) for name in kinds}
    wanted |= {f"conditioning.{name}": getattr(settings.conditioning, name) for name in ("first_frame", "last_frame")}
    return {name: value for name, value in wanted.items() if value is not None}
