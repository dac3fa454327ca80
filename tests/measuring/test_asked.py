"""Measures asked for from a page or a program: chosen, followed, cancelled; after a worker that dies comes another."""

import re
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from evalapp.generation.files import sha256_of
from evalapp.generation.models import Clip
from evalapp.measuring import asked
from evalapp.measuring.asked import MeasuredAlready, start, work
from evalapp.measuring.models import Measurement, MeasuringRun, SetMeasurement
from evalapp.measuring.tasks import measure as measure_task
from evalapp.measuring.tasks import sweep_measuring
from evalapp.people.tokens import ApiToken
from metrics import METRICS, WITH_WEIGHTS
from metrics.sets import SETS
from tests.factories import give_media, make_comparison

pytestmark = pytest.mark.django_db


@pytest.fixture
def filmed(settings, tmp_path):
    """Two contenders, three prompts, real files that differ, and no weights at all."""
    settings.WEIGHTS_DIR = tmp_path
    comparison = make_comparison(media=True)
    for clip in comparison.clips():
        give_media(clip, shade=(40 if clip.contender.name == "end-to-end" else 150) + 5 * clip.prompt.position)
    return comparison


@pytest.fixture
def page(client, olga, filmed):
    client.force_login(olga)

    def call(*metrics, reference="", language="en"):
        headers = {"accept-language": language}
        place = reverse("measuring", args=[filmed.code])
        if not metrics:
            return client.get(place, headers=headers)
        return client.post(place, {"metrics": metrics, "reference": reference}, headers=headers)

    return call


@pytest.fixture
def api(client, olga, filmed):
    _, secret = ApiToken.objects.issue(olga, "a program", ["read", "organize"], 1)

    def call(method, name, code=None, **body):
        given = {"data": body, "content_type": "application/json"} if method == "post" else {}
        headers = {"Authorization": f"Bearer {secret}"}
        return getattr(client, method)(reverse(name, args=[code or filmed.code]), headers=headers, **given)

    return call


def test_a_run_counts_its_files_and_sets_and_what_is_known_is_not_measured_again(filmed):
    run = start(filmed, ["brightness", "builtin_kid"], "end-to-end")
    assert work(run)
    assert (run.state, run.total, run.done, run.reason) == ("done", 6 + 6 + 1, 13, "")
    assert set(Measurement.objects.values_list("metric", flat=True)) == {"brightness"}
    assert set(SetMeasurement.objects.values_list("metric", "reference")) == {("builtin_kid", "end-to-end")}
    assert not work(run), "it has ended"
    again = start(filmed, ["brightness"])
    work(again)
    assert (again.state, again.total, Measurement.objects.count()) == ("done", 0, 6)


def test_without_names_all_that_needs_no_weights_is_measured(filmed):
    run = start(filmed, reference="frame-by-frame")
    assert run.metrics == [*METRICS, *(name for name in SETS if name.startswith("builtin_"))]
    assert start(make_comparison(name="another")).metrics == list(METRICS)


def test_a_cancelled_run_stops_at_the_next_file_and_keeps_what_it_has(filmed, monkeypatch):
    run = start(filmed, ["brightness"])
    real, seen = MeasuringRun.store, []

    def store(self, **progress):
        seen.append(progress.get("done"))
        if progress.get("done") == 2:
            asked.cancel(MeasuringRun.objects.get(pk=run.pk))
        return real(self, **progress)

    monkeypatch.setattr(MeasuringRun, "store", store)
    work(run)
    run.refresh_from_db()
    assert (run.state, run.done, Measurement.objects.count()) == ("cancelled", 1, 2)
    monkeypatch.undo()
    work(again := start(filmed, ["brightness"]))
    assert (again.state, again.total, Measurement.objects.count()) == ("done", 4, 6)


def test_a_run_whose_worker_died_is_taken_up_by_the_sweep_and_a_new_one_may_follow_at_once(filmed):
    run = start(filmed, ["brightness"])
    assert run.claim()
    with pytest.raises(MeasuredAlready, match=str(run.code)):
        start(filmed, ["frozen"])
    sweep_measuring()
    run.refresh_from_db()
    assert run.state == "running", "its worker may be alive"
    MeasuringRun.objects.update(lease_until=Now() - timedelta(seconds=1))
    measure_task(run.pk)
    measure_task(run.pk)
    measure_task(0)
    run.refresh_from_db()
    assert (run.state, run.attempt, Measurement.objects.count()) == ("done", 2, 6)
    left = start(filmed, ["frozen"])
    left.claim()
    MeasuringRun.objects.filter(pk=left.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert start(filmed, ["frozen"]).state == "queued"
    left.refresh_from_db()
    assert (left.state, left.reason) == ("cancelled", "its worker died; the run after it goes on")


def test_a_run_that_three_workers_died_at_says_so_on_the_page_in_both_languages(filmed, page):
    run = start(filmed, ["brightness"])
    MeasuringRun.objects.update(state="running", attempt=3, lease_until=Now() - timedelta(seconds=1))
    measure_task(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt, Measurement.objects.count()) == ("failed", 3, 0)
    assert "3 workers died at it" in page().content.decode()
    assert "воркеров: 3" in page(language="ru").content.decode()


def test_files_that_cannot_be_read_are_named_once_and_the_others_measured(filmed):
    gone, spoilt = filmed.clips()[:2]
    gone.master.unlink()
    spoilt.master.write_bytes(b"no video at all")
    Clip.objects.filter(pk=spoilt.pk).update(sha256=sha256_of(spoilt.master))
    work(run := start(filmed, ["brightness", "builtin_kid"], "end-to-end"))
    assert run.state == "done"
    named = sorted(re.match(r"clip \d+", line)[0] for line in run.reason.splitlines())
    assert named == sorted([f"clip {gone.pk}", f"clip {spoilt.pk}"])
    assert Measurement.objects.count() == 4


def test_the_page_offers_every_measure_marks_what_needs_no_weights_and_names_the_command_for_the_others(page):
    shown = page().content.decode()
    boxes = dict(re.findall(r'name="metrics" value="(\w+)"( checked| disabled)?', shown))
    assert set(boxes) == {*METRICS, *WITH_WEIGHTS, *SETS}
    assert {name for name, mark in boxes.items() if mark == " checked"} == set(METRICS)
    assert {name for name, mark in boxes.items() if not mark} == {name for name in SETS if name.startswith("builtin_")}
    assert "<code>manage.py weights fetch raft</code>" in shown


def test_the_page_starts_a_run_shows_how_far_it_is_and_cancels_it(page, filmed, client):
    assert page("brightness", "builtin_kid", reference="end-to-end").status_code == 302
    run = MeasuringRun.objects.get()
    assert (run.metrics, run.reference.name) == (["brightness", "builtin_kid"], "end-to-end")
    MeasuringRun.objects.update(state="running", total=20, done=7, lease_until=Now() + timedelta(hours=1))
    for refused in (page("frozen"), page("frozen", language="ru")):
        assert refused.status_code == 400
        assert str(run.code) in refused.content.decode()
    assert "уже измеряется" in refused.content.decode()
    part = client.get(reverse("measuring", args=[filmed.code]), headers={"HX-Request": "true"}).content.decode()
    assert "7 / 20" in part
    assert "hx-get" in part
    assert "<form method=" in part
    stop = reverse("stop-measuring", args=[run.code])
    assert "kept" in client.post(stop, follow=True).content.decode()
    assert "had ended already" in client.post(stop, follow=True).content.decode()
    part = client.get(reverse("measuring", args=[filmed.code]), headers={"HX-Request": "true"}).content.decode()
    assert ("cancelled" in part, "hx-get" in part) == (True, False)


@pytest.mark.parametrize(
    ("metrics", "reference", "english", "russian"),
    [
        (["builtin_kid"], "", "choose a contender", "выберите участника"),
        (["flow_motion"], "", "weights fetch raft", "получите его командой"),
        (["builtin_kid"], "unfilmed", "no clip that is ready", "нет ни одного готового клипа"),
    ],
)
def test_a_wrong_choice_is_refused_in_words_on_the_page_and_by_the_api(
    page, api, filmed, metrics, reference, english, russian
):
    from tests.factories import make_contender

    make_contender("unfilmed")
    for language, told in (("en", english), ("ru", russian)):
        refused = page(*metrics, reference=reference, language=language)
        assert (refused.status_code, told in refused.content.decode()) == (400, True)
    answer = api("post", "api-measurements", metrics=metrics, reference=reference)
    assert (answer.status_code, english in answer.content.decode()) == (400, True)
    assert not MeasuringRun.objects.exists()


def test_programs_have_clips_measured_follow_the_run_and_cancel_it(api, filmed):
    files = filmed.clips().values("sha256").distinct().count()
    told = api("get", "api-measurements").json()
    assert (told["clips"], told["files_waiting"], len(told["waiting"]), told["runs"]) == (6, files, files, [])
    for body in ({"reference": "nobody"}, {"metrics": ["brightnes"]}):
        refused = api("post", "api-measurements", **body)
        assert refused.status_code == 400
        assert next(iter(body.values()))[0] in refused.content.decode()
    made = api("post", "api-measurements", reference="frame-by-frame")
    assert (made.status_code, made.json()["state"], made.json()["reference"]) == (202, "queued", "frame-by-frame")
    assert api("post", "api-measurements").status_code == 409
    work(MeasuringRun.objects.get())
    told = api("get", "api-measurements").json()
    assert (told["files_waiting"], told["runs"][0]["state"]) == (0, "done")
    run = made.json()["code"]
    assert api("get", "api-measuring-run", run).json()["done"] == told["runs"][0]["total"] > files
    assert api("delete", "api-measuring-run", run).status_code == 409
    other = api("post", "api-measurements", metrics=["frozen"]).json()["code"]
    assert api("delete", "api-measuring-run", other).json()["state"] == "cancelled"
