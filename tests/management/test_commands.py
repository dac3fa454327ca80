"""The short commands: links for assessors, votes of simulated ones, and what they say to wrong input."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from evalapp.assessing.models import Ballot, Invitation, Vote
from evalapp.people.models import Assessor
from tests.factories import make_comparison


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_invite_prints_a_link_that_lets_in_as_many_as_it_has_seats(comparison, client):
    link = run("invite", comparison.name, "--seats", "2", "--label", "friends").strip()
    invitation = Invitation.objects.get(label="friends")
    assert link == invitation.link
    assert invitation.seats == 2
    assert client.get(link).status_code == 200


def test_invite_says_how_many_the_link_lets_in(comparison, capsys):
    call_command("invite", comparison.name)
    told = capsys.readouterr()
    assert told.out.count("\n") == 1
    assert told.err == "For one assessor; --seats lets in more.\n"


def test_a_comparison_goes_by_its_code_too(comparison):
    assert "/i/" in run("invite", str(comparison.code))


@pytest.mark.parametrize("seats", ["0", "-1", "two", "1.5", "99999999999"])
def test_invite_refuses_seats_that_nobody_can_sit_on(comparison, seats):
    with pytest.raises(CommandError, match="write a whole number, 1 or more"):
        run("invite", comparison.name, f"--seats={seats}")
    assert not Invitation.objects.exists()


def test_a_misspelt_name_is_answered_by_the_near_one(db):
    make_comparison(name="May checkpoints")
    with pytest.raises(CommandError, match="did you mean 'May checkpoints'"):
        run("invite", "Mai checkpoint")


def test_simulated_votes_are_marked_and_leave_the_rest_of_the_places(db):
    comparison = make_comparison(prompts=4, overlap=3)
    said = run("simulate_votes", comparison.name, "--assessors", "2")
    assert said == "2 simulated assessors answered 8 pairs.\n"
    assert Ballot.objects.count() == 8
    assert Assessor.objects.filter(simulated=True).count() == Assessor.objects.count() == 2
    assert all(pair.assignments.count() == 2 for pair in comparison.pairs.all())


def test_simulated_assessors_go_on_where_they_stopped(comparison):
    run("simulate_votes", comparison.name, "--assessors", "1")
    votes = Vote.objects.count()
    assert "answered 0 pairs" in run("simulate_votes", comparison.name, "--assessors", "1")
    assert Vote.objects.count() == votes


def test_a_strong_preference_wins_nearly_every_vote_for_the_contender_listed_first(db):
    comparison = make_comparison(prompts=20, overlap=2)
    run("simulate_votes", comparison.name, "--assessors=2", "--prefer", "movement=9", "--prefer", "beauty=-9")
    first = comparison.entries.get(position=min(comparison.entries.values_list("position", flat=True))).contender
    for aspect, won in (("movement", True), ("beauty", False)):
        votes = Vote.objects.filter(aspect__key=aspect).select_related("ballot__assignment__pair__first")
        wins = sum(
            vote.choice == ("first" if vote.ballot.assignment.pair.first.contender == first else "second")
            for vote in votes
        )
        assert (wins >= 38) if won else (wins <= 2)


@pytest.mark.parametrize("given", ["movement", "movement=", "movement=much", "movement=nan", "movement=inf"])
def test_a_preference_that_is_no_number_is_refused(comparison, given):
    with pytest.raises(CommandError, match="write ASPECT=NUMBER"):
        run("simulate_votes", comparison.name, "--prefer", given)


def test_a_preference_for_no_aspect_of_the_comparison_is_refused_with_those_there_are(comparison):
    with pytest.raises(CommandError, match=r"no such aspect; there are beauty, .*softness"):
        run("simulate_votes", comparison.name, "--prefer", "speed=1")
    assert not Vote.objects.exists()


def test_votes_are_simulated_only_while_a_comparison_is_open(db):
    comparison = make_comparison(state="paused")
    with pytest.raises(CommandError, match="is paused"):
        run("simulate_votes", comparison.name)
