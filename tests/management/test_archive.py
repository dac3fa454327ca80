"""Backup, wipe, restore, verify: with real databases, each in processes of its own."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import uuid
from pathlib import Path

import boto3
import psycopg
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tests.services import postgres_url

ROOT = Path(__file__).resolve().parents[2]
FILL = """
from tests.factories import make_comparison, make_participation, make_vote, make_invitation
comparison = make_comparison(prompts=3, overlap=2, media=True, name="kept")
make_vote(make_participation(comparison))
from evalapp.reporting.seals import seal
seal(), seal()
print(make_invitation(comparison).token)
"""
COUNT = """
import json
from evalapp.assessing.models import Invitation, Vote
from evalapp.comparisons.models import Comparison
print(json.dumps([Comparison.objects.count(), Vote.objects.count(), [i.token for i in Invitation.objects.all()]]))
"""


def manage(folder, *arguments, database="", check=True, **more):
    environment = os.environ | {"VAR_DIR": str(folder), "BROKER_URL": "memory://"} | more
    for name in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "MEDIA_DIR"):
        environment.pop(name, None)
    if database:
        environment["DATABASE_URL"] = database
    command = [sys.executable, "manage.py", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture(params=["sqlite", "postgres"])
def new_database(request):
    """Makes an address of a new, empty database; none is needed for SQLite."""
    if request.param == "postgres" and not postgres_url():
        pytest.skip("PostgreSQL is not running: `make test` starts it")

    def make():
        if request.param == "sqlite":
            return ""
        name = f"archive_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres_url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return postgres_url().rsplit("/", 1)[0] + f"/{name}"

    return make


@pytest.mark.slow
def test_what_was_backed_up_comes_back_whole_elsewhere(tmp_path, new_database):
    here, there, first, second = tmp_path / "here", tmp_path / "there", new_database(), new_database()
    manage(here, "migrate", "-v0", database=first)
    token = manage(here, "shell", "-v0", "-c", FILL, database=first).stdout.strip().splitlines()[-1]
    told = manage(here, "backup", tmp_path / "backup.tar", database=first).stdout
    assert "1 comparisons and 6 clips" in told
    assert (tmp_path / "backup.tar").stat().st_mode & 0o077 == 0
    restored = manage(there, "restore", tmp_path / "backup.tar", database=second).stdout
    assert "Every promise holds." in restored
    comparisons, votes, tokens = json.loads(manage(there, "shell", "-v0", "-c", COUNT, database=second).stdout)
    assert (comparisons, votes, tokens) == (1, 7, [token])
    refused = manage(there, "restore", tmp_path / "backup.tar", database=second, check=False)
    assert "pass --replace" in refused.stderr
    manage(there, "restore", tmp_path / "backup.tar", "--replace", database=second)


@pytest.fixture
def buckets():
    """A server of buckets on this machine, two in it; what a house is told of one."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    told = keys | {"MEDIA_ENDPOINT": f"http://{host}:{port}", "NO_PROXY": host, "no_proxy": host}
    client = boto3.client(
        "s3",
        endpoint_url=told["MEDIA_ENDPOINT"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=Config(proxies={}),
    )
    names = [uuid.uuid4().hex for _ in range(2)]
    for name in names:
        client.create_bucket(Bucket=name)
    yield (
        [told | {"MEDIA_BUCKET": name} for name in names],
        lambda name: {found["Key"]: found["ETag"] for found in client.list_objects_v2(Bucket=name).get("Contents", [])},
    )
    server.stop()


@pytest.mark.slow
def test_a_house_with_a_bucket_comes_back_whole_in_another_bucket(tmp_path, new_database, buckets):
    """The media folders are thrown away before the backup and after the restoring: they are caches alone."""
    (one, two), content = buckets
    here, there, first, second = tmp_path / "here", tmp_path / "there", new_database(), new_database()
    manage(here, "migrate", "-v0", database=first, **one)
    manage(here, "shell", "-v0", "-c", FILL, database=first, **one)
    shutil.rmtree(here / "media")
    manage(here, "backup", tmp_path / "backup.tar", database=first, **one)
    assert len(content(one["MEDIA_BUCKET"])) > 6
    assert "Every promise holds." in manage(there, "restore", tmp_path / "backup.tar", database=second, **two).stdout
    assert content(two["MEDIA_BUCKET"]) == content(one["MEDIA_BUCKET"])
    shutil.rmtree(there / "media")
    assert "Every promise holds." in manage(there, "verify", database=second, **two).stdout


def test_a_file_that_is_no_backup_is_refused_in_words(tmp_path):
    (tmp_path / "notes.txt").write_text("no backup")
    assert "is no backup" in manage(tmp_path / "var", "restore", tmp_path / "notes.txt", check=False).stderr


@pytest.mark.parametrize("outside", ["../../outside.json", "/tmp/outside-of-visavis.json", "link"])
def test_a_backup_that_reaches_out_of_its_folder_is_refused(tmp_path, outside):
    evil = tmp_path / "evil.tar"
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"format": 1, "engine": "sqlite", "comparisons": 0, "clips": 0}))
    with tarfile.open(evil, "w") as tar:
        tar.add(manifest, "manifest.json")
        member = tarfile.TarInfo(outside)
        if outside == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(member)
    done = manage(tmp_path / "var", "restore", evil, check=False)
    assert "is damaged or was tampered with" in done.stderr
    assert not (tmp_path.parent / "outside.json").exists()
    assert not Path("/tmp/outside-of-visavis.json").exists()


def test_a_backup_is_never_written_over(tmp_path):
    (tmp_path / "backup.tar").write_text("kept")
    assert "exists already" in manage(tmp_path / "var", "backup", tmp_path / "backup.tar", check=False).stderr
    assert (tmp_path / "backup.tar").read_text() == "kept"
