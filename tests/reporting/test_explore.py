"""Reports of some of the votes: counted right, marked, and never taken for the report."""

import pytest
from django.urls import reverse

from evalapp.assessing.simulate import simulate_votes
from evalapp.reporting import tasks
from evalapp.reporting.build import build, inputs_of
from evalapp.reporting.explore import explore
from evalapp.reporting.filters import Filters, NoSuchFilter
from evalapp.reporting.models import Report
from evalapp.reporting.table import table_of
from tests.factories import make_comparison, make_participation, make_vote


@pytest.fixture
def voted(db):
    comparison = make_comparison(prompts=4, overlap=3)
    simulate_votes(comparison, 2)
    make_vote(make_participation(comparison))
    return comparison


def counted(comparison, **given):
    return len(table_of(comparison, Filters.read(comparison, given)))


def test_filters_divide_the_votes_without_losing_one(voted):
    whole = len(table_of(voted))
    assert counted(voted, tag=["ball"]) + counted(voted, tag=["square"]) == whole
    assert counted(voted, voters=["people"]) + counted(voted, voters=["programs"]) == whole
    codes = [str(each.assessor.code) for each in voted.participations.all()]
    assert sum(counted(voted, assessor=[code]) for code in codes) == whole
    assert counted(voted, until=["2020-01-01"]) == 0
    assert counted(voted, since=["2020-01-01"]) == whole


def test_people_alone_are_the_one_who_voted(voted):
    table = table_of(voted, Filters.read(voted, {"voters": ["people"]}))
    assert len(table) == voted.aspects.count()
    assert not table.simulated.any()


@pytest.mark.parametrize(
    "given", [{"tag": ["nothing"]}, {"since": ["yesterday"]}, {"voters": ["dogs"]}, {"assessor": ["x"]}]
)
def test_a_filter_that_means_nothing_is_refused(voted, given):
    with pytest.raises(NoSuchFilter):
        Filters.read(voted, given)


def test_an_exploration_is_marked_tests_nothing_and_is_no_report(voted):
    voted.close()
    report = build(voted)
    found = explore(voted, Filters.read(voted, {"tag": ["ball"]}))
    assert found["exploratory"]
    assert found["filters"] == {"tags": ["ball"]}
    assert {row["p_value"] for row in found["results"]} == {None}
    assert {row["verdict"] for row in found["verdicts"]} == {"exploratory"}
    assert found["provenance"]["inputs"] != report.inputs == inputs_of(voted)
    assert Report.objects.get() == report


def test_the_page_waits_for_the_worker_and_then_shows_the_votes_asked_for(
    client, rita, voted, bells, django_capture_on_commit_callbacks
):
    client.force_login(rita)
    address = reverse("report-explore", args=[voted.code]) + "?tag=ball"
    with django_capture_on_commit_callbacks(execute=True):
        assert 'http-equiv="refresh"' in client.get(address).content.decode()
    assert bells.count("evalapp.reporting.tasks.build_exploration") == 1
    tasks.build_exploration(voted.pk, {"tag": ["ball"]})
    text = client.get(address).content.decode()
    assert "Only these votes count:" in text
    assert 'http-equiv="refresh"' not in text
    assert client.get(reverse("report-explore", args=[voted.code]) + "?tag=none").status_code == 400
