"""`verify` finds each broken promise, and none where all is well."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.intake import import_votes
from evalapp.assessing.models import Assignment, Ballot, Vote
from evalapp.comparisons.models import Pair
from evalapp.generation.files import sha256_of
from evalapp.generation.models import Clip
from evalapp.reporting.promises import GIVEN_UP, Verification, answers
from evalapp.reporting.tasks import verify
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


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE evalapp_vote SET choice = 'tie' WHERE id = {}", "its votes are not those that were sent"),
        ("DELETE FROM evalapp_vote WHERE id = {}", "6 votes of 7 aspects"),
        ("DELETE FROM evalapp_vote WHERE ballot_id IN (SELECT ballot_id FROM evalapp_vote WHERE id = {})", "0 votes"),
        ("UPDATE evalapp_assignment SET swapped = NOT swapped", "its votes are not those that were sent"),
    ],
)
def test_votes_that_somebody_with_the_databases_password_changed_are_named(house, sql, said):
    vote = Vote.objects.exclude(choice="tie").first()
    assert not list(answers())
    with connection.cursor() as cursor:
        for trigger in ("vote_insert_only", "vote_insert_only_delete"):
            cursor.execute(f"DROP TRIGGER {trigger}{'' if connection.vendor == 'sqlite' else ' ON evalapp_vote'}")
        cursor.execute(sql.format(vote.pk))
    assert any(f"{vote.ballot}: {said}" in told for told in answers())


def test_votes_from_elsewhere_are_no_broken_promise(house):
    row = {"prompt_id": "p1", "assessor": "w1", "aspect": "preference", "first": "a", "second": "b", "choice": "a"}
    import_votes([row], "elsewhere")
    assert Ballot.objects.filter(viewing__imported=True).exists()
    assert not list(answers())


def test_a_folder_that_belongs_to_no_clip_is_told_and_breaks_no_promise(house, capsys, settings):
    (settings.MEDIA_DIR / "ab" / "abandoned").mkdir(parents=True)
    call_command("verify")
    assert "1 folders belong to no clip" in capsys.readouterr().out


@pytest.fixture
def at_night(monkeypatch, settings):
    """The house's clock can be set."""
    clock = [datetime(2026, 3, 1, 2, 50, tzinfo=UTC)]
    monkeypatch.setattr(timezone, "localtime", lambda *_: clock[0])
    return clock


def test_every_night_is_looked_at_once_and_media_too(house, at_night, client, olga):
    verify()
    assert not Verification.objects.exists(), "it is not yet three o'clock"
    at_night[0] += timedelta(minutes=20)
    clip = house.clips().first()
    clip.rendition.write_bytes(b"other")
    verify()
    verify()
    night = Verification.objects.get()
    assert (night.broken, night.finished_at is not None) == (1, True)
    assert "clip.mp4 is not the file that was stored" in night.sentences[0]
    client.force_login(olga)
    assert "found 1 broken promise" in client.get(reverse("comparisons")).text
    at_night[0] += timedelta(days=1)
    Clip.objects.filter(pk=clip.pk).update(rendition_sha256=sha256_of(clip.rendition))
    verify()
    assert list(Verification.objects.values_list("broken", flat=True)) == [0, 1]
    assert "broken promise" not in client.get(reverse("comparisons")).text


def test_a_night_whose_worker_died_is_looked_at_again(house, at_night):
    at_night[0] += timedelta(hours=1)
    assert Verification.objects.begin()
    assert Verification.objects.begin() is None
    Verification.objects.update(began_at=Now() - GIVEN_UP - timedelta(minutes=1))
    assert Verification.objects.begin()
    assert Verification.objects.begin() is None


def test_viewers_are_not_told_of_broken_promises(house, client, vera):
    Verification.objects.create(night=date(2026, 3, 1), finished_at=timezone.now(), broken=3)
    client.force_login(vera)
    assert "broken promise" not in client.get(reverse("comparisons")).text
