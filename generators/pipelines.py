"""Loading diffusers pipelines: safetensors only, no code from folders, no class that the operator did not allow.

Environment: DIFFUSERS_PIPELINES names pipeline classes beyond ALLOWED, separated by commas ('*': all of diffusers);
HUB_ALLOWED=1 lets recipes name a hub id. Everything else is read from local folders.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from generators import GeneratorError, _hint, pinning, placing
from generators.calls import NAMES, parameters
from generators.pipeline_settings import Corrector, Distilled, Settings, Source, canonical
from generators.wholeness import whole

ALLOWED = frozenset(
    f"{name}Pipeline"
    for name in (
        "AnimateDiff", "CogVideoX", "CogVideoXImageToVideo", "Flux", "FluxImg2Img", "HunyuanVideo",
        "HunyuanVideo15", "HunyuanVideo15ImageToVideo", "LTX", "LTXCondition", "LTXImageToVideo", "Latte", "Mochi",
        "StableDiffusion", "StableDiffusion3", "StableDiffusionImg2Img", "StableDiffusionLatentUpscale",
        "StableDiffusionUpscale", "StableDiffusionXL", "StableDiffusionXLImg2Img", "StableVideoDiffusion",
        "TextToVideoSD", "VideoToVideoSD", "Wan", "WanImageToVideo", "WanVideoToVideo",
    )
)  # fmt: skip
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".msgpack", ".h5", ".onnx")


@dataclass
class Loaded:
    """A pipeline on its device, with what is put back before each clip."""

    pipe: Any
    scheduler: tuple[type, dict[str, Any]]
    guider: Any
    seconds: float
    correctors: dict[str, Any] = field(default_factory=dict)
    adapters: dict[str, float] = field(default_factory=dict)

    @property
    def device(self) -> Any:
        return self.pipe._execution_device


def allowed(name: str) -> bool:
    more = [one.strip() for one in os.environ.get("DIFFUSERS_PIPELINES", "").split(",")]
    return name in ALLOWED or name in more or "*" in more


def find(source: Source) -> Path:
    """The folder or file that holds the weights; a hub id is fetched. Raises GeneratorError."""
    if source.hub is not None:
        return _fetched(source.hub, str(source.revision))
    return Path(str(source.folder or source.file)).expanduser()


def _fetched(hub: str, revision: str) -> Path:
    if os.environ.get("HUB_ALLOWED") != "1":
        raise GeneratorError(
            f"{hub}: this worker may not fetch from the hub: give a folder, or let the operator set HUB_ALLOWED=1"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        patterns = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.py"]  # the latter to be refused
        return Path(snapshot_download(hub, revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise GeneratorError(f"{hub} at {revision[:12]} cannot be fetched: {error}") from error


def check_files(folder: Path, weights: bool = True) -> None:
    """Raises GeneratorError when the folder is missing, has code or pickles in it, or lacks `weights`."""
    if not folder.is_dir():
        raise GeneratorError(
            f"{folder}: there is no such folder on this worker: correct it in the recipe, or mount it here"
        )
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if code := [path for path in files if path.suffix in (".py", ".so", ".pyc")]:
        raise GeneratorError(
            f"{code[0]}: code in a checkpoint is never run: remove it, or use the command generator in a container"
        )
    if pickles := [path for path in files if path.suffix.lower() in PICKLES]:
        raise GeneratorError(
            f"{pickles[0]}: only safetensors files are loaded, since others can run code: convert it with "
            "save_pretrained(folder, safe_serialization=True) where you trust it, and remove this file"
        )
    if weights and not any(path.suffix == ".safetensors" for path in files):
        raise GeneratorError(f"{folder}: has no safetensors file in it: is the copy complete?")


def index(folder: Path) -> dict[str, Any]:
    """What model_index.json says, checked: its class is allowed, its parts come from known libraries."""
    try:
        said = json.loads((folder / "model_index.json").read_text())
        name = said["_class_name"]
    except FileNotFoundError as error:
        raise GeneratorError(
            f"{folder}: has no model_index.json: name the pipeline's own folder, as save_pretrained writes it"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GeneratorError(f"{folder}/model_index.json: cannot be understood ({error!r})") from error
    if not isinstance(name, str):
        raise GeneratorError(f"{folder}: its pipeline class {name!r} is code of its own, which is never run")
    for part, where in said.items():
        library = where[0] if isinstance(where, list) and len(where) == 2 else None
        if isinstance(library, str) and library not in ("diffusers", "transformers") and not _in_diffusers(library):
            raise GeneratorError(f"{folder}: {part} comes from {library!r}; only diffusers and transformers are loaded")
    return dict(said)


def _in_diffusers(library: str) -> bool:
    import diffusers.pipelines

    return library.isidentifier() and hasattr(diffusers.pipelines, library)


def pipeline_class(name: str) -> type:
    """The class of diffusers, if the operator allows it. Raises GeneratorError."""
    import diffusers

    found = getattr(diffusers, name, None)
    if not (isinstance(found, type) and issubclass(found, diffusers.DiffusionPipeline)):
        near = _hint(name, sorted(ALLOWED))
        raise GeneratorError(f"diffusers {diffusers.__version__} has no pipeline {name!r}: {near}")
    if not allowed(name):
        raise GeneratorError(
            f"pipeline {name} is not on the operator's list: add it to DIFFUSERS_PIPELINES, separated by commas"
        )
    return found


def manifest(place: Path) -> dict[str, str]:
    """sha256 of every file that is loaded, by its path below `place`."""
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    root = place.parent if place.is_file() else place
    kept = [path for path in files if path.suffix in (".json", ".safetensors", ".txt", ".model", ".jinja")]
    kept = [path for path in kept if ".cache" not in path.relative_to(root).parts]
    hashes = {}
    for path in kept:
        with path.open("rb") as file:
            hashes[path.relative_to(root).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def manifest_sha256(place: Path) -> str:
    """One hash for a checkpoint: of its manifest as JSON with sorted keys."""
    return hashlib.sha256(canonical(manifest(place)).encode()).hexdigest()


def described(settings: Settings) -> tuple[type, dict[str, Any], Path]:
    """Class, index and place of a recipe's source, all checked; loads no weights. Raises GeneratorError."""
    place = find(settings.source)
    if settings.source.file is not None:
        if not place.is_file():
            raise GeneratorError(f"{place}: there is no such file on this worker: correct source.file")
        config = Path(str(settings.source.config)).expanduser()
        check_files(config, weights=False)
        said = index(config)
    else:
        check_files(place)
        said = index(place)
    for one in settings.modifiers:
        if isinstance(one, Corrector):
            check_files(Path(one.folder))
    return pipeline_class(settings.source.pipeline or said["_class_name"]), said, place


def loaded(settings: Settings) -> Loaded:
    """The pipeline of a recipe, on its device and in its precision. Raises GeneratorError."""
    started = time.monotonic()
    kind, said, where = described(settings)
    for _, part in pinning.placed(settings):
        pinning.check(part)
    _quiet()
    with told(settings, kind), whole():
        pipe = _from_files(kind, settings, said, where)
        pipe.set_progress_bar_config(disable=True)
        result = Loaded(
            pipe,
            (type(pipe.scheduler), dict(pipe.scheduler.config)),
            getattr(pipe, "guider", None),
            0.0,
        )
        for number, adapter in enumerate(_adapters(settings)):
            _add(pipe, f"adapter_{number}", adapter, result)
        placing.place(pipe, settings.runtime)
        for one in settings.modifiers:
            if isinstance(one, Corrector):
                result.correctors[one.at] = _corrector(one, placing.denoisers(pipe)[0]).to(result.device).eval()
    result.seconds = time.monotonic() - started
    return result


def _from_files(kind: type, settings: Settings, said: dict[str, Any], place: Path) -> Any:
    options: dict[str, Any] = {"dtype": placing.precisions(settings.runtime, said), "local_files_only": True}
    options |= placing.quantisation(settings.runtime, said)
    if settings.source.file is not None:
        if not hasattr(kind, "from_single_file"):
            raise GeneratorError(f"{kind.__name__} takes no single file: name a pipeline folder")
        if "quantization_config" in options or settings.runtime.component_dtype:
            raise GeneratorError(
                "runtime.quantisation (but float8) and runtime.component_dtype need a pipeline folder: a single file "
                "is loaded as a whole in runtime.dtype"
            )
    try:
        if settings.source.file is not None:
            return _from_one_file(kind, settings, place)
        return kind.from_pretrained(  # type: ignore[attr-defined]
            str(place), use_safetensors=True, variant=settings.source.variant, trust_remote_code=False, **options
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        raise GeneratorError(f"{place}: cannot be loaded as {kind.__name__}: {error}") from error


def _from_one_file(kind: Any, settings: Settings, place: Path) -> Any:
    """The pipeline of a file; text encoders that the file does not hold come from the folder of its config."""
    import torch
    import transformers
    from diffusers.loaders.single_file_utils import SingleFileComponentError

    config = Path(str(settings.source.config)).expanduser()
    given: dict[str, Any] = {}
    options = {"config": str(config), "dtype": getattr(torch, settings.runtime.dtype), "local_files_only": True}
    while True:
        try:
            return kind.from_single_file(str(place), **options, **given)
        except SingleFileComponentError as error:
            lacking = {
                part: where[1]
                for part, where in index(config).items()
                if isinstance(where, list) and where[0] == "transformers" and part not in given
                and f"load {where[1]}." in str(error) and (config / part).is_dir()
            }  # fmt: skip
            if not lacking:
                raise GeneratorError(f"{place}: lacks a part that {config} lacks too: {error}") from error
            for part, name in lacking.items():
                given[part] = getattr(transformers, name).from_pretrained(
                    config / part, use_safetensors=True, local_files_only=True, dtype=options["dtype"]
                )


def _quiet() -> None:
    """No progress bars in a worker's log."""
    import diffusers.utils.logging
    import transformers.utils.logging

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _adapters(settings: Settings) -> list[Any]:
    return [*settings.adapters, *(one.adapter for one in settings.modifiers if isinstance(one, Distilled))]


def _add(pipe: Any, name: str, adapter: Any, result: Loaded) -> None:
    place = Path(adapter.folder) / adapter.weight_name
    if not place.is_file():
        raise GeneratorError(f"{place}: there is no such adapter file on this worker")
    if not hasattr(pipe, "load_lora_weights"):
        raise GeneratorError(f"{type(pipe).__name__} takes no LoRA adapters: leave adapters out")
    try:
        pipe.load_lora_weights(
            adapter.folder,
            weight_name=adapter.weight_name,
            adapter_name=name,
            use_safetensors=True,
            local_files_only=True,
        )
    except (ValueError, KeyError, RuntimeError) as error:
        raise GeneratorError(f"{place}: does not fit {type(pipe).__name__}: {error}") from error
    if name not in {one for taken in pipe.get_list_adapters().values() for one in taken}:
        raise GeneratorError(f"{place}: nothing in it is for {type(pipe).__name__}: was it trained for another model?")
    result.adapters[name] = adapter.scale


def _corrector(corrector: Corrector, denoiser: Any) -> Any:
    """The weights that stand in for the denoiser's. Raises GeneratorError when they are of another kind."""
    kind = type(denoiser)
    wanted = f"name a folder of {kind.__name__}, as save_pretrained writes it"
    try:
        if (found := kind.load_config(corrector.folder).get("_class_name")) != kind.__name__:
            raise GeneratorError(f"corrector: {corrector.folder} holds a {found}: {wanted}")
        return kind.from_pretrained(corrector.folder, use_safetensors=True, local_files_only=True, dtype=denoiser.dtype)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        raise GeneratorError(f"corrector: {corrector.folder} cannot be loaded ({error}): {wanted}") from error


@cache
def _memory_errors() -> tuple[type[BaseException], ...]:
    import torch

    return (torch.OutOfMemoryError, MemoryError)


def out_of_memory(error: BaseException) -> bool:
    return isinstance(error, _memory_errors()) or "not enough memory" in str(error) or "can't allocate" in str(error)


@contextmanager
def told(settings: Settings, kind: type) -> Iterator[None]:
    """Out of memory becomes a GeneratorError that names the knobs of the recipe to turn: those that `kind` has."""
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        import torch

        runtime, knobs = settings.runtime, []
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            free, total = torch.cuda.mem_get_info()
            where = f"{torch.cuda.get_device_name()}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
        else:
            where = "the worker's main memory"
        known = parameters(kind)
        if any(name in known for name in NAMES["frames"]):
            knobs += [f"fewer frames than {settings.frames}"] if settings.frames else ["fewer frames"]
        knobs += ["a smaller width and height"]
        knobs += ["runtime.dtype bfloat16"] if runtime.dtype == "float32" else []
        knobs += [] if runtime.vae_tiling else ["runtime.vae_tiling true"]
        knobs += ["runtime.offload model"] if runtime.offload == "none" and torch.cuda.is_available() else []
        knobs += [] if runtime.quantisation else ["runtime.quantisation"]
        raise GeneratorError(f"out of memory ({where}): try {', '.join(knobs)}, or a queue with more memory") from error
