"""Controls that have no room of their own, and the table in docs/security.md: each control there names a test here."""

import ast
import json
import os
import re
import subprocess
import sys

import pytest
from django.conf import settings as house
from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import reverse
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from evalapp.people.tokens import ApiToken
from tests.factories import make_comparison
from tests.running.test_start import PUBLIC

ROOT = house.BASE_DIR
SOURCES = [path for room in ("evalapp", "generators", "metrics", "client") for path in (ROOT / room).rglob("*.py")]


def calls(path):
    """Dotted names that a file calls, with the names of their keyword arguments."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {each.arg: ast.unparse(each.value) for each in node.keywords}


def test_every_test_that_the_table_of_controls_names_is_there():
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "security.md").read_text()))
    assert len(named) > 60
    missing = [f"{file}::{test}" for file, test in sorted(named) if f"def {test}(" not in (ROOT / file).read_text()]
    assert missing == []


def test_nothing_that_could_run_code_is_unpickled_or_evaluated():
    """CVE-2025-23045, CVE-2025-5173, CVE-2025-32434: pickles of others; torch's only with weights_only."""
    found = []
    for path in SOURCES:
        for name, given in calls(path):
            if name.startswith(("pickle.", "marshal.", "dill.", "joblib.load", "shelve.")) or name in ("eval", "exec"):
                found.append(f"{path.name}: {name}")
            if name == "torch.load" and given.get("weights_only") != "True":
                found.append(f"{path.name}: {name}")
            if name in ("yaml.load", "os.system", "os.popen") or given.get("shell") == "True":
                found.append(f"{path.name}: {name}")
            if name.endswith("np.load") and given.get("allow_pickle") == "True":
                found.append(f"{path.name}: {name}")
    assert [each for each in found if "model.eval" not in each] == []


def test_no_serializer_or_form_takes_all_fields_of_a_model():
    for path in SOURCES:
        assert not re.search(r"fields\s*=\s*[\"']__all__|exclude\s*=\s*\[\]", path.read_text()), path.name


def test_a_pickled_message_from_the_broker_is_refused():
    accepted = house.CELERY_ACCEPT_CONTENT
    assert accepted == ["json"]
    with pytest.raises(ContentDisallowed):
        loads(b"\x80\x04N.", "application/x-python-serialize", "binary", accept=accepted)


def test_a_folder_of_nginx_reaches_no_further_than_it_says():
    """GHSA-cpmr-mw4j-99r7: `location /static` with an alias that ends in a slash served the folder above."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    found = re.findall(r"location\s+(?:[=^~*]+\s+)?(\S+)\s*\{[^}]*?\balias\s+(\S+);", text)
    assert found
    assert all(place.endswith("/") == folder.endswith("/") for place, folder in found)


@pytest.mark.parametrize("address", ["/static../manage.py", "/static/../manage.py", "/static/%2e%2e/manage.py"])
def test_static_files_lead_out_of_no_folder(client, db, address):
    assert client.get(address).status_code in (301, 302, 404)


def test_a_new_house_knows_nobody_and_nobody_signs_up(client, db):
    """Argilla's default credentials, Label Studio's open registration."""
    assert not User.objects.exists()
    assert not ApiToken.objects.exists()
    for address in ("/signup/", "/accounts/signup/", "/sign-up/", "/register/", "/accounts/login/"):
        assert client.get(address).status_code == 404


@pytest.mark.parametrize("name", ["api-comparisons", "api-prompt-sets", "api-contenders", "audit", "report-explore"])
def test_what_an_address_asks_for_reaches_no_other_table(client, olga, ada, comparison, name):
    """CVE-2023-47117: filters that span to password hashes tell them letter by letter."""
    client.force_login(ada)
    address = reverse(name, args=[comparison.code] if name == "report-explore" else [])
    plain = client.get(address)
    for field in ("created_by__password__startswith", "user__password__regex", "project__memberships__user__password"):
        right, wrong = (
            client.get(address, {field: value, "ordering": f"-{field}"}) for value in (olga.password[:3], "no such")
        )
        assert (right.status_code, strip(right)) == (wrong.status_code, strip(wrong))
        if name.startswith("api-"):
            assert (right.status_code, list(right.json()["errors"])) == (400, sorted([field, "ordering"]))
        else:
            assert (right.status_code, strip(right)) == (plain.status_code, strip(plain)) == (200, strip(plain))


def strip(response):
    """A page without what differs each time."""
    text = re.sub(r'nonce="[^"]*"|value="[^"]*"|\?[^"]*"', "", response.content.decode())
    return re.sub(r"[A-Za-z0-9]{60,}", "", text)


def test_pages_carry_the_headers_that_browsers_obey(client, olga):
    client.force_login(olga)
    page = client.get(reverse("comparisons"))
    assert "Content-Security-Policy-Report-Only" not in page
    policy = page["Content-Security-Policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert part in policy
    assert "unsafe" not in policy
    assert page["X-Content-Type-Options"] == "nosniff"
    assert page["X-Frame-Options"] == "DENY"
    assert page["Cross-Origin-Opener-Policy"] == "same-origin"
    assert page["Cross-Origin-Resource-Policy"] == "same-origin"
    clip = make_comparison(media=True, prompts=1).clips()[0]
    assert client.get(reverse("clip-media", args=[clip.folder]))["Cross-Origin-Resource-Policy"] == "same-origin"
    nginx = (ROOT / "deploy" / "nginx.conf").read_text().split("/_media/")[-1]
    assert "Cross-Origin-Resource-Policy same-origin" in nginx
    assert page["Referrer-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in page


def test_nobody_who_comes_to_the_browser_later_finds_a_page_or_a_refusal_in_it(client, olga):
    comparison = make_comparison(media=True, prompts=1)
    clip = comparison.clips()[0]
    pages = [reverse("comparisons"), reverse("new-comparison"), reverse("comparison", args=[comparison.code])]
    pages += [
        reverse("recipe-file", args=[clip.contender_id, "json"]),
        "/nothing/",
        "/api/v1/nothing/",
        reverse("home"),
    ]
    for signed_in in (False, True):
        if signed_in:
            client.force_login(olga)
        for page in pages:
            assert "no-store" in client.get(page)["Cache-Control"], page
    assert client.get(reverse("clip-media", args=[clip.folder]))["Cache-Control"] == "private, max-age=3600, immutable"


def test_in_a_house_on_the_internet_cookies_travel_encrypted_and_stay_with_their_host(tmp_path):
    tell = (
        "import evalapp.settings as s; print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_NAME,"
        "s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS, s.SESSION_COOKIE_SAMESITE, s.ADMINISTRATION_SECOND_STEP)"
    )
    environment = PUBLIC | {"VAR_DIR": str(tmp_path), "PATH": "/usr/bin"}
    told = subprocess.run([sys.executable, "-c", tell], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert told.stdout.split() == ["True", "True", "__Host-sessionid", "True", "31536000", "Lax", "True"], told.stderr


@pytest.mark.parametrize(
    "change", [{"OIDC_SERVER": "http://id.example.org"}, {"OIDC_SERVER": "https://id.example.org"}]
)
def test_a_provider_in_the_clear_or_without_its_secret_stops_the_start(tmp_path, change):
    environment = PUBLIC | change | {"VAR_DIR": str(tmp_path), "PATH": "/usr/bin"}
    start = [sys.executable, "-c", "import evalapp.settings"]
    refused = subprocess.run(start, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "OIDC_" in refused.stderr


def test_who_is_switched_off_is_out_at_once_with_session_and_tokens(client, olga):
    _, secret = ApiToken.objects.issue(olga, "robot", ["read"], 1)
    client.force_login(olga)
    bearer = {"Authorization": f"Bearer {secret}"}
    assert client.get(reverse("comparisons")).status_code == 200
    assert client.get(reverse("api-me"), headers=bearer).status_code == 200
    User.objects.filter(pk=olga.pk).update(is_active=False)
    assert client.get(reverse("comparisons")).status_code == 302
    assert client.get(reverse("api-me"), headers=bearer).status_code == 401


def test_the_bill_of_materials_names_every_pinned_package_once(capsys):
    call_command("sbom", list=["base", "models"])
    told = json.loads(capsys.readouterr().out)
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    pins = set()
    for name in ("base", "models"):
        lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
        pins |= {line.split()[0] for line in lines if re.match(r"[A-Za-z0-9].*==", line)}
    assert {f"{each['name']}=={each['version']}" for each in told["components"]} == pins
    references = [each["bom-ref"] for each in told["components"]]
    assert len(set(references)) == len(references)


def test_djangos_own_check_of_a_deployment_finds_nothing(tmp_path):
    environment = PUBLIC | {"VAR_DIR": str(tmp_path), "PATH": "/usr/bin"}
    check = [sys.executable, "manage.py", "check", "--deploy", "--tag", "security", "--fail-level", "WARNING"]
    told = subprocess.run(check, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize(
    ("program", "status", "said"),
    [
        ("exit 0", 0, ""),
        ("echo 'django 1.0 CVE-1' > audit.txt; exit 1", 2, "CVE-1"),
        ("echo 'amqp: not found' >&2; exit 1", 2, "Nothing was audited"),
    ],
)
def test_an_audit_that_asked_nobody_is_no_clean_one(tmp_path, program, status, said):
    for name, does in {"pip-audit": program, "python": "true"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "audit.txt").write_text("of last week")
    command = ["make", "-f", ROOT / "Makefile", "-o", ".venv/base", f"BIN={tmp_path}", "audit"]
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    assert said in done.stdout
    assert "of last week" not in done.stdout
