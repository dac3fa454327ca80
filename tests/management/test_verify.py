"""`verify` finds each broken promise, and none where all is well."""

import pytest
from django.core.management import CommandError, call_command

from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.models import Assignment
from evalapp.comparisons.models import Pair
from tests.factories import make_comparison, make_participation, make_vote


@pytest.fixture
def house(db):
    """Answers, a correction, a skip, a pair in hand, and files."""
    comparison = make_comparison(prompts=4, overlap=2, media=True)
    alice, bob = make_participation(comparison, name="alice"), make_participation(comparison, name="bob")
    assignment, _ = make_vote(alice)
    assignment.submit(dict.fromkeys(comparison.aspects.all(), "same"), key="corrected", viewing={})
    make_vote(bob)
    next_assignment(alice).skip("it does not play")
    next_assignment(alice)
    return comparison


def complaint(capsys):
    with pytest.raises(CommandError, match="1 promises are broken"):
        call_command("verify")
    return capsys.readouterr().out


def test_all_is_well(house, capsys):
    call_command("verify")
    assert "Every promise holds." in capsys.readouterr().out


def test_a_damaged_and_a_missing_file_are_named(house, capsys):
    clip = house.clips().first()
    clip.rendition.write_bytes(b"other")
    assert f"clip {clip.pk} (" in (told := complaint(capsys))
    assert "clip.mp4 is not the file that was stored" in told
    clip.rendition.unlink()
    assert "clip.mp4 is gone" in complaint(capsys)
    call_command("verify", no_files=True)


def test_a_miscounted_pair_is_named(house, capsys):
    pair = Pair.objects.filter(taken=1).first()
    Pair.objects.filter(pk=pair.pk).update(taken=2)
    assert f"pair {pair.pk} of {house.name}: 1 places are taken" in complaint(capsys)


def test_an_answer_without_its_ballot_is_named(house, capsys):
    assignment = Assignment.objects.filter(state=Assignment.State.SUBMITTED).first()
    Assignment.objects.filter(pk=assignment.pk).update(version=assignment.version + 1)
    assert f"assignment {assignment.code}: " in complaint(capsys)


def test_a_folder_that_belongs_to_no_clip_is_told_and_breaks_no_promise(house, capsys, settings):
    (settings.MEDIA_DIR / "ab" / "abandoned").mkdir(parents=True)
    call_command("verify")
    assert "1 folders belong to no clip" in capsys.readouterr().out
