"""Rendering a claimed clip: whole files or a reason in words."""

import errno

import numpy as np
import pytest

from evalapp.generation import rendering
from evalapp.generation.files import sha256_of
from evalapp.generation.models import Clip
from evalapp.generation.rendering import render
from generators import GeneratorError, Take
from generators.video import read
from tests.factories import make_clip, make_contender

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
