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
