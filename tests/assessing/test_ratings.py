"""Ratings as votes: the higher one wins within an assessor, and nothing else is compared."""

import csv
import io
import json

import pytest
from django.core.management import call_command

from evalapp.assessing.exchange import export_votes
from evalapp.assessing.intake import VotesRefused, import_votes
from evalapp.assessing.ratings import RatingsRefused, votes_from
from evalapp.comparisons.models import Comparison
from evalapp.reporting.build import build

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


def test_real_ratings_are_reported_beside_the_clips_they_were_given_to(db, shared_data, capsys):
    fetv = shared_data / "fetv"
    call_command("import_votes", fetv / "human_ratings.csv", name="FETV", ratings=True, prompts=fetv / "prompts.jsonl")
    assert "votes of 3 assessors on 210 pairs" in capsys.readouterr().out
    comparison = Comparison.objects.get()
    found = json.loads(build(comparison).snapshot)
    assert {row["votes"] for row in found["results"]} == {3 * 35}
    told = " ".join(found["methods"])
    assert "the higher rating wins and equal ones tie" in told
    assert "Rao & Scott, 1984" not in told  # four contenders, but three assessors: too few to test one scale
    assert all("5 are the least" in row["reason"] for row in found["one_scale"])
    assert found["position_bias"][0]["reason"] == "it is not known who stood on which side"
    with (fetv / "human_ratings.csv").open() as file:
        rated = {tuple(list(row.values())[:4]): int(row["rating"]) for row in csv.DictReader(file)}
    for row in found["results"]:
        first, second = row["contenders"]
        apart = [
            rated[who, prompt, first, aspect] - rated[who, prompt, second, aspect]
            for who, prompt, system, aspect in rated
            if (system, aspect) == (first, row["aspect"])
        ]
        counts = (sum(a > 0 for a in apart), sum(a == 0 for a in apart), sum(a < 0 for a in apart))
        assert (row["wins"], row["ties"], row["losses"]) == counts


def test_votes_without_sides_go_out_and_come_in_again_without(db):
    votes = votes_from([ROW | {"system": "a", "rating": 3}, ROW | {"system": "b", "rating": 4}])
    comparison = import_votes(votes, "rated")
    assert not comparison.sides_known
    file = io.StringIO()
    export_votes(comparison, file)
    (row,) = csv.DictReader(io.StringIO(file.getvalue()))
    assert (row["left"], row["choice"]) == ("", "second")
    assert not import_votes([row], "again").sides_known


def test_sides_are_known_for_all_votes_or_for_none(db):
    one = {"prompt_id": "p", "first": "a", "second": "b", "assessor": "ann", "aspect": "beauty", "choice": "first"}
    with pytest.raises(VotesRefused, match="give it for all of them"):
        import_votes([one, one | {"assessor": "bea", "left": "a"}], "mixed")
    with pytest.raises(VotesRefused, match="needs to know who was on the left"):
        import_votes([one | {"choice": "left"}], "sideless")
