"""What clips may differ by between workers: code, versions of libraries, processor, GPU and driver."""

import hashlib
import platform
import socket
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import generators
from evalapp.generation.metering import gpu_and_driver


def machine(versions: dict[str, str]) -> dict[str, Any]:
    """This one; `versions` are those that the generator told."""
    here = _here()
    return here | {"versions": here["versions"] | versions}


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What two machines differ in, by name: here, there."""
    flat = [each | {f"version of {name}": told for name, told in each["versions"].items()} for each in (one, other)]
    names = sorted((flat[0].keys() | flat[1].keys()) - {"versions"})
    return {name: (flat[0].get(name), flat[1].get(name)) for name in names if flat[0].get(name) != flat[1].get(name)}


def of_a_pair(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What may move pixels between two clips that are compared, by name. Libraries that only one of them used come with
    its generator, and another host alone moves nothing."""
    first, second = ({**each["versions"], **_device(each)} for each in (one, other))
    return {name: (first[name], second[name]) for name in first if first[name] != second.get(name, first[name])}


def _device(told: dict[str, Any]) -> dict[str, str]:
    gpu = told.get("gpu") or {"name": "none"}
    driver = {"driver": gpu["driver"]} if "driver" in gpu else {}
    return {"processor": str(told.get("processor")), "GPU": gpu["name"]} | driver


@cache
def _here() -> dict[str, Any]:
    """What does not change while a process lives: looking it up takes as long as claiming a clip."""
    return {
        "host": socket.gethostname(),
        "processor": platform.machine(),
        "gpu": gpu_and_driver(),
        "versions": {"python": platform.python_version(), "generators": _code()}
        | {name: version(name) for name in ("visavis", "numpy", "pillow", "av") if _installed(name)},
    }


def _code() -> str:
    """Names the code of generators/ that this worker runs: twelve digits of its sha256."""
    told = hashlib.sha256()
    for path in sorted(Path(str(generators.__file__)).parent.glob("*.py")):
        told.update(path.read_bytes())
    return told.hexdigest()[:12]


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False
