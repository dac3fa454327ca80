"""The organizer's page of judges and the API: starting, estimating, uploading, cancelling; nothing for assessors."""

import base64

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from evalapp.measuring.judges import SAID, JudgeRun, Verdict
from evalapp.measuring.judging import start, work
from evalapp.people.tokens import ApiToken
from metrics import JUDGES
from metrics.judges.interface import STATUSES
from tests.factories import make_comparison, make_organizer, make_participation
from tests.test_access import browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def filmed():
    return make_comparison(media=True)


@pytest.fixture
def organizer(client):
    client.force_login(make_organizer())
    return client


@pytest.fixture
def api(client):
    _, secret = ApiToken.objects.issue(make_organizer(), "a program", ["read", "organize"], 1)

    def call(method, name, *args, **body):
        headers = {"Authorization": f"Bearer {secret}"}
        given = {"data": body, "content_type": "application/json"} if method == "post" else {}
        return getattr(client, method)(reverse(name, args=args), headers=headers, **given)

    return call


def scores_of(comparison):
    rows = [f"{clip.contender.name},{clip.prompt.key},{clip.seed},{clip.pk}" for clip in comparison.clips()]
    return "\n".join(["contender,prompt,seed,visual", *rows]).encode()


def test_the_page_lists_every_judge_with_what_it_lacks_and_starts_one(organizer, filmed):
    page = organizer.get(reverse("judging", args=[filmed.code])).content.decode()
    assert all(f"<b>{name}</b>" in page for name in JUDGES)
    assert "the prompt is read where a measure of text and picture is among its features, and else not." in page
    estimated = organizer.post(reverse("judging", args=[filmed.code]), {"judge": "signal", "estimate": "yes"})
    assert "answers are needed" in estimated.content.decode()
    assert "It says nothing of relevance, preference." in estimated.content.decode()
    assert not JudgeRun.objects.exists()
    organizer.post(reverse("judging", args=[filmed.code]), {"judge": "signal"})
    run = JudgeRun.objects.get()
    page = organizer.get(reverse("judging", args=[filmed.code])).content.decode()
    assert "signal 1" in page
    assert "waits" in page or run.ended


def test_uploaded_scores_become_verdicts_under_their_judge_s_name(organizer, filmed):
    upload = SimpleUploadedFile("scores.csv", scores_of(filmed))
    fields = {"judge": "replay", "replay-path": upload, "replay-judge": "their-model", "replay-version": "3"}
    fields |= {"replay-aspects": '{"beauty": {"visual": 1}}'}
    assert organizer.post(reverse("judging", args=[filmed.code]), fields).status_code == 302
    run = JudgeRun.objects.get()
    work(run)
    run.refresh_from_db()
    assert (run.judge.name, run.state) == ("their-model", "done")
    assert Verdict.objects.get(judge=run.judge, sha256=filmed.clips().first().sha256).natives.keys() == {"visual"}


def test_a_judge_that_cannot_start_says_why_and_makes_no_run(organizer, filmed):
    for fields, told in (
        ({"judge": "vlm", "vlm-server": "none", "vlm-model": "m", "vlm-template": "aspects"}, "JUDGE_SERVERS"),
        ({"judge": "replay", "replay-judge": "x"}, "required"),
        ({"judge": "replay", "replay-judge": "x", "replay-path": SimpleUploadedFile("a.exe", b"x")}, "upload a .csv"),
    ):
        response = organizer.post(reverse("judging", args=[filmed.code]), fields)
        assert (response.status_code, told in response.content.decode()) == (400, True), told
    assert not JudgeRun.objects.exists()


def test_what_a_judge_lacks_is_said_in_the_readers_language(organizer, filmed, monkeypatch):
    monkeypatch.setenv("JUDGE_SERVERS", '{"gpt": {"url": "http://127.0.0.1:9"}}')
    organizer.cookies["django_language"] = "ru"
    address = reverse("judging", args=[filmed.code])
    assert "ещё нет собственного судьи: его обучает" in organizer.get(address).content.decode()
    start(filmed, "vlm", {"server": "gpt", "model": "m"})
    for fields, told in (
        ({"server": "gptt"}, "в JUDGE_SERVERS нет &#x27;gptt&#x27;, есть gpt"),
        ({"most_cost": 1}, "у его сервера нет цены"),
        ({}, "уже спрашивают о"),
    ):
        given = {f"vlm-{key}": each for key, each in ({"server": "gpt", "model": "m"} | fields).items()}
        defaults = {"vlm-template": "aspects", "vlm-temperature": 0, "judge": "vlm"}
        page = organizer.post(address, defaults | given).content.decode()
        assert told in page
    for reason, told in (
        ("4 calls were made, and the next answers may take 4: 4 are allowed", "сделано запросов: 4"),
        ("http://x/ cannot be reached: refused; is the address right, and is it running?", "http://x/ недоступен"),
    ):
        JudgeRun.objects.update(state="stopped", reason=reason)
        assert told in organizer.get(address).content.decode()


def test_a_run_is_cancelled_once_and_the_trail_says_so(organizer, filmed):
    run = start(filmed, "signal", {})
    organizer.post(reverse("stop-judge", args=[run.code]))
    run.refresh_from_db()
    assert run.state == "cancelled"
    said = organizer.post(reverse("stop-judge", args=[run.code]), follow=True).content.decode()
    assert "had ended already" in said
    assert "cancelled a judge of" in organizer.get(reverse("audit")).content.decode()


def test_a_program_asks_follows_and_cancels_by_the_api(api, filmed):
    judges = api("get", "api-judges").json()["results"]
    assert {judge["name"] for judge in judges} == set(JUDGES)
    upload = {"name": "scores.csv", "content": base64.b64encode(scores_of(filmed)).decode()}
    body = {"judge": "replay", "options": {"judge": "their-model"}, "upload": upload}
    told = api("post", "api-judge-estimate", filmed.code, **body).json()
    assert told["silent_on"] == [aspect.key for aspect in filmed.aspects.all() if aspect.key != "preference"]
    assert (told["total"], told["left"]) == (len(set(filmed.clips().values_list("sha256", flat=True))),) * 2
    made = api("post", "api-judge-runs", filmed.code, **body)
    assert made.status_code == 201, made.content
    run = made.json()["code"]
    assert api("get", "api-judge-run", run).json()["name"] == "replay"
    assert api("get", "api-judge-runs", filmed.code).json()["results"][0]["code"] == run
    JudgeRun.objects.filter(code=run).update(state="queued")
    assert api("post", "api-judge-runs", filmed.code, **body).status_code == 409
    assert api("delete", "api-judge-run", run).json()["state"] == "cancelled"
    assert api("delete", "api-judge-run", run).status_code == 409


def test_no_file_of_the_server_can_be_named_from_afar(api, filmed):
    body = {"judge": "replay", "options": {"judge": "x", "path": "/etc/passwd"}}
    refused = api("post", "api-judge-runs", filmed.code, **body)
    assert refused.status_code == 400
    assert "upload it" in refused.content.decode()
    for wrong in (
        {"judge": "nobody"},
        {"judge": "signal", "options": {"loud": 1}},
        {"judge": "signal", "most_cost": 1},
    ):
        assert api("post", "api-judge-runs", filmed.code, **wrong).status_code == 400


def test_an_assessor_meets_no_verdict_on_any_page_of_theirs(filmed, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_bytes(scores_of(filmed).replace(b"visual", b"zeugma"))
    run = start(filmed, "replay", {"path": str(path), "judge": "zeugma-judge"})
    work(run)
    assert set(Verdict.objects.values_list("status", flat=True)) == {"ok"}
    client = browser("assessor", {"assessor": make_participation(filmed)})
    seen = [client.get(reverse(name, args=[filmed.code]), follow=True) for name in ("assess", "next-task")]
    assert [page.status_code for page in seen] == [200, 200]
    assert not [page for page in seen if b"zeugma" in page.content or run.judge.version_hash.encode() in page.content]
    for name in ("judging", "report"):
        assert client.get(reverse(name, args=[filmed.code])).status_code == 302


def test_every_status_of_an_answer_is_said_in_the_reader_s_language(organizer, filmed):
    assert SAID == STATUSES
    JudgeRun.objects.create(
        comparison=filmed, name="signal", queue="cpu", state=JudgeRun.State.DONE, counts=dict.fromkeys(STATUSES, 3)
    )
    organizer.cookies["django_language"] = "ru"
    page = organizer.get(reverse("judging", args=[filmed.code])).content.decode()
    for said in ("3 есть", "3 отказ", "3 не разобрано", "3 ошибка", "3 время вышло", "3 пропущено", "3 недоступно"):
        assert said in page
