"""What a role may not do is not offered to it: links and forms of every page lead where tests/access.py lets it."""

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.urls import Resolver404, resolve

from tests.access import ACCESS, FORBIDDEN, MEMBERS, ROLES, THERE
from tests.test_access import address, browser, furnished, house  # noqa: F401

LEADS = re.compile(r"""(?:href|action|src|hx-get|hx-post)=["']([^"'#]+)""")


def offered(html):
    """Names of the routes that a page leads to."""
    for found in LEADS.findall(html):
        path = urlsplit(unescape(found)).path
        if path.startswith("/") and not path.startswith(("/static/", "/admin/")):
            try:
                yield resolve(path).url_name
            except Resolver404:
                yield path


def test_the_look_finds_what_a_page_offers():
    assert list(offered('<a href="/audit/?q=1">…</a><form action="/sign-out/">')) == ["audit", "sign-out"]


@pytest.mark.parametrize("role", MEMBERS)
def test_no_page_offers_what_its_reader_may_not_do(house, role):  # noqa: F811
    place, told, looked_at = ROLES.index(role), {}, 0
    for name, (method, expected) in ACCESS.items():
        if method != "get" or expected[place] != THERE or name.startswith("api-"):
            continue
        things = house(name)
        with transaction.atomic():
            answer = browser(role, things).get(address(name, things))
            transaction.set_rollback(True)
        if not answer.get("Content-Type", "").startswith("text/html") or answer.streaming:
            continue
        looked_at += 1
        refused = {
            each for each in offered(answer.text) if ACCESS.get(each, ("", [FORBIDDEN] * 9))[1][place] == FORBIDDEN
        }
        if refused:
            told[name] = sorted(refused)
    assert looked_at >= 10
    assert told == {}
