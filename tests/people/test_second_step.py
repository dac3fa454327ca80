"""The second step of signing in: codes of an app, recovery codes, and what locks when they are guessed."""

import base64
import hmac
import struct
import time

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from evalapp.people import audit, second_step
from evalapp.people.projects import Project

PASSWORD = "a long enough password"
SECRET = base64.b32encode(b"12345678901234567890").decode()  # of RFC 6238, appendix B


def code_at(moment: float) -> str:
    """TOTP by the RFC's own words: HMAC-SHA-1 of the half minute, dynamically truncated."""
    digest = hmac.digest(b"12345678901234567890", struct.pack(">Q", int(moment) // 30), "sha1")
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


@pytest.fixture
def secured(olga, now):
    return olga, second_step.switch_on(olga, SECRET)


def name_and_password(client, **extra):
    return client.post(reverse("sign-in"), {"username": "olga", "password": PASSWORD, **extra})


def send(client, code):
    return client.post(reverse("mfa_authenticate"), {"code": code})


def is_in(client):
    return client.get(reverse("comparisons")).status_code == 200


@pytest.mark.parametrize(("moment", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
def test_codes_are_those_of_the_rfc(monkeypatch, moment, code):
    monkeypatch.setattr(time, "time", lambda: moment)
    assert code == code_at(moment)
    assert second_step.step_of(SECRET, code) == moment // 30
    assert second_step.step_of(SECRET, "000000") == 0


def test_with_the_second_step_on_the_password_alone_opens_nothing(client, secured, now):
    response = name_and_password(client, next=reverse("league"))
    assert response.url == reverse("mfa_authenticate")
    assert not is_in(client)
    assert "Second step" in client.get(reverse("mfa_authenticate")).content.decode()
    assert send(client, "000000").status_code == 200
    assert not is_in(client)
    assert send(client, code_at(now["now"])).url == reverse("league")
    assert is_in(client)


def test_the_page_of_the_code_leads_nowhere_without_a_password(client, db):
    assert client.get(reverse("mfa_authenticate")).url == reverse("sign-in")


def test_a_clock_may_be_off_by_half_a_minute_and_no_more(secured, now):
    olga, _ = secured
    assert second_step.use_code(olga, code_at(now["now"] - 60)) is None
    assert second_step.use_code(olga, code_at(now["now"] + 60)) is None
    assert second_step.use_code(olga, code_at(now["now"] - 30))
    assert second_step.use_code(olga, code_at(now["now"] + 30))


def test_a_code_that_was_used_is_refused_and_so_are_older_ones(secured, now):
    olga, _ = secured
    assert second_step.use_code(olga, code_at(now["now"]))
    assert second_step.use_code(olga, code_at(now["now"])) is None
    assert second_step.use_code(olga, code_at(now["now"] - 30)) is None
    now["now"] += 30
    assert second_step.use_code(olga, code_at(now["now"] - 30)) is None
    assert second_step.use_code(olga, code_at(now["now"]))


def test_a_recovery_code_opens_once_and_is_on_the_audit_trail(client, secured):
    olga, codes = secured
    assert len(codes) == len(set(codes)) == 10
    name_and_password(client)
    assert send(client, codes[3]).url == reverse("comparisons")
    assert audit.AuditEntry.objects.first().verb == "used a recovery code of"
    other = Client()
    name_and_password(other)
    assert send(other, codes[3]).status_code == 200
    assert not is_in(other)
    assert second_step.recovery_left(olga) == 9


def test_guessed_codes_lock_the_account_from_every_address_even_for_the_right_one(client, secured, now):
    for number in range(5):
        guesser = Client(REMOTE_ADDR=f"192.0.2.{number}")
        name_and_password(guesser)
        assert send(guesser, "000000").status_code == 200
    name_and_password(client)
    refused = send(client, code_at(now["now"]))
    assert (refused.status_code, refused["Retry-After"]) == (429, "900")
    assert not is_in(client)


def test_the_right_code_forgets_the_wrong_ones(client, secured, now):
    for half_minutes in (0, 1):
        now["now"] += 30 * half_minutes
        guesser = Client()
        name_and_password(guesser)
        for _ in range(4):
            assert send(guesser, "000000").status_code == 200
        assert send(guesser, code_at(now["now"])).status_code == 302


def test_who_is_switched_off_between_the_steps_does_not_come_in(client, secured, now):
    name_and_password(client)
    User.objects.filter(username="olga").update(is_active=False)
    send(client, code_at(now["now"]))
    assert not is_in(client)


def test_secrets_are_encrypted_and_survive_a_new_secret_key(secured, settings):
    olga, codes = secured
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert SECRET not in kept
    assert codes[0] not in kept
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret key that is long enough for the house"
    assert second_step.use_code(olga, codes[0])


def act(client, name, **fields):
    return client.post(reverse("account"), {"act": name, **fields})


def test_it_is_switched_on_by_password_and_a_code_of_the_key_on_the_page(client, olga, now, monkeypatch):
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.generate_totp_secret", lambda: SECRET)
    client.force_login(olga)
    page = client.get(reverse("account"))
    assert SECRET in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    for fields in ({"password": "wrong", "code": code_at(now["now"])}, {"password": PASSWORD, "code": "000000"}):
        assert act(client, "switch-on", **fields).status_code == 200
        assert not second_step.is_on(olga)
    codes = act(client, "switch-on", password=PASSWORD, code=code_at(now["now"])).context["codes"]
    assert second_step.is_on(olga)
    assert len(codes) == 10
    assert second_step.use_code(olga, code_at(now["now"])) is None  # it has been used now
    again = client.get(reverse("account")).content.decode()
    assert SECRET not in again
    assert codes[0] not in again


def test_it_is_switched_off_and_recovery_codes_are_made_anew_by_a_code_only(client, secured, now):
    olga, codes = secured
    client.force_login(olga)
    act(client, "switch-off", code="000000")
    assert second_step.is_on(olga)
    renewed = act(client, "renew", code=code_at(now["now"])).context["codes"]
    assert not set(renewed) & set(codes)
    assert second_step.use_code(olga, codes[0]) is None
    assert act(client, "switch-off", code=renewed[0]).status_code == 302
    assert not Authenticator.objects.exists()


def test_a_browser_left_alone_guesses_neither_password_nor_code(client, olga, now):
    client.force_login(olga)
    statuses = [act(client, "switch-on", password="wrong", code="000000").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]


def test_a_project_may_demand_it_of_organizers(client, secured, ada, now):
    olga, _ = secured
    project = Project.objects.get()
    demand = reverse("demand-second-step")
    client.force_login(ada)
    client.post(demand, {"demanded": "on"})
    project.refresh_from_db()
    assert not project.second_step, "an admin without it would lock themselves out"
    second_step.switch_on(ada, SECRET)
    client.post(demand, {"demanded": "on"})
    project.refresh_from_db()
    assert project.second_step
    for someone, status in ((ada, 200), (olga, 200)):
        client.force_login(someone)
        assert client.get(reverse("prompt-sets")).status_code == status
    second_step.switch_off(olga)
    refused = client.get(reverse("prompt-sets"))
    assert refused.status_code == 403
    assert "second step" in refused.content.decode()
    assert client.get(reverse("league")).status_code == 200
    client.force_login(ada)
    client.post(demand, {})
    client.force_login(olga)
    assert client.get(reverse("prompt-sets")).status_code == 200


def test_a_superuser_switches_it_off_for_who_lost_their_device(client, secured):
    olga, _ = secured
    root = User.objects.create_superuser("root", password=PASSWORD)
    client.force_login(root)
    fields = {"action": "switch_off_second_step", "_selected_action": [olga.pk]}
    client.post(reverse("admin:auth_user_changelist"), fields)
    assert not second_step.is_on(olga)
    assert audit.AuditEntry.objects.first().actor == "root"


def test_a_house_on_the_internet_demands_it_for_the_administration(client, settings, db, now):
    root = User.objects.create_superuser("root", password=PASSWORD)
    client.force_login(root)
    assert client.get(reverse("admin:index")).status_code == 200
    settings.ADMINISTRATION_SECOND_STEP = True
    assert client.get(reverse("admin:index")).status_code == 302
    second_step.switch_on(root, SECRET)
    assert client.get(reverse("admin:index")).status_code == 200
