"""Projects and their members, as pages: who is in, with which role; invitations; the way in."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from evalapp.people.access import SESSION_KEY, access_of, project_of
from evalapp.people.members import (
    NotPossible,
    change_role,
    demand_second_step,
    found_project,
    invite,
    join,
    living,
    remove,
    withdraw,
)
from evalapp.people.projects import MemberInvitation, Membership, Project, Role
from evalapp.people.views import admins_only, members_only, of_who_proved_it, signed_in_only

LISTED = 50


class ProjectForm(forms.Form):
    name = forms.CharField(max_length=200, label=gettext_lazy("Name"))

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if Project.objects.filter(name=name).exists():
            raise forms.ValidationError(_("There is a project of this name already."))
        return name


class MemberInvitationForm(forms.Form):
    role = forms.TypedChoiceField(choices=Role.choices, coerce=lambda given: Role(int(given)))
    note = forms.CharField(max_length=100, required=False, label=gettext_lazy("For whom"))


class AccountForm(forms.Form):
    username = forms.CharField(max_length=150, validators=User._meta.get_field("username").validators)
    password = forms.CharField(widget=forms.PasswordInput, strip=False, max_length=1000)

    def clean_username(self) -> str:
        name = User.normalize_username(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError(_("Someone has this name already: take another one, or sign in."))
        return str(name)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if "password" in given:
            try:
                validate_password(given["password"], User(username=given.get("username", "")))
            except forms.ValidationError as weak:
                self.add_error("password", weak)
        return given


@signed_in_only
@require_http_methods(["GET", "HEAD", "POST"])
def projects(request: HttpRequest) -> HttpResponse:
    """One's own projects; a superuser founds new ones."""
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and not request.user.is_superuser:
        raise PermissionDenied(_("projects are founded by superusers"))
    if form.is_valid():
        project = found_project(form.cleaned_data["name"])
        request.session[SESSION_KEY] = str(project.code)
        return redirect("members")
    access = access_of(request)
    rows = [(project, access.roles[project.pk].label) for project in access.projects]
    return render(request, "people/projects.html", {"rows": rows, "form": form})


@members_only(Role.VIEWER, of="project")
@require_POST
def enter(request: HttpRequest, code: UUID) -> HttpResponse:
    """Pages without a thing of their own are this project's from now on."""
    request.session[SESSION_KEY] = str(code)
    return redirect("comparisons")


@admins_only
@of_who_proved_it
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def members(request: HttpRequest) -> HttpResponse:
    """Who is in the project; a new invitation's link is on the answer to the form, and nowhere afterwards."""
    project, form, link = project_of(request), MemberInvitationForm(request.POST or None), ""
    if form.is_valid():
        by = request.user.get_username()
        _made, secret = invite(project, form.cleaned_data["role"], form.cleaned_data["note"], by)
        link = request.build_absolute_uri(reverse("join", args=[secret]))
        form = MemberInvitationForm()
    context = {
        "form": form,
        "link": link,
        "project": project,
        "roles": Role.choices,
        "members": project.memberships.select_related("user").order_by("-role", "user__username"),
        "invitations": project.member_invitations.all()[:LISTED],
    }
    return render(request, "people/members.html", context)


@admins_only
@of_who_proved_it
@require_POST
def demand(request: HttpRequest) -> HttpResponse:
    """Whether the project's organizers have to sign in by two steps."""
    project, demanded = project_of(request), "demanded" in request.POST
    said = _("Organizers need the second step now.") if demanded else _("Organizers need no second step.")
    return _told(request, lambda: demand_second_step(project, demanded, request.user), said)


@members_only(Role.ADMIN, of="membership")
@of_who_proved_it
@require_POST
def set_role(request: HttpRequest, number: int) -> HttpResponse:
    membership = get_object_or_404(Membership.objects.select_related("project", "user"), pk=number)
    form = forms.Form(request.POST)
    form.fields["role"] = forms.TypedChoiceField(choices=Role.choices, coerce=lambda given: Role(int(given)))
    if not form.is_valid():
        messages.error(request, _("Nothing was changed: choose a role."))
        return redirect("members")
    return _told(request, lambda: change_role(membership, form.cleaned_data["role"]), _("The role is changed."))


@members_only(Role.ADMIN, of="membership")
@of_who_proved_it
@require_POST
def remove_member(request: HttpRequest, number: int) -> HttpResponse:
    membership = get_object_or_404(Membership.objects.select_related("project", "user"), pk=number)
    return _told(request, lambda: remove(membership), _("They are no member any more."))


@members_only(Role.ADMIN, of="member_invitation")
@require_POST
def withdraw_invitation(request: HttpRequest, code: UUID) -> HttpResponse:
    invitation = get_object_or_404(MemberInvitation.objects.select_related("project"), code=code)
    return _told(request, lambda: withdraw(invitation), _("The invitation is withdrawn."))


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def come_in(request: HttpRequest, token: str) -> HttpResponse:
    """An invitation's page. Looking uses nothing up, since mail scanners look too; posting does, once."""
    invitation = living(token)
    if invitation is None:
        raise Http404("this link was used, withdrawn or has ended")
    known = request.user.is_authenticated
    form = AccountForm(request.POST if request.method == "POST" and not known else None)
    if request.method == "POST" and (known or form.is_valid()):
        try:
            with transaction.atomic():
                user = request.user if known else User.objects.create_user(**form.cleaned_data)
                membership = join(token, user)
        except NotPossible as refusal:
            messages.error(request, str(refusal))
            return redirect("comparisons" if known else "sign-in")
        if isinstance(user, User) and not known:
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            request.session.set_expiry(settings.SIGNED_IN_HOURS * 3600)
        request.session[SESSION_KEY] = str(membership.project.code)
        messages.success(request, _("You are in the project “%(name)s” now.") % {"name": membership.project})
        return redirect("comparisons")
    return render(request, "people/join.html", {"invitation": invitation, "form": form})


def _told(request: HttpRequest, act: Any, said: str) -> HttpResponse:
    """Do it, say what came of it, and go back to the members."""
    try:
        act()
    except NotPossible as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)
    return redirect("members")
