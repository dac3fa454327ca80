"""Who asks: a browser's session or a token; and what they may: their role, cut to the token's scopes."""

from typing import Any

from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle

from evalapp.people.tokens import ApiToken


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer vsv_…`. A wrong, ended or revoked token is refused, never taken for no token at all."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.casefold() != "bearer":
            return None
        token = ApiToken.objects.of_secret(secret.strip())
        if token is None:
            raise exceptions.AuthenticationFailed("this token is unknown, expired or revoked: make a new one")
        token.used()
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="visavis"'


class Scoped(BasePermission):
    """A signed-in user; with a token, one that has the scope."""

    scope = "read"
    staff = False

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        if not user.is_authenticated or (self.staff and not user.is_staff):
            return False
        if isinstance(request.auth, ApiToken) and self.scope not in request.auth.scopes:
            raise exceptions.PermissionDenied(f"this token lacks the scope '{self.scope}'")
        return True


class MayRead(Scoped):
    """Comparisons, progress, reports."""


class MayReadVotes(Scoped):
    """Organizers: single votes."""

    scope, staff = "votes", True


class MayOrganize(Scoped):
    """Organizers: whatever changes something."""

    scope, staff = "organize", True


class Pace(UserRateThrottle):
    """A courtesy to other users, not a guard: two processes may count the same call once."""

    rate = "600/min"
