"""Reports of comparisons with planned looks, and what a running comparison keeps to itself."""

import json

import pytest

from evalapp.assessing.simulate import simulate_votes
from evalapp.comparisons.aspects import HOUSE_ASPECTS
from evalapp.people.projects import first_project
from evalapp.reporting.build import build
from evalapp.reporting.explore import explore
from evalapp.reporting.filters import Filters
from evalapp.reporting.league import build_league
from evalapp.reporting.looking import ORDINARY, withheld
from metrics.preference.stopping import obrien_fleming
from tests.assessing.test_looks import people, voted
from tests.factories import make_comparison

ONE_ASPECT = [aspect for aspect in HOUSE_ASPECTS if aspect.key == "preference"]


def snapshot(comparison):
    return json.loads(build(comparison).snapshot)


def ordinary(part):
    """Every ordinary interval or p-value anywhere in a snapshot."""
    if isinstance(part, list):
        return [found for each in part for found in ordinary(each)]
    if isinstance(part, dict):
        mine = [key for key, value in part.items() if key in ORDINARY and value is not None]
        return mine + [found for each in part.values() for found in ordinary(each)]
    return []


def test_while_voting_goes_on_no_part_shows_an_ordinary_interval_or_test_and_says_why(db):
    comparison = make_comparison(contenders=3, prompts=12, overlap=3)
    simulate_votes(comparison, 3, {})  # no known preferences, or few votes might be foretold perfectly
    running = snapshot(comparison)
    assert ordinary(running) == []
    for part in ("position_bias", "drivers", "ranking", "agreement"):
        assert "when voting has ended" in json.dumps(running[part]), part
    assert running["results"][0]["in_words"].removeprefix("wins ").endswith(" of 100")
    assert all("cannot be said" in row["sentence"] for row in running["drivers"])
    assert [each["votes"] for each in running["ranking"][0]["rated"]]
    exploring = explore(comparison, Filters(tags=("ball",)))
    assert ordinary(exploring) == []
    comparison.close()
    ended = set(ordinary(snapshot(comparison)))
    assert {"interval", "interval_same_assessors", "ranks", "effect_interval", "shrunk_interval"} <= ended


def test_a_league_with_a_running_comparison_shows_ratings_without_intervals_or_ranks(db):
    comparison = make_comparison(contenders=3, prompts=8, overlap=3)
    simulate_votes(comparison, 3)
    type(comparison.participations.first().assessor).objects.update(simulated=False)
    row = build_league(first_project())["aspects"][0]
    assert all(each["rating"] is not None for each in row["rated"])
    assert ordinary(row) == []
    assert "when voting has ended" in row["reason"]
    comparison.close()
    assert "interval" in ordinary(build_league(first_project())["aspects"][0])


def test_what_holds_nothing_ordinary_is_left_as_it_is():
    assert withheld({"votes": 3, "reason": "", "rows": [{"share": 0.5}]}, "why") == {
        "votes": 3,
        "reason": "",
        "rows": [{"share": 0.5}],
    }


@pytest.fixture
def decided(db):
    """Of 150 planned votes the first contender wins the first 60 and a dozen more that were in hand."""
    comparison = make_comparison(prompts=25, overlap=6, aspects=ONE_ASPECT, planned_looks=5)
    voted(comparison, 72)
    return comparison


def test_a_pairing_decided_by_a_look_is_told_so_while_voting_goes_on_and_after(decided):
    for ended in (False, True):
        if ended:
            decided.close()
        found = snapshot(decided)
        assert found["verdicts"][0]["verdict"] == "first preferred"
        assert "interval over all looks" in found["verdicts"][0]["sentence"]
        assert "look 2 of 5, 60 votes" in found["verdicts"][0]["sentence"]
        rule = found["looks"]
        assert (rule["planned_looks"], rule["planned_votes"]) == (5, 150)
        pairing = rule["pairings"][0]
        assert (pairing["decided"], pairing["votes"], pairing["votes_saved"]) == (True, 72, 78)
        assert pairing["sentence"].startswith(
            "Decided at look 2 of 5 after 60 of 150 planned votes; 78 votes were saved"
        )
        assert [look["number"] for look in pairing["looks"]] == [1, 2]
        assert pairing["looks"][0]["boundary"] == pytest.approx(obrien_fleming(5)[0], abs=1e-5)


def test_intervals_and_p_values_after_planned_looks_pay_for_the_looking(decided):
    plain = make_comparison(prompts=25, overlap=6, aspects=ONE_ASPECT)
    voted(plain, 72)
    rows = []
    for comparison in (decided, plain):
        comparison.close()
        rows.append(snapshot(comparison)["results"][0])
    looked, once = rows
    assert looked["win_rate"] == once["win_rate"]
    assert looked["interval"][0] < once["interval"][0]
    assert looked["p_value"] > once["p_value"]


def test_voting_that_ends_before_the_next_look_leaves_a_verdict_by_what_was_spent(db):
    comparison = make_comparison(prompts=25, overlap=6, aspects=ONE_ASPECT, planned_looks=5)
    people(comparison)
    voted(comparison, 40, lambda number: number % 2 == 0)
    comparison.close()
    found = snapshot(comparison)
    assert found["verdicts"][0]["verdict"] == "undecided"
    assert found["looks"]["pairings"][0]["looks"][-1]["votes"] == 40
    assert found["results"][0]["p_value"] is None
    low, high = found["results"][0]["interval"]
    assert low < 0.5 < high


@pytest.mark.parametrize(("margin", "verdict"), [(None, "undecided"), (0.2, "first no worse")])
def test_a_margin_asked_for_makes_no_worse_a_verdict_without_looks_too(db, margin, verdict):
    comparison = make_comparison(prompts=40, overlap=6, aspects=ONE_ASPECT, margin=margin)
    voted(comparison, 240, lambda number: number % 2 == 0)
    comparison.close()
    found = snapshot(comparison)["verdicts"][0]
    assert found["verdict"] == verdict
    assert ("no worse than frame-by-frame by more than 20 in 100" in found["sentence"]) == (margin is not None)
