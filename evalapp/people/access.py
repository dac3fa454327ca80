"""Who may do what: the one place where it is decided, for pages, files and the API alike.

A thing belongs to a project; a user has a role in it (`Role`) or none. None: the thing does not exist for them (404).
A lower role than the act needs: 403. All roles of the asker, and which project the thing lies in, come by one query.
"""

from collections.abc import Mapping
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, F, OuterRef, Value
from django.http import Http404, HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from evalapp.people.projects import Project, Role

SESSION_KEY = "project"
OWNERS = {
    "comparison": ("Comparison", "code", "project"),
    "contender": ("Contender", "pk", "project"),
    "clip": ("Clip", "folder", "contender__project"),
    "invitation": ("Invitation", "code", "comparison__project"),
    "judge_run": ("JudgeRun", "code", "comparison__project"),
    "measuring_run": ("MeasuringRun", "code", "comparison__project"),
    "training_run": ("TrainingRun", "code", "comparison__project"),
    "prompt_set": ("PromptSet", "pk", "project"),
    "project": ("Project", "code", "pk"),
    "membership": ("Membership", "pk", "project"),
    "member_invitation": ("MemberInvitation", "code", "project"),
    "picture": ("Picture", "code", "project"),
    "template": ("Template", "pk", "project"),
    "upload": ("Upload", "code", "prompt__prompt_set__project"),
    "webhook": ("Webhook", "code", "project"),
    "delivery": ("Delivery", "code", "webhook__project"),
}
"""How a thing in an address leads to its project: its model, what the address names it by, the way to the project."""


class Access:
    """The projects that someone is in, their role in each, and the project at hand."""

    def __init__(self, projects: list[Project], roles: dict[int, Role], project: Project | None) -> None:
        self.projects, self.roles, self.project = projects, roles, project

    @property
    def role(self) -> Role | None:
        """In the project at hand."""
        return self.roles.get(self.project.pk) if self.project else None

    @property
    def researches(self) -> bool:
        return self._at_least(Role.RESEARCHER)

    @property
    def organizes(self) -> bool:
        return self._at_least(Role.ORGANIZER)

    @property
    def administers(self) -> bool:
        return self._at_least(Role.ADMIN)

    def _at_least(self, least: Role) -> bool:
        return self.role is not None and self.role >= least

    def within(self, least: Role) -> list[Project]:
        """The projects in which the asker has this role or a higher one."""
        return [project for project in self.projects if self.roles[project.pk] >= least]


def admit(request: Any, least: Role, kind: str = "", key: Any = None) -> Access:
    """The access of whoever asks for that thing, or, without one, for a page of the project at hand.

    `request` is Django's or the REST framework's. Raises Http404 for what lies in a project that the asker is not in,
    PermissionDenied for too low a role.
    """
    access = _asked(request, kind, key)
    if access.project is None:
        if kind:
            raise Http404
        raise PermissionDenied(_("you are a member of no project: ask an admin for an invitation link"))
    if not access._at_least(least):
        if access.project.second_step:
            told = _("%(project)s asks its organizers for a second step of signing in: switch it on in your account.")
            raise PermissionDenied(told % {"project": access.project})
        told = _("this needs the role of %(role)s in %(project)s")
        raise PermissionDenied(told % {"role": least.label, "project": access.project})
    _plain(request).access = access
    return access


def named_in(address: Mapping[str, Any], of: str = "") -> tuple[str, Any]:
    """Kind and key of the thing that an address names, for `admit`; ("", None) for an address that names nothing."""
    if "folder" in address:
        return "clip", address["folder"]
    for name, kind in (("run", "judge_run"), ("measuring", "measuring_run"), ("training", "training_run")):
        if name in address:
            return kind, address[name]
    key = address.get("code", address.get("number"))
    return ("", None) if key is None else (of or "comparison", key)


def access_of(request: Any) -> Access:
    """What `admit` found for this request; on a page that asks for no role, what it would find."""
    plain = _plain(request)
    if not hasattr(plain, "access"):
        plain.access = _asked(request)
    found: Access = plain.access
    return found


def project_of(request: Any) -> Project:
    """The project at hand, of a request that was admitted."""
    project = access_of(request).project
    assert project is not None, "ask `admit` first"
    return project


def in_templates(request: HttpRequest) -> dict[str, Any]:
    """Template context: `access`, asked for only where a template looks at it."""
    user = getattr(request, "user", None)
    return {"access": SimpleLazyObject(lambda: access_of(request)) if user and user.is_authenticated else None}


def _plain(request: Any) -> Any:
    return getattr(request, "_request", request)


def _asked(request: Any, kind: str = "", key: Any = None) -> Access:
    user: Any = request.user
    token: Any = getattr(request, "auth", None)
    if not user.is_authenticated:
        return Access([], {}, None)
    found: Any = Project.objects.all()
    if bound := getattr(token, "project_id", None):
        role = Role.ORGANIZER if "organize" in token.scopes else Role.RESEARCHER
        found = found.filter(pk=bound).annotate(role=Value(role))
    elif user.is_superuser:
        found = found.annotate(role=Value(Role.ADMIN))
    else:
        found = found.filter(memberships__user=user).annotate(role=F("memberships__role"))
    if not bound:
        found = found.annotate(two_steps=Exists(Authenticator.objects.filter(user=user.pk, type="totp")))
    if kind:
        model, name, way = OWNERS[kind]
        things = apps.get_model("evalapp", model)._default_manager.filter(**{name: key, way: OuterRef("pk")})
        found = found.annotate(here=Exists(things))
    projects = list(found)
    roles = {project.pk: _held(project) for project in projects}
    if kind:
        return Access(projects, roles, next((project for project in projects if project.here), None))
    chosen = _plain(request).session.get(SESSION_KEY) if token is None else None
    first = projects[0] if projects else None
    return Access(projects, roles, next((project for project in projects if str(project.code) == chosen), first))


def _held(project: Any) -> Role:
    """The asker's role: where the project asks for a second step and theirs is off, no more than a researcher's."""
    role = Role(project.role)
    return min(role, Role.RESEARCHER) if project.second_step and not getattr(project, "two_steps", True) else role
