"""Log lines: whose request, and no secrets."""

import json
import logging
from types import SimpleNamespace

from celery.app.task import Context
from celery.signals import before_task_publish, task_postrun, task_prerun
from django.http import HttpResponse
from django.test import RequestFactory

from evalapp.running.logs import AsJson, RequestId, Tidy, request_id


def line(message, *args):
    record = logging.LogRecord("visavis", logging.WARNING, __file__, 1, message, args, None)
    assert Tidy().filter(record)
    return json.loads(AsJson().format(record))


def test_a_line_bears_the_id_of_its_request_and_the_answer_too():
    seen = []

    def view(request):
        seen.append(line("inside")["request"])
        return HttpResponse()

    response = RequestId(view)(RequestFactory().get("/", headers={"X-Request-ID": "from-the-proxy-1"}))
    assert seen == ["from-the-proxy-1"] == [response["X-Request-ID"]]
    assert request_id.get() == "-"


def test_a_refused_request_is_written_of_with_its_id(client, db, caplog):
    caplog.handler.addFilter(Tidy())
    answer = client.get("/nowhere/")
    there = [each.request_id for each in caplog.records if each.name == "django.request"]
    refused = client.get(f"/assess/tasks/{'0' * 8}-{'0' * 4}-{'0' * 4}-{'0' * 4}-{'0' * 12}/")
    there += [each.request_id for each in caplog.records if each.name == "django.request"][-1:]
    assert (answer.status_code, refused.status_code) == (404, 404)
    assert there == [answer["X-Request-ID"], refused["X-Request-ID"]]


def test_a_forged_id_is_replaced():
    response = RequestId(lambda _: HttpResponse())(RequestFactory().get("/", headers={"X-Request-ID": "a\tb c" * 50}))
    assert len(response["X-Request-ID"]) == 32


def test_what_a_request_sets_off_in_a_worker_is_written_of_with_its_id():
    headers, of_nobody = {}, {}
    RequestId(lambda _: before_task_publish.send(None, headers=headers) and HttpResponse())(
        RequestFactory().get("/", headers={"X-Request-ID": "from-the-proxy-1"})
    )
    before_task_publish.send(None, headers=of_nobody)
    written = []
    for sent in (headers, of_nobody):
        task_prerun.send(None, task=SimpleNamespace(request=Context(sent)), task_id="task-of-its-own")
        written.append(line("inside")["request"])
        task_postrun.send(None)
    assert [*written, line("after")["request"]] == ["from-the-proxy-1", "task-of-its-own", "-"]


def test_secrets_are_struck_out():
    assert line("Not Found: /i/ImFiYyI:1xYz-secret/")["message"] == "Not Found: /i/…/"
    assert line("Not Found: /join/abcdefghijk/")["message"] == "Not Found: /join/…/"
    assert line("Not Found: /assess/media/ImFiYyI-secret/")["message"] == "Not Found: /assess/media/…/"
    assert "abcdefgh" not in line("token %s was used", "vsv_abcdefghijk")["message"]
    assert "abcdefgh" not in line("signed with whs_abcdefghijk")["message"]
    assert "abcdefgh" not in line("header Authorization: Bearer abcdefgh")["message"]


def test_an_error_keeps_its_traceback_without_secrets():
    try:
        raise ValueError("broken by vsv_abcdefghijk")
    except ValueError:
        import sys

        record = logging.LogRecord("visavis", logging.ERROR, __file__, 1, "no", (), sys.exc_info())
    untouched = AsJson().format(record)
    Tidy().filter(record)
    for told in (json.loads(AsJson().format(record))["exception"], logging.Formatter().format(record)):
        assert "ValueError: broken by vsv_…" in told
        assert "abcdefgh" not in told
    assert "abcdefgh" in untouched
