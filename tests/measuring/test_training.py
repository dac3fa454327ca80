"""The team's own judge trained from a page or a program: refused in words, followed, cancelled, shown with its card."""

import json
import shutil
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.urls import reverse

from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.models import Participation
from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.measuring import training
from evalapp.measuring.judges import TrainingRun
from evalapp.measuring.tasks import sweep_judging, train_judge
from evalapp.measuring.training import TrainedAlready, WrongName, start, work
from evalapp.people.audit import AuditEntry
from evalapp.people.projects import Project
from evalapp.people.tokens import ApiToken
from metrics.judges import judge_named
from metrics.judges.own.least import NotEnoughVotes
from tests.factories import make_comparison, make_participation, make_vote

pytestmark = pytest.mark.django_db
OWN = {"name": "ours", "hidden": 0, "mesa": 0}


@pytest.fixture
def filmed(tmp_path, monkeypatch):
    """Clips, and far too few votes."""
    monkeypatch.setattr(settings, "WEIGHTS_DIR", tmp_path)
    comparison = make_comparison(prompts=2, media=True)
    make_vote(make_participation(comparison))
    return comparison


@pytest.fixture
def plenty(filmed, monkeypatch):
    """The same where one vote on one prompt is plenty, so that a run may wait; nothing is trained on it."""
    monkeypatch.setattr("evalapp.measuring.training.shortfall", lambda *votes: "")
    return filmed


@pytest.fixture
def page(client, olga):
    client.force_login(olga)

    def call(comparison, language="en", **told):
        headers = {"accept-language": language}
        if told:
            return client.post(reverse("train-judge", args=[comparison.code]), told, headers=headers)
        return client.get(reverse("judging", args=[comparison.code]), headers=headers)

    return call


@pytest.fixture
def api(client, olga):
    _, secret = ApiToken.objects.issue(olga, "a program", ["read", "organize"], 1)

    def call(method, route, code, key="", **body):
        headers = {"Authorization": f"Bearer {secret}"} | ({"Idempotency-Key": key} if key else {})
        given = {"data": body, "content_type": "application/json"} if method == "post" else {}
        return getattr(client, method)(reverse(route, args=[code]), headers=headers, **given)

    return call


@pytest.mark.slow
def test_a_run_trains_the_judge_that_the_command_trains_and_its_card_stands_on_a_page(voted, page, client, api):
    assert page(voted, **OWN).status_code == 302
    run = TrainingRun.objects.get()
    assert (run.name, run.state, run.comparisons) == ("ours", "queued", [str(voted.code)])
    assert work(run)
    run.refresh_from_db()
    assert (run.state, run.reason) == ("done", "")
    assert run.done == run.total == 2 * 24, "each file measured and read once"
    kept = settings.WEIGHTS_DIR / "own/ours"
    told = json.loads((kept / "judge.json").read_text())
    assert told["card"] == run.card
    assert run.card["simulated_votes"] == run.card["votes"] == 13 * 12 * voted.aspects.count()
    assert judge_named("own", {"judge": "ours"}, settings.WEIGHTS_DIR).probe() == []
    call_command("train_judge", voted.name, "--name", "theirs")
    other = json.loads((settings.WEIGHTS_DIR / "own/theirs/judge.json").read_text())
    assert (other["sha256"], other["card"]) == (told["sha256"], told["card"])
    address = reverse("trained-judge", args=[run.code])
    assert f'href="{address}"' in page(voted).content.decode()
    shutil.rmtree(kept)
    shown = client.get(address).content.decode()
    assert f"<strong>Simulated votes:</strong> {run.card['votes']} / {run.card['votes']}" in shown
    assert "100.0" in shown
    assert "its features hold no words" in shown
    assert api("get", "api-judge-training", run.code).json()["card"] == run.card
    assert not work(run), "it has ended"


def test_too_few_votes_are_refused_before_anything_waits_in_the_words_of_the_command(filmed, page, api):
    with pytest.raises(CommandError) as refused:
        call_command("train_judge", filmed.name)
    told = str(refused.value)
    assert "beauty: 1 votes on 1 prompts: it takes 150 on 10" in told
    with pytest.raises(NotEnoughVotes) as early:
        start(filmed)
    assert str(early.value) == told
    answer = page(filmed, **OWN)
    assert (answer.status_code, told in answer.content.decode()) == (400, True)
    assert "а нужно 150 голосов на 10 промптах" in page(filmed, language="ru", **OWN).content.decode()
    assert api("post", "api-judge-trainings", filmed.code).json()["errors"] == {"others": [told]}
    assert not TrainingRun.objects.exists()
    assert not AuditEntry.objects.filter(verb__contains="train").exists()


def test_votes_count_as_training_counts_them(filmed, monkeypatch):
    counted = {}
    monkeypatch.setattr("evalapp.measuring.training.shortfall", lambda *told: counted.setdefault("beauty", told) and "")
    training.votes_enough([filmed, make_comparison(name="nobody voted")])
    assert counted["beauty"][:2] == (1, 1)
    Exclusion.objects.exclude_assessor(Participation.objects.get(comparison=filmed), "haste", "olga")
    with pytest.raises(NotEnoughVotes, match="there are none"):
        training.votes_enough([filmed])


def test_votes_on_clips_without_files_teach_nothing(filmed):
    Clip.objects.update(state=Clip.State.FAILED)
    with pytest.raises(NotEnoughVotes, match="there are none"):
        start(filmed)


@pytest.mark.parametrize(
    ("wrong", "english", "russian"),
    [
        ({"name": "Our Judge"}, "lower-case letters, digits and hyphens", "из строчных латинских букв"),
        ({"features": ["sound"]}, "no feature extractor is called", "sound"),
        ({"features": ["dinov2"]}, "manage.py weights fetch dinov2", "dinov2"),
        ({"mesa": 101}, "less than or equal to 100", "100"),
        ({"hidden": 1025}, "less than or equal to 1024", "1024"),
    ],
)
def test_a_wrong_choice_is_refused_in_words(plenty, page, api, wrong, english, russian):
    answer = api("post", "api-judge-trainings", plenty.code, **wrong)
    (field,) = wrong
    assert (answer.status_code, english in answer.json()["errors"][field][0]) == (400, True)
    refused = page(plenty, language="ru", **(OWN | wrong))
    assert (refused.status_code, russian in refused.content.decode()) == (400, True)
    assert not TrainingRun.objects.exists()


def test_only_comparisons_of_the_project_are_learned_from(plenty, api, page):
    mine = make_comparison(name="mine too")
    abroad = make_comparison(name="abroad")
    Comparison.objects.filter(pk=abroad.pk).update(project=Project.objects.create(name="elsewhere"))
    refused = api("post", "api-judge-trainings", plenty.code, others=[str(abroad.code)])
    assert refused.json()["errors"]["others"] == [f"there is no comparison {abroad.code} in this project"]
    assert str(abroad.code) not in page(plenty).content.decode()
    assert page(plenty, **OWN, others=[str(abroad.code)]).status_code == 400
    assert page(plenty, **OWN, others=[str(mine.code)]).status_code == 302
    run = TrainingRun.objects.get()
    assert run.comparisons == [str(plenty.code), str(mine.code)]
    Comparison.objects.filter(pk=mine.pk).update(project=Project.objects.get(name="elsewhere"))
    work(run)
    assert (run.state, run.reason) == ("failed", f"there is no comparison {mine.code} in this project")


def test_another_project_s_judge_is_not_replaced(plenty):
    folder = settings.WEIGHTS_DIR / "own/ours"
    folder.mkdir(parents=True)
    for projects in (["another"], [str(plenty.project.code), "another"], None):
        card = {} if projects is None else {"projects": projects}
        (folder / "judge.json").write_text(json.dumps({"card": card}))
        with pytest.raises(WrongName, match="was not trained in this project"):
            start(plenty, "ours")
    (folder / "judge.json").write_text(json.dumps({"card": {"projects": [str(plenty.project.code)]}}))
    assert start(plenty, "ours").state == "queued"


def test_a_program_begins_one_training_of_a_name_follows_it_and_cancels_it(plenty, api):
    made = api("post", "api-judge-trainings", plenty.code, key="k", name="ours", hidden=8, mesa=0.5)
    assert (made.status_code, made.json()["state"], made.json()["mesa"]) == (202, "queued", 0.5)
    again = api("post", "api-judge-trainings", plenty.code, key="k", name="ours", hidden=8, mesa=0.5)
    assert again.json() == made.json()
    code = made.json()["code"]
    assert made.headers["Location"].endswith(f"/judge-trainings/{code}/")
    assert [each["code"] for each in api("get", "api-judge-trainings", plenty.code).json()["results"]] == [code]
    assert api("post", "api-judge-trainings", plenty.code, name="ours").status_code == 409
    other = make_comparison(name="another")
    with pytest.raises(TrainedAlready):
        start(other, "ours", others=[plenty.code])
    assert api("get", "api-judge-training", code).json()["card"] is None
    assert api("delete", "api-judge-training", code).json()["state"] == "cancelled"
    assert api("delete", "api-judge-training", code).status_code == 409
    assert api("post", "api-judge-trainings", plenty.code, name="ours").status_code == 202
    verbs = list(AuditEntry.objects.filter(verb__contains="train").order_by("number").values_list("verb", flat=True))
    assert verbs == ["asked to train a judge on", "cancelled training a judge on", "asked to train a judge on"]


def test_a_run_that_is_cancelled_meanwhile_leaves_no_judge(plenty, monkeypatch):
    run = start(plenty, "ours")

    def learned(*asked):
        training.cancel(TrainingRun.objects.get(pk=run.pk))
        return type("Learned", (), {"card": {"votes": 1}, "save": lambda self: pytest.fail("it was stored")})()

    monkeypatch.setattr("evalapp.measuring.training.learn", learned)
    assert work(run)
    run.refresh_from_db()
    assert (run.state, run.card) == ("cancelled", None)


def test_a_training_at_which_three_workers_died_is_given_up_in_both_languages(plenty, page):
    run = start(plenty, "ours")
    assert run.claim()
    sweep_judging()
    run.refresh_from_db()
    assert run.state == "running", "its worker may be alive"
    TrainingRun.objects.update(attempt=3, lease_until=Now() - timedelta(seconds=1))
    train_judge(run.pk)
    train_judge(0)
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("failed", 3)
    assert "3 workers died at it" in page(plenty).content.decode()
    assert "воркеров: 3" in page(plenty, language="ru").content.decode()


def test_a_worker_that_finds_too_few_votes_says_so(plenty, page):
    run = start(plenty, "ours")
    train_judge(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "1 votes on 1 prompts: it takes 150 on 10" in run.reason
    assert "голосов слишком мало, чтобы обучить судью" in page(plenty, language="ru").content.decode()


def test_votes_whose_clips_are_not_here_are_refused_in_words(db):
    comparison = make_comparison(prompts=1)
    comparison.clips().update(state=Clip.State.CANCELLED)
    make_vote(make_participation(comparison))
    with pytest.raises(CommandError, match="none of the votes is on clips whose files are here"):
        call_command("train_judge", comparison.name, name="ours")


def test_the_page_shows_how_far_a_run_is_and_cancels_it_once(plenty, page, client):
    assert "Train the team" in page(plenty).content.decode()
    assert "manage.py weights fetch dinov2" in page(plenty).content.decode()
    page(plenty, **OWN)
    TrainingRun.objects.update(state="running", total=20, done=7, lease_until=Now() + timedelta(hours=1))
    refused = page(plenty, language="ru", **OWN)
    assert (refused.status_code, "уже обучается" in refused.content.decode()) == (400, True)
    part = client.get(reverse("judging", args=[plenty.code]), headers={"HX-Request": "true"}).content.decode()
    assert "7 / 20" in part
    assert "hx-get" in part
    stop = reverse("stop-training", args=[TrainingRun.objects.get().code])
    assert "is cancelled" in client.post(stop, follow=True).content.decode()
    assert "had ended already" in client.post(stop, follow=True).content.decode()
    part = client.get(reverse("judging", args=[plenty.code]), headers={"HX-Request": "true"}).content.decode()
    assert ("cancelled" in part, "hx-get" in part) == (True, False)
