"""Schedulers and guiders made anew for each clip, so that no clip sees what another left in them."""

import inspect
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from generators import GeneratorError, _hint
from generators.pipeline_settings import Scheduler, Settings
from generators.pipelines import Loaded
from generators.sampling import prediction

TABLES = {
    "align-your-steps-sd": ("timesteps", "StableDiffusionTimesteps"),
    "align-your-steps-sdxl": ("timesteps", "StableDiffusionXLTimesteps"),
    "align-your-steps-svd": ("sigmas", "StableDiffusionVideoSigmas"),
}


def from_table(scheduler: Scheduler) -> Scheduler:
    """Align Your Steps (Sabour et al., arXiv:2404.14507, appendix B) written out, as the tables stand in diffusers: ten
    steps, of which the last ends at noise 0 and not at the paper's 0.029 (0.002 for videos)."""
    if scheduler.table is None:
        return scheduler
    from diffusers.schedulers.scheduling_utils import AysSchedules

    name, table = TABLES[scheduler.table]
    values: Any = AysSchedules[table]
    return scheduler.model_copy(update={"table": None, name: tuple(values)})


def new_scheduler(loaded: Loaded, recipe: Settings) -> Any:
    """The recipe's scheduler over the checkpoint's settings. Raises GeneratorError when it cannot sample this model."""
    import diffusers

    kind, config = loaded.scheduler
    name, options = recipe.scheduler.name, recipe.scheduler.options
    chosen: Any = kind
    if name is not None:
        chosen = getattr(diffusers, name, None)
        if not (isinstance(chosen, type) and issubclass(chosen, diffusers.SchedulerMixin)):
            names = [one for one in dir(diffusers) if one.endswith("Scheduler")]
            raise GeneratorError(f"scheduler.name: diffusers has no scheduler {name!r}: {_hint(name, names)}")
    known = set(inspect.signature(chosen).parameters)
    for option in options:
        if option not in known:
            raise GeneratorError(
                f"scheduler.options: {chosen.__name__} has no {option!r}: {_hint(option, sorted(known))}"
            )
    scheduler = chosen.from_config(config, **options)
    ours, theirs = prediction(chosen, scheduler.config), prediction(kind, config)
    if ours != theirs:
        remedy = (
            "take a FlowMatch scheduler, or set use_flow_sigmas and prediction_type flow_prediction in its options"
            if theirs == "flow_prediction"
            else f"take a scheduler whose prediction_type is {theirs}"
        )
        raise GeneratorError(f"{chosen.__name__} takes {ours}, and this model predicts {theirs}: {remedy}")
    return scheduler


def check_course(scheduler: Any, name: str) -> None:
    """Raises GeneratorError when the scheduler takes no explicit `name` (timesteps, sigmas): it names some that do."""
    import diffusers

    if name in inspect.signature(scheduler.set_timesteps).parameters:
        return
    ours = prediction(type(scheduler), scheduler.config)
    kinds: list[Any] = [getattr(diffusers, one) for one in dir(diffusers) if one.endswith("Scheduler")]
    do = [
        kind.__name__
        for kind in kinds
        if issubclass(kind, diffusers.SchedulerMixin)
        and ("FlowMatch" in kind.__name__ if ours == "flow_prediction" else "prediction_type" in _options(kind))
        and name in inspect.signature(kind.set_timesteps).parameters
    ]
    like = get_close_matches(type(scheduler).__name__, sorted(do), n=4, cutoff=0)
    raise GeneratorError(
        f"{type(scheduler).__name__} takes no explicit {name}: set scheduler.steps, or a scheduler.name that takes "
        f"them, such as {', '.join(like)}"
    )


def _options(kind: type) -> Collection[str]:
    return inspect.signature(kind).parameters


def ignored_options(loaded: Loaded, recipe: Settings) -> list[str]:
    """Settings of the checkpoint's own scheduler that the recipe's does not know, and thus drops."""
    kind, config = loaded.scheduler
    chosen = type(new_scheduler(loaded, recipe))
    known = set(inspect.signature(chosen).parameters)
    defaults = inspect.signature(kind).parameters
    return sorted(
        name
        for name, value in config.items()
        if not name.startswith("_") and name not in known and name in defaults and value != defaults[name].default
    )


def new_guider(loaded: Loaded, recipe: Settings) -> Any:
    """The recipe's guider over the checkpoint's. Raises GeneratorError."""
    import diffusers.guiders as guiders_module

    guiders: Any = guiders_module

    guidance = recipe.guidance
    kind: Any
    if guidance.guider is None:
        kind = type(loaded.guider)
    else:
        kind = getattr(guiders, guidance.guider, None)
        if not (isinstance(kind, type) and issubclass(kind, guiders.BaseGuidance)):
            guidances = [one for one in dir(guiders) if one.endswith("Guidance")]
            hint = _hint(guidance.guider, guidances)
            raise GeneratorError(f"guidance.guider: diffusers has no guider {guidance.guider!r}: {hint}")
    options = dict(guidance.guider_options)
    if guidance.scale is not None:
        options["guidance_scale"] = guidance.scale
    known = sorted(set(inspect.signature(kind).parameters))
    for option in options:
        if option not in known:
            raise GeneratorError(f"guidance.guider_options: {kind.__name__} has no {option!r}: {_hint(option, known)}")
    return loaded.guider.new(**options) if guidance.guider is None else kind(**options)
