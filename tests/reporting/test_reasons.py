"""What stands beside the win rates, on tables small enough to check by hand."""

import json

import numpy as np
import pytest

from evalapp.assessing.simulate import simulate_votes
from evalapp.reporting import reasons, sections
from evalapp.reporting.build import build
from evalapp.reporting.presenting import presented
from evalapp.reporting.table import VoteTable
from evalapp.reporting.verdicts import verdicts
from tests.factories import make_comparison


def table(outcomes, assessors=6, contenders=("one", "two"), tags=(), **columns):
    """Votes by pair, assessor and aspect: `outcomes` (pairs, assessors, aspects), each pair on a prompt of its own."""
    outcomes = np.asarray(outcomes, dtype=float)
    pair, assessor, aspect = (axis.ravel() for axis in np.indices(outcomes.shape))
    names = ["preference", "motion", "beauty", "sharpness"][: outcomes.shape[2]]
    size = outcomes.size
    given = {"first": np.zeros(size, int), "second": np.ones(size, int), "first_on_left": (pair + assessor) % 2 == 0}
    given |= columns
    prompts = [{"key": str(p), "text": "", "tags": list(tags[p]) if tags else []} for p in range(len(outcomes))]
    people = [{"code": str(a), "simulated": False} for a in range(outcomes.shape[1])]
    return VoteTable(
        list(contenders),
        names,
        prompts,
        people,
        given["first"],
        given["second"],
        aspect,
        pair,
        assessor,
        pair,
        outcomes.ravel(),
        given["first_on_left"],
    )


def motion_decides(seed=0, pairs=60, assessors=6):
    """The preference follows motion in nine of ten votes and beauty never; motion mostly goes to the first."""
    rng = np.random.default_rng(seed)
    motion = (rng.random((pairs, assessors)) < 0.7).astype(float)
    beauty = (rng.random((pairs, assessors)) < 0.5).astype(float)
    preference = np.where(rng.random((pairs, assessors)) < 0.9, motion, 1 - motion)
    return np.stack([preference, motion, beauty], axis=2)


def test_the_aspect_that_decided_the_votes_is_named_as_what_goes_with_the_preference():
    found = reasons.drivers(table(motion_decides()))[0]
    shares = {each["aspect"]: each["share"] for each in found["aspects"]}
    assert shares["motion"] > 0.95
    assert sum(shares.values()) == pytest.approx(1)
    assert "one is preferred for its motion" in found["sentence"]
    assert "not a cause" in found["sentence"]


def test_where_too_few_voted_to_claim_anything_drivers_claim_nothing_either():
    few = table(motion_decides()[:, :4])
    found = reasons.drivers(few)[0]
    assert found["sentence"] == "What goes with the preference cannot be said: 4 assessors, where 5 are the least."
    assert found["aspects"], "the data are shown"


def test_drivers_join_the_answers_of_one_assessor_on_one_pair_whatever_their_order():
    whole = table(motion_decides())
    order = np.random.default_rng(3).permutation(len(whole))
    columns = ("first", "second", "aspect", "prompt", "assessor", "pair", "outcome", "first_on_left")
    mixed = VoteTable(
        whole.contenders,
        whole.aspects,
        whole.prompts,
        whole.assessors,
        *(getattr(whole, name)[order] for name in columns),
    )
    ours, theirs = (reasons.drivers(each)[0]["aspects"][0] for each in (whole, mixed))
    assert ours["contribution"] == pytest.approx(theirs["contribution"], abs=1e-9)


def test_a_form_that_lacks_an_aspect_is_no_form_for_drivers():
    whole = table(motion_decides())
    kept = ~((whole.aspect == 1) & (whole.pair < 10))
    columns = ("first", "second", "aspect", "prompt", "assessor", "pair", "outcome", "first_on_left")
    partial = VoteTable(
        whole.contenders,
        whole.aspects,
        whole.prompts,
        whole.assessors,
        *(getattr(whole, name)[kept] for name in columns),
    )
    assert reasons.drivers(partial)[0]["forms"] == 50 * 6


def test_weighing_assessors_takes_the_word_of_those_who_agree_over_one_who_answers_at_random():
    rng = np.random.default_rng(1)
    truth = (np.arange(80) < 64).astype(float)
    votes = np.repeat(truth[:, None], 4, axis=1)
    votes[:, 3] = rng.random(80) < 0.5
    whole = table(votes[:, :, None])
    found = reasons.sensitivity(whole)[0]
    plain = sections.results(whole, tests=True)[0]["win_rate"]
    assert abs(found["dawid_skene"] - 0.8) < 0.02 < abs(plain - 0.8)


def test_where_assessors_agree_by_chance_alone_nobody_is_weighed():
    """Votes of .74 each, whatever the pair: taken for errors about one true answer they would make 99 of 100."""
    whole = table((np.random.default_rng(2).random((80, 4)) < 0.74).astype(float)[:, :, None])
    found = reasons.sensitivity(whole)[0]
    assert found["dawid_skene"] is None
    assert found["dawid_skene_reason"].startswith("assessors agree no better than by chance")
    alone = table((np.random.default_rng(2).random((80, 1)) < 0.74).astype(float)[:, :, None])
    assert reasons.sensitivity(alone)[0]["dawid_skene_reason"] == "one assessor only: nobody to be weighed against"


def test_the_side_corrected_win_rate_removes_what_the_left_side_gave():
    pairs, assessors = 60, 6
    left = np.zeros((pairs, assessors), bool)
    left[:, :4] = True  # the first stood on the left in two of three votes, and the left side always won
    whole = table(left[:, :, None].astype(float), first_on_left=left.ravel())
    found = reasons.sensitivity(whole)[0]
    assert sections.results(whole, tests=True)[0]["win_rate"] == pytest.approx(2 / 3)
    assert found["side_corrected"] == pytest.approx(0.5)
    assert any("stood on the left in 67 of 100" in told for told in reasons.warnings(whole))


def test_tags_that_differ_are_found_and_drawn_towards_the_whole():
    outcomes = np.zeros((40, 6, 1))
    rng = np.random.default_rng(2)
    outcomes[:20] = rng.random((20, 6, 1)) < 0.8
    outcomes[20:] = rng.random((20, 6, 1)) < 0.3
    whole = table(outcomes, tags=[["people"]] * 20 + [["water"]] * 20)
    found = reasons.slices(whole, tests=True)[0]
    people, water = found["tags"]
    assert found["p_value"] < 0.01
    assert water["win_rate"] < water["shrunk"] < people["shrunk"] < people["win_rate"]
    assert reasons.slices(whole, tests=False)[0]["p_value"] is None


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (np.full((20, 6, 1), 0.5), "All votes on one against two are ties (120)"),
        (np.tile([[[1.0]], [[0.0]]], (10, 1, 1)), "All votes come from one assessor"),
        (np.tile([[1.0], [0.0]], (1, 3, 1)), "All votes are on one prompt"),
    ],
)
def test_odd_votes_are_warned_of(outcomes, said):
    assert any(said in told for told in reasons.warnings(table(outcomes)))


@pytest.mark.parametrize(
    ("outcomes", "lacking", "why"),
    [
        (np.tile([[[1.0]], [[0.0]]], (10, 1, 1)), "one assessor, where 5 are the least", "one assessor only"),
        (np.tile([[[1.0], [0.0]]], (1, 3, 1)), "one prompt, where 20 are the least", "one prompt only"),
    ],
)
def test_without_an_interval_the_data_are_shown_with_what_is_lacking(outcomes, lacking, why):
    whole = table(outcomes)
    (found,) = verdicts(whole, sections.results(whole, tests=True), closed=True)
    told = f"Too few to claim: {lacking}. So far one wins 50 of 100 against two (no interval: {why}"
    assert found["sentence"].startswith(told)
    assert f"{outcomes.size} votes" in found["sentence"]
    assert found["verdict"] == "too few to claim"


def test_sides_that_never_changed_are_not_said_to_be_corrected():
    outcomes = np.tile([[[1.0], [0.0], [1.0]]], (20, 2, 1))
    whole = table(outcomes, first_on_left=np.ones(outcomes.size, dtype=bool))
    (told,) = reasons.warnings(whole)
    assert "one stood on the left in 100 of 100 of its votes: its quality and its place cannot be told apart" in told
    assert reasons.sensitivity(whole)[0]["side_corrected"] is None


def test_where_every_vote_is_a_tie_no_side_was_chosen_and_votes_are_not_said_to_be_missing():
    overall = sections.position_bias(table(np.full((20, 6, 1), 0.5)))[0]
    assert (overall["decided"], overall["left"]) == (0, None)
    assert overall["reason"] == "every vote is a tie: neither side was ever chosen"


def test_an_assessor_with_half_of_the_votes_is_warned_of():
    whole = table(motion_decides())
    few = (whole.assessor == 0) | (whole.pair < 10)
    columns = ("first", "second", "aspect", "prompt", "assessor", "pair", "outcome", "first_on_left")
    lopsided = VoteTable(
        whole.contenders,
        whole.aspects,
        whole.prompts,
        whole.assessors,
        *(getattr(whole, name)[few] for name in columns),
    )
    assert any("One assessor cast 55 of 100 votes" in told for told in reasons.warnings(lopsided))
    assert not any("One assessor" in told for told in reasons.warnings(whole))


def test_a_contender_never_compared_is_named():
    told = reasons.warnings(table(motion_decides(), contenders=("one", "two", "three")))
    assert "three has never been compared: no vote says anything about it." in told
    assert not reasons.warnings(table(motion_decides()))


def test_a_circle_of_preferences_shows_as_one():
    outcomes = np.ones((60, 6, 1)) * (np.random.default_rng(0).random((60, 6, 1)) < 0.85)
    pair = np.indices(outcomes.shape)[0].ravel()
    whole = table(outcomes, contenders=("a", "b", "c"), first=pair % 3, second=(pair + 1) % 3)
    found = reasons.one_scale(whole, tests=True)[0]
    assert found["circles"] == 1
    assert found["p_value"] < 0.05
    assert reasons.one_scale(whole, tests=False)[0]["p_value"] is None


def everywhere(part):
    """Every key of a snapshot with its value, however deep."""
    if isinstance(part, list):
        return [found for each in part for found in everywhere(each)]
    return (
        [found for key, value in part.items() for found in [(key, value), *everywhere(value)]]
        if part and isinstance(part, dict)
        else []
    )


def ordinary(key):
    return "interval" in key or "p_value" in key or key in ("ranks", "standard_error")


def test_while_voting_goes_on_only_the_live_interval_is_claimed(db):
    comparison = make_comparison(prompts=30, overlap=5)
    simulate_votes(comparison, 6)
    running = json.loads(build(comparison).snapshot)
    row = running["results"][0]
    low, high = row["live_interval"]
    assert row["interval_same_assessors"] is None
    assert "live interval" in running["verdicts"][0]["sentence"]
    assert all(each["p_value"] is None for each in running["results"])
    shown = presented(running)["pairings"][0]["rows"][0]
    assert shown["interval"] in [each["live_interval"] for each in running["results"]]
    assert not shown["same"]
    assert {key for key, value in everywhere(running) if value is not None and ordinary(key)} <= {"live_interval"}
    comparison.close()
    ended = json.loads(build(comparison).snapshot)
    assert "live interval" not in ended["verdicts"][0]["sentence"]
    assert low < ended["results"][0]["interval_same_assessors"][0]
    assert ended["results"][0]["interval_same_assessors"][1] < high


@pytest.mark.parametrize("damaged", range(4))
def test_damage_of_one_aspect_shows_there_and_in_no_other(damaged):
    rng = np.random.default_rng(20)
    outcomes = rng.choice([0, 0.5, 1], (40, 6, 4))
    outcomes[:, :, damaged] = rng.random((40, 6)) < 0.8
    whole = table(outcomes)
    (found,) = verdicts(whole, sections.results(whole, tests=True), closed=True)
    shown = [key for key in found["first_better_at"] + found["second_better_at"] if key != "preference"]
    assert shown == ([whole.aspects[damaged]] if damaged else [])
    assert found["verdict"] == ("undecided" if damaged else "first preferred")
