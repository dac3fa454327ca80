"""Registering contenders from files: what is stored, and each refusal in words."""

import json
import shutil

import pytest
from django.core.management import CommandError, call_command

from evalapp.catalog.models import Checkpoint, Contender


@pytest.fixture
def recipe(tmp_path):
    def write(generator="shapes", ending="json", **settings):
        path = tmp_path / f"recipe.{ending}"
        path.write_text(json.dumps({"generator": generator, "settings": settings}))  # JSON is YAML too
        return path

    return write


@pytest.fixture
def folder(tmp_path):
    """A checkpoint folder as far as its files' names and hashes go; nothing loads it."""
    place = tmp_path / "late"
    (place / "transformer").mkdir(parents=True)
    (place / "model_index.json").write_text('{"_class_name": "LattePipeline"}')
    (place / "transformer" / "model.safetensors").write_bytes(b"weights")
    return place


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_a_recipe_file_becomes_a_contender_and_registering_it_again_changes_nothing(db, recipe, capsys, ending):
    for _ in range(2):
        call_command("register", "boiling", recipe=recipe(ending=ending, boil=0.5), hardware="gpu.24gb")
    contender = Contender.objects.get()
    assert (contender.name, contender.hardware, contender.recipe.settings) == ("boiling", "gpu.24gb", {"boil": 0.5})
    assert contender.recipe.identity in capsys.readouterr().out


def test_the_files_of_a_checkpoint_are_hashed_and_equal_files_are_one_checkpoint(db, recipe, folder, tmp_path):
    path = recipe("diffusers", frames=16, width=64, height=64)
    call_command("register", "late", recipe=path, checkpoint=folder, no_trial=True)
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = recipe("diffusers", frames=8, width=64, height=64)
    call_command("register", "shorter", recipe=path, checkpoint=copy, no_trial=True)
    checkpoint = Checkpoint.objects.get()
    assert set(checkpoint.manifest) == {"model_index.json", "transformer/model.safetensors"}
    one, other = Contender.objects.order_by("pk")
    assert one.recipe.settings["source"]["sha256"] == checkpoint.sha256
    assert one.recipe.identity != other.recipe.identity
    (copy / "transformer" / "model.safetensors").write_bytes(b"other weights")
    call_command("register", "changed", recipe=path, checkpoint=copy, no_trial=True)
    assert Checkpoint.objects.count() == 2


def test_the_same_checkpoint_and_recipe_under_another_name_is_refused(db, recipe, folder):
    path = recipe("diffusers", frames=16)
    call_command("register", "late", recipe=path, checkpoint=folder, no_trial=True)
    with pytest.raises(CommandError, match="late has this very checkpoint and recipe"):
        call_command("register", "again", recipe=path, checkpoint=folder, no_trial=True)
    assert Contender.objects.count() == 1


def test_one_name_cannot_stand_for_two_recipes(db, recipe):
    call_command("register", "one", recipe=recipe(boil=0.5))
    with pytest.raises(CommandError, match="exists with another checkpoint or recipe: choose another name"):
        call_command("register", "one", recipe=recipe(boil=0.6))


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ("transformer/pipeline.py", "code in a checkpoint is never run"),
        ("vae.bin", "only safetensors files are loaded"),
        ("unet.pt", "only safetensors files are loaded"),
        ("model.ckpt", "only safetensors files are loaded"),
    ],
)
def test_code_and_pickles_are_refused_in_a_sentence(db, recipe, folder, spoiled, words):
    (folder / spoiled).write_bytes(b"x")
    with pytest.raises(CommandError, match=f"{spoiled}.*{words}"):
        call_command("register", "x", recipe=recipe("diffusers"), checkpoint=folder)
    assert not Contender.objects.exists()


def test_other_mistakes_are_sentences_too(db, recipe, folder, tmp_path):
    def refused(path, words, **options):
        with pytest.raises(CommandError, match=words):
            call_command("register", "x", recipe=path, **options)

    refused(recipe("diffusers"), "there is no such folder", checkpoint=tmp_path / "gone")
    refused(recipe("diffusers", framse=3), "unknown setting 'framse': did you mean 'frames'", checkpoint=folder)
    refused(recipe("diffuser"), "no generator 'diffuser': did you mean 'diffusers'")
    refused(tmp_path / "gone.json", "cannot be read")
    (tmp_path / "pickle.ckpt").write_bytes(b"x")
    refused(recipe("diffusers"), "safetensors", checkpoint=tmp_path / "pickle.ckpt")
    with pytest.raises(CommandError, match="give a name and --recipe"):
        call_command("register", "x")
    assert not Contender.objects.exists()


def test_the_schema_of_a_generators_settings_is_printed(capsys):
    call_command("register", schema="shapes")
    assert json.loads(capsys.readouterr().out)["properties"]["boil"]["maximum"] == 1


@pytest.mark.slow
def test_a_real_checkpoint_is_tried_before_it_is_stored(db, shared_data, recipe, capsys):
    path = recipe("diffusers", frames=16, width=64, height=64, fps=8, guidance={"scale": 2.5})
    settings = json.loads(path.read_text())
    settings["settings"] |= {"scheduler": {"steps": 4}, "extra": {"mask_feature": False}}
    path.write_text(json.dumps(settings))
    call_command("register", "late", recipe=path, checkpoint=shared_data / "tiny_t2v" / "late")
    trial = Contender.objects.get().trial
    assert trial["reproducible"]
    assert len(trial["noise_sha256"]) == 64


def test_a_contender_gets_its_place_in_a_training_when_registered_or_later(db, recipe, capsys):
    call_command("register", "early", recipe=recipe(boil=0.5), training="run 7", step=1000)
    checkpoint = Contender.objects.get(name="early").checkpoint
    assert (checkpoint.training, checkpoint.step) == ("run 7", 1000)
    call_command("register", "early", training="run 7", step=2000)
    checkpoint.refresh_from_db()
    assert checkpoint.step == 2000
    for wrong, why in (
        ({"training": "run 7"}, "together"),
        ({"training": "run 7", "step": -1}, "0 or more"),
        ({"training": " ", "step": 1}, "name of the run"),
    ):
        with pytest.raises(CommandError, match=why):
            call_command("register", "early", **wrong)
    with pytest.raises(CommandError, match="no contender named 'late'"):
        call_command("register", "late", training="run 7", step=1)


def test_stages_and_depth_go_by_the_content_of_all_their_folders(db, recipe, folder, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "moved")
    decoder = shutil.copytree(folder, tmp_path / "decoder")
    (decoder / "transformer" / "model.safetensors").write_bytes(b"decoder")

    def stages(base, vae):
        one = {"kind": "base", "recipe": {"source": {"folder": str(base)}}, "decoder": {"folder": str(vae)}}
        return recipe("stages", stages=[one])

    call_command("register", "two stages", recipe=stages(folder, decoder), no_trial=True)
    contender = Contender.objects.get()
    held = contender.recipe.settings["stages"][0]
    assert len({held["recipe"]["source"]["sha256"], held["decoder"]["sha256"]}) == 2
    assert set(contender.checkpoint.manifest.values()) == {
        held["recipe"]["source"]["sha256"],
        held["decoder"]["sha256"],
    }
    with pytest.raises(CommandError, match="two stages has this very checkpoint and recipe"):
        call_command("register", "moved", recipe=stages(moved, decoder), no_trial=True)
    (decoder / "transformer" / "model.safetensors").write_bytes(b"another decoder")
    call_command("register", "other decoder", recipe=stages(moved, decoder), no_trial=True)
    image = {"source": {"folder": str(folder)}, "width": 64, "height": 64, "scheduler": {"steps": 2}}
    path = recipe("deforum", image=image, warp={"kind": "depth", "folder": str(moved)})
    call_command("register", "depth", recipe=path, no_trial=True)
    assert Contender.objects.get(name="depth").recipe.settings["warp"]["sha256"]
    gone = recipe("stages", stages=[{"kind": "base", "recipe": {"source": {"folder": str(tmp_path / "gone")}}}])
    with pytest.raises(CommandError, match="there is no such folder"):
        call_command("register", "gone", recipe=gone, no_trial=True)
