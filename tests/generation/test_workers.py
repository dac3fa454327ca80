"""Workers tell of themselves: organizers see on a page why one renders nothing, and which serve a class."""

import logging
from datetime import timedelta
from types import SimpleNamespace

import pytest
from celery.concurrency.thread import TaskPool
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.urls import reverse
from django.utils import timezone

from evalapp.catalog.models import Contender
from evalapp.generation import fitting, looking, metering, trials, workers
from evalapp.generation.classes import served, serves
from evalapp.generation.models import Clip
from evalapp.generation.workers import Worker, leave, own_name, tell
from evalapp.lasting import Lasting
from tests.factories import make_clip, make_contender
from tests.generation.house import until


@pytest.fixture
def page(client, olga):
    client.force_login(olga)
    return lambda **headers: client.get(reverse("queues"), headers=headers).content.decode()


def other(name="elsewhere:1", **given):
    here = Worker.objects.get(name=own_name())
    columns = {"queues": here.queues, "version": here.version, "device": "GPU", "seen_at": timezone.now()} | given
    return Worker.objects.create(name=name, **columns)


def test_a_worker_stands_on_the_page_until_it_ends_in_order(page, db):
    make_clip("queued")
    assert "No worker that serves it tells of itself" in page()
    assert "No worker tells of itself" in page()
    tell(["default", "cpu"])
    shown = page()
    assert "No worker" not in shown
    for words in (own_name(), "cpu, default", workers._version(), workers._device(), "It waits for work."):
        assert words in shown
    Clip.objects.claim_next(own_name())
    tell(["default", "cpu"])
    assert "It renders 1 clip." in page()
    assert Worker.objects.count() == 1
    leave()
    assert own_name() not in page()


def test_one_whose_clip_was_cancelled_says_so_until_it_stops(page, client, db):
    make_clip("queued")
    tell(["cpu"])
    clip = Clip.objects.claim_next(own_name())
    assert "It renders 1 clip." in page()
    Clip.objects.cancel()
    assert "It has a cancelled clip in hand" in page()
    assert "У него ещё отменённый клип" in page(**{"accept-language": "ru"})
    (told,) = client.get(reverse("api-queue", args=["cpu"])).json()["workers"]
    assert (told["clips"], told["stops"]) == (0, 1)
    assert not clip.finish()
    assert "It waits for work." in page()


def test_one_that_tries_a_recipe_says_so(page, db, monkeypatch):
    make_clip("queued").contender.ask_trial()
    tell(["cpu"])
    assert "It waits for work." in page()
    monkeypatch.setattr(trials, "tried", lambda _: {"shown": "It tries a recipe that was registered" in page()})
    trials.try_waiting("cpu")
    assert Contender.objects.get().trial == {"shown": True}
    assert "It waits for work." in page()


def test_one_that_is_newer_than_the_database_or_has_no_room_says_so_in_both_languages(
    page, transactional_db, monkeypatch, settings
):
    monkeypatch.setattr(fitting, "_fitting", set())
    monkeypatch.setattr(fitting, "_behind", Lasting())
    make_clip("queued")
    migrations = MigrationRecorder(connection)
    newest = max(name for app, name in MigrationLoader(None).disk_migrations if app == "evalapp")
    migrations.record_unapplied("evalapp", newest)
    tell(["cpu"])
    assert f"newer than the database, which lacks evalapp.{newest}. Run manage.py migrate" in page()
    assert "код новее базы данных" in page(**{"accept-language": "ru"})
    migrations.record_applied("evalapp", newest)
    settings.MEDIA_LEAST_FREE_MIB = 2**40
    tell(["cpu"])
    assert f"less than {2**40} MiB are free" in page().replace(",", "")
    settings.MEDIA_LEAST_FREE_MIB = 0
    tell(["cpu"])
    assert "It waits for work." in page()


def test_a_silent_one_is_told_of_for_a_day_and_serves_nothing(page, db):
    make_clip("queued")
    tell(["cpu"])
    Worker.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    shown = page()
    assert "Nothing has been heard of it for 5" in shown
    assert "No worker that serves it tells of itself" in shown
    Worker.objects.update(seen_at=timezone.now() - timedelta(hours=25))
    assert own_name() not in page()
    Worker.objects.update(name="elsewhere:1")
    tell(["cpu"])
    assert [each.name for each in Worker.objects.all()] == [own_name()]


def test_workers_of_different_versions_are_pointed_out_while_both_are_there(page, db):
    tell(["cpu"])
    another = other()
    assert "They run different code" not in page()
    Worker.objects.filter(pk=another.pk).update(version="0001, 0123456789ab")
    assert "They run different code" in page()
    Worker.objects.filter(pk=another.pk).update(seen_at=timezone.now() - timedelta(minutes=5))
    assert "They run different code" not in page()


def test_programs_learn_which_workers_serve_a_queue(client, olga):
    client.force_login(olga)
    make_clip("queued")
    tell(["cpu"])
    other(queues=["gpu.80gb"], lacks=["evalapp.9999_later"])
    of_cpu = client.get(reverse("api-queue", args=["cpu"])).json()["workers"]
    of_gpu = client.get(reverse("api-queue", args=["gpu.24gb"])).json()["workers"]
    assert [(each["name"], each["refuses"], each["heard"]) for each in of_cpu] == [(own_name(), "", True)]
    assert [(each["refuses"], each["lacks"]) for each in of_gpu] == [("behind", ["evalapp.9999_later"])]


def test_a_gpu_with_less_memory_than_its_class_tells_is_pointed_out(page, client, db, monkeypatch):
    """Classes bear the makers' figures: an A10 is sold with 24 GB and tells 23,028 MiB."""

    class Nvml:
        def __enter__(self):
            return SimpleNamespace(nvmlDeviceGetMemoryInfo=lambda gpu: SimpleNamespace(total=23028 * 2**20)), "the GPU"

        def __exit__(self, *_):
            return False

    make_clip("queued", hardware="gpu.80gb")
    Contender.objects.update(hardware="gpu.80gb")
    tell(["gpu.80gb"])
    assert "what needs more memory fails there" not in page()  # nothing is known of a GPU
    monkeypatch.setattr(metering, "_first_gpu", Nvml)
    tell(["default", "gpu.24gb", "cpu"])
    assert "what needs more memory fails there" not in page()
    tell(["default", "gpu.24gb", "gpu.80gb"])
    assert "It serves gpu.80gb, and its GPU has 24 GB" in page()
    assert "памяти у его GPU 24 ГБ" in page(**{"accept-language": "ru"})
    told = client.get(reverse("api-queue", args=["gpu.80gb"])).json()["workers"]
    assert [each["too_large"] for each in told] == [["gpu.80gb"]]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")  # models may be spread over both
    tell(["gpu.80gb"])
    assert "what needs more memory fails there" not in page()


def test_on_a_database_without_its_table_a_worker_leaves_it_to_the_log(transactional_db, monkeypatch, caplog):
    monkeypatch.setattr(workers, "_untold", Lasting())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE evalapp_worker RENAME TO away")
    try:
        with caplog.at_level(logging.WARNING):
            tell(["cpu"])
            tell(["cpu"])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO evalapp_worker")
    assert caplog.text.count("cannot tell of itself") == 1
    tell(["cpu"])
    assert Worker.objects.count() == 1


@pytest.mark.parametrize(
    ("worker", "asked", "met"),
    [("gpu.80gb", "gpu.24gb", True), ("gpu.24gb", "gpu.80gb", False), ("gpu.24gb", "gpu.24gb", True),
     ("gpu.80gb", "cpu", False), ("gpu", "gpu.24gb", False), ("cpu", "cpu", True), ("gpu.141gb", "gpu.80gb", True),
     ("gpu.24gb.old", "gpu.16gb", False)],
)  # fmt: skip
def test_a_class_is_met_by_the_same_and_by_larger_gpus(worker, asked, met):
    assert serves(worker, asked) == met


def test_a_worker_takes_its_own_classes_first_then_the_largest_it_can():
    asked = ["gpu.16gb", "gpu.24gb", "gpu.141gb", "cpu", "gpu.80gb"]
    assert served(["default", "gpu.80gb"], asked) == ["default", "gpu.80gb", "gpu.24gb", "gpu.16gb"]


def test_a_larger_gpu_takes_up_what_asks_for_a_smaller_one_and_not_the_reverse(db, monkeypatch):
    begun = []
    monkeypatch.setattr(looking, "_shift", lambda hardware: begun.append(hardware) or 0.0)
    pool = TaskPool(1)

    def look(mine):
        queues = SimpleNamespace(consume_from={mine: None})
        app = SimpleNamespace(amqp=SimpleNamespace(queues=queues))
        looks = looking.Looking(SimpleNamespace(concurrency=1, pool=pool, app=app))
        looks.look(SimpleNamespace(concurrency=1, pool=pool, app=app))
        for shift in looks.shifts:
            shift.result()

    for hardware in ("gpu.24gb", "gpu.80gb"):
        contender = make_contender(f"for {hardware}")
        Contender.objects.filter(pk=contender.pk).update(hardware=hardware)
        make_clip("queued", contender=contender, hardware=hardware)
    look("gpu.40gb")
    look("gpu.80gb")
    Clip.objects.filter(hardware="gpu.80gb").update(state="ready")
    look("gpu.80gb")
    Clip.objects.filter(hardware="gpu.80gb").update(state="queued")
    Clip.objects.filter(hardware="gpu.24gb").update(state="ready")
    look("gpu.40gb")
    pool.executor.shutdown()
    assert begun == ["gpu.24gb", "gpu.80gb", "gpu.24gb"]


def test_after_a_shift_that_found_work_a_worker_looks_again_at_once(settings):
    settings.RENDER_LOOK_SECONDS = 3
    looks = looking.Looking(SimpleNamespace())
    looks._done(0.1)
    assert not looks.wake.is_set()
    looks._done(30.0)
    assert looks.wake.is_set()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_real_worker_is_written_down_and_leaves_only_when_it_ends_in_order(house):
    ended, killed = house.start_worker(beat=False), house.start_worker(beat=False)
    names = {house.named(ended.pid), house.named(killed.pid)}
    until(lambda: {name for (name,) in house.sql("SELECT name FROM evalapp_worker")} == names)
    ended.terminate()
    ended.wait(60)
    house.kill(killed)
    assert house.sql("SELECT name FROM evalapp_worker") == [(house.named(killed.pid),)]
