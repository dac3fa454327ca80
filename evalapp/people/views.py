"""Signing in and out for organizers and researchers. Assessors never sign in: an invitation brings them."""

import functools
import hashlib
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from evalapp.people.access import admit, named_in
from evalapp.people.projects import Role

View = Callable[..., HttpResponseBase]

FAILURES_PER_ACCOUNT = 5  # of one account from one address, until as long without a failure as the cache's TIMEOUT
FAILURES_PER_ADDRESS = 30  # over all accounts


def signed_in_only(view: View) -> View:
    """Anyone else is asked to sign in; a page that refreshes itself is loaded anew, so that it can ask."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.headers.get("HX-Request") and not request.user.is_authenticated:
            return HttpResponse(status=403, headers={"HX-Refresh": "true"})
        return login_required(view)(request, *args, **kwargs)

    return guarded


def members_only(least: Role, of: str = "") -> Callable[[View], View]:
    """Members with that role get the page, lower ones 403, strangers to the project 404; others are asked to sign in.

    The page is of the thing that its address names (`access.OWNERS`): by a folder a clip, by a code a comparison unless
    `of` says what else. Without either it is a page of the project at hand.
    """

    def guard(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            admit(request, least, *named_in(kwargs, of))
            return view(request, *args, **kwargs)

        return signed_in_only(guarded)

    return guard


viewers_only = members_only(Role.VIEWER)
researchers_only = members_only(Role.RESEARCHER)
organizers_only = members_only(Role.ORGANIZER)
admins_only = members_only(Role.ADMIN)


def address_of(request: HttpRequest) -> str:
    """Where a request comes from; behind a proxy, what the nearest proxy saw (the rest of the header can be forged)."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.SECURE_PROXY_SSL_HEADER else ""
    return forwarded.rsplit(",", 1)[-1].strip() or request.META.get("REMOTE_ADDR", "")


class Failures:
    """Failed attempts to sign in, counted before the password is looked at, in a cache that all processes share.

    Each failure starts the quarter of an hour anew. With the file-based cache, attempts at the very same moment may be
    counted once; a shared Redis counts each.
    """

    def __init__(self, account: str, address: str) -> None:
        self.counted = {
            self._key("account", account.casefold(), address): FAILURES_PER_ACCOUNT,
            self._key("address", address): FAILURES_PER_ADDRESS,
        }

    @staticmethod
    def _key(*parts: str) -> str:
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def another_allowed(self) -> bool:
        """Count an attempt; False when there were too many."""
        cache, allowed = caches["sign-in"], True
        for key, limit in self.counted.items():
            failures = cache.get(key, 0)
            allowed = allowed and failures < limit
            if failures < limit:
                cache.set(key, failures + 1)
        return allowed

    def forgive(self) -> None:
        """The password was right: this account's failures are forgotten, and the attempt does not count."""
        account, address = self.counted
        cache = caches["sign-in"]
        cache.delete(account)
        cache.set(address, max(0, cache.get(address, 0) - 1))


class SignIn(LoginView):
    """Name and password. Wrong name and wrong password look and last the same; so do all refusals for haste."""

    template_name = "people/sign_in.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        failures = Failures(request.POST.get("username", ""), address_of(request))
        if not failures.another_allowed():
            form = self.get_form_class()(request)
            refused = self.render_to_response(self.get_context_data(form=form, too_many=True), status=429)
            refused["Retry-After"] = "900"
            return refused
        form = self.get_form()
        if form.is_valid():
            failures.forgive()
            return self.form_valid(form)
        return self.form_invalid(form)
