"""Planning on the command line."""

import pytest
from django.core.management import CommandError, call_command

from evalapp.assessing.simulate import simulate_votes
from metrics.preference.planning import assumed, precision
from tests.factories import make_comparison


def told(capsys, **options):
    call_command("plan", **options)
    return capsys.readouterr().out


def test_a_plan_tells_width_power_and_hours(capsys):
    text = told(capsys, prompts=100, overlap=3, assessors=10, seconds=30.0)
    promised = precision(assumed(), prompts=100, votes_per_pair=3, assessors=10, seconds_per_vote=30.0)
    assert f"± {100 * promised.half_width:.1f} of 100" in text
    assert "300 answered pairs, 2.5 hours" in text
    assert "is assumed" in text


def test_four_contenders_cost_six_pairings(capsys):
    assert "1800 answered pairs" in told(capsys, contenders=4)


def test_seeds_of_a_prompt_are_no_prompts(capsys):
    text = told(capsys, prompts=50, seeds=2)
    promised = precision(assumed(), prompts=50, votes_per_pair=3, assessors=10, seeds=2)
    assert "50 prompts with 2 seeds each" in text
    assert f"± {100 * promised.half_width:.1f} of 100" in text
    assert "taken to come out alike" in text
    assert "300 answered pairs" in text


def test_it_says_when_more_prompts_cannot_help(capsys):
    assert "More prompts cannot help: with 5 assessors" in told(capsys, assessors=5, half_width=0.05)


def test_a_wanted_width_names_the_prompts_it_takes(capsys):
    assert told(capsys, half_width=0.08).splitlines()[1].startswith("192 prompts")


def test_a_pilot_gives_the_variation(db, capsys):
    comparison = make_comparison(prompts=10, overlap=4)
    simulate_votes(comparison, 4)
    assert "Variances in 40 votes on preference, end-to-end against frame-by-frame: prompt " in told(
        capsys, pilot=comparison.name
    )
    with pytest.raises(CommandError, match="no aspect “taste”"):
        told(capsys, pilot=comparison.name, aspect="taste")


def test_an_impossible_plan_is_refused_in_words(capsys):
    with pytest.raises(CommandError, match="2 prompts, 2 assessors"):
        told(capsys, overlap=5, assessors=3)


def test_of_several_pairings_of_a_pilot_one_is_named_and_another_can_be_chosen(db, capsys):
    comparison = make_comparison(contenders=3, prompts=10, overlap=4)
    simulate_votes(comparison, 4)
    text = told(capsys, pilot=comparison.name)
    assert "end-to-end against frame-by-frame: prompt" in text
    assert "other pairings, for --pairing: end-to-end against third; frame-by-frame against third." in text
    assert "frame-by-frame against third: prompt" in told(
        capsys, pilot=comparison.name, pairing=["third", "frame-by-frame"]
    )
    with pytest.raises(CommandError, match="these two never met"):
        told(capsys, pilot=comparison.name, pairing=["third", "nobody"])


def test_a_pilot_without_votes_is_refused_in_words(db):
    with pytest.raises(CommandError, match="needs votes on at least two prompts and by at least two assessors"):
        call_command("plan", pilot=make_comparison().name)
