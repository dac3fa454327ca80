"""Log lines that say which request they belong to, for people or, with LOG_FORMAT=json, for machines."""

import json
import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

from django.http import HttpRequest
from django.http.response import HttpResponseBase

request_id: ContextVar[str] = ContextVar("request_id", default="-")
ID = "visavis.request_id"
GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
# What opens a door is struck out wherever it would be written: tokens, webhooks' secrets, links, addresses of clips.
SECRETS = re.compile(r"(vsv_|whs_|/i/|/join/|/assess/media/)[A-Za-z0-9_:=-]{6,}|(Bearer\s+)\S+", re.IGNORECASE)


class RequestId:
    """Gives each request an id, taken from the proxy's X-Request-ID if there is a sensible one, and answers with it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        number = given if GIVEN.fullmatch(given) else uuid.uuid4().hex
        request.META[ID] = number  # Django writes of a refused request when this is left already
        token = request_id.set(number)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = number
        return response


class Tidy(logging.Filter):
    """Adds the request's id to a record and strikes secrets out of it and of its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        asked = getattr(getattr(record, "request", None), "META", {})
        record.request_id = asked.get(ID) or request_id.get()
        said = record.getMessage()
        struck = _struck(said)
        if struck != said:
            record.msg, record.args = struck, ()
        if record.exc_info:
            record.exc_text = _struck(logging.Formatter().formatException(record.exc_info))
        return True


def _struck(text: str) -> str:
    return SECRETS.sub(lambda found: f"{found.group(1) or found.group(2)}…", text)


class AsJson(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request": getattr(record, "request_id", "-"),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
