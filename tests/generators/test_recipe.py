"""Recipes are checked when they are registered and named by what they mean."""

import subprocess
import sys

import pytest

from generators import GENERATORS, GeneratorError, load
from generators.recipe import SHIPPED, identity, parse


def test_an_unknown_generator_is_refused_with_the_nearest_name():
    with pytest.raises(GeneratorError, match="there is no generator 'shape': did you mean 'shapes'"):
        load("shape")
    with pytest.raises(GeneratorError, match=r"known are .*shapes"):
        load("wan")


@pytest.mark.parametrize("name", GENERATORS)
def test_every_registered_generator_loads_and_has_settings_that_forbid_the_unknown(name):
    settings = load(name).Settings
    assert settings.model_config["extra"] == "forbid"
    assert settings.model_config["frozen"]


def test_a_misspelt_setting_is_refused_with_the_right_one():
    with pytest.raises(GeneratorError, match="unknown setting 'camera-drift': did you mean 'camera_drift'"):
        parse("shapes", {"camera-drift": 0.5})


def test_every_wrong_setting_is_told_at_once():
    with pytest.raises(GeneratorError) as raised:
        parse("shapes", {"boil": 3, "framez": 8, "width": 385})
    for part in ("boil = 3: input should be less than", "did you mean 'frames'", "width = 385"):
        assert part in str(raised.value)


def test_equal_meaning_has_an_equal_identity():
    assert identity("shapes", {}) == identity("shapes", {"motion": 1, "boil": 0.0, "fps": 24})
    assert identity("shapes", {"boil": 0.5, "blur": 1}) == identity("shapes", {"blur": 1.0, "boil": 0.5})


def test_other_meaning_has_another_identity():
    names = {identity("shapes", settings) for settings in ({}, {"boil": 0.1}, {"blur": 0.1}, {"fps": 25})}
    assert len(names) == 4
    assert all(len(name) == 64 and int(name, 16) for name in names)


def test_a_meaning_without_validity_has_no_identity():
    with pytest.raises(GeneratorError):
        identity("shapes", {"boil": "much"})


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_are_valid(name):
    assert parse(*SHIPPED[name])


def test_importing_generators_loads_nothing_heavy():
    code = "import sys, generators; print(*{'numpy', 'av', 'PIL', 'pydantic', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
