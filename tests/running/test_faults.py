"""Faults that need no house of their own: an answer sent many times, two sweepers, a lost cache, exports cut short."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from celery.app.task import Task
from django.conf import settings as house
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.models import Ballot
from evalapp.generation.files import sha256_of
from evalapp.generation.models import Clip
from evalapp.generation.rendering import render
from evalapp.generation.tasks import _mine, render_waiting, sweep
from evalapp.people.tasks import deliver
from evalapp.people.webhooks import LEASE, Delivery, Webhook
from evalapp.reporting import tasks
from tests.assessing.test_pages import JSON, answers, sign_in, url
from tests.factories import make_clip, make_comparison, make_organizer, make_participation, make_vote
from tests.services import redis_server, wipe


def at_once(number, what):
    def one(place):
        try:
            return what(place)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("keys", [1, 24])
def test_an_answer_sent_24_times_at_once_is_stored_once_by_its_key(client, keys):
    """The negative control: under keys of their own they are 24 answers, each a correction of the one before."""
    alice = make_participation(make_comparison(prompts=1))
    sign_in(client, alice)
    hers, form = next_assignment(alice), answers(alice)

    def send(place):
        browser = Client()
        browser.cookies["sessionid"] = client.session.session_key
        return browser.post(url(hers), form | {"key": f"the-key-number-{place % keys:02}"}, **JSON).status_code

    assert at_once(24, send) == [200] * 24
    hers.refresh_from_db()
    assert Ballot.objects.count() == hers.version == keys


def carelessly(both, self):
    """As two sweepers would that look before either has written."""
    found = self.due().select_related("webhook").order_by("next_at").first()
    both.wait(30)
    if found:
        self.filter(pk=found.pk).update(tries=F("tries") + 1, next_at=Now() + LEASE)
    return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("careful", [True, False])
def test_two_sweepers_deliver_once(monkeypatch, careful):
    webhook = Webhook.objects.create(url="https://example.org/", created_by="olga")
    Delivery.objects.bulk_create(Delivery(webhook=webhook, event="report.built", body="{}") for _ in range(6))
    sent, both = [], threading.Barrier(2)
    monkeypatch.setattr(Delivery, "send", lambda self: sent.append(self.pk))
    if not careful:
        monkeypatch.setattr(type(Delivery.objects), "claim", lambda self: carelessly(both, self))
    at_once(2, lambda _: deliver())
    assert (len(sent) == len(set(sent)) == 6) is careful


@pytest.fixture
def lost_cache(settings):
    """The cache's server, small, and gone once it is told so."""
    try:
        with redis_server("--maxmemory", "2mb", "--maxmemory-policy", "allkeys-lru") as server:
            cache = settings.CACHES["default"] | {"LOCATION": server.url, "OPTIONS": {}}
            backend = {"BACKEND": "evalapp.running.forgetful.ForgetfulRedis"}
            settings.CACHES = {name: cache | backend | {"KEY_PREFIX": name} for name in settings.CACHES}
            yield server
    except FileNotFoundError:
        pytest.skip("Redis is not installed")


def test_a_full_and_then_a_dead_cache_signs_nobody_out_and_stops_no_vote(lost_cache, db, client):
    comparison = make_comparison(prompts=2)
    alice, browser = make_participation(comparison), Client()
    sign_in(client, alice)
    browser.force_login(make_organizer())
    for number in range(300):
        caches["default"].set(f"filler-{number}", "x" * 20_000)
    assert caches["default"].get("filler-0") is None
    for kill in (False, True):
        if kill:
            lost_cache.kill()
        assert client.post(url(next_assignment(alice)), answers(alice), **JSON).status_code == 200
        assert browser.get(reverse("comparison", args=[comparison.code])).status_code == 200
        assert browser.get(reverse("report", args=[comparison.code])).status_code == 200
        known = {"username": "olga", "password": "a long enough password"}
        assert Client().post(reverse("sign-in"), known).status_code == 302
        tasks.ring_league(comparison.project)
    assert Ballot.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_is_read_is_shown_while_the_broker_is_down(monkeypatch):
    """These pages ring for a newer snapshot, and in a house of one Redis the cache does not know that they just did."""

    def refuse(*given, **named):
        refused.append(given)
        raise OperationalError("no broker")

    comparison, refused, browser = make_comparison(), [], Client()
    make_vote(make_participation(comparison))
    tasks.build_report(comparison.pk)
    make_vote(make_participation(comparison, "bob"))
    browser.force_login(make_organizer())
    monkeypatch.setattr(Task, "apply_async", refuse)
    pages = ("report", "report-freshness", "report-explore", "judges-against-people")
    addresses = [reverse(name, args=[comparison.code]) for name in pages] + [reverse("league"), reverse("comparisons")]
    addresses[2] += "?tag=ball"
    addresses += [reverse("report-file", args=[comparison.code, kind]) for kind in ("json", "html")]
    for address in addresses:
        caches["default"].clear()
        assert browser.get(address).status_code == 200, address
    assert len(refused) == 8


def test_sessions_that_lay_in_the_cache_would_be_lost_with_it(lost_cache, db, settings):
    """The negative control."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    address, browser = reverse("comparison", args=[make_comparison(prompts=1).code]), Client()
    browser.force_login(make_organizer())
    assert browser.get(address).status_code == 200
    wipe(lost_cache.url)
    assert browser.get(address).status_code == 302


KILLED = """
import os, signal, sys
from pathlib import Path
import django
django.setup()
from django.core.management import call_command
from evalapp.assessing import exchange
plain, written = exchange.safe_cell, iter(range(10**9))
def safe_cell(value):
    if next(written) == 100:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(value)
if sys.argv[2] != "whole":
    exchange.safe_cell = safe_cell
if sys.argv[2] == "killed, written in place":
    from evalapp.management.commands import export_votes
    export_votes.whole_file = lambda path: path.open("w", buffering=1)
call_command("export_votes", "kept", output=Path(sys.argv[1]))
"""


@pytest.fixture
def kept(db):
    comparison = make_comparison(prompts=8, name="kept")
    for name in ("alice", "bob"):
        someone = make_participation(comparison, name)
        for _ in range(8):
            make_vote(someone)
    return comparison


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_export_that_is_killed_leaves_no_half_table(tmp_path, kept):
    if connection.vendor != "sqlite":
        pytest.skip("the second process is given an SQLite file")
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}"}
    environment |= {"VAR_DIR": str(tmp_path / "var"), "DJANGO_SETTINGS_MODULE": "evalapp.settings"}
    target = tmp_path / "votes.csv"

    def export(how):
        command = [sys.executable, "-c", KILLED, str(target), how]
        return subprocess.run(command, cwd=house.BASE_DIR, env=environment, capture_output=True, text=True)

    assert export("killed, written in place").returncode == -signal.SIGKILL
    assert 0 < len(target.read_text().splitlines()) < 16 * kept.aspects.count(), "the negative control"
    target.unlink()
    assert export("killed").returncode == -signal.SIGKILL
    assert not target.exists()
    whole = export("whole")
    assert whole.returncode == 0, whole.stderr
    assert len(target.read_text().splitlines()) == 1 + 16 * kept.aspects.count()


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("only root may mount a disk")
    yield place
    subprocess.run(["umount", place], check=True)


def test_an_export_that_finds_no_room_says_so_and_leaves_nothing(small_disk, kept):
    filler = small_disk / "filler"
    filler.write_bytes(bytes(60_000))
    with pytest.raises(CommandError, match=r"No space left on device.*free some space"):
        call_command("export_votes", "kept", output=small_disk / "votes.csv")
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
    filler.unlink()
    call_command("export_votes", "kept", output=small_disk / "votes.csv")
    assert len((small_disk / "votes.csv").read_text().splitlines()) == 1 + 16 * kept.aspects.count()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("looks", [True, False], ids=["as it is", "not looking for room"])
def test_on_a_full_disk_clips_wait_and_go_on_by_themselves(small_disk, settings, looks):
    """The negative control does not look for room: one clip after the other fails."""
    settings.MEDIA_DIR, elsewhere = small_disk, settings.MEDIA_DIR
    settings.MEDIA_LEAST_FREE_MIB = 1 if looks else 0
    clips = [make_clip("queued", seed=seed) for seed in range(3)]
    render_waiting()
    _mine.writer.wait()
    states = set(Clip.objects.values_list("state", "attempt"))
    assert states == ({("queued", 0)} if looks else {("failed", 1)})
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []
    if looks:
        settings.MEDIA_DIR = elsewhere
        sweep()
        render_waiting()
        _mine.writer.wait()
        assert Clip.objects.filter(state="ready", attempt=1).count() == len(clips)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_worker_whose_clock_jumped_takes_nothing_over_and_loses_nothing(db, monkeypatch, hours):
    """Leases are given and ended by the database's clock. The negative control is a lease that it says has ended."""
    make_clip("queued")
    mine, real = Clip.objects.claim_next("one"), timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(hours=hours))
    assert Clip.objects.claim_next("two") is None
    assert mine.renew_lease()
    Clip.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert Clip.objects.claim_next("two").attempt == 2
    assert not mine.renew_lease()


def test_a_clip_that_finds_no_room_fails_in_words_and_is_rendered_when_there_is(small_disk, db, settings):
    """A disk that is really full: no half clip is served, none is left behind, and a retry succeeds elsewhere."""
    full, settings.MEDIA_DIR = settings.MEDIA_DIR, small_disk
    make_clip("queued")
    assert not render(Clip.objects.claim_next("one"))
    clip = Clip.objects.get()
    assert clip.state == Clip.State.FAILED
    assert "the disk is full: free some space" in clip.reason
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []
    settings.MEDIA_DIR = full
    Clip.objects.retry()
    assert render(Clip.objects.claim_next("one"))
    clip.refresh_from_db()
    assert sha256_of(clip.master) == clip.sha256
