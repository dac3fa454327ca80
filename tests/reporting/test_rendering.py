"""The organizer's page of rendering: counts, costs, verbs, thumbnails and contact sheets."""

import errno
import html
import re

import pytest
from django.test import Client
from django.urls import reverse

from evalapp.catalog.models import Recipe
from evalapp.generation.models import Clip, Queue
from evalapp.generation.rendering import render
from evalapp.reporting.rendering import lines_of
from tests.factories import make_comparison, make_organizer

State = Clip.State
REMEDIES = {
    "wrong": "unknown setting 'framse': did you mean 'frames'?",
    "pickled": "convert it with save_pretrained(folder, safe_serialization=True) where you trust it",
    "gone": "there is no such folder on this worker: correct it in the recipe, or mount it here",
    "full": "the disk is full: free some space under the media folder, then retry",
}


@pytest.fixture
def organizer(db):
    client = Client()
    client.force_login(make_organizer())
    return client


@pytest.fixture
def comparison(db):
    comparison = make_comparison(state="rendering", prompts=3)
    return comparison


def done(clip, seconds, **provenance):
    facts = {"provenance": provenance}
    Clip.objects.filter(pk=clip.pk).update(state=State.READY, seconds=seconds, facts=facts)


def test_a_line_adds_up_what_a_contenders_clips_took(comparison):
    first = comparison.entries.first().contender
    one, two, three = Clip.objects.filter(contender=first).order_by("pk")
    done(one, 10, energy_wh=1.5, cost={"amount": 0.25})
    done(two, 20, energy_wh=None, cost=None)
    Clip.objects.filter(pk=three.pk).update(state=State.FAILED)
    line, other = lines_of(comparison)
    assert (line.counts["ready"], line.counts["failed"], line.counts["total"], line.unfinished) == (2, 1, 3, 0)
    assert (line.counts["mean"], line.counts["hours"]) == (15, pytest.approx(30 / 3600))
    assert (line.counts["energy"], line.counts["energy_of"], line.counts["cost"]) == (1.5, 1, 0.25)
    assert (other.counts["energy"], other.counts["mean"], other.minutes_left) == (None, None, None)


def test_minutes_left_are_until_all_who_share_the_workers_are_through(comparison):
    first, second = (entry.contender for entry in comparison.entries.all())
    done(Clip.objects.filter(contender=first).first(), 120)
    Clip.objects.claim_next("a")
    # nothing is known of the second one yet
    assert [(line.minutes_left, line.at_least) for line in lines_of(comparison)] == [(4, True), (4, True)]
    done(Clip.objects.filter(contender=second, state=State.QUEUED).first(), 60)
    # two clips of two minutes and two of one minute, one worker
    assert [line.minutes_left for line in lines_of(comparison)] == [6, 6]
    assert not any(line.at_least for line in lines_of(comparison))
    Clip.objects.claim_next("b")
    assert [line.minutes_left for line in lines_of(comparison)] == [3, 3]
    Clip.objects.filter(contender=first).update(state=State.READY)
    assert lines_of(comparison)[0].minutes_left is None


def test_the_page_asks_the_same_number_of_queries_however_many_clips(
    organizer, comparison, django_assert_max_num_queries
):
    organizer.get(reverse("account"))  # that she is there is written down once a minute
    with django_assert_max_num_queries(16):
        assert organizer.get(reverse("rendering", args=[comparison.code])).status_code == 200


def test_buttons_hold_release_and_cancel(organizer, comparison):
    def tell(verb):
        page = organizer.post(reverse("rendering-verb", args=[comparison.code, verb]), follow=True)
        return page.content.decode(), set(comparison.clips().values_list("state", flat=True))

    page, states = tell("hold")
    assert ("6 clips are held." in page, states) == (True, {State.HELD})
    assert tell("release")[1] == {State.QUEUED}
    page, states = tell("cancel")
    assert ("6 clips are cancelled." in page, states) == (True, {State.CANCELLED})
    assert Clip.objects.claim_next("one") is None
    again = {"reason": "cancelled by an organizer"}
    organizer.post(reverse("retry", args=[comparison.code]), again)
    assert set(comparison.clips().values_list("state", flat=True)) == {State.QUEUED}
    assert organizer.post(reverse("rendering-verb", args=[comparison.code, "burn"])).status_code == 404


def test_a_comparison_of_higher_priority_is_rendered_first(organizer, comparison):
    urgent = make_comparison(state="rendering", prompts=1, names=("third", "fourth"))
    address = reverse("rendering-verb", args=[urgent.code, "prioritise"])
    page = organizer.post(address, {"priority": 7}, follow=True).content.decode()
    assert "2 clips have the priority." in page
    assert re.search(r'name="priority"[^>]*value="7"', page)
    taken = [Clip.objects.claim_next("one").pk for _ in range(3)]
    assert set(taken[:2]) == set(urgent.clips().values_list("pk", flat=True))
    assert taken[2] in comparison.clips().values_list("pk", flat=True)
    assert "from −100 to 100" in organizer.post(address, {"priority": "soon"}, follow=True).content.decode()
    told = organizer.post(
        reverse("api-prioritise-rendering", args=[comparison.code]), {"priority": -3}, content_type="application/json"
    )
    assert told.json() == {"clips": 6}
    assert set(comparison.clips().values_list("priority", flat=True)) == {-3}


def test_clips_of_a_lossy_source_are_told_by_contender(organizer, comparison):
    one, two, _other = Clip.objects.order_by("contender", "pk")[:3]
    for clip, lossy in ((one, True), (two, False)):
        Clip.objects.filter(pk=clip.pk).update(state=State.READY, facts={"generator": {"lossy_source": lossy}})
    assert comparison.lossy_clips() == {one.contender.name: 1}
    page = organizer.get(reverse("rendering", args=[comparison.code])).content.decode()
    assert f"lossy codec: {one.contender.name}: 1." in " ".join(page.split())


def test_programs_cancel_too(organizer, comparison):
    answer = organizer.post(reverse("api-cancel-rendering", args=[comparison.code]), content_type="application/json")
    assert answer.json() == {"clips": 6}
    assert set(comparison.clips().values_list("state", flat=True)) == {State.CANCELLED}


def test_a_disk_without_room_is_said_while_clips_wait(organizer, comparison, settings):
    settings.MEDIA_LEAST_FREE_MIB = 2**40
    address = reverse("rendering", args=[comparison.code])
    assert "Free some space there" in organizer.get(address).content.decode()
    Clip.objects.cancel()
    assert "Free some space there" not in organizer.get(address).content.decode()


def test_a_resting_queue_and_unknown_energy_are_said(organizer, comparison):
    Queue.objects.create(hardware="cpu", paused=True)
    page = organizer.get(reverse("rendering", args=[comparison.code])).content.decode()
    assert "The queue cpu is paused" in page
    assert "unknown" in page


def test_contact_sheets_show_each_prompt_with_every_contenders_clip(organizer):
    comparison = make_comparison(prompts=2, media=True)
    page = organizer.get(reverse("sheets", args=[comparison.code])).content.decode()
    for clip in comparison.clips():
        assert reverse("clip-sheet", args=[clip.folder]) in page
        assert organizer.get(reverse("clip-sheet", args=[clip.folder])).headers["Content-Type"] == "image/webp"
    assert "the model was given" not in page
    Clip.objects.filter(pk=clip.pk).update(facts=clip.facts | {"generator": {"prompt_given": "a <red> ball"}})
    page = organizer.get(reverse("sheets", args=[comparison.code])).content.decode()
    assert page.count("the model was given “a &lt;red&gt; ball”") == 1
    thumbnails = organizer.get(reverse("rendering", args=[comparison.code])).content.decode()
    assert reverse("clip-poster", args=[clip.folder]) in thumbnails


def test_four_mishaps_are_sentences_on_the_page_that_say_what_to_do(organizer, monkeypatch, tmp_path):
    pytest.importorskip("diffusers")
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "model_index.json").write_text("{}")
    (tmp_path / "pickled" / "unet.bin").write_bytes(b"pickle")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("generators.video.write_master", full)
    comparison = make_comparison(state="rendering", contenders=4, prompts=1, names=("wrong", "pickled", "gone", "full"))
    recipes = {
        "wrong": ("shapes", {"framse": 8}),
        "pickled": ("diffusers", {"source": {"folder": str(tmp_path / "pickled")}}),
        "gone": ("diffusers", {"source": {"folder": str(tmp_path / "gone")}}),
        "full": ("shapes", {"frames": 2}),
    }
    for name, (generator, settings) in recipes.items():
        recipe = Recipe.objects.create(generator=generator, settings=settings, identity=name)
        comparison.contenders.filter(name=name).update(recipe=recipe)
    comparison.clips().update(state=State.QUEUED)
    while clip := Clip.objects.claim_next("one"):
        assert not render(clip)
    shown = html.unescape(organizer.get(reverse("rendering", args=[comparison.code])).content.decode())
    reasons = re.findall(r'<p class="reason">(.*?)</p>', shown, re.DOTALL)
    assert len(reasons) == 4
    assert [name for name, remedy in REMEDIES.items() if not any(remedy in reason for reason in reasons)] == []
    assert shown.count("Render it again") == 4
