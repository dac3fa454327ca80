"""Clips in a bucket: against a real S3 server on this machine."""

import os
import shutil
import tarfile
import uuid
from runpy import run_path

import boto3
import pytest
from botocore.config import Config
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse
from PIL import Image

from evalapp.generation.files import discard
from evalapp.generation.models import Clip
from evalapp.generation.rendering import render
from evalapp.generation.uploads import Upload, receive, store_waiting
from tests.factories import make_clip, make_organizer
from tests.services import free_port

# Another server than moto, where one is named: TEST_S3_URL=http://127.0.0.1:8333, its keys in AWS_ACCESS_KEY_ID …
SERVERS = ["moto"] + (["named"] if os.environ.get("TEST_S3_URL") else [])


@pytest.fixture
def moto(monkeypatch):
    from moto.server import ThreadedMotoServer

    for key, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{key}", value)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=SERVERS)
def bucket(request, settings, monkeypatch):
    for proxy in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    url = request.getfixturevalue("moto") if request.param == "moto" else os.environ["TEST_S3_URL"]
    client = boto3.Session().client("s3", endpoint_url=url)
    name = uuid.uuid4().hex  # the server keeps its buckets for as long as this process lives
    client.create_bucket(Bucket=name)
    options = {"bucket_name": name, "endpoint_url": url, "file_overwrite": True}
    settings.STORAGES = settings.STORAGES | {"clips": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}}
    settings.MEDIA_BUCKET = name

    def kept():
        return {found["Key"]: found["Size"] for found in client.list_objects_v2(Bucket=name).get("Contents", [])}

    yield kept
    if request.param == "named":
        for key in kept():
            client.delete_object(Bucket=name, Key=key)
        client.delete_bucket(Bucket=name)


def test_a_rendered_clip_is_in_the_bucket_before_it_is_ready_and_comes_back_when_the_folder_is_empty(
    db, bucket, settings
):
    make_clip(state="queued")
    assert render(Clip.objects.claim_next("one"))
    clip = Clip.objects.get()
    names = {key.rpartition("/")[2] for key in bucket()}
    assert names == {"clip.mp4", "master.mkv", "poster.webp", "sheet.webp"}
    whole = clip.rendition.read_bytes()
    shutil.rmtree(settings.MEDIA_DIR)
    client = Client()
    client.force_login(make_organizer())
    answer = client.get(reverse("clip-media", args=[clip.folder]), headers={"Range": "bytes=5-9"})
    assert (answer.status_code, b"".join(answer.streaming_content)) == (206, whole[5:10])
    assert not {"ETag", "Last-Modified", "Location"} & set(answer.headers)
    assert not list(clip.directory.glob("*.part*"))


def test_a_clip_that_was_thrown_away_leaves_nothing_in_the_bucket(db, bucket):
    clip = make_clip(media=True)
    assert bucket()
    discard(clip)
    assert bucket() == {}


def test_a_bucket_that_refuses_fails_the_clip_in_words_and_keeps_nothing(db, bucket, settings):
    settings.STORAGES = settings.STORAGES | {
        "clips": settings.STORAGES["clips"]
        | {"OPTIONS": settings.STORAGES["clips"]["OPTIONS"] | {"bucket_name": "no-such-bucket"}}
    }
    make_clip(state="queued")
    assert not render(Clip.objects.claim_next("one"))
    assert "NoSuchBucket" in Clip.objects.get().reason
    assert not [path for path in settings.MEDIA_DIR.rglob("*") if path.is_file()]


def test_while_the_bucket_is_silent_clips_are_asked_for_again_later_and_commands_end_with_a_sentence(
    db, bucket, settings, monkeypatch
):
    clip = make_clip(media=True)
    shutil.rmtree(settings.MEDIA_DIR)
    storage = settings.STORAGES["clips"]
    silent = {"endpoint_url": f"http://127.0.0.1:{free_port()}", "client_config": Config(retries={"max_attempts": 0})}
    settings.STORAGES = settings.STORAGES | {"clips": storage | {"OPTIONS": storage["OPTIONS"] | silent}}
    client = Client(raise_request_exception=False)
    client.force_login(make_organizer())
    answer = client.get(reverse("clip-media", args=[clip.folder]))
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "The store of clips does not answer" in answer.content.decode()
    monkeypatch.setattr("sys.argv", ["manage.py", "verify"])
    monkeypatch.setattr("django.core.management.base.connections.close_all", lambda: None)
    with pytest.raises(SystemExit, match=f"^the bucket {settings.MEDIA_BUCKET} failed: .*"):
        run_path("manage.py", run_name="__main__")


def test_an_upload_that_the_bucket_does_not_take_waits_for_it_and_says_at_last_why(db, bucket, settings, tmp_path):
    fine = settings.STORAGES
    options = fine["clips"]["OPTIONS"] | {"bucket_name": "no-such-bucket"}
    settings.STORAGES = fine | {"clips": fine["clips"] | {"OPTIONS": options}}
    prompt = make_clip(state="queued").prompt
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "a.png")
    image = (tmp_path / "a.png").read_bytes()
    upload = receive([image], "Ours", prompt, 0, by="olga")
    other = receive([image], "Ours", prompt, 1, by="olga")
    store_waiting()
    Upload.objects.update(lease_until=None)
    settings.STORAGES = fine
    Upload.objects.filter(pk=other.pk).update(tries=3)
    store_waiting()
    assert Upload.objects.get(pk=upload.pk).state == Upload.State.STORED
    other.refresh_from_db()
    assert other.state == Upload.State.REFUSED
    assert other.reason.startswith(f"the bucket {settings.MEDIA_BUCKET} failed: ")
    assert "NoSuchBucket" in other.reason


def test_backup_and_verify_read_the_bucket_and_not_its_cache(db, bucket, settings, tmp_path):
    from evalapp.management.archive import add_from_bucket
    from evalapp.reporting.promises import files

    clip = make_clip(media=True)
    master = clip.master.read_bytes()
    shutil.rmtree(settings.MEDIA_DIR)
    assert list(files()) == []
    assert not settings.MEDIA_DIR.exists()  # nothing was fetched to stay
    with tarfile.open(tmp_path / "backup.tar", "w") as tar:
        add_from_bucket(tar)
    with tarfile.open(tmp_path / "backup.tar") as tar:
        kept = {name.rpartition("/")[2]: name for name in tar.getnames()}
        assert tar.extractfile(kept["master.mkv"]).read() == master
    storage = storages["clips"]
    key = f"{str(clip.folder)[:2]}/{clip.folder}/master.mkv"
    storage.save(key, ContentFile(b"damaged"))
    assert "master.mkv is not the file that was stored" in next(files())
    storage.delete(key)
    assert f"master.mkv is gone from bucket {settings.MEDIA_BUCKET}" in next(files())
