"""Ratings as votes: the higher one wins within an assessor, and nothing else is compared."""

import csv

import pytest

from evalapp.assessing.ratings import RatingsRefused, votes_from

ROW = {"assessor": "ann", "prompt_id": "p1", "aspect": "beauty"}


def test_the_higher_rating_wins_and_equal_ones_tie():
    ratings = [ROW | {"system": system, "rating": rating} for system, rating in (("a", "3"), ("b", "4.5"), ("c", "3"))]
    choices = {(vote["first"], vote["second"]): vote["choice"] for vote in votes_from(ratings)}
    assert choices == {("a", "b"): "second", ("a", "c"): "tie", ("b", "c"): "first"}


def test_ratings_of_different_assessors_prompts_seeds_or_aspects_are_never_compared():
    one = ROW | {"contender": "a", "rating": 1}
    for change in ({"assessor": "bea"}, {"prompt_id": "p2"}, {"seed": 1}, {"aspect": "softness"}):
        assert list(votes_from([one, ROW | {"contender": "b", "rating": 5} | change])) == []


def test_every_wrong_row_is_named():
    rows = [
        ROW | {"system": "a", "rating": "good"},
        ROW | {"system": "a", "rating": 3},
        ROW | {"system": "a", "rating": 4},
        ROW | {"rating": 4},
        ROW | {"system": "b", "rating": ""},
        ROW | {"system": "b", "rating": "nan"},
    ]
    with pytest.raises(RatingsRefused) as refused:
        list(votes_from(rows))
    assert [problem.split(":")[0] for problem in refused.value.problems] == [
        "row 2",
        "row 4",
        "row 5",
        "row 6",
        "row 7",
    ]


def test_real_ratings_of_four_systems_become_six_pairings(shared_data):
    with (shared_data / "fetv" / "human_ratings.csv").open() as file:
        votes = list(votes_from(csv.DictReader(file)))
    assert len(votes) == 3 * 35 * 3 * 6
    assert {vote["choice"] for vote in votes} == {"first", "second", "tie"}
