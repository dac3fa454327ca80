"""Importing finished clips: all that is wrong is listed first, and nothing is stored unless everything is right."""

import json
import shutil
from contextlib import nullcontext

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from evalapp.catalog.models import Contender
from evalapp.comparisons.models import Comparison
from evalapp.generation import layouts
from evalapp.generation.imports import ImportRefused, import_clips
from evalapp.generation.models import Clip
from generators.video import MediaError, write_rendition
from tests.factories import make_contender


def write_clip(path, shade=100, frames=5):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((frames, 32, 48, 3), shade, dtype=np.uint8)
    picture[:, :, ::2] = 255 - shade
    if path.suffix == ".gif":
        first, *rest = [
            Image.fromarray(frame) for frame in picture + np.arange(frames, dtype=np.uint8)[:, None, None, None]
        ]
        first.save(path, save_all=True, append_images=rest, duration=100)
    elif path.suffix in (".png", ".jpg"):
        Image.fromarray(picture[0]).save(path)
    else:
        write_rendition(picture, 10, path)


def list_prompts(root, *keys):
    (root / "prompts.jsonl").write_text("\n".join(json.dumps({"id": key, "text": f"text of {key}"}) for key in keys))


@pytest.fixture
def folder(tmp_path):
    """Two contenders, two prompts."""
    for number, place in enumerate(("a/p1.mp4", "a/p2.mp4", "b/p1.mp4", "b/p2.mp4")):
        write_clip(tmp_path / "clips" / place, shade=60 + 30 * number)
    list_prompts(tmp_path / "clips", "p1", "p2")
    return tmp_path / "clips"


def test_a_folder_becomes_ready_clips_of_the_house(db, folder):
    imported = import_clips(layouts.read(folder), "set")
    assert (imported.new, imported.known) == (4, 0)
    assert [contender.name for contender in imported.contenders] == ["a", "b"]
    for clip in Clip.objects.all():
        assert clip.state == Clip.State.READY
        assert clip.rendition.read_bytes() != (folder / clip.contender.name / f"{clip.prompt.key}.mp4").read_bytes()
        assert clip.facts["frames"] == 5


@pytest.mark.parametrize("confined", [True, False], ids=["as it is", "decoded here"])
def test_no_decoder_but_that_of_the_confined_process_meets_a_file_or_an_image(db, folder, monkeypatch, confined):
    """The negative control decodes in the command's own process: it is seen to."""
    give_image(folder, "p1", "looks.png")
    met = []

    def meets(path, opened=None):
        met.append(path)
        raise MediaError(f"{path}: is decoded with all of the command's rights")

    monkeypatch.setattr("generators.video.read", meets)
    if not confined:
        monkeypatch.setattr("generators.inspection.footage", meets)
    with nullcontext() if confined else pytest.raises(ImportRefused, match="rights"):
        import_clips(layouts.read(folder), "set")
    assert len(met) == (0 if confined else 5)


def test_importing_again_changes_nothing(db, folder):
    import_clips(layouts.read(folder), "set")
    before = list(Clip.objects.values_list("pk", "folder"))
    again = import_clips(layouts.read(folder), "set")
    assert (again.new, again.known) == (0, 4)
    assert list(Clip.objects.values_list("pk", "folder")) == before


def test_another_file_for_a_stored_clip_is_refused(db, folder):
    import_clips(layouts.read(folder), "set")
    write_clip(folder / "a" / "p1.mp4", shade=7)
    with pytest.raises(ImportRefused, match=r"p1\.mp4: another clip of this prompt and seed is stored for a"):
        import_clips(layouts.read(folder), "set")


def test_all_that_is_wrong_is_listed_and_nothing_is_stored(db, folder, settings):
    (folder / "a" / "p1.mp4").write_bytes(b"no clip at all")
    (folder / "b" / "p1.mp4").write_text("#EXTM3U\n/etc/passwd\n")
    (folder / "b" / "p2.mp4").unlink()
    make_contender("b")
    with pytest.raises(ImportRefused) as refused:
        import_clips(layouts.read(folder), "set")
    told = "\n".join(refused.value.problems)
    assert f"{folder}/a/p1.mp4" in told
    assert f"{folder}/b/p1.mp4" in told
    assert "b: no clip of prompt 'p2', seed 0 (or pass --allow-missing)" in told
    assert "b: a rendered contender has this name" in told
    assert not Clip.objects.exists()
    assert not Contender.objects.filter(name="a").exists()
    assert not [path for path in settings.MEDIA_DIR.rglob("*") if path.is_file()]


@pytest.mark.parametrize("ending", [".gif", ".png", ".jpg", ".mp4", ".mov"])
def test_every_accepted_kind_of_file(db, tmp_path, ending):
    for number, contender in enumerate("ab"):
        write_clip(tmp_path / contender / f"p{ending}", shade=60 + 90 * number)
    import_clips(layouts.read(tmp_path), "set")
    assert {clip.kind for clip in Clip.objects.all()} == {"image" if ending in (".png", ".jpg") else "video"}


def test_the_command_opens_a_comparison_that_one_can_vote_on(db, folder, capsys):
    call_command("import_clips", folder, name="imported", overlap=2)
    told = capsys.readouterr().out
    comparison = Comparison.objects.get(name="imported")
    assert comparison.is_open
    assert comparison.pairs.count() == 2
    assert "2 pairs, 0 left out" in told
    assert comparison.invitations.get().token in told


def test_allow_missing_keeps_the_complete_pairs_and_says_how_many_were_left_out(db, folder, capsys):
    (folder / "b" / "p2.mp4").unlink()
    with pytest.raises(CommandError, match="Nothing was stored: 1 problems"):
        call_command("import_clips", folder, name="imported")
    call_command("import_clips", folder, name="imported", allow_missing=True)
    assert "1 pairs, 1 left out for a missing clip" in capsys.readouterr().out


def test_a_lacking_clip_can_be_imported_later(db, folder, tmp_path):
    kept = tmp_path / "p2.mp4"
    shutil.move(folder / "b" / "p2.mp4", kept)
    call_command("import_clips", folder, name="first", allow_missing=True)
    shutil.move(kept, folder / "b" / "p2.mp4")
    call_command("import_clips", folder, name="second")
    assert Comparison.objects.get(name="second").pairs.filter(left_out=False).count() == 2


@pytest.mark.slow
def test_four_real_systems_become_a_comparison_of_six_pairings(db, shared_data, capsys):
    fetv = shared_data / "fetv"
    call_command("import_clips", fetv / "clips", prompts=fetv / "prompts.jsonl", name="FETV")
    comparison = Comparison.objects.get()
    assert Clip.objects.filter(state=Clip.State.READY).count() == 4 * 35
    assert comparison.pairs.filter(left_out=False).count() == 6 * 35
    assert comparison.is_open


def give_image(folder, key, file, shade=200):
    """Give a listed prompt a reference image."""
    Image.fromarray(np.full((20, 30, 3), shade, dtype=np.uint8)).save(folder / "looks.png")
    rows = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    rows = [row | {"image": file} if row["id"] == key else row for row in rows]
    (folder / "prompts.jsonl").write_text("\n".join(map(json.dumps, rows)))


def test_a_prompts_image_is_stored_with_it_and_makes_another_prompt_set(db, folder):
    import_clips(layouts.read(folder), "set")
    give_image(folder, "p1", "looks.png")
    prompts = import_clips(layouts.read(folder), "set").prompt_set.prompts
    with_image, without = prompts.get(key="p1"), prompts.get(key="p2")
    assert with_image.prompt_set.version == 2
    with Image.open(with_image.picture) as stored:
        assert (stored.format, stored.size, stored.getpixel((3, 3))) == ("WEBP", (30, 20), (200, 200, 200))
    assert without.picture is None


@pytest.mark.parametrize(
    ("file", "said"), [("none.png", "there is no image none.png"), ("../x.png", "leads out of the folder")]
)
def test_an_image_that_cannot_be_had_is_named_and_nothing_is_stored(db, folder, file, said):
    (folder.parent / "x.png").write_bytes(b"x")
    give_image(folder, "p1", file)
    with pytest.raises(ImportRefused, match=said):
        import_clips(layouts.read(folder), "set")
    assert not Clip.objects.exists()


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_stills_become_image_clips(db, tmp_path, ending):
    for contender in ("a", "b"):
        (tmp_path / contender).mkdir()
        Image.fromarray(np.full((32, 48, 3), 90, dtype=np.uint8)).save(tmp_path / contender / f"a cat.{ending}")
    import_clips(layouts.read(tmp_path), "stills")
    assert {(clip.kind, clip.rendition.suffix) for clip in Clip.objects.all()} == {("image", ".webp")}


def test_an_animated_webp_is_refused_by_name(db, tmp_path):
    frames = [Image.fromarray(np.full((32, 48, 3), shade, dtype=np.uint8)) for shade in (10, 200)]
    for contender in ("a", "b"):
        (tmp_path / contender).mkdir()
        frames[0].save(tmp_path / contender / "a cat.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(ImportRefused, match="is an animation"):
        import_clips(layouts.read(tmp_path), "stills")


def test_votes_on_the_same_prompts_show_the_clips_whatever_their_list_is_called(db, folder, tmp_path):
    import_clips(layouts.read(folder), "set")
    votes = tmp_path / "votes.csv"
    votes.write_text(
        "prompt_id,assessor,aspect,first,second,choice\np1,ann,preference,a,b,a\np2,ann,preference,a,b,tie\n"
    )
    call_command("import_votes", votes, name="same", prompts=folder / "prompts.jsonl")
    other = tmp_path / "other.jsonl"
    other.write_text((folder / "prompts.jsonl").read_text().replace("text of p2", "another text"))
    call_command("import_votes", votes, name="other", prompts=other, again=True)
    states = {each.name: {clip.state for clip in each.clips()} for each in Comparison.objects.all()}
    assert states == {"same": {Clip.State.READY}, "other": {Clip.State.CANCELLED}}
