"""Reports of some of the votes: counted right, marked, and never taken for the report."""

from dataclasses import fields

import numpy as np
import pytest
from django.db.models import Max
from django.urls import reverse

from evalapp.assessing.exclusions import Exclusion, pause, resume
from evalapp.assessing.simulate import simulate_votes
from evalapp.reporting import columns, tasks
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


def test_where_no_vote_passes_the_filters_they_are_named_as_the_cause(voted):
    found = explore(voted, Filters.read(voted, {"until": ["2020-01-01"]}))
    assert found["warnings"][0] == "No vote passes these filters: nothing below says anything."
    assert found["verdicts"][0]["sentence"].startswith("None of these votes is on ")


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
        waits = client.get(address, headers={"HX-Request": "true"})
        assert 'hx-trigger="every 2s"' in waits.content.decode()
        assert "HX-Refresh" not in waits
    assert bells.count("evalapp.reporting.tasks.build_exploration") == 1
    tasks.build_exploration(voted.pk, {"tag": ["ball"]})
    assert client.get(address, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    text = client.get(address).content.decode()
    assert "Only these votes count:" in text
    assert "hx-trigger" not in text
    assert client.get(reverse("report-explore", args=[voted.code]) + "?tag=none").status_code == 400


def test_votes_can_be_counted_by_the_standing_of_their_assessors(voted):
    people = list(voted.participations.all())
    pause(people[0], "olga")
    Exclusion.objects.exclude_assessor(people[1], "asked a friend", "olga")

    def votes(*standings):
        found = explore(voted, Filters.read(voted, {"standing": list(standings)}))
        return found["counts"]["votes"], found["counts"]["assessors"]

    cast = [len(table_of(voted, Filters.read(voted, {"assessor": [str(each.assessor.code)]}), True)) for each in people]
    assert votes("watched") == (cast[0], 1)
    assert votes("excluded") == (cast[1], 1)
    assert votes("trusted", "watched") == (cast[0] + cast[2], 2)
    resume(people[0])
    assert votes("trusted") == (cast[0] + cast[2], 2), "a standing that changed is another exploration"


def test_a_table_kept_as_a_file_is_the_table_of_the_database(voted, monkeypatch, settings, tmp_path):
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(columns, "FEWEST", 1)
    stored, read = (columns.whole_table(voted, "now") for _ in range(2))
    assert [path.name for path in (tmp_path / "tables").iterdir()] == [f"{voted.code}-now.npz"]
    both = [
        {each.name: getattr(of, each.name) for of in (table, table.answers) for each in fields(of)}
        for table in (stored, read)
    ]
    for name in both[0].keys() - {"answers"}:
        one, other = (table[name] for table in both)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            assert (one == other).all()
        else:
            assert one == other
    for given in ({"tag": ["ball"]}, {"voters": ["people"]}, {"since": ["2020-01-01"]}, {"until": ["2020-01-01"]}):
        filters = Filters.read(voted, given)
        found = columns.filtered(read, voted, filters)
        assert len(found) == len(table_of(voted, filters))
        ballots = filters.of(voted).order_by("pk")
        assert found.answers.ballot.tolist() == list(ballots.values_list("pk", flat=True))
        last = ballots.aggregate(last=Max("created_at"))["last"]
        assert found.answers.last(found.answers.current) == (last and last.isoformat())
    columns.whole_table(voted, "later")
    assert [path.name for path in (tmp_path / "tables").iterdir()] == [f"{voted.code}-later.npz"]


def test_an_exploration_of_very_many_votes_leaves_out_what_takes_long_and_says_so(client, rita, voted, monkeypatch):
    monkeypatch.setattr("evalapp.reporting.build.LIVE_VOTES", 1)
    found = explore(voted, Filters.read(voted, {"tag": ["ball"]}))
    assert (found["drivers"], found["slices"]) == ([], [])
    assert found["sensitivity"][0]["dawid_skene_reason"].startswith("with so many votes")
    assert found["results"][0]["win_rate"] is not None
    client.force_login(rita)
    page = client.get(reverse("report-explore", args=[voted.code]) + "?tag=ball").content.decode()
    assert "with so many votes this is reckoned in the whole report only" in page
