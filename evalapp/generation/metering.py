"""What rendering a clip cost: peak memory, energy, CO2. What cannot be read here is None and shows as unknown.

Energy is the difference of a counter of the whole GPU (NVML, mJ; one process per GPU makes it the clip's own), or of
the processor package (RAPL in /sys/class/powercap, µJ; all that the machine did meanwhile). CO2 is energy × PUE ×
GRID_CO2_GRAMS_PER_KWH: the inputs are stored beside it, so that it can be recomputed.
"""

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

RAPL = Path("/sys/class/powercap")
JOULES_PER_WH = 3600.0


class Meter:
    """Reads its counters when it is made, and again in `read`."""

    def __init__(self) -> None:
        self.gpu, self.package = _gpu_joules(), _package_joules()
        if torch := _torch_on_gpu():
            torch.cuda.reset_peak_memory_stats()

    def read(self) -> dict[str, Any]:
        """Facts about the time since it was made."""
        gpu, package = _spent(self.gpu, _gpu_joules()), _spent(self.package, _package_joules())
        joules = None if gpu is None and package is None else (gpu or 0.0) + (package or 0.0)
        watt_hours = None if joules is None else joules / JOULES_PER_WH
        grid = settings.GRID_CO2_GRAMS_PER_KWH
        torch = _torch_on_gpu()
        return {
            "process_peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "gpu_peak_mib": round(torch.cuda.max_memory_allocated() / 2**20) if torch else None,
            "energy_wh": None if watt_hours is None else round(watt_hours, 5),
            "energy_of": [name for name, spent in (("gpu", gpu), ("processor", package)) if spent is not None],
            "co2_grams": None if watt_hours is None or not grid else round(watt_hours / 1000 * grid * settings.PUE, 5),
            "grid_grams_per_kwh": grid or None,
            "pue": settings.PUE,
        }


def _spent(before: float | None, after: float | None) -> float | None:
    """None where a counter is missing or has wrapped around."""
    return None if before is None or after is None or after < before else after - before


def _gpu_joules() -> float | None:
    """The energy counter of the first GPU that this process may use."""
    with _first_gpu() as (nvml, handle):
        return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000
    return None


def gpu_and_driver() -> dict[str, str] | None:
    with _first_gpu() as (nvml, handle):
        name, driver = nvml.nvmlDeviceGetName(handle), nvml.nvmlSystemGetDriverVersion()
        return {"name": _text(name), "driver": _text(driver)}
    return None


def gpu_gigabytes() -> int | None:
    """Memory of this process's GPU in 10⁹ bytes, as makers name their cards. None where it cannot be read, and where
    the process has several: models may be spread over them."""
    if "," not in os.environ.get("CUDA_VISIBLE_DEVICES", ""):
        with _first_gpu() as (nvml, handle):
            return int(nvml.nvmlDeviceGetMemoryInfo(handle).total // 10**9)
    return None


def _text(told: str | bytes) -> str:
    return told.decode() if isinstance(told, bytes) else told


class _first_gpu:
    """NVML and the first GPU of this process; where anything lacks, the block ends at once and nothing is known."""

    def __enter__(self) -> tuple[Any, Any]:
        try:
            import pynvml  # type: ignore[import-untyped]

            pynvml.nvmlInit()
            first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
            by_index = first.isdigit()
            find = pynvml.nvmlDeviceGetHandleByIndex if by_index else pynvml.nvmlDeviceGetHandleByUUID
            return pynvml, find(int(first) if by_index else first)
        except Exception:
            return None, None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, Exception)


def _package_joules() -> float | None:
    with suppress(OSError, ValueError):
        counters = [int((zone / "energy_uj").read_text()) for zone in sorted(RAPL.glob("intel-rapl:[0-9]"))]
        return sum(counters) / 1e6 if counters else None
    return None


def _torch_on_gpu() -> Any:
    """torch, where a generator has loaded it and it is at work on a GPU."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized() else None
