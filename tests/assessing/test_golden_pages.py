"""Goldens by a button: asked for on the page, made by a worker, looked at and withdrawn."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from evalapp.assessing.controls import Golden
from evalapp.assessing.golden_orders import GoldenOrder
from evalapp.assessing.tasks import make_goldens, sweep_golden_orders
from evalapp.people.audit import AuditEntry
from tests.assessing.test_goldens import make_golden, mix, moving, work
from tests.factories import make_comparison, make_organizer, make_participation


@pytest.fixture
def comparison(db):
    return moving(make_comparison(prompts=2))


@pytest.fixture
def organizer(client, comparison):
    client.force_login(make_organizer())
    return client


def test_the_button_asks_and_a_worker_makes_what_was_asked(organizer, comparison, django_capture_on_commit_callbacks):
    page = reverse("goldens", args=[comparison.code])
    asked = {"use": "training", "per_aspect": "1", "aspects": ["defects", "movement"]}
    with django_capture_on_commit_callbacks() as bells:
        assert organizer.post(page, asked).status_code == 302
    order = GoldenOrder.objects.get()
    assert len(bells) == 1
    assert order.state == "queued"
    assert order.asked_by == "olga"
    assert "waits for a worker" in organizer.get(page).text
    make_goldens(order.pk)
    assert sorted(next(iter(golden.answers)) for golden in Golden.objects.all()) == ["defects", "movement"]
    assert set(Golden.objects.values_list("use", flat=True)) == {"training"}
    told = organizer.get(page).text
    assert "2 were made" in told
    assert told.count("not answered yet") == 2
    assert AuditEntry.objects.filter(verb="asked for goldens of").count() == 1
    make_goldens(order.pk)
    assert Golden.objects.count() == 2


def test_what_cannot_be_made_is_told_on_the_page_and_nothing_is_stored(organizer, comparison):
    order = GoldenOrder.objects.create(comparison=comparison, per_aspect=40, aspects=["defects"], asked_by="olga")
    make_goldens(order.pk)
    assert GoldenOrder.objects.get().state == "failed"
    assert not Golden.objects.exists()
    page = reverse("goldens", args=[comparison.code])
    assert "goldens can be made from these clips" in organizer.get(page).text
    assert "пар с известным ответом (последняя" in organizer.get(page, headers={"accept-language": "ru"}).text


def test_a_worker_that_died_is_followed_by_another_and_what_it_made_late_is_not_stored(
    comparison, monkeypatch, settings
):
    order = GoldenOrder.objects.create(comparison=comparison, per_aspect=1, aspects=["defects"], asked_by="olga")
    before = sorted(path.name for path in settings.MEDIA_DIR.glob("*/*"))
    store, rings = GoldenOrder._store, []

    def overtaken(self, **columns):
        """The lease runs out before the first golden is told of, and another worker makes them all."""
        monkeypatch.setattr(GoldenOrder, "_store", store)
        GoldenOrder.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        monkeypatch.setattr("evalapp.assessing.tasks.ring_goldens", lambda order: rings.append(order.pk))
        sweep_golden_orders()
        assert GoldenOrder.objects.get().fulfil()
        self._store(**columns)

    monkeypatch.setattr(GoldenOrder, "_store", overtaken)
    assert not order.fulfil()
    assert rings == [order.pk]
    assert Golden.objects.count() == 1
    assert GoldenOrder.objects.get().state == "done"
    assert GoldenOrder.objects.get().attempt == 2
    # The files of the one that was too late are gone; those of the stored one are there.
    assert len({path.name for path in settings.MEDIA_DIR.glob("*/*")} - set(before)) == 1


def test_an_order_that_three_workers_died_at_is_given_up(comparison):
    order = GoldenOrder.objects.create(comparison=comparison, per_aspect=1, aspects=["defects"], asked_by="olga")
    past = timezone.now() - timedelta(seconds=1)
    GoldenOrder.objects.update(state="running", attempt=3, lease_until=past)
    assert not order.fulfil()
    order.refresh_from_db()
    assert (order.state, order.reason) == ("failed", "3 workers died while they made them: see their logs")
    assert not GoldenOrder.objects.claimable().exists()
    GoldenOrder.objects.update(state="running", attempt=2, lease_until=past)
    assert order.fulfil()


def test_a_list_of_known_answers_is_taken_whole_or_refused_row_by_row(organizer, comparison):
    page = reverse("goldens", args=[comparison.code])

    def send(text):
        file = SimpleUploadedFile("known.csv", text)
        return organizer.post(page, {"use": "qualification", "file": file})

    head = b"prompt_id,first,second,aspect,choice\n"
    refused = send(head + b"p1,end-to-end,frame-by-frame,beauty,third\n")
    assert refused.status_code == 400
    assert "row 2: choice" in refused.text
    assert send(b"\xff\xfe").status_code == 400
    assert not Golden.objects.exists()
    assert send(head + b"p1,end-to-end,frame-by-frame,beauty,first\n").status_code == 302
    assert Golden.objects.get().use == "qualification"


def test_the_page_tells_how_often_people_were_right_and_withdrawing_stops_handing_out(organizer, comparison):
    mix(comparison, golden_share=0.5, repeat_share=0, identical_share=0)
    golden = make_golden(comparison)
    work(make_participation(comparison, "alice"), "left")
    shown = golden.controls.get()
    right = int(not shown.swapped)
    page = organizer.get(reverse("goldens", args=[comparison.code])).text
    assert f"{right} of 1 answers were right" in page
    assert organizer.post(reverse("withdraw-golden", args=[comparison.code, golden.pk])).status_code == 302
    golden.refresh_from_db()
    assert golden.withdrawn
    assert not [task for task in work(make_participation(comparison, "bob")) if getattr(task, "golden", None)]
