"""`visavis measure …` against a running server: started, waited for, looked at, cancelled."""

import pytest
from visavis import Visavis
from visavis.cli import main

from evalapp.measuring.asked import work
from evalapp.measuring.models import MeasuringRun
from evalapp.people.tokens import ApiToken
from evalapp.reporting.build import build
from tests.factories import give_media, make_comparison, make_organizer


@pytest.fixture
def filmed(db, settings, tmp_path):
    settings.WEIGHTS_DIR = tmp_path
    comparison = make_comparison(media=True)
    for clip in comparison.clips():
        give_media(clip, shade=60 + 9 * (clip.pk % 12))
    return comparison


@pytest.fixture
def measure(live_server, monkeypatch, capsys, filmed):
    """A call of `visavis measure`: what it printed. Whoever waits finds a worker at work and reports built."""
    _, secret = ApiToken.objects.issue(make_organizer(), "client", ["organize", "read"], 1)
    monkeypatch.setenv("VISAVIS_URL", live_server.url)
    monkeypatch.setenv("VISAVIS_TOKEN", secret)

    def workers(_):
        for run in MeasuringRun.objects.unended():
            work(run)
        build(filmed)

    monkeypatch.setattr("time.sleep", workers)

    def call(*words, code=0):
        ended = main(["measure", *map(str, words)])
        said = capsys.readouterr()
        assert ended == code, said
        return said.out if not said.err else said.err

    return call


def test_measures_are_asked_for_waited_for_and_shown_with_their_counts(filmed, measure):
    assert "6 clips; 6 files lack measures" in measure("status", filmed.name)
    asked = ("--metric", "brightness", "--metric", "builtin_frechet", "--reference", "end-to-end")
    said = measure("start", filmed.name, *asked, "--wait")
    run = MeasuringRun.objects.get()
    assert (run.metrics, run.reference.name) == (["brightness", "builtin_frechet"], "end-to-end")
    assert said == f"{run.code}\tdone\t{run.total} of {run.total}\t2 measures against end-to-end\n"
    assert said in measure("status", filmed.name)
    header, *rows = [line.split("\t") for line in measure("show", filmed.name).splitlines()]
    shown = [dict(zip(header, row, strict=True)) for row in rows]
    bright = [row for row in shown if row["metric"] == "brightness"]
    assert [(row["contender"], row["count"], row["missing"]) for row in bright] == [
        ("end-to-end", "3", "0"),
        ("frame-by-frame", "3", "0"),
    ]
    assert all(float(row["low"]) < float(row["value"]) < float(row["high"]) for row in bright)
    (distance,) = [row for row in shown if row["metric"] == "builtin_frechet"]
    assert (distance["against"], distance["value"]) == ("end-to-end", "")
    assert "N too small" in distance["beside it"]
    assert "not comparable with published FVD" in distance["beside it"]


def test_a_file_that_cannot_be_read_is_named_and_the_command_fails(filmed, measure):
    clip = filmed.clips().first()
    clip.master.unlink()
    said = measure("start", filmed.name, "--metric", "brightness", "--wait", code=2)
    assert f"clip {clip.pk}" in said
    assert "6 of 6" in said


def test_wrong_names_are_refused_and_a_run_is_cancelled_once(filmed, measure, live_server, monkeypatch):
    assert "no metric is called 'brightnes'" in measure("start", filmed.name, "--metric", "brightnes", code=2)
    assert "no contender is called 'nobody'" in measure("start", filmed.name, "--reference", "nobody", code=2)
    code, state, *_ = measure("start", filmed.name).split("\t")
    assert state == "queued"
    assert "is being measured already" in measure("start", filmed.name, code=2)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with (
        Visavis(live_server.url, ApiToken.objects.issue(make_organizer("olaf"), "other", ["organize"], 1)[1]) as server,
        pytest.raises(TimeoutError, match="does a worker serve"),
    ):
        server.wait_until_measured(code, patience=0)
    assert "\tcancelled\t" in measure("cancel", code)
    assert "has ended already" in measure("cancel", code, code=2)
