"""Recipes are checked when they are registered and named by what they mean."""

import subprocess
import sys

import pytest

from generators import GENERATORS, GeneratorError, load
from generators.recipe import SHIPPED, identity, parse, read, schema, write


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


def test_a_misspelt_part_of_a_part_is_refused_with_the_right_one():
    wrong = {
        "source": {"folder": "x", "revison": "y"},
        "guidance": {"scal": 3, "steps": 4},
        "guidance_scale": 3,
        "num_inference_steps": 4,
        "modifiers": [{"kind": "cads", "sale": 1}],
        "prompting": {"rewriter": {"kind": "table", "fil": "x", "file": "x"}},
    }
    with pytest.raises(GeneratorError) as raised:
        parse("diffusers", wrong)
    for part in (
        "unknown setting 'source.revison': did you mean 'revision'",
        "unknown setting 'guidance.scal': did you mean 'scale'",
        "unknown setting 'guidance_scale': did you mean 'guidance.scale'",
        "unknown setting 'num_inference_steps': did you mean 'scheduler.steps'",
        "unknown setting 'guidance.steps': did you mean 'scheduler.steps'",
        "unknown setting 'modifiers.0.cads.sale': did you mean 'scale'",
        "unknown setting 'prompting.rewriter.table.fil': did you mean 'file'",
    ):
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "source is missing"),
        ({"source": {}}, "source: name exactly one of folder, hub and file"),
        ({"source": {"folder": "x", "hub": "a/b"}}, "name exactly one of folder, hub and file"),
        ({"source": {"hub": "a/b"}}, "hub and revision belong together"),
        ({"source": {"hub": "a/b", "revision": "main"}}, "source.revision = 'main': give the commit, 40 hex digits"),
        ({"source": {"file": "a.ckpt"}}, "source.file = 'a.ckpt': only safetensors files are loaded"),
        ({"runtime": {"dtype": "bfloat1"}}, "runtime.dtype = 'bfloat1': did you mean 'bfloat16'?"),
        ({"modifiers": [{"kind": "cadz"}]}, "modifiers.0.kind = 'cadz': did you mean 'cads'?"),
        ({"guidance": {"interval": [0.9, 0.1]}}, "guidance: interval must not end before it begins"),
        ({"source": {"file": "a.safetensors"}}, "a single file needs pipeline (its class) and config"),
        ({"scheduler": {"steps": 4, "sigmas": [1]}}, "scheduler: name only one of steps, sigmas"),
        ({"modifiers": [{"kind": "freeu"}, {"kind": "freeu"}]}, "modifier freeu comes twice"),
        ({"modifiers": [{"kind": "cads", "low": 0.9, "high": 0.6}]}, "low must lie below high"),
        (
            {
                "scheduler": {"steps": 4},
                "modifiers": [{"kind": "distilled", "method": "lcm", "adapter": {"folder": "x"}}],
            },
            "distilled brings its own scheduler",
        ),
        ({"prompting": {"template": "a video"}}, "prompting.template = 'a video': it must have {prompt} in it"),
    ],
)
def test_what_contradicts_itself_is_refused_in_words(wrong, words):
    source = {} if not wrong or "source" in wrong else {"source": {"folder": "x"}}
    with pytest.raises(GeneratorError) as raised:
        parse("diffusers", source | wrong)
    assert words in str(raised.value)


def test_only_what_may_move_a_pixel_is_in_the_identity():
    def name(**runtime):
        return identity("diffusers", {"source": {"folder": "x"}, "runtime": runtime})

    assert name(offload="model") == name()
    for moves in (
        {"dtype": "bfloat16"},
        {"compile": True},
        {"vae_tiling": True},
        {"quantisation": {}},
        {"device": "cpu"},
    ):
        assert name(**moves) != name()


def test_recipes_share_weights_unless_something_else_must_be_loaded():
    def key(**settings):
        recipe = parse("diffusers", {"source": {"folder": "x"}} | settings)
        return load("diffusers").weights_key(recipe)

    shared = ({"negative": "x"}, {"scheduler": {"steps": 3}}, {"frames": 9}, {"modifiers": [{"kind": "freeu"}]})
    assert {key(**settings) for settings in shared} == {key()}
    assert key(adapters=[{"folder": "a", "scale": 0.5}]) == key(adapters=[{"folder": "a"}]) != key()
    for other in ({"source": {"folder": "y"}}, {"runtime": {"dtype": "float16"}}):
        assert key(**other) != key()


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_a_recipe_goes_into_a_file_and_comes_back_with_its_meaning(tmp_path, ending):
    settings = {"source": {"folder": "x"}, "negative": "static video, no movement", "guidance": {"interval": [0, 0.5]}}
    write("diffusers", settings, tmp_path / f"recipe.{ending}")
    assert identity(*read(tmp_path / f"recipe.{ending}")) == identity("diffusers", settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", r"recipe\.yaml: is no YAML"),
        ("[1]", "a recipe is {generator: name"),
        ("settings: {}", "a recipe is {generator: name"),
        ("{generator: shapes, setings: {}}", "unknown setings"),
    ],
)
def test_a_file_that_is_no_recipe_is_told(tmp_path, text, words):
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(GeneratorError, match=words):
        read(tmp_path / "recipe.yaml")
    with pytest.raises(GeneratorError, match=r"nowhere\.yaml: cannot be read"):
        read(tmp_path / "nowhere.yaml")


def test_forms_come_from_a_schema_that_explains_itself():
    told = schema("diffusers")
    assert told["additionalProperties"] is False
    assert {"source", "scheduler", "guidance", "negative", "modifiers"} <= set(told["properties"])
    kinds = told["properties"]["modifiers"]["items"]["discriminator"]["mapping"]
    assert set(kinds) == {"cads", "epsilon-scaling", "time-shift", "corrector", "freeu", "distilled"}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_are_valid(name):
    assert parse(*SHIPPED[name])


def test_importing_generators_loads_nothing_heavy():
    code = "import sys, generators; print(*{'numpy', 'av', 'PIL', 'pydantic', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
