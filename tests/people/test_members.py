"""Projects and their members: coming in by a link, roles, and what another project's people see: nothing."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from evalapp.comparisons.models import Comparison
from evalapp.people.audit import AuditEntry, broken_links
from evalapp.people.members import NotPossible, change_role, invite, join, remove
from evalapp.people.projects import MemberInvitation, Membership, Project, Role, first_project
from evalapp.people.tokens import ApiToken
from evalapp.people.webhooks import Webhook, announce
from tests.factories import make_admin, make_comparison, make_member

PASSWORD = "a long enough password"


@pytest.fixture
def project(db):
    return Project.objects.get(pk=first_project())


@pytest.fixture
def link(project):
    """An invitation's address."""
    _, secret = invite(project, Role.RESEARCHER, "for rita", by="ada")
    return reverse("join", args=[secret])


def test_a_link_makes_an_account_and_a_member_once(client, project, link):
    for _ in range(2):
        assert "Default" in client.get(link).content.decode()  # looking uses nothing up
    assert "too common" in client.post(link, {"username": "rita", "password": "password"}).content.decode()
    assert client.post(link, {"username": "rita", "password": PASSWORD}).url == reverse("comparisons")
    rita = Membership.objects.get(project=project, user__username="rita")
    assert rita.role == Role.RESEARCHER
    assert not rita.user.is_staff
    assert client.session.get_expiry_age() == 12 * 3600
    assert client.get(reverse("comparisons")).status_code == 200
    client.logout()
    assert client.get(link).status_code == 404
    assert client.post(link, {"username": "mallory", "password": PASSWORD}).status_code == 404
    assert not User.objects.filter(username="mallory").exists()


def test_used_withdrawn_ended_and_invented_links_are_answered_alike(client, ada, project):
    answers = set()
    for change in ({"used_at": timezone.now()}, {"withdrawn_at": timezone.now()}, {"expires_at": timezone.now()}, None):
        made, secret = invite(project, Role.ADMIN, "", by="ada")
        if change:
            MemberInvitation.objects.filter(pk=made.pk).update(**change)
        answer = client.get(reverse("join", args=[secret if change else "x" * 43]))
        answers.add((answer.status_code, answer.content))
    assert len(answers) == 1
    assert answers.pop()[0] == 404


def test_a_link_is_stored_as_a_hash_and_shown_once(client, ada):
    client.force_login(ada)
    page = client.post(reverse("members"), {"role": "1", "note": "for vera"})
    secret = page.context["link"].split("/join/")[1].strip("/")
    assert secret not in client.get(reverse("members")).content.decode()
    assert secret not in str(MemberInvitation.objects.values().get())
    assert secret not in str(list(AuditEntry.objects.values()))


def test_someone_with_an_account_joins_and_cannot_join_twice(client, rita, project, ada):
    other = Project.objects.create(name="other")
    _, secret = invite(other, Role.VIEWER, "", by="ada")
    client.force_login(rita)
    client.post(reverse("join", args=[secret]))
    assert Membership.objects.get(project=other).user == rita
    _, again = invite(other, Role.ADMIN, "", by="ada")
    with pytest.raises(NotPossible, match="a member of other already"):
        join(again, rita)
    assert Membership.objects.get(project=other).role == Role.VIEWER


def test_the_last_admin_stays_one(client, ada, project):
    client.force_login(ada)
    own = ada.memberships.get()
    page = client.post(reverse("remove-member", args=[own.pk]), follow=True).content.decode()
    assert "last admin" in page
    assert "last admin" in client.post(reverse("set-role", args=[own.pk]), {"role": "1"}, follow=True).content.decode()
    assert ada.memberships.get().role == Role.ADMIN
    make_admin("ben")
    assert client.post(reverse("remove-member", args=[own.pk])).status_code == 302
    assert not ada.memberships.exists()


def test_an_admin_switched_off_does_not_count_as_another_admin(ada, project):
    User.objects.filter(pk=make_admin("ben").pk).update(is_active=False)
    with pytest.raises(NotPossible):
        change_role(ada.memberships.get(), Role.VIEWER)


def test_who_is_removed_is_out_at_once_with_session_token_and_open_links(client, olga, ada, project):
    comparison = make_comparison()
    _, secret = ApiToken.objects.issue(olga, "nightly", ["read"], 1)
    invite(project, Role.ADMIN, "a way back", by="olga")
    client.force_login(olga)
    assert client.get(reverse("comparison", args=[comparison.code])).status_code == 200
    remove(olga.memberships.get())
    assert client.get(reverse("comparison", args=[comparison.code])).status_code == 404
    bearer = {"Authorization": f"Bearer {secret}"}
    assert client.get(reverse("api-comparison", args=[comparison.code]), headers=bearer).status_code == 404
    assert MemberInvitation.objects.get().withdrawn_at


def test_every_change_of_members_is_on_the_trail_of_that_project_alone(client, ada, rita, project):
    other = Project.objects.create(name="other")
    _, secret = invite(project, Role.VIEWER, "for vera", by="ada")
    join(secret, make_member("vera", Role.VIEWER, other))
    change_role(rita.memberships.get(), Role.ORGANIZER)
    remove(rita.memberships.get())
    verbs = list(AuditEntry.objects.filter(project=project).order_by("number").values_list("verb", flat=True))
    assert verbs == ["invited a member to", "joined", "changed a role in", "removed a member from"]
    assert AuditEntry.objects.get(verb="joined").actor == "vera"
    assert not list(broken_links())
    client.force_login(ada)
    assert "removed a member from" in client.get(reverse("audit")).content.decode()
    client.force_login(make_member("fred", Role.ADMIN, other))
    assert "removed a member from" not in client.get(reverse("audit")).content.decode()


def test_an_entry_of_the_trail_cannot_change_its_project_unseen(project):
    invite(project, Role.VIEWER, "", by="ada")
    other = Project.objects.create(name="other")
    with connection.cursor() as cursor:
        on = " ON evalapp_auditentry" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER audit_insert_only{on}")
        cursor.execute("UPDATE evalapp_auditentry SET project_id = %s", [other.pk])
    assert "is not what was written" in next(broken_links())


@pytest.fixture
def secret_project(db):
    """Another project with a thing of each kind, all named so that a leak is seen."""
    other = Project.objects.create(name="CANARY project")
    Webhook.objects.create(project=other, url="https://CANARY.example.org/", events=["report.built"], created_by="fred")
    fred = make_member("CANARY-fred", Role.ADMIN, other)
    ApiToken.objects.issue(fred, "CANARY token", ["read"], 1, other)
    invite(other, Role.ADMIN, "CANARY note", by="fred")
    comparison = make_comparison(name="CANARY comparison", names=("CANARY-a", "CANARY-b"), project=other)
    assert comparison.project == other
    return other


LISTS = (
    *("comparisons", "new-comparison", "league", "tokens", "audit", "webhooks", "projects", "members"),
    *("api-me", "api-prompt-sets", "api-contenders", "api-comparisons"),
)


def test_no_list_tells_anything_of_another_project(client, ada, secret_project):
    make_comparison(name="sparrow-17")
    client.force_login(ada)
    for name in LISTS:
        answer = client.get(reverse(name))
        assert answer.status_code == 200
        assert "CANARY" not in answer.content.decode(), name
    client.force_login(User.objects.get(username="CANARY-fred"))
    for name in LISTS:
        told = client.get(reverse(name)).content.decode()
        assert "sparrow-17" not in told, name
        assert "end-to-end" not in told, name


def test_names_are_free_in_each_project(secret_project):
    assert make_comparison(name="CANARY comparison", names=("CANARY-a", "CANARY-b")).project_id == first_project()


def test_things_of_two_projects_do_not_meet(client, ada, secret_project):
    ours = make_comparison(name="sparrow-17")
    client.force_login(ada)
    theirs = Comparison.objects.get(project=secret_project)
    body = {"name": "mixed", "contenders": ["CANARY-a", "CANARY-b"], "prompt_set": ours.prompt_set_id}
    refused = client.post(reverse("api-comparisons"), body, content_type="application/json")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["contenders"])
    body |= {"prompt_set": theirs.prompt_set_id}
    refused = client.post(reverse("api-comparisons"), body, content_type="application/json")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["prompt_set"])


def test_a_webhook_hears_of_its_own_project_alone(secret_project, project):
    comparison = make_comparison(name="sparrow-17")
    heard = Webhook.objects.get().deliveries
    announce("report.built", comparison, **comparison.told())
    assert not heard.exists()
    comparison.project = secret_project
    announce("report.built", comparison, **comparison.told())
    assert heard.count() == 1


def test_a_projects_token_opens_that_project_alone_and_outlives_its_makers_membership(client, ada, secret_project):
    other = User.objects.get(username="CANARY-fred")
    Membership.objects.create(project_id=first_project(), user=other, role=Role.ADMIN)
    _, secret = ApiToken.objects.issue(other, "ci", ["read"], 1, secret_project)
    bearer = {"Authorization": f"Bearer {secret}"}
    ours = make_comparison(name="sparrow-17")
    assert client.get(reverse("api-comparison", args=[ours.code]), headers=bearer).status_code == 404
    other.memberships.all().delete()
    (listed,) = client.get(reverse("api-comparisons"), headers=bearer).json()["results"]
    assert listed["name"] == "CANARY comparison"
    code = listed["code"]
    assert client.post(reverse("api-pause", args=[code]), headers=bearer).status_code == 403


def test_one_sees_the_project_that_one_went_to(client, ada, secret_project):
    Membership.objects.create(project=secret_project, user=ada, role=Role.VIEWER)
    client.force_login(ada)
    assert "CANARY comparison" not in client.get(reverse("comparisons")).content.decode()
    client.post(reverse("enter-project", args=[secret_project.code]))
    assert "CANARY comparison" in client.get(reverse("comparisons")).content.decode()
    assert client.get(reverse("members")).status_code == 403  # a viewer there


def test_only_superusers_found_projects(client, ada, admin_user):
    client.force_login(ada)
    assert client.post(reverse("projects"), {"name": "mine"}).status_code == 403
    client.force_login(admin_user)
    client.post(reverse("projects"), {"name": "theirs"})
    assert set(Project.objects.values_list("name", flat=True)) == {"Default", "theirs"}
    assert client.get(reverse("members")).context["access"].project.name == "theirs"
