"""A run that is killed in the middle, by a real signal to a real process, goes on where it was; one that kills whoever
takes it up is given up."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings as house
from django.db import connection
from django.db.models.functions import Now

from evalapp.measuring import asked, judging
from evalapp.measuring.models import Features, Measurement, SetMeasurement
from metrics import METRICS
from tests.factories import give_media, make_comparison


def beside(settings, tmp_path):
    """The environment of a second process on the same database and media."""
    if "sqlite" not in connection.settings_dict["ENGINE"]:
        pytest.skip("the second process is given an SQLite file")
    return os.environ | {
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "MEDIA_DIR": str(settings.MEDIA_DIR),
        "VAR_DIR": str(tmp_path / "var"),
        "DJANGO_SETTINGS_MODULE": "evalapp.settings",
    }


KILLED = """
import itertools, os, signal, sys, django
django.setup()
from django.core.management import call_command
from evalapp.measuring import runs
ahead = runs._ahead
def six_files(work):
    yield from itertools.islice(ahead(work), 6)
    os.kill(os.getpid(), signal.SIGKILL)
runs._ahead = six_files
call_command(*sys.argv[1:])
"""
"""The command, which dies once it has stored the values of six files, while its threads measure the next."""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_killed_measure_command_goes_on_where_it_was(settings, tmp_path):
    comparison = make_comparison(prompts=12, media=True)
    for clip in comparison.clips():
        give_media(clip, shade=30 + 7 * (clip.pk % 24))
    environment = beside(settings, tmp_path)
    command = [sys.executable, "manage.py", "measure", comparison.name, "--reference", "end-to-end"]
    files = comparison.clips().values("sha256").distinct().count()
    killed = [sys.executable, "-c", KILLED, *command[2:]]
    assert subprocess.run(killed, cwd=house.BASE_DIR, env=environment).returncode == -signal.SIGKILL
    kept = set(Measurement.objects.values_list("pk", flat=True))
    assert len(kept) == 6 * len(METRICS) < files * len(METRICS)
    again = subprocess.run(command, cwd=house.BASE_DIR, env=environment, capture_output=True, text=True, timeout=200)
    assert again.returncode == 0, again.stderr
    assert kept <= set(Measurement.objects.values_list("pk", flat=True))
    assert Measurement.objects.count() == len(METRICS) * files
    assert Features.objects.filter(reason="").count() == files
    assert SetMeasurement.objects.filter(tag="").count() == 8


DEADLY = """
import os, signal, sys, django
django.setup()
import metrics.frames
metrics.frames.Prepared = lambda frames: os.kill(os.getpid(), signal.SIGKILL)
from evalapp.measuring import tasks
getattr(tasks, sys.argv[1])(int(sys.argv[2]))
"""
"""A worker to which the first file that it reads is fatal."""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["measure", "judge"])
def test_a_run_that_kills_its_workers_is_given_up_after_three_and_not_after_two(settings, tmp_path, kind):
    comparison = make_comparison(media=True)
    environment = beside(settings, tmp_path)
    start, work = (asked.start, asked.work) if kind == "measure" else (judging.start, judging.work)
    about = (["brightness"],) if kind == "measure" else ("signal", {})

    def killed(run):
        command = [sys.executable, "-c", DEADLY, kind, str(run.pk)]
        ended = subprocess.run(command, cwd=house.BASE_DIR, env=environment, timeout=120)
        assert ended.returncode == -signal.SIGKILL
        run.refresh_from_db()
        assert run.state == "running"
        type(run).objects.filter(pk=run.pk).update(lease_until=Now() - timedelta(seconds=1))

    run = start(comparison, *about)
    for _ in range(3):
        killed(run)
    assert not work(run), "a healthy worker does not take it up either"
    assert (run.state, run.attempt, run.reason[:25]) == ("failed", 3, "3 workers died at it: see")
    run = start(comparison, *about)
    for _ in range(2):
        killed(run)
    assert work(run)
    assert (run.state, run.attempt, run.reason) == ("done", 3, "")
