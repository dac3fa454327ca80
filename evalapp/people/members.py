"""Members of a project: invited by a link, given another role, removed. Each leaves a trace; one admin remains."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from evalapp.people import audit, second_step
from evalapp.people.projects import MemberInvitation, Membership, Project, Role

DAYS = 7


class NotPossible(Exception):
    """Nothing was changed; the message says why."""


@transaction.atomic
def found_project(name: str) -> Project:
    """A new, empty project. Superusers are its admins until they invite others."""
    project = Project.objects.create(name=name)
    audit.record("founded", project, project=project.pk)
    return project


@transaction.atomic
def invite(project: Project, role: Role, note: str, by: str) -> tuple[MemberInvitation, str]:
    """A link's row and its secret, which is told this once."""
    secret = secrets.token_urlsafe(32)
    invitation = MemberInvitation.objects.create(
        project=project,
        role=role,
        note=note,
        digest=_digest(secret),
        created_by=by,
        expires_at=timezone.now() + timedelta(days=DAYS),
    )
    audit.record("invited a member to", project, project=project.pk, role=role.name.lower(), note=note)
    return invitation, secret


def living(secret: str) -> MemberInvitation | None:
    """The invitation of this link while it can be used; looking at it uses nothing up."""
    usable = Q(used_at=None, withdrawn_at=None, expires_at__gt=Now())
    return MemberInvitation.objects.filter(usable, digest=_digest(secret)).select_related("project").first()


@transaction.atomic
def join(secret: str, user: Any) -> Membership:
    """Make the user a member, and use the link up. Raises NotPossible; of two at the same moment one is refused."""
    invitation = living(secret)
    if invitation is None:
        raise NotPossible(_("this link was used, withdrawn or has ended: ask for another one"))
    if user.is_superuser or Membership.objects.filter(project=invitation.project, user=user).exists():
        told = {"user": str(user), "project": str(invitation.project)}
        raise NotPossible(
            _("%(user)s is a member of %(project)s already: the link can still be used by another") % told
        )
    mine = MemberInvitation.objects.filter(pk=invitation.pk, used_at=None, withdrawn_at=None, expires_at__gt=Now())
    if not mine.update(used_at=Now(), used_by=user.get_username()):
        raise NotPossible(_("this link was used a moment ago: ask for another one"))
    membership = Membership.objects.create(project=invitation.project, user=user, role=invitation.role)
    role = Role(invitation.role).name.lower()
    who = user.get_username()
    audit.record("joined", invitation.project, project=invitation.project_id, actor=who, member=who, role=role)
    return membership


@transaction.atomic
def withdraw(invitation: MemberInvitation) -> None:
    """Nobody comes in by it."""
    unused = MemberInvitation.objects.filter(pk=invitation.pk, used_at=None, withdrawn_at=None)
    if unused.update(withdrawn_at=Now()):
        audit.record("withdrew an invitation to", invitation.project, project=invitation.project_id)


@transaction.atomic
def change_role(membership: Membership, role: Role) -> None:
    """Raises NotPossible for the last admin."""
    before = _locked(membership)
    if role < Role.ADMIN:
        _another_admin(before)
    Membership.objects.filter(pk=membership.pk).update(role=role)
    told = {"member": str(membership.user), "role": role.name.lower(), "before": Role(before.role).name.lower()}
    audit.record("changed a role in", membership.project, project=membership.project_id, **told)


@transaction.atomic
def demand_second_step(project: Project, demanded: bool, by: Any) -> None:
    """Organizers and admins without a second step count as researchers. Raises NotPossible for an admin without one."""
    if demanded and not second_step.is_on(by):
        raise NotPossible(_("switch on your own second step first: you would lock yourself out"))
    if Project.objects.filter(pk=project.pk).exclude(second_step=demanded).update(second_step=demanded):
        verb = "demanded" if demanded else "no longer demands"
        audit.record(verb, "the second step of organizers", project=project.pk)


@transaction.atomic
def remove(membership: Membership) -> None:
    """From now on the project does not exist for them; links that they made and nobody used yet lead nowhere."""
    _another_admin(_locked(membership))
    name = membership.user.get_username()
    unused = MemberInvitation.objects.filter(project=membership.project_id, created_by=name, used_at=None)
    unused.filter(withdrawn_at=None).update(withdrawn_at=Now())
    Membership.objects.filter(pk=membership.pk).delete()
    audit.record("removed a member from", membership.project, project=membership.project_id, member=name)


def _locked(membership: Membership) -> Membership:
    """As it is now; changes of a project's members wait for each other."""
    Project.objects.select_for_update().get(pk=membership.project_id)
    found = Membership.objects.filter(pk=membership.pk).first()
    if found is None:
        raise NotPossible(_("they are no member any more"))
    return found


def _another_admin(leaving: Membership) -> None:
    admins = Membership.objects.filter(project=leaving.project_id, role=Role.ADMIN, user__is_active=True)
    if leaving.role == Role.ADMIN and not admins.exclude(pk=leaving.pk).exists():
        raise NotPossible(_("this is the last admin: make somebody else an admin first"))


def _digest(secret: str) -> str:
    # 256 random bits need no salt and no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
