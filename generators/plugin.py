"""Generators that other packages bring: entry points of the group `visavis.generators`, each allowed by the operator.

GENERATOR_PLUGINS holds the allowed names, separated by commas. An entry point leads to a class like those in this
package; its name is the name of the generator in recipes.
"""

import os
from importlib.metadata import entry_points

from pydantic import BaseModel

from generators import Capabilities, Generator, GeneratorError

GROUP = "visavis.generators"


def allowed() -> list[str]:
    return [name.strip() for name in os.environ.get("GENERATOR_PLUGINS", "").split(",") if name.strip()]


def installed() -> list[str]:
    return sorted({point.name for point in entry_points(group=GROUP)})


def find(name: str) -> Generator | None:
    """The plugin of that name; None when no package brings it. Raises GeneratorError: not allowed, or broken."""
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        return None
    if name not in allowed():
        raise GeneratorError(
            f"generator {name!r} is installed but not allowed: the operator adds it to GENERATOR_PLUGINS on each worker"
        )
    if len(found) > 1:
        brought = ", ".join(sorted(point.value for point in found))
        raise GeneratorError(
            f"generator {name!r} is brought by {len(found)} packages ({brought}): uninstall all but one"
        )
    try:
        made = found[0].load()()
    except Exception as error:  # a plugin may fail in any way
        raise GeneratorError(f"generator {name!r} ({found[0].value}) cannot be loaded: {error!r}") from error
    settings, capabilities = getattr(made, "Settings", None), getattr(made, "capabilities", None)
    if (
        not (isinstance(settings, type) and issubclass(settings, BaseModel))
        or settings.model_config.get("extra") != "forbid"
        or not isinstance(capabilities, Capabilities)
        or not callable(getattr(made, "generate", None))
    ):
        raise GeneratorError(
            f"generator {name!r} ({found[0].value}) needs Settings (a pydantic model with extra='forbid'), "
            "capabilities (generators.Capabilities) and generate(prompt, seed, recipe, watch)"
        )
    generator: Generator = made
    return generator
