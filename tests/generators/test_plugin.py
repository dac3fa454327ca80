"""Plugins: real installed packages, which only the operator can let in."""

import sys

import pytest

import generators
from generators import GeneratorError, load, names
from generators.recipe import parse

MODULE = """
import numpy as np
from pydantic import BaseModel, ConfigDict
from generators import Capabilities, Take, unwatched

class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    shade: int = 100

class Grey:
    Settings = Settings
    capabilities = Capabilities(seed=False)
    def generate(self, prompt, seed, recipe, watch=unwatched):
        return Take(np.full((2, 16, 16, 3), recipe.shade, np.uint8), 8.0)

class Unfit:
    pass
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "greys.py").write_text(MODULE)
    info = tmp_path / "greys-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greys\nVersion: 1.0\n")
    points = "[visavis.generators]\ngrey = greys:Grey\nunfit = greys:Unfit\nlost = greys:Lost\n"
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("GENERATOR_PLUGINS", "grey, unfit, lost")
    generators._plugin.cache_clear()
    yield
    generators._plugin.cache_clear()
    sys.modules.pop("greys", None)


def test_an_allowed_plugin_is_a_generator_like_any_other(package):
    assert "grey" in names()
    take = load("grey").generate("x", 1, parse("grey", {"shade": 7}))
    assert take.frames.max() == 7
    with pytest.raises(GeneratorError, match="unknown setting 'shad': did you mean 'shade'"):
        parse("grey", {"shad": 7})


def test_a_plugin_that_the_operator_did_not_allow_is_never_imported(package, monkeypatch):
    monkeypatch.setenv("GENERATOR_PLUGINS", "")
    with pytest.raises(GeneratorError, match="installed but not allowed: the operator adds it to GENERATOR_PLUGINS"):
        load("grey")
    assert "greys" not in sys.modules
    assert "grey" not in names()


def test_a_plugin_that_does_not_fit_says_what_it_lacks(package):
    with pytest.raises(GeneratorError, match="needs Settings"):
        load("unfit")
    with pytest.raises(GeneratorError, match="cannot be loaded: AttributeError"):
        load("lost")


def test_a_wrong_name_is_met_with_the_nearest_right_one(package):
    with pytest.raises(GeneratorError, match="no generator 'gray': did you mean 'grey'"):
        load("gray")
