"""What is answered when something of ours went wrong."""

import errno
import sqlite3

import pytest
from django.db import OperationalError
from django.urls import reverse

from evalapp.running.wrong import trouble_of


def full_database():
    error = OperationalError("database or disk is full")
    error.__cause__ = sqlite3.OperationalError("database or disk is full")
    error.__cause__.sqlite_errorname = "SQLITE_FULL"
    return error


@pytest.mark.parametrize("error", [full_database(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_full_disk_is_called_so_on_the_page_and_over_the_api(error, client, olga, monkeypatch):
    def fails(*_, **__):
        raise error

    assert trouble_of(error) == "full"
    client.force_login(olga)
    client.raise_request_exception = False
    monkeypatch.setattr("evalapp.catalog.contender_views.registered", fails)
    address = reverse("register-contender", args=["shapes"])
    answer = client.post(address, {"name": "a"}, headers={"accept-language": "ru"})
    assert answer.status_code == 503
    assert "Диск заполнен" in answer.content.decode()
    monkeypatch.setattr("evalapp.api.creating.enter", fails)
    body = {"name": "a", "recipe": {"generator": "shapes"}}
    answer = client.post(reverse("api-contenders"), body, content_type="application/json")
    assert (answer.status_code, answer.json()["title"]) == (503, "The disk is full")


def test_a_name_that_is_not_the_server_s_is_a_problem_document_for_programs_and_a_page_for_people(client, db):
    told = client.get("/api/v1/me/", headers={"host": "elsewhere.example.org"})
    assert (told.status_code, told.headers["Content-Type"]) == (400, "application/problem+json")
    assert (told.json()["status"], told.json()["detail"]) == (400, "this server does not answer by that name")
    page = client.get("/sign-in/", headers={"host": "elsewhere.example.org"})
    assert (page.status_code, page.headers["Content-Type"].split(";")[0]) == (400, "text/html")
    assert "elsewhere" not in page.content.decode()
