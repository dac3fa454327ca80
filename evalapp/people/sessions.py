"""Sessions as Django keeps them in the database, read by a statement that is written once: every request begins so.

Those of people with an account end when nothing was done for half an hour; assessors' do not.
"""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as Plain
from django.contrib.sessions.models import Session
from django.db.models import CharField, DateTimeField
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from evalapp.prepared import Given, Prepared

_alive = Prepared(
    lambda: Session.objects.filter(session_key=Given("key", CharField()), expire_date__gt=Given("now", DateTimeField()))
)


class SessionStore(Plain):
    @classmethod
    def get_model_class(cls) -> Any:
        return Session

    def _get_session_from_db(self) -> Session | None:
        found = _alive(key=self.session_key, now=timezone.now())
        if not found:
            self._session_key = None
        return found[0] if found else None


SEEN, SELDOM = "seen", 60  # a request a minute is written down, not each
PROVED = "proved"
ANYBODY = ("/healthz", "/readyz")  # told without looking who asks: they answer while the database does not


def prove(request: HttpRequest) -> None:
    """Just now this browser's person showed that it is theirs, by password, code or provider."""
    request.session[PROVED] = int(time.time())


def proved_lately(request: HttpRequest) -> bool:
    return bool(time.time() - request.session.get(PROVED, 0) <= settings.PROVE_AGAIN_MINUTES * 60)


class Idle:
    """Ends the session of whoever signed in and then left: a page that refreshes itself is no sign of life."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        known = settings.SESSION_COOKIE_NAME in request.COOKIES and request.path not in ANYBODY
        if known and SESSION_KEY in request.session:
            now = int(time.time())
            gone = now - request.session.get(SEEN, 0)
            if SEEN in request.session and gone > settings.IDLE_MINUTES * 60:
                request.session.flush()
            elif gone > SELDOM and not (request.method == "GET" and request.headers.get("HX-Request")):
                request.session[SEEN] = now
            if PROVED not in request.session:
                prove(request)  # the session began a moment ago
        return self.get_response(request)
