"""What deploy/ says, tried: nginx serves clips by the application's word alone and tells nothing of them."""

import os
import re
import shutil
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import make_clip, make_organizer
from tests.services import free_port

ROOT = Path(__file__).resolve().parents[1]
SOCKET = "unix:/var/lib/visavis/web.sock"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@pytest.fixture
def nginx(live_server, settings, tmp_path):
    """nginx with the house's own configuration, on another port, without TLS."""
    if not NGINX:
        pytest.skip("nginx is not installed")
    settings.MEDIA_DIR = tmp_path / "media"
    settings.MEDIA_ACCEL = "/_media/"
    port, said = free_port(), (ROOT / "deploy" / "nginx.conf").read_text()
    said = said.replace("listen 443 ssl", f"listen 127.0.0.1:{port}").replace("example.org", "localhost")
    said = re.sub(r"ssl_\w+ [^;]+;", "", said).replace("/var/lib/visavis/media/", f"{settings.MEDIA_DIR}/")
    said = said.replace("/var/log/nginx/", f"{tmp_path}/")
    said = said.replace(f"server {SOCKET};", f"server {live_server.url.removeprefix('http://')};")
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    types = "types { video/mp4 mp4; image/webp webp; }"
    (tmp_path / "nginx.conf").write_text(
        f"user root; daemon off; pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {types} {temporary}\n{said}\n}}\n"
    )
    server = subprocess.Popen([NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    url = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            httpx.get(f"{url}/sign-in/", trust_env=False)
            break
        except httpx.TransportError:  # not there yet, or busy with its first page
            time.sleep(0.05)
    yield url
    server.terminate()
    server.wait()


def test_nginx_serves_ranges_of_a_clip_without_etag_and_date_and_nothing_by_itself(nginx, transactional_db):
    clip = make_clip(media=True)
    client = Client()
    client.force_login(make_organizer())
    cookies = {"sessionid": client.cookies["sessionid"].value}
    address = nginx + reverse("clip-media", args=[clip.folder])
    with httpx.Client(trust_env=False, cookies=cookies, headers={"Host": "localhost"}, timeout=60) as browser:
        whole = browser.get(address)
        part = browser.get(address, headers={"Range": "bytes=10-19"})
        inside = f"/_media/{clip.rendition.relative_to(clip.directory.parent.parent).as_posix()}"
        assert browser.get(nginx + inside).status_code == 404
        assert browser.get(nginx + "/_media../db").status_code == 404
    assert (whole.status_code, whole.content) == (200, clip.rendition.read_bytes())
    assert (part.status_code, part.content) == (206, clip.rendition.read_bytes()[10:20])
    for answer in (whole, part):
        assert not {"etag", "last-modified", "x-accel-redirect"} & set(answer.headers)
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.headers.get_list("cache-control") == ["private, max-age=3600, immutable"]
    with httpx.Client(trust_env=False, headers={"Host": "localhost"}, timeout=60) as stranger:
        assert stranger.get(address).status_code == 302


def test_nginx_writes_down_no_address_that_opens_a_door_and_names_requests_as_the_house_does(nginx, tmp_path, db):
    with httpx.Client(
        trust_env=False, headers={"Host": "localhost", "X-Request-ID": "forged-by-whoever"}, timeout=60
    ) as stranger:
        answers = [stranger.get(f"{nginx}{door}s3cret/?s=s3cret") for door in ("/i/", "/join/", "/assess/media/", "/")]
    asked, end = [answer.headers["X-Request-ID"] for answer in answers], time.monotonic() + 20
    while asked[-1] not in (log := (tmp_path / "access.log").read_text()) and time.monotonic() < end:
        time.sleep(0.05)  # it writes after it has answered
    lines = {line.split()[-1]: line for line in log.splitlines()}
    assert ["s3cret" in lines[each] for each in asked] == [False, False, False, True]
    assert '/join/*"' in lines[asked[1]]


def test_nginx_lets_clips_in_by_api_and_page_lists_by_theirs_and_nothing_so_large_elsewhere(nginx, transactional_db):
    large = bytes(7 * 2**20)
    # A line on which one was refused before all was sent is cut by nginx, now or a moment later: a line for each.
    once = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(trust_env=False, headers={"Host": "localhost"}, timeout=60, limits=once) as stranger:
        assert stranger.put(nginx + reverse("api-clips", args=[1]), content=large).status_code == 401
        for address in (reverse("own-clips", args=[1]), reverse("prompt-sets")):
            assert stranger.post(nginx + address, content=large).status_code == 403, address  # came in: lacks its token
    # Announced only: nginx answers before the body comes, and whoever sends it all the same may find the line cut.
    announced = HTTPConnection(nginx.removeprefix("http://"), timeout=60)
    announced.putrequest("POST", reverse("sign-in"))
    announced.putheader("Content-Length", str(len(large)))
    announced.endheaders()
    assert announced.getresponse().status == 413
    announced.close()


def compose():
    import yaml

    return yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())


def test_services_wait_for_what_is_there_and_can_say_that_it_is_well():
    services, volumes = compose()["services"], compose()["volumes"]
    for name, service in services.items():
        assert "image" in service or (ROOT / "deploy" / service["build"]["context"]).is_dir(), name
        assert set(service) <= KEYS, name
        for other, asked in service.get("depends_on", {}).items():
            assert other in services, name
            assert asked["condition"] != "service_healthy" or "healthcheck" in services[other], f"{name}: {other}"
            assert asked["condition"] != "service_completed_successfully" or services[other]["restart"] == "no"
        for volume in service.get("volumes", ()):
            place = volume.split(":")[0]
            assert place in volumes or place.startswith("./"), f"{name}: {volume}"
    kinds = [service["image"].split(":")[0] for service in services.values() if "image" in service]
    assert {"postgres", "redis", "rabbitmq", "nginx", "chrislusf/seaweedfs"} == set(kinds)


KEYS = {"build", "env_file", "volumes", "restart", "depends_on", "image", "environment", "healthcheck", "command"}
KEYS |= {"profiles", "ports", "deploy", "tmpfs"}


def test_the_web_services_check_of_its_health_gets_through(live_server, settings):
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["example.org"], True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    _, python, c, program = compose()["services"]["web"]["healthcheck"]["test"]
    program = program.replace("http://127.0.0.1:8000", live_server.url)
    for name, code in (("example.org", 0), ("elsewhere.org", 1)):
        environment = {"PATH": os.environ["PATH"], "ALLOWED_HOSTS": name}
        assert (
            subprocess.run([sys.executable, c, program], env=environment, stderr=subprocess.DEVNULL).returncode == code
        )
    assert python == "python"


def test_the_bucket_of_the_compose_file_is_made(monkeypatch):
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto")
    monkeypatch.setenv("MEDIA_BUCKET", "clips")
    monkeypatch.setenv("MEDIA_ENDPOINT", "https://s3.amazonaws.com")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.mock_aws():
        exec(compose()["services"]["bucket"]["command"][-1], {})
        assert [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]] == ["clips"]


def test_units_and_compose_name_queues_and_programs_that_exist():
    commands = [" ".join(service.get("command", [])) for service in compose()["services"].values()]
    commands += [path.read_text() for path in (ROOT / "deploy" / "systemd").glob("*.service")]
    assert sum("gunicorn evalapp.wsgi" in command for command in commands) == 2
    assert sum("-Q default,cpu" in command for command in commands) == 2
    named = set(re.findall(r"^([A-Z_]+)=", (ROOT / "deploy" / "visavis.env.example").read_text(), re.MULTILINE))
    readers = [*(ROOT / "generators").glob("*.py"), *(ROOT / "metrics" / "judges").glob("*.py")]
    read = (ROOT / "evalapp" / "settings.py").read_text() + "".join(path.read_text() for path in readers)
    assert [name for name in named - {"POSTGRES_PASSWORD", "AWS_SECRET_ACCESS_KEY"} if name not in read] == []


def test_nginx_asks_at_the_socket_that_web_opens_so_that_a_web_that_starts_again_is_found():
    services = compose()["services"]
    assert SOCKET in services["web"]["command"]
    assert f"--bind {SOCKET} " in (ROOT / "deploy" / "systemd" / "visavis-web.service").read_text()
    (shared,) = [volume for volume in services["web"]["volumes"] if volume.endswith(":/var/lib/visavis")]
    assert f"{shared}:ro" in services["nginx"]["volumes"]


def test_the_image_brings_the_programs_of_the_server_that_it_backs_up():
    served = compose()["services"]["postgres"]["image"].removeprefix("postgres:")
    assert f"postgresql-client-{served} " in (ROOT / "deploy" / "Dockerfile").read_text()


def test_units_keep_everything_in_the_one_folder_that_they_may_write():
    for path in (ROOT / "deploy" / "systemd").glob("*.service"):
        unit = path.read_text()
        (folder,) = re.findall(r"^ReadWritePaths=(.+)$", unit, re.MULTILINE)
        assert f"Environment=VAR_DIR={folder}\n" in unit, path.name


def test_an_image_is_built_without_secrets_and_data():
    left_out = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".git", ".venv", "var", "deploy/visavis.env", "deploy/certificates"} <= set(left_out)


def test_the_clock_has_a_folder_to_keep_its_time_in_whatever_the_broker(tmp_path):
    program = "from evalapp import settings; print(settings.CELERY_BEAT_SCHEDULE_FILENAME)"
    environment = os.environ | {"VAR_DIR": str(tmp_path), "BROKER_URL": "amqp://127.0.0.1//"}
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert Path(told.strip()).parent.is_dir()


def test_where_web_has_several_processes_they_count_in_one_empty_folder():
    web = compose()["services"]["web"]
    folder = web["environment"]["PROMETHEUS_MULTIPROC_DIR"]
    assert "--workers" in web["command"]
    assert [place.split(":")[0] for place in web["tmpfs"]] == [folder]
    unit = (ROOT / "deploy" / "systemd" / "visavis-web.service").read_text()
    assert f"Environment=PROMETHEUS_MULTIPROC_DIR=/run/{re.search('RuntimeDirectory=(.+)', unit)[1]}\n" in unit
