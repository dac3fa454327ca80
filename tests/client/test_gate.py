"""The gate: four verdicts, from the right interval, turned to the candidate."""

import pytest
from visavis.gate import BETTER, NO_WORSE, NOT_ENOUGH, WORSE, gate


def report(interval, state="closed", live=None, too_few="", rate=0.5, contenders=("base", "new")):
    row = {
        "contenders": list(contenders),
        "aspect": "preference",
        "votes": 100,
        "win_rate": rate,
        "interval": interval,
        "live_interval": live,
        "too_few": too_few,
    }
    return {"results": [row], "comparison": {"state": state}, "counts": {"simulated_votes": 0}}


@pytest.mark.parametrize(
    ("base_low_high", "verdict"),
    [
        ([0.30, 0.45], BETTER),  # new: 0.55 to 0.70
        ([0.40, 0.51], NO_WORSE),  # new: 0.49 to 0.60, above 0.48
        ([0.40, 0.55], NOT_ENOUGH),  # new: 0.45 to 0.60
        ([0.52, 0.60], WORSE),  # new: 0.40 to 0.48
        ([0.50, 0.60], NOT_ENOUGH),  # new: up to exactly even
        (None, NOT_ENOUGH),
    ],
)
def test_the_four_verdicts_of_the_second_contender(base_low_high, verdict):
    assert gate(report(base_low_high), "new", "base").verdict == verdict


def test_what_is_said_is_said_of_the_candidate():
    found = gate(report([0.30, 0.45], rate=0.375), "new", "base")
    assert found.win_rate == 0.625
    assert found.interval == pytest.approx((0.55, 0.70))
    assert "wins 62 of 100, between 55 and 70" in found.sentence
    assert gate(report([0.30, 0.45], rate=0.375), "base", "new").verdict == WORSE


def test_while_voting_goes_on_only_the_interval_that_holds_at_every_look_counts():
    assert gate(report([0.30, 0.45], state="open", live=[0.2, 0.6]), "new", "base").verdict == NOT_ENOUGH
    assert gate(report(None, state="open", live=[0.2, 0.4]), "new", "base").verdict == BETTER


def test_too_few_prompts_or_assessors_never_pass():
    assert gate(report([0.1, 0.2], too_few="3 prompts: too few to claim"), "new", "base").verdict == NOT_ENOUGH


def test_the_margin_decides_between_no_worse_and_not_enough():
    assert gate(report([0.40, 0.54]), "new", "base", margin=0.05).verdict == NO_WORSE
    assert gate(report([0.40, 0.54]), "new", "base", margin=0.01).verdict == NOT_ENOUGH
    with pytest.raises(ValueError, match="margin"):
        gate(report(None), "new", "base", margin=0.5)


def test_unknown_contenders_and_aspects_are_told_with_the_known_ones():
    with pytest.raises(ValueError, match="contenders: base, new; aspects: preference"):
        gate(report(None), "new", "nobody")
