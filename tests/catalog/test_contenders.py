"""Contenders registered by a form, by a pasted recipe and over the API; each mistake in words, nothing half stored."""

import json

import pytest
from django.urls import reverse
from django.utils.text import slugify

from evalapp.catalog import recipe_form
from evalapp.catalog.contender_views import pasted
from evalapp.catalog.models import Contender
from generators.recipe import identity, schema

PAGE = {"name": "boiling", "hardware": "gpu.24gb"}


@pytest.fixture
def organizer(client, olga):
    client.force_login(olga)
    return client


def page(generator="shapes"):
    return reverse("register-contender", args=[generator])


def test_every_knob_of_the_schema_is_a_field_of_the_form():
    groups = {group.name: group for group in recipe_form.groups(schema("diffusers"))}
    names = {each.name: each for group in groups.values() for each in group.fields}
    assert set(groups) == {"", "source", "scheduler", "guidance", "prompting", "conditioning", "runtime"}
    assert names["runtime.dtype"].choices == ["float32", "bfloat16", "float16"]
    assert names["runtime.dtype"].usual == "float32"
    assert (names["frames"].kind, names["frames"].whole, names["frames"].highest) == ("number", True, 2000)
    assert names["scheduler.timesteps"].kind == names["modifiers"].kind == "data"
    assert names["runtime.vae_tiling"].choices == ["true", "false"]


def test_what_is_filled_in_becomes_settings_and_the_rest_stays_as_usual():
    groups = recipe_form.groups(schema("diffusers"))
    given = {"frames": "16", "runtime.vae_tiling": "true", "modifiers": "[{kind: cads}]", "guidance.scale": " 2.5 "}
    assert recipe_form.filled(groups, given) == {
        "frames": 16,
        "runtime": {"vae_tiling": True},
        "modifiers": [{"kind": "cads"}],
        "guidance": {"scale": 2.5},
    }
    with pytest.raises(recipe_form.NotReadable, match=r"modifiers: is neither JSON nor YAML"):
        recipe_form.filled(groups, {"modifiers": "[{"})


def test_a_form_registers_a_contender_whose_settings_keep_their_types(organizer):
    assert 'name="boil"' in organizer.get(page()).content.decode()
    done = organizer.post(page(), PAGE | {"boil": "0.5", "frames": "24"})
    assert done.headers["Location"] == reverse("contenders")
    contender = Contender.objects.get()
    assert (contender.name, contender.hardware) == ("boiling", "gpu.24gb")
    assert contender.recipe.settings == {"boil": 0.5, "frames": 24}
    assert "boiling" in organizer.get(reverse("contenders")).content.decode()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"boil": "7"}, "boil = 7: input should be less than or equal to 1"),
        ({"name": ""}, "name: give the contender one"),
        ({"pasted": "generator: shapes\nsettings: {boill: 1}"}, "did you mean &#x27;boil&#x27;?"),
        ({"pasted": "generator: [", "boil": ""}, "neither JSON nor YAML"),
        ({"pasted": "generator: shapes", "boil": "0.5"}, "not both"),
    ],
)
def test_what_is_wrong_is_said_on_the_form_which_keeps_what_was_filled_in(organizer, given, words):
    refused = organizer.post(page(), PAGE | given)
    assert refused.status_code == 422
    shown = refused.content.decode()
    assert words in shown
    assert 'value="gpu.24gb"' in shown
    assert ('name="boil" value="7"' in shown and "aria-invalid" in shown) or "boil" not in given or given["boil"] != "7"
    assert not Contender.objects.exists()


def test_a_pasted_recipe_names_its_own_generator(organizer, tmp_path):
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "model_index.json").write_text("{}")
    (tmp_path / "late" / "model.safetensors").write_bytes(b"weights")
    text = "generator: diffusers\nsettings: {frames: 16}"
    assert organizer.post(page(), PAGE | {"pasted": text, "checkpoint": str(tmp_path / "late")}).status_code == 302
    contender = Contender.objects.get()
    assert contender.recipe.settings["source"]["sha256"] == contender.checkpoint.sha256
    assert contender.trial == {"waits": 3, "until": 0}


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_recipe_that_is_fetched_is_the_same_recipe_when_it_is_pasted(organizer, kind):
    organizer.post(page(), PAGE | {"boil": "0.5"})
    contender = Contender.objects.select_related("recipe").get()
    file = organizer.get(reverse("recipe-file", args=[contender.pk, kind]))
    assert file["Content-Disposition"] == f'attachment; filename="{slugify(contender.name)}.{kind}"'
    generator, settings = pasted(file.content.decode())
    assert identity(generator, settings) == contender.recipe.identity
    assert organizer.get(reverse("recipe-file", args=[contender.pk, "txt"])).status_code == 404


def ask(client, **body):
    return client.post(reverse("api-contenders"), json.dumps(body), content_type="application/json")


def test_a_contender_is_registered_over_the_api_and_again_without_change(organizer):
    body = {"name": "boiling", "recipe": {"generator": "shapes", "settings": {"boil": 0.5}}}
    first, again = ask(organizer, **body), ask(organizer, **body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["recipe"] == Contender.objects.get().recipe.identity


def test_both_hashes_are_shown_and_recipes_of_the_same_weights_show_the_same(organizer):
    source = {"folder": "/elsewhere/late", "sha256": "ab" * 32}
    recipes = {"long": {"source": source, "frames": 49}, "short": {"source": source, "frames": 9}}
    for name, settings in recipes.items():
        assert ask(organizer, name=name, recipe={"generator": "diffusers", "settings": settings}).status_code == 201
    told = {each["name"]: each for each in organizer.get(reverse("api-contenders")).json()["results"]}
    assert told["long"]["weights"] == told["short"]["weights"] != ""
    assert told["long"]["recipe"] != told["short"]["recipe"]
    shown = organizer.get(reverse("contenders")).content.decode()
    assert shown.count(f"<code>{told['long']['weights'][:12]}</code>") == 2
    assert shown.count(f"<code>{told['long']['recipe'][:12]}</code>") == 1


def test_each_mistake_in_a_recipe_is_an_error_of_its_own(organizer):
    refused = ask(organizer, name="x", recipe={"generator": "shapes", "settings": {"boill": 1, "frames": 0}})
    assert (refused.status_code, refused.headers["Content-Type"]) == (400, "application/problem+json")
    said = refused.json()["errors"]["recipe"]
    assert "did you mean 'boil'?" in " ".join(said)
    assert any(each.startswith("frames = 0") for each in said)
    assert "generator" in ask(organizer, name="x", recipe={}).json()["errors"]["recipe"]
    assert "known are" in str(ask(organizer, nam="x", recipe={"generator": "shapes"}).json())


def test_weights_that_lie_on_the_workers_alone_are_registered_by_their_sha256(organizer):
    source = {"folder": "/elsewhere/late", "sha256": "ab" * 32}
    assert (
        ask(organizer, name="far", recipe={"generator": "diffusers", "settings": {"source": source}}).status_code == 201
    )
    assert Contender.objects.get().checkpoint.sha256 == "ab" * 32
    unknown = ask(organizer, name="x", recipe={"generator": "diffusers", "settings": {"source": {"folder": "/gone"}}})
    assert "there is no such folder" in str(unknown.json()["errors"])
