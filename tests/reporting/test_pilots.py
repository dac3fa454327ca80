"""A forecast that rests on the votes of an earlier comparison."""

from dataclasses import replace

import pytest
from django.urls import reverse
from django.utils.translation import override

from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.simulate import simulate_votes
from evalapp.reporting.pilots import NoPilot, Pilot, pilot_of
from evalapp.reporting.table import table_of
from metrics.preference.planning import Components, components_of, precision
from tests.factories import make_comparison, make_participation, make_vote


@pytest.fixture
def pilot(db):
    """Three contenders, two seeds of each prompt; an assessor's votes do not count."""
    comparison = make_comparison(contenders=3, prompts=8, overlap=3, seeds=[0, 1], name="the pilot")
    simulate_votes(comparison, 4)
    Exclusion.objects.exclude_assessor(comparison.participations.first(), "asleep", by="olga")
    comparison.close()
    return comparison


def asked(pilot, **change):
    plan = {
        "contenders": list(pilot.contenders.values_list("pk", flat=True)[:2]),
        "prompts": "\n".join(f"prompt {n}" for n in range(40)),
        "seeds": 2,
        "overlap": 3,
        "aspects": ["preference"],
        "assume-pilot": str(pilot.code),
    }
    return plan | change


def test_variances_are_those_of_the_votes_that_count_on_the_pairing(pilot):
    table = table_of(pilot)
    asked = table.aspects.index("preference")
    for first, second in table.pairings:
        found = pilot_of(pilot, (table.contenders[second], table.contenders[first]))
        rows = table.rows(asked, (first, second))
        assert found.votes == rows.sum() > 20
        assert found.components == components_of(table.votes(rows), table.pair[rows])
        assert sum(found.shares.values()) == pytest.approx(100)
    assert len({pilot_of(pilot, each).components.rest for each in found.pairings}) > 1


def test_the_page_forecasts_by_the_pilot_that_is_chosen_and_says_which(client, olga, pilot):
    client.force_login(olga)
    page = client.get(reverse("new-comparison")).content.decode()
    assert f'<option value="{pilot.code}">the pilot</option>' in page
    told = client.post(reverse("foresee"), asked(pilot))
    expected = precision(pilot_of(pilot).components, 40, 3, 10, seeds=2)
    assert told.context["forecast"].half_width == pytest.approx(100 * expected.half_width)
    text = told.content.decode()
    assert "votes of “the pilot”, end-to-end against frame-by-frame, aspect “Preference”:" in text
    assert "is assumed from published" not in text
    assert not any("come out alike" in each for each in told.context["forecast"].warnings)
    other = client.post(reverse("foresee"), asked(pilot, **{f"pairing-{pilot.pk}": "2"}))
    assert other.context["pilot"].pairing == ("frame-by-frame", "third")
    assert '<option value="2" selected>frame-by-frame × third</option>' in other.content.decode()


def test_a_pilot_that_tells_nothing_or_still_runs_gives_no_forecast(client, olga, pilot):
    client.force_login(olga)
    empty, running = make_comparison(state="closed"), make_comparison()
    for chosen, why in ((empty, "at least two prompts"), (running, "no comparison of this project whose voting")):
        told = client.post(reverse("foresee"), asked(pilot, **{"assume-pilot": str(chosen.code)}))
        assert told.context["forecast"] is None
        assert why in told.context["lacking"]


def test_what_a_pilot_cannot_tell_is_said_in_russian(pilot):
    with override("ru"):
        with pytest.raises(NoPilot, match="пилоту нужны голоса"):
            pilot_of(make_comparison())
        one_each = make_comparison(overlap=1, prompts=6)
        for person in [make_participation(one_each, name) for name in ("alice", "bob")] * 3:
            make_vote(person, "left" if person.pk % 2 else "right")
        told = " ".join(pilot_of(one_each).cautions)
    assert "случай не отделить от промптов" in told
    assert "сиды одного промпта считаются одинаковыми" in told


def test_a_pilot_warns_where_one_side_won_clearly_and_where_it_is_small(pilot):
    said = " ".join(pilot_of(pilot).cautions)
    assert "the pilot has few prompts or assessors" in said
    assert "votes of simulated assessors are among them" in said
    found = Pilot(None, ("a", "b"), [], "", "", 9, 80.0, False, False, Components(0.1, 0.1, 0.1))
    assert found.cautions == ["a won 80 of 100 there: votes on contenders closer to each other vary more"]
    assert replace(found, won=40.0).cautions == []
