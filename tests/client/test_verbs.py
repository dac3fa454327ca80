"""`visavis`: what organizers and admins do by pages, from the command line."""

import json

import pytest
from visavis.cli import main

from evalapp.assessing.exclusions import Exclusion
from evalapp.catalog.models import PromptSet, PromptText
from evalapp.catalog.tasks import alike_of
from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Queue
from evalapp.people.projects import Project, Role
from evalapp.people.tokens import ApiToken
from evalapp.people.webhooks import Webhook
from tests.factories import make_admin, make_comparison, make_member, make_participation, make_vote


@pytest.fixture
def visavis(live_server, monkeypatch, capsys):
    """A call of the command line with an admin's token: what it printed."""
    _, secret = ApiToken.objects.issue(make_admin(), "client", ["organize", "read"], 9)
    monkeypatch.setenv("VISAVIS_URL", live_server.url)
    monkeypatch.setenv("VISAVIS_TOKEN", secret)
    monkeypatch.setattr("time.sleep", lambda _: None)

    def call(*words, code=0):
        ended = main([str(word) for word in words])
        said = capsys.readouterr()
        assert ended == code, said.err
        return said.out if not code else said.err

    return call


def test_an_assessor_is_excluded_and_readmitted_paused_and_resumed(visavis):
    comparison = make_comparison()
    alice = make_participation(comparison)
    make_vote(alice)
    where = (comparison.name, alice.assessor.code)
    assert "trusted" in visavis("assessors", "list", comparison.name)
    assert "alice: excluded" in visavis("assessors", "exclude", *where, "--reason", "slept")
    assert "excluded already" in visavis("assessors", "exclude", *where, "--reason", "slept", code=2)
    assert "alice: trusted" in visavis("assessors", "readmit", *where, "--reason", "was awake")
    assert Exclusion.objects.get().lifted_why == "was awake"
    assert "paused" in visavis("assessors", "pause", *where)
    assert "paused" not in visavis("assessors", "resume", *where)


def test_goldens_are_ordered_named_listed_and_withdrawn(visavis, tmp_path):
    comparison = make_comparison()
    key = comparison.prompt_set.prompts.first().key
    table = tmp_path / "known.csv"
    table.write_text(f"prompt_id,first,second,aspect,choice\n{key},end-to-end,frame-by-frame,beauty,first\n")
    assert "1 pairs" in visavis("goldens", "name", comparison.name, table)
    number = visavis("goldens", "list", comparison.name).split()[0]
    visavis("goldens", "withdraw", comparison.name, number)
    assert "withdrawn" in visavis("goldens", "list", comparison.name)
    assert "queued" in visavis("goldens", "make", comparison.name, "--aspect", "beauty", "--per-aspect", 1)


def test_a_queue_rests_and_goes_on(visavis):
    make_comparison()
    assert "cpu: rests" in visavis("queues", "pause", "cpu")
    assert "rests" in visavis("queues", "list")
    assert "cpu: works" in visavis("queues", "resume", "cpu")
    assert "quiet from 22:00:00" in visavis("queues", "hours", "cpu", "--from", "22:00", "--until", "06:00")
    assert "quiet" not in visavis("queues", "hours", "cpu")
    assert not Queue.objects.get().paused


def test_rules_change_one_by_one_and_a_person_is_forgotten(visavis):
    comparison = make_comparison()
    alice = make_participation(comparison)
    make_vote(alice)
    visavis("rules", "set", comparison.name, "haste", "--threshold", 40, "--consequence", "pause")
    (line,) = [line for line in visavis("rules", "list", comparison.name).splitlines() if line.startswith("haste")]
    assert line.split("\t")[1::2] == ["40 %", "pause"]
    assert "there are side" in visavis("rules", "set", comparison.name, "speed", "--least", 9, code=2)
    where = (comparison.name, alice.assessor.code)
    assert json.loads(visavis("assessors", "data", *where))["name"] == "alice"
    assert "forgotten" in visavis("assessors", "forget", *where, "--sure")
    assert "alice" not in visavis("assessors", "list", comparison.name)


def test_webhooks_tokens_and_the_trail(visavis):
    code, secret = visavis("webhooks", "make", "https://example.org/", "--event", "report.built").split()
    assert secret == Webhook.objects.get().secret
    assert code in visavis("webhooks", "list")
    assert visavis("webhooks", "log", code) == ""
    visavis("webhooks", "remove", code)
    token = visavis("tokens", "make", "ci", "--days", 3).strip()
    assert ApiToken.objects.of_secret(token).name == "ci"
    visavis("tokens", "revoke", ApiToken.objects.get(name="ci").pk)
    assert "revoked" in visavis("tokens", "list")
    verbs = [json.loads(line)["verb"] for line in visavis("audit", "--find", "webhook").splitlines()]
    assert verbs == ["removed a webhook", "made a webhook"]


def test_a_plan_is_made_again_edited_and_kept(visavis, tmp_path):
    comparison = make_comparison()
    plan = json.loads(visavis("plan", comparison.name))
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan | {"name": "second"}))
    visavis("make", path)
    path.write_text(json.dumps(plan | {"name": "second", "overlap": 9}))
    assert "second: draft" in visavis("edit", "second", path)
    assert Comparison.objects.get(name="second").overlap == 9
    assert "second: rendering" in visavis("edit", "second", path, "--launch")
    visavis("templates", "keep", "nightly", "second")
    number, name, _ = visavis("templates", "list").split()
    assert name == "nightly"
    visavis("templates", "remove", number)
    assert visavis("templates", "list") == ""
    told = json.loads(visavis("forecast", comparison.prompt_set_id, *plan["contenders"], "--overlap", 4))
    assert told["votes"] == 4 * told["pairs"]
    assert json.loads(visavis("dashboard"))["comparisons"]


def test_prompts_alike_are_told_once_a_worker_has_looked(visavis, monkeypatch):
    prompts = PromptSet.objects.freeze("pets", [PromptText("a", "a cat"), PromptText("b", "un chat")])
    monkeypatch.setattr("evalapp.api.creating.ask", lambda whole: kept(whole.pk, {"asked": True}))
    monkeypatch.setattr("time.sleep", lambda _: kept(prompts.pk, {"pairs": [("a", "b", 0.91)]}))
    assert visavis("alike", prompts.pk) == "0.91\ta\tb\n"
    kept(prompts.pk, {"problem": "no encoder is given"})
    monkeypatch.setattr("evalapp.api.creating.ask", lambda whole: None)
    assert "no encoder" in visavis("alike", prompts.pk, code=2)


def kept(number, told):
    from django.core.cache import cache

    cache.set(alike_of(number), told)


def test_where_there_are_several_projects_one_is_named(visavis, tmp_path):
    second = Project.objects.create(name="second")
    make_member("fred", Role.ADMIN, second)
    second.memberships.create(user=ApiToken.objects.get().user, role=Role.ADMIN)
    listed = tmp_path / "pets.txt"
    listed.write_text("a cat\n")
    assert "by its code" in visavis("push-prompts", listed, code=2)
    assert "pets v1" in visavis("--project", second.code, "push-prompts", listed)
    assert PromptSet.objects.get().project == second
    assert "name the --project" in visavis("audit", code=2)


def test_the_gate_names_the_contenders_there_are_where_one_is_unknown(visavis):
    comparison = make_comparison(names=("early", "late"))
    for words in (("--not-worse-than", "erly"), ("--not-worse-than", "early", "--candidate", "lat")):
        said = visavis("gate", comparison.name, *words, code=2)
        assert f"has no contender {words[-1]}: it has early, late" in said
