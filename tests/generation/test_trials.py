"""Recipes registered on a page are tried by a worker, and what that tells stands on the page."""

import html
import json
import sys

import pytest
from django.urls import reverse

from evalapp.catalog.models import Contender
from evalapp.generation import tasks, trials
from evalapp.generation.trials import try_waiting
from tests.factories import make_contender

PAGE = {"name": "show-1", "hardware": "gpu.24gb", "program": "show-1"}


@pytest.fixture
def organizer(client, olga):
    client.force_login(olga)
    return client


def program_at(monkeypatch, place):
    monkeypatch.setenv("GENERATOR_COMMANDS", json.dumps({"show-1": {"arguments": [str(place)]}}))


def shown(organizer):
    return html.unescape(organizer.get(reverse("contenders")).content.decode())


def test_the_page_says_what_trying_a_registered_recipe_told(organizer, monkeypatch):
    program_at(monkeypatch, "/opt/show-1/run")
    assert organizer.post(reverse("register-contender", args=["command"]), PAGE).status_code == 302
    assert "waits for a worker of gpu.24gb" in shown(organizer)
    try_waiting("cpu")
    assert "waits for a worker of gpu.24gb" in shown(organizer)
    try_waiting("gpu.24gb")
    assert "program show-1: there is no file /opt/show-1/run on this machine" in shown(organizer)

    program_at(monkeypatch, sys.executable)
    organizer.post(reverse("try-contender", args=[Contender.objects.get().pk]))
    try_waiting("gpu.24gb")
    assert "✓" in shown(organizer)
    assert Contender.objects.get().trial == {"resident": False}
    assert organizer.post(reverse("register-contender", args=["command"]), PAGE).status_code == 302
    assert Contender.objects.get().trial == {"resident": False}, "registering again changes nothing"


def test_facts_of_a_tried_pipeline_are_told_in_words(organizer):
    contender = make_contender("late")
    facts = {"frames": 16, "width": 64, "height": 48, "repeats": 0, "batch": 1, "warnings": ["drops beta_start"]}
    Contender.objects.filter(pk=contender.pk).update(trial=facts)
    assert "16 × 64×48; repeats itself bit by bit; in a batch off by 1 of 255; drops beta_start" in shown(organizer)


def test_a_recipe_that_kills_its_workers_is_given_up(organizer, monkeypatch):
    contender = make_contender("poison")
    contender.ask_trial()

    def died(_):
        assert "a worker is trying it" in shown(organizer) or not Contender.objects.get().trial["waits"]
        raise SystemExit

    monkeypatch.setattr(trials, "tried", died)
    for attempts in (2, 1, 0, 0):
        try:
            try_waiting("cpu")
        except SystemExit:
            assert not trials.waiting().exists(), "while a worker is at it, no other one begins"
        contender.refresh_from_db()
        assert contender.trial["waits"] == attempts
        Contender.objects.filter(pk=contender.pk).update(trial={"waits": attempts, "until": 0})
    assert not trials.waiting().exists()


def test_a_recipe_alone_wakes_a_worker_which_tries_it_before_its_clips(db, monkeypatch):
    contender = make_contender("new")
    contender.ask_trial()
    rung, told = [], {"reproducible": True}
    monkeypatch.setattr(tasks.render_waiting, "apply_async", lambda **call: rung.append(call["queue"]))
    monkeypatch.setattr(tasks.transaction, "on_commit", lambda bell, robust=False: bell())
    tasks.sweep()
    assert rung == ["cpu"]
    monkeypatch.setattr(trials, "tried", lambda contender: told)
    tasks.render_waiting("cpu")
    contender.refresh_from_db()
    assert contender.trial == told
    rung.clear()
    tasks.sweep()
    assert rung == []
