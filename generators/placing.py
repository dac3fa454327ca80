"""How a pipeline is computed: weights in fewer bits, device, offloading, compiling, several GPUs.

Quantisation by a backend goes into `from_pretrained`; all else is done to the loaded pipeline.
"""

import inspect
from collections.abc import Collection, Iterable
from typing import Any

from generators import GeneratorError, _hint
from generators.pipeline_settings import Quantisation, Runtime

_NO_PART = "this pipeline has no part"
DENOISERS = ("transformer", "transformer_2", "unet")


def denoisers(pipe: Any) -> list[Any]:
    """The networks that are called in each step; two for Wan 2.2."""
    found = [getattr(pipe, name, None) for name in DENOISERS]
    if not any(found):
        raise GeneratorError(f"{type(pipe).__name__}: has neither a transformer nor a U-Net to follow")
    return [one for one in found if one is not None]


def parts(index: dict[str, Any]) -> dict[str, str]:
    """A pipeline's parts with the library that each comes from."""
    return {name: where[0] for name, where in index.items() if isinstance(where, list) and where[0]}


def precisions(runtime: Runtime, index: dict[str, Any]) -> dict[str, Any]:
    """dtype by part for `from_pretrained`. Raises GeneratorError for a part that the pipeline has not."""
    import torch

    _known("runtime.component_dtype", runtime.component_dtype, parts(index))
    chosen = {part: getattr(torch, name) for part, name in runtime.component_dtype.items()}
    return {"default": getattr(torch, runtime.dtype)} | chosen


def quantisation(runtime: Runtime, index: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `from_pretrained` for weights in fewer bits: the denoiser's, or those of the named components.

    Diffusers' and transformers' configurations of one backend differ, so each component gets its own library's.
    Raises GeneratorError: no such component or backend, or the backend's package is missing.
    """
    wanted, known = runtime.quantisation, parts(index)
    if wanted is None or wanted.backend == "float8":
        return {}
    from diffusers.quantizers.pipe_quant_config import PipelineQuantizationConfig

    _known("runtime.quantisation.components", wanted.components or (), known)
    chosen = wanted.components or tuple(name for name in DENOISERS if name in known)
    mapping = {name: _backend(wanted, known[name]) for name in chosen}
    return {"quantization_config": PipelineQuantizationConfig(quant_mapping=mapping)}


def _backend(wanted: Quantisation, library: str) -> Any:
    from diffusers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING as OF_DIFFUSERS
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING as OF_TRANSFORMERS

    known: dict[str, Any] = OF_TRANSFORMERS if library == "transformers" else OF_DIFFUSERS
    name, options = wanted.backend, dict(wanted.options)
    if name == "gguf":
        raise GeneratorError(
            "runtime.quantisation: backend gguf reads .gguf files, and only safetensors files are loaded: take another "
            "backend, which quantises them when they are loaded"
        )
    _known("runtime.quantisation.backend", [name], known, f"{library} has no")
    try:
        if name == "torchao":
            options = {"quant_type": _of_torchao(options)}
        elif name.startswith("bitsandbytes"):
            options = {f"load_in_{name.rpartition('_')[2]}": True} | options
        elif name == "quanto":  # the two libraries name one option differently
            named = "weights" if library == "transformers" else "weights_dtype"
            options = {named if one in ("weights", "weights_dtype") else one: value for one, value in options.items()}
        takes = sorted(set(inspect.signature(known[name]).parameters) - {"kwargs"})
        _known("runtime.quantisation.options", options, takes, f"backend {name} takes no")
        return known[name](**options)
    except ImportError as error:
        raise GeneratorError(
            f"runtime.quantisation: backend {name} needs a package that this worker lacks ({error}): let the operator "
            "install it, or take the backend float8, which needs none"
        ) from error
    except (TypeError, ValueError) as error:
        raise GeneratorError(f"runtime.quantisation.options: {error}") from error


def _of_torchao(options: dict[str, Any]) -> Any:
    """torchao's configuration of the class that `quant_type` names, with the other options. Raises GeneratorError."""
    from torchao import quantization  # type: ignore[import-not-found]

    kinds = sorted(name for name in vars(quantization) if name.endswith("Config"))
    chosen = str(options.pop("quant_type", ""))
    _known("runtime.quantisation.options.quant_type", [chosen], kinds, "torchao has no")
    return getattr(quantization, chosen)(**options)


def _known(setting: str, names: Iterable[str], known: Collection[str], lacking: str = _NO_PART) -> None:
    for name in names:
        if name not in known:
            raise GeneratorError(f"{setting}: {lacking} {name!r}: {_hint(name, sorted(known))}")


def place(pipe: Any, runtime: Runtime) -> None:
    """Put a loaded pipeline where and how the recipe wants it computed. Raises GeneratorError."""
    import torch

    device = runtime.device if runtime.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise GeneratorError("runtime.device is cuda, and this worker has none: let a GPU queue render it")
    if runtime.offload != "none" and device == "cpu":
        raise GeneratorError(f"runtime.offload {runtime.offload!r} needs a GPU: set it to 'none' on this worker")
    if runtime.parallel is not None:
        _parallel(pipe, runtime.parallel)
    backend = runtime.quantisation.backend if runtime.quantisation else ""
    if backend == "float8":
        for one in denoisers(pipe):
            one.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=one.dtype)
    if runtime.vae_tiling:
        if not hasattr(pipe.vae, "enable_tiling"):
            raise GeneratorError(f"the VAE of {type(pipe).__name__} cannot tile: leave runtime.vae_tiling out")
        pipe.vae.enable_tiling()
    if runtime.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif runtime.offload == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    elif runtime.offload == "group":
        pipe.enable_group_offload(onload_device=torch.device(device), offload_type="leaf_level")
    elif not backend.startswith("bitsandbytes"):  # it has put its weights there itself
        pipe.to(device)
    if runtime.compile:
        for one in denoisers(pipe):
            one.compile_repeated_blocks() if getattr(one, "_repeated_blocks", None) else one.compile()


def _parallel(pipe: Any, parallel: Any) -> None:
    import torch.distributed

    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        raise GeneratorError(
            "runtime.parallel needs a process per GPU: start this recipe through the command generator with torchrun"
        )
    from diffusers import ContextParallelConfig

    config = ContextParallelConfig(  # type: ignore[no-untyped-call]
        ulysses_degree=parallel.ulysses, ring_degree=parallel.ring
    )
    for one in denoisers(pipe):
        one.enable_parallelism(config=config)
