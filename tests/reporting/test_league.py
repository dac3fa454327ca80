"""Contenders of several comparisons in one ranking."""

from django.urls import reverse

from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.simulate import simulate_votes
from evalapp.people.projects import first_project
from evalapp.reporting import tasks
from evalapp.reporting.league import build_league
from tests.factories import make_comparison, make_participation


def vote_all(comparison, person, favourite):
    """The favourite is chosen in all but each fourth pair."""
    participation = make_participation(comparison, person)
    number = 0
    while assignment := next_assignment(participation):
        number += 1
        first = assignment.pair.first.contender.name == favourite
        ahead = first == (number % 4 != 0)
        side = "left" if ahead != assignment.swapped else "right"
        choices = dict.fromkeys(comparison.aspects.all(), side)
        assignment.submit(choices, key=assignment.code.hex, viewing={})


def headline(found):
    return [row for row in found["aspects"] if row["aspect"] == "preference"]


def test_contenders_that_never_met_are_ranked_through_a_shared_opponent(db):
    for names, favourite in ((("strong", "middle"), "strong"), (("middle", "weak"), "middle")):
        comparison = make_comparison(names=names, prompts=8, overlap=2)
        for person in ("alice", "bob"):
            vote_all(comparison, f"{person} {names}", favourite)
    (row,) = headline(build_league(first_project()))
    assert [each["contender"] for each in row["rated"]] == ["strong", "middle", "weak"]
    assert row["votes"] == 2 * 8 * 2


def test_groups_without_a_shared_opponent_are_ranked_apart(db):
    for names in (("a", "b"), ("c", "d")):
        vote_all(make_comparison(names=names, prompts=8, overlap=1), f"one of {names}", names[0])
    assert [set(row["contenders"]) for row in headline(build_league(first_project()))] == [{"a", "b"}, {"c", "d"}]


def test_why_a_league_ranks_nobody_is_told_in_the_reader_s_language(client, rita, db):
    comparison = make_comparison(names=("strong", "weak"), prompts=1, overlap=1)
    while assignment := next_assignment(make_participation(comparison, "alice")):
        side = "left" if (assignment.pair.first.contender.name == "strong") != assignment.swapped else "right"
        assignment.submit(dict.fromkeys(comparison.aspects.all(), side), key=assignment.code.hex, viewing={})
        break
    build_league(first_project())
    client.force_login(rita)
    address, english = reverse("league"), "one side won every vote"
    assert english in client.get(address).content.decode()
    page = client.get(address, headers={"accept-language": "ru"}).content.decode()
    assert english not in page
    assert "одна сторона выиграла все голоса" in page


def test_simulated_votes_are_no_part_of_the_league(client, rita, bells, django_capture_on_commit_callbacks, db):
    simulate_votes(make_comparison(prompts=3, overlap=2), 2)
    client.force_login(rita)
    with django_capture_on_commit_callbacks(execute=True):
        assert "being counted" in client.get(reverse("league")).content.decode()
    assert bells.count("evalapp.reporting.tasks.build_league") == 1
    tasks.build_league(first_project())
    assert "People have not voted yet." in client.get(reverse("league")).content.decode()


def test_votes_of_the_league_lead_to_the_pairs_behind_them(client, rita, db):
    comparison = make_comparison(names=("strong", "weak"), prompts=8, overlap=1)
    vote_all(comparison, "alice", "strong")
    build_league(first_project())
    client.force_login(rita)
    page = client.get(reverse("league")).content.decode()
    link = f"{reverse('report-pairs', args=[comparison.code])}?contender=strong&amp;aspect=preference"
    assert link in page
    assert client.get(link.replace("&amp;", "&")).context["page"].paginator.count == 8
