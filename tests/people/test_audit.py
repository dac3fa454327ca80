"""The audit trail: what it tells, and that nobody mends it afterwards."""

import ast
import re
import threading
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import translation

from evalapp.assessing.exclusions import Exclusion, pause
from evalapp.people import audit
from evalapp.people.audit import AuditEntry, AuditHead, broken_links
from evalapp.people.audit_words import DETAILS, KINDS, VERBS, WHATS, named, of_kind
from evalapp.people.audit_words import told as in_words
from evalapp.people.tokens import ApiToken
from tests.factories import make_comparison


def told():
    return list(AuditEntry.objects.order_by("number").values_list("actor", "verb", "subject"))


def without_guard(sql):
    """What someone with the database's own password could do."""
    dropped = ("audit_insert_only", "audit_insert_only_delete")
    with connection.cursor() as cursor:
        for trigger in dropped:
            on = "" if connection.vendor == "sqlite" else " ON evalapp_auditentry"
            cursor.execute(f"DROP TRIGGER {trigger}{on}")
        cursor.execute(sql)


@pytest.fixture
def trail(db):
    for number in range(5):
        audit.record("did", f"thing {number}", number=number)


def test_an_entry_says_who_did_what_to_what_and_from_where(client, olga):
    comparison = make_comparison()
    AuditEntry.objects.count()
    client.force_login(olga)
    client.post(reverse("pause", args=[comparison.code]))
    entry = AuditEntry.objects.first()
    assert (entry.actor, entry.verb, entry.subject) == (olga.username, "made paused", f"comparison {comparison}")
    assert entry.address == "127.0.0.1"


def test_what_was_refused_is_not_told_as_done(client, olga):
    comparison = make_comparison(state="draft")
    before = told()
    client.force_login(olga)
    client.post(reverse("pause", args=[comparison.code]))
    assert told() == before


def test_a_program_acts_in_its_owners_name(client, olga):
    comparison = make_comparison()
    _, secret = ApiToken.objects.issue(olga, "nightly", ["organize"], 1)
    bearer = {"Authorization": f"Bearer {secret}"}
    client.post(reverse("api-close", args=[comparison.code]), content_type="application/json", headers=bearer)
    assert told()[-1] == (olga.username, "made closed", f"comparison {comparison}")


def test_the_command_line_is_named_as_such_also_after_a_request(client, olga, alice):
    client.force_login(olga)
    client.get(reverse("comparisons"))
    Exclusion.objects.exclude_assessor(alice, "careless", by="olga")
    assert told()[-1][:2] == ("command line", "excluded")


def test_looking_behind_the_blind_and_exports_leave_a_trace(client, olga):
    comparison = make_comparison()
    client.force_login(olga)
    client.get(reverse("report-pairs", args=[comparison.code]), {"aspect": comparison.aspects.first().key})
    client.get(reverse("api-votes", args=[comparison.code]))
    assert [verb for _, verb, _ in told()[-2:]] == ["looked behind the blind of", "exported the votes of"]


def test_the_database_refuses_to_alter_or_delete(trail):
    for act in (lambda: AuditEntry.objects.update(actor="nobody"), lambda: AuditEntry.objects.all().delete()):
        with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
            act()
    assert not list(broken_links())


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE evalapp_auditentry SET actor = 'nobody' WHERE subject = 'thing 2'", "is not what was written"),
        ("DELETE FROM evalapp_auditentry WHERE subject = 'thing 2'", "is missing"),
        ("DELETE FROM evalapp_auditentry WHERE subject = 'thing 4'", "does not seal"),
    ],
)
def test_tampering_is_found(trail, sql, found):
    assert not list(broken_links())
    without_guard(sql)
    assert any(found in problem for problem in broken_links())


@pytest.mark.django_db(transaction=True)
def test_entries_written_at_once_stand_in_one_line():
    def write():
        try:
            for _ in range(10):
                audit.record("raced", "thing")
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert AuditHead.objects.get().length == AuditEntry.objects.count() == 40
    assert not list(broken_links())


def test_the_page_finds(client, olga, trail):
    client.force_login(olga)
    page = client.get(reverse("audit"), {"q": "thing 3"}).content.decode()
    assert "thing 3" in page
    assert "thing 2" not in page


def verbs_of_the_code():
    """The first argument of every `record`, `_record` and `_audited`, {…} for what is filled in."""
    for path in sorted((Path(__file__).resolve().parents[2] / "evalapp").rglob("*.py")):
        for call in (
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args
        ):
            if (getattr(call.func, "id", "") or getattr(call.func, "attr", "")) in ("record", "_record", "_audited"):
                verb = call.args[0]
                if isinstance(verb, ast.Constant):
                    yield verb.value
                elif isinstance(verb, ast.JoinedStr):
                    yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in verb.values)


def test_every_verb_of_the_code_has_its_kind_and_its_words():
    known = {re.sub(r"\{\w+\}", "{}", verb) for verbs in VERBS.values() for verb in verbs}
    written = set(verbs_of_the_code())
    assert len(written) > 30
    written = written - {"made {}"} | {"made open", "made paused", "made closed", "reached the day's budget of"}
    assert written - known == set()
    assert set(VERBS) == set(KINDS)


def test_an_entry_is_told_in_the_reader_s_language():
    assert in_words("made paused") == "paused voting of"
    assert in_words("exported the votes of") == "exported the votes of"
    assert in_words("did") == "did", "what is not known stays"
    with translation.override("ru"):
        for verb in (verb for verbs in VERBS.values() for verb in verbs):
            assert re.search("[а-я]", in_words(verb.replace("{what}", "5"))), verb
        for what in WHATS:
            assert not re.search("[a-z]", in_words(f"exported the {what} of")), what
        assert named("comparison May or June") == "сравнение May or June"
        assert [name for name in DETAILS.values() if re.search("[a-z]", str(name))] == []


def test_the_page_and_the_api_keep_one_kind_and_are_linked_from_every_page_of_organizers(client, olga, rita, trail):
    comparison = make_comparison()
    client.force_login(olga)
    client.get(reverse("report-pairs", args=[comparison.code]), {"aspect": comparison.aspects.first().key})
    page = client.get(reverse("audit"), {"kind": "looked"})
    assert [entry.verb for entry, *_ in page.context["rows"]] == ["looked behind the blind of"]
    by_api = client.get(reverse("api-audit", args=[comparison.project.code]), {"kind": "looked"}).json()
    assert [entry["verb"] for entry in by_api["results"]] == ["looked behind the blind of"]
    assert client.get(reverse("api-audit", args=[comparison.project.code]), {"kind": "spied"}).status_code == 400
    found = client.get(reverse("audit"), {"q": comparison.name}).context["rows"]
    assert found
    assert all(str(comparison) in entry.subject for entry, *_ in found)
    link = f'href="{reverse("audit")}'
    assert link in client.get(reverse("comparisons")).text
    assert f"{link}?q=" in client.get(reverse("comparison", args=[comparison.code])).text
    client.force_login(rita)
    assert link not in client.get(reverse("comparisons")).text


def test_every_kind_finds_its_verbs_and_no_other(db):
    for verbs in VERBS.values():
        for verb in verbs:
            audit.record(verb.replace("{what}", "votes"), "something")
    for kind, verbs in VERBS.items():
        found = set(AuditEntry.objects.filter(of_kind(kind)).values_list("verb", flat=True))
        assert found == {verb.replace("{what}", "votes") for verb in verbs}


def test_pauses_rules_and_data_handed_over_are_on_the_trail_of_the_project(client, olga, alice):
    comparison = alice.comparison
    client.force_login(olga)
    address = [comparison.code, alice.assessor.code]
    for _ in range(2):
        client.post(reverse("pause-assessor", args=address))
    client.get(reverse("assessor-data", args=address))
    client.patch(reverse("api-rules", args=[comparison.code]), "{}", content_type="application/json")
    assert [verb for _, verb, _ in told()[-4:]] == [
        "paused",
        "resumed",
        "gave out the data of",
        "set the rules for assessors of",
    ]
    pause(alice, by="rule: haste")  # in a worker, where no request says which project
    assert AuditEntry.objects.first().project_id == comparison.project_id
