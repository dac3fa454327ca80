"""Rendering a claimed clip: whole files or a reason in words."""

import errno
import json
import logging
import sys
import threading
from datetime import timedelta

import numpy as np
import pytest
from django.db import OperationalError
from django.utils import timezone

from evalapp.catalog.models import Prompt, picture_path
from evalapp.generation import rendering, tasks
from evalapp.generation.files import sha256_of
from evalapp.generation.models import Clip
from evalapp.generation.rendering import render
from generators import Cancelled, GeneratorError, Take
from generators.video import read, write_still
from tests.factories import make_clip, make_contender, make_prompt_set
from tests.generation.house import until

State = Clip.State


@pytest.fixture
def claimed(db):
    make_clip(state="queued")
    return Clip.objects.claim_next("one")


def failing_with(monkeypatch, error):
    def generate(*_):
        raise error

    monkeypatch.setattr(rendering, "load", lambda name: type("Broken", (), {"generate": generate})())


def test_a_rendered_clip_is_ready_with_whole_files_and_their_hashes(claimed):
    assert render(claimed)
    clip = Clip.objects.get()
    assert (clip.state, clip.kind) == (State.READY, "video")
    assert sha256_of(clip.master) == clip.sha256
    assert sha256_of(clip.rendition) == clip.rendition_sha256
    assert len(read(clip.master).frames) == len(read(clip.rendition).frames) == clip.facts["frames"]
    assert clip.facts["generator"]["unknown_words"] == ["prompt", "number"]
    assert sorted(path.name for path in clip.directory.iterdir()) == [
        "clip.mp4",
        "master.mkv",
        "poster.webp",
        "sheet.webp",
    ]


def test_the_same_prompt_seed_and_recipe_give_the_same_bytes(claimed):
    render(claimed)
    first = Clip.objects.get()
    Clip.objects.update(state=State.QUEUED)
    render(Clip.objects.claim_next("two"))
    again = Clip.objects.get()
    assert again.folder != first.folder
    assert (again.sha256, again.rendition_sha256) == (first.sha256, first.rendition_sha256)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (GeneratorError("81 frames need 14 GiB, 8 GiB free"), "81 frames need 14 GiB, 8 GiB free"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full: free some space"),
        (MemoryError(), "not enough memory: render smaller"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero (the whole story"),
    ],
)
def test_a_failure_is_kept_in_words(claimed, monkeypatch, error, words):
    failing_with(monkeypatch, error)
    assert not render(claimed)
    clip = Clip.objects.get()
    assert clip.state == State.FAILED
    assert words in clip.reason


def test_a_failure_is_told_whatever_characters_are_in_it(claimed, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL)  # pytest-xdist cannot carry such a log
    failing_with(monkeypatch, GeneratorError("program a: layer\0 2\r\nis bad \ud800\n"))
    assert not render(claimed)
    assert Clip.objects.get().reason == "program a: layer� 2\nis bad �"


def test_facts_that_no_database_takes_do_not_cost_the_clip(claimed, monkeypatch):
    facts = {"loss": float("nan"), "rate": np.float32(0.5), "note\0": "a\0b\ud800", "steps": (1, True, None)}
    take = Take(np.full((4, 40, 60, 3), 90, dtype=np.uint8), 8.0, facts)
    monkeypatch.setattr(rendering, "load", lambda name: type("Odd", (), {"generate": lambda *_: take})())
    assert render(claimed)
    told = {"loss": None, "rate": "0.5", "note�": "a�b�", "steps": [1, True, None]}
    assert Clip.objects.get().facts["generator"] == told


def test_a_wrong_recipe_fails_naming_the_nearest_right_key(db):
    contender = make_contender("wrong", settings={"framse": 8})
    make_clip(state="queued", contender=contender)
    render(Clip.objects.claim_next("one"))
    assert "unknown setting 'framse': did you mean 'frames'?" in Clip.objects.get().reason


def test_one_frame_makes_an_image(claimed, monkeypatch):
    take = Take(np.full((1, 40, 60, 3), 90, dtype=np.uint8), 1.0)
    monkeypatch.setattr(rendering, "load", lambda name: type("Still", (), {"generate": lambda *_: take})())
    render(claimed)
    clip = Clip.objects.get()
    assert (clip.kind, clip.rendition.suffix) == ("image", ".webp")
    assert clip.master.is_file()
    assert clip.rendition.is_file()


def test_a_result_that_comes_too_late_leaves_no_files(claimed, settings):
    Clip.objects.update(state=State.CANCELLED)
    assert not render(claimed)
    assert not [path for path in settings.MEDIA_DIR.rglob("*") if path.is_file()]


@pytest.mark.django_db(transaction=True)
def test_the_lease_is_kept_while_a_clip_takes_longer_than_it(settings, monkeypatch):
    import time

    settings.RENDER_LEASE_SECONDS = 1
    make_clip(state="queued")
    clip = Clip.objects.claim_next("one")
    take = Take(np.full((2, 32, 32, 3), 90, dtype=np.uint8), 4.0)

    def generate(*_):
        time.sleep(2.5)
        assert Clip.objects.claim_next("two") is None
        return take

    monkeypatch.setattr(rendering, "load", lambda name: type("Slow", (), {"generate": generate})())
    assert render(clip)


@pytest.mark.django_db(transaction=True)
def test_a_clip_cancelled_while_it_renders_stops_at_the_next_step(settings, monkeypatch):
    import time

    settings.RENDER_LEASE_SECONDS = 0.3
    make_clip(state="queued")
    clip, steps = Clip.objects.claim_next("one"), []

    def generate(self, prompt, seed, recipe, watch):
        Clip.objects.update(state=State.CANCELLED)
        for step in range(100):
            watch(step / 100)
            steps.append(step)
            time.sleep(0.02)

    monkeypatch.setattr(rendering, "load", lambda name: type("Stepping", (), {"generate": generate})())
    assert not render(clip)
    assert 0 < len(steps) < 100
    assert Clip.objects.get().state == State.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_a_cancelled_clip_is_in_its_workers_hand_until_its_step_ends_however_long_that_is(settings, monkeypatch):
    settings.RENDER_LEASE_SECONDS = 1
    make_clip(state="queued")
    clip, kept = Clip.objects.claim_next("one"), []

    def generate(self, prompt, seed, recipe, watch):
        Clip.objects.cancel()
        first = Clip.objects.get().lease_until
        kept.append(until(lambda: Clip.objects.get().lease_until > first, seconds=60))
        raise Cancelled

    monkeypatch.setattr(rendering, "load", lambda name: type("Stepping", (), {"generate": generate})())
    assert not render(clip)
    assert kept
    stopped = Clip.objects.get()
    assert (stopped.state, stopped.lease_until) == (State.CANCELLED, None)


@pytest.fixture
def worker(transactional_db):
    """One shift of a worker in this process; it ends when all it made is stored."""
    tasks._warm.clear()
    for seed in range(3):
        make_clip(state="queued", seed=seed)

    def shift():
        tasks.render_waiting()
        tasks._mine.writer.wait()

    return shift


def test_a_worker_samples_the_next_clip_while_it_stores_the_last_and_is_one_behind_at_most(worker, monkeypatch):
    begun, stored, plain = [], [], rendering.write_files
    next_one = threading.Event()

    def generate(self, prompt, seed, recipe, watch):
        begun.append(seed)
        if seed:
            next_one.set()
        return Take(np.full((2, 32, 32, 3), 90, dtype=np.uint8), 4.0)

    def write_files(frames, fps):
        assert next_one.wait(60), "the next clip was not begun before this one was stored"
        assert len(begun) <= len(stored) + 2
        stored.append(threading.current_thread())
        return plain(frames, fps)

    monkeypatch.setattr(rendering, "load", lambda name: type("Quick", (), {"generate": generate})())
    monkeypatch.setattr(rendering, "write_files", write_files)
    worker()
    assert begun == [0, 1, 2]
    assert len(stored) == 3
    assert threading.current_thread() not in stored
    assert set(Clip.objects.values_list("state", flat=True)) == {State.READY}


def test_a_full_disk_beside_the_next_clip_is_said_of_the_clip_that_it_struck(worker, monkeypatch):
    plain, calls = rendering.write_files, []

    def write_files(frames, fps):
        calls.append(frames)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return plain(frames, fps)

    monkeypatch.setattr(rendering, "write_files", write_files)
    worker()
    found = {clip.seed: (clip.state, clip.reason) for clip in Clip.objects.all()}
    assert [state for state, _ in found.values()].count(State.READY) == 2
    assert found[1] == (State.FAILED, "the disk is full: free some space under the media folder, then retry")


def test_a_database_that_fails_while_a_clip_is_stored_lets_its_lease_go_and_the_worker_on(worker, monkeypatch):
    plain = Clip.finish

    def finish(clip, **stored):
        if clip.seed == 0 and clip.attempt == 1:
            raise OperationalError("the server closed the connection")
        return plain(clip, **stored)

    monkeypatch.setattr(Clip, "finish", finish)
    worker()
    assert list(Clip.objects.order_by("seed").values_list("state", flat=True)) == ["rendering", "ready", "ready"]
    Clip.objects.filter(seed=0).update(lease_until=timezone.now() - timedelta(seconds=1))
    worker()
    assert Clip.objects.get(seed=0).state == State.READY


FROM_IMAGE = """
import json, shutil, sys
job = json.loads(sys.stdin.readline())
shutil.copy(job["image"], job["output"] + "/frame-0.png")
shutil.copy(job["image"], job["output"] + "/frame-1.png")
"""


def test_a_program_begins_from_the_prompts_own_image(db, monkeypatch, tmp_path):
    (tmp_path / "program.py").write_text(FROM_IMAGE)
    programs = {"animate": {"arguments": [sys.executable, str(tmp_path / "program.py")]}}
    monkeypatch.setenv("GENERATOR_COMMANDS", json.dumps(programs))
    settings = {"program": "animate", "image": "{prompt}", "fps": 8}
    contender = make_contender("from image", generator="command", settings=settings)
    shown = np.random.default_rng(0).integers(0, 255, (32, 48, 3)).astype(np.uint8)
    for key, image in (("with", "ab" * 32), ("without", "")):
        clip = make_clip(state="queued", contender=contender, prompt=make_prompt_set(1, key).prompts.get())
        if image:
            picture = picture_path(image)
            picture.parent.mkdir(parents=True)
            write_still(shown, picture)
        Prompt.objects.filter(pk=clip.prompt_id).update(image=image)
        render(Clip.objects.claim_next("one"))
    made, failed = Clip.objects.order_by("pk")
    assert (read(made.master).frames == shown).all()
    assert made.facts["provenance"]["image"] == "ab" * 32
    assert (failed.state, failed.reason) == (
        State.FAILED,
        "image is the prompt's own, and this prompt has none: give it one, or leave image out",
    )
