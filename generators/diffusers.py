"""`diffusers`: any pipeline folder or hub id through `DiffusionPipeline.from_pretrained`. Importing it loads no torch.

One CPU generator per clip draws its noise, so that contenders with equal latent shapes begin from the same numbers; the
hash of that noise is among the facts. A worker keeps the pipeline loaded while recipes with the same weights come.
"""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from generators import Cancelled, Capabilities, GeneratorError, Take, Watch, unwatched
from generators.keeping import alone
from generators.pipeline_settings import Distilled, FreeU
from generators.pipeline_settings import Settings as Recipe

if TYPE_CHECKING:
    from generators.pipelines import Loaded

log = logging.getLogger(__name__)
PLAYBACK = 8.0
"""Frames per second where a recipe says nothing."""

DISTILLED: dict[str, tuple[str, dict[str, Any], float]] = {
    "lcm": ("LCMScheduler", {}, 1.0),
    "tcd": ("TCDScheduler", {}, 1.0),
    "lightning": ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}, 1.0),
}
"""Scheduler, options and guidance (1: none) of few-step adapters: LCM-LoRA (Luo et al., arXiv:2311.05556), TCD (Zheng
et al., arXiv:2402.19159), SDXL-Lightning (Lin et al., arXiv:2402.13929)."""


class Diffusers:
    """The generator; keeps weights loaded as long as memory allows, those used last the longest."""

    Settings: type[BaseModel] = Recipe
    capabilities = Capabilities(negative=True, first_frame=True, progress=True, cancel=True, batch=True)

    def __init__(self) -> None:
        self._resident: dict[str, Loaded] = {}

    def weights_key(self, recipe: Any) -> str:
        """Hash of all that must be loaded; recipes with equal ones share it."""
        return hashlib.sha256(recipe.weights_key().encode()).hexdigest()

    def generate(self, prompt: str, seed: int, recipe: Any, watch: Watch = unwatched) -> Take:
        """The clip of this prompt and seed. Raises GeneratorError and Cancelled."""
        return self.generate_batch([prompt], [seed], recipe, watch)[0]

    @alone
    def generate_batch(
        self, prompts: Sequence[str], seeds: Sequence[int], recipe: Any, watch: Watch = unwatched
    ) -> list[Take]:
        """Clips made in one call; each has its own generator, yet a batch may move last bits."""
        from generators.pipelines import out_of_memory

        watch(0.0)
        try:
            return self._takes(prompts, seeds, recipe, watch)
        except GeneratorError as error:
            if not (error.__cause__ and out_of_memory(error.__cause__) and self._let_go({self.weights_key(recipe)})):
                raise
        log.warning("out of memory beside other recipes' weights: these are let go, and the clip is begun anew")
        _collect()
        return self._takes(prompts, seeds, recipe, watch)

    def _takes(self, prompts: Sequence[str], seeds: Sequence[int], recipe: Recipe, watch: Watch) -> list[Take]:
        texts = self._texts(prompts, recipe)
        started = time.monotonic()
        resident = self.weights_key(recipe) in self._resident
        loaded = self.resident(recipe)
        load_seconds = 0.0 if resident else time.monotonic() - started
        made, course, seconds = self.sample(loaded, recipe, seeds, watch, prompts=prompts, texts=texts)
        from generators.outcome import as_frames, versions

        facts: dict[str, Any] = {
            "noise_sha256": course.noise_sha256,
            "versions": versions(),
            "device": _device_name(loaded),
            "load_seconds": round(load_seconds, 3),
            "steps": course.step,
        } | seconds
        takes = []
        for number, (text, prompt) in enumerate(zip(texts, prompts, strict=True)):
            frames = as_frames(made, number, recipe)
            told = _told(loaded, prompt, text)
            takes.append(Take(frames, recipe.fps or PLAYBACK, facts | told))
        return takes

    def sample(
        self,
        loaded: "Loaded",
        recipe: Recipe,
        seeds: Sequence[int],
        watch: Watch,
        prompts: Sequence[str] = (),
        texts: Sequence[str] = (),
        given: dict[str, Any] | None = None,
        output_type: str = "pt",
    ) -> tuple[Any, Any, dict[str, float]]:
        """One call of the pipeline: what it returned, its course, and its seconds. `given` are arguments of a stage."""
        from generators.calls import call_arguments, parameters
        from generators.pipelines import told
        from generators.sampling import followed, generator_for

        recipe = with_distilled(recipe)
        kind = type(loaded.pipe)
        given = given or {}
        arguments = call_arguments(kind, recipe, loaded.guider is not None, frozenset(given))
        known = parameters(kind)
        self._prepare(loaded, recipe, arguments, known)
        generators = [generator_for(seed) for seed in seeds]
        one = len(seeds) == 1
        arguments |= {"generator": generators[0] if one else generators, "output_type": output_type} | given
        if "prompt" in known:
            arguments["prompt"] = texts[0] if one else list(texts)
        if not one and isinstance(arguments.get("negative_prompt"), str):
            arguments["negative_prompt"] = [arguments["negative_prompt"]] * len(seeds)
        for name, setting in (("image", "first_frame"), ("last_image", "last_frame")):
            if isinstance(arguments.get(name), str):
                images = [picture(arguments[name], prompt, f"conditioning.{setting}", recipe) for prompt in prompts]
                arguments[name] = images[0] if one else images
        began = time.monotonic()
        try:
            with told(recipe, kind), followed(recipe, loaded, watch, seeds) as course:
                made = loaded.pipe(**arguments)
        except (GeneratorError, Cancelled):
            raise
        except Exception as error:  # a pipeline checks its arguments in many ways, or not at all
            log.exception("%s", kind.__name__)
            raise GeneratorError(f"{kind.__name__} refused the recipe: {error}") from error
        finally:
            if recipe.runtime.offload == "model":
                loaded.pipe.maybe_free_model_hooks()
            if any(isinstance(modifier, FreeU) for modifier in recipe.modifiers):
                loaded.pipe.disable_freeu()
        ended = time.monotonic()
        return (
            made,
            course,
            {
                "encode_seconds": round(course.first - began, 3),
                "sample_seconds": round(course.last - course.first, 3),
                "decode_seconds": round(ended - course.last, 3),
            },
        )

    def resident(self, recipe: Recipe, among: Sequence[Recipe] = ()) -> "Loaded":
        """The recipe's pipeline. Before one is loaded, others make room as far as needed; those of `among` stay."""
        from generators import keeping
        from generators.pipelines import loaded

        key = self.weights_key(recipe)
        if key in self._resident:
            self._resident[key] = self._resident.pop(key)  # used last: let go last
            return self._resident[key]
        needed = {key, *(self.weights_key(other) for other in among)}
        coming = keeping.expected(recipe)
        kept = sum(keeping.taken(each.pipe) for each in self._resident.values())
        if self._resident and kept + coming > keeping.room():
            self._let_go(needed, kept + coming - keeping.room())
            _collect()
        self._resident[key] = loaded(recipe)
        return self._resident[key]

    def holds(self, recipe: Any) -> bool:
        """Whether the recipe's weights are loaded: a clip of it begins at once."""
        return self.weights_key(recipe) in self._resident

    def _let_go(self, needed: set[str], size: float = float("inf")) -> bool:
        """Forget pipelines that are not needed, those unused the longest first, until `size` bytes are free."""
        from generators import keeping

        others = [key for key in self._resident if key not in needed]
        for key in others:
            if size <= 0:
                break
            size -= keeping.taken(self._resident.pop(key).pipe)
        return bool(others)

    @alone
    def preflight(self, recipe: Any) -> dict[str, Any]:
        """Try the recipe: what it is, what its call takes, and how far clips are reproducible."""
        from generators.preflight import preflight

        return preflight(self, recipe)

    def _texts(self, prompts: Sequence[str], recipe: Recipe) -> list[str]:
        from generators.rewriting import rewritten

        return [recipe.prompting.template.replace("{prompt}", rewritten(prompt, recipe)) for prompt in prompts]

    def _prepare(self, loaded: "Loaded", recipe: Recipe, arguments: dict[str, Any], known: dict[str, Any]) -> None:
        """A fresh scheduler and guider, the adapters at their scales, FreeU: all that a clip before may have left."""
        from generators.sampling import given_course
        from generators.schedulers import check_course, new_guider, new_scheduler

        pipe, scheduler = loaded.pipe, recipe.scheduler
        pipe.scheduler = new_scheduler(loaded, recipe)
        for name in ("timesteps", "sigmas"):
            if (values := getattr(scheduler, name)) is None:
                continue
            check_course(pipe.scheduler, name)
            if name in known:
                arguments[name] = [int(one) if one == int(one) and name == "timesteps" else one for one in values]
            else:
                given_course(pipe.scheduler, name, values)
                arguments["num_inference_steps"] = len(values) - (name == "sigmas" and values[-1] == 0)
        if loaded.guider is not None:
            pipe.guider = new_guider(loaded, recipe)
        if loaded.adapters:
            distilled = [one.adapter for one in recipe.modifiers if isinstance(one, Distilled)]
            scales = [one.scale for one in (*recipe.adapters, *distilled)]
            pipe.set_adapters(list(loaded.adapters), scales)
        for one in recipe.modifiers:
            if isinstance(one, FreeU):
                if not hasattr(pipe, "enable_freeu"):
                    raise GeneratorError(f"freeu: {type(pipe).__name__} has no U-Net for it: leave it out")
                pipe.enable_freeu(s1=one.s1, s2=one.s2, b1=one.b1, b2=one.b2)


def add(seconds: dict[str, float], more: Mapping[str, float]) -> None:
    """What the parts of one clip took, one call of a pipeline after the other."""
    for part, spent in more.items():
        seconds[part] = round(seconds.get(part, 0.0) + spent, 3)


def with_distilled(recipe: Recipe) -> Recipe:
    """The recipe with what its few-step adapter and its table of steps stand for written out."""
    from generators.schedulers import from_table

    for one in recipe.modifiers:
        if isinstance(one, Distilled):
            name, options, scale = DISTILLED[one.method]
            scheduler = recipe.scheduler.model_copy(update={"name": name, "options": options, "steps": one.steps})
            guidance = recipe.guidance.model_copy(update={"scale": scale})
            recipe = recipe.model_copy(update={"scheduler": scheduler, "guidance": guidance})
    return recipe.model_copy(update={"scheduler": from_table(recipe.scheduler)})


def picture(place: str, prompt: str, setting: str, recipe: Recipe) -> Any:
    """The conditioning image (PIL, RGB) of a prompt, in the recipe's shape: a file, or one named like the prompt."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(place).expanduser()
    if path.is_dir():
        found = [path / f"{prompt}{ending}" for ending in (".png", ".jpg", ".jpeg", ".webp")]
        path = next((one for one in found if one.is_file()), found[0])
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
            opened = image.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise GeneratorError(f"{setting}: {path} cannot be read as a PNG, JPEG or WebP image ({error})") from error
    if recipe.width and recipe.height:
        return ImageOps.fit(opened, (recipe.width, recipe.height), Image.Resampling.LANCZOS)
    return opened


def _told(loaded: "Loaded", prompt: str, text: str) -> dict[str, Any]:
    """What became of the prompt, where that is not obvious."""
    from generators.calls import parameters

    if "prompt" not in parameters(type(loaded.pipe)):
        return {"prompt_unused": f"{type(loaded.pipe).__name__} takes no text"}
    facts: dict[str, Any] = {"prompt_given": text} if text != prompt else {}
    tokenizer = getattr(loaded.pipe, "tokenizer", None)
    longest = getattr(tokenizer, "model_max_length", 10**9)
    if callable(tokenizer) and longest < 10**9:
        tokens = len(tokenizer(text, truncation=False, verbose=False).input_ids)
        if tokens > longest:
            facts["tokens_cut"] = tokens - longest
    return facts


def _device_name(loaded: "Loaded") -> str:
    import platform

    import torch

    if loaded.device.type == "cuda":
        return torch.cuda.get_device_name(loaded.device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def _collect() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
