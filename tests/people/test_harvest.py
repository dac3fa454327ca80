"""Bulk harvesting: a day's budget of votes, verdicts, clips, skipped pairs; and whose export a leaked word was."""

import csv
import io
import re

import pyarrow.parquet
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from evalapp.assessing.exchange import export_votes
from evalapp.people.audit import AuditEntry
from evalapp.people.budgets import Spending
from evalapp.people.harvest import CANARY, REACHED
from evalapp.people.tokens import ApiToken
from evalapp.reporting import parquet
from evalapp.reporting.build import build
from evalapp.reporting.exports import FORMATS
from evalapp.reporting.trust import build_trust
from tests.factories import make_comparison, make_invitation, make_participation, make_vote


def votes(client, comparison, secret):
    return client.get(reverse("api-votes", args=[comparison.code]), headers={"Authorization": f"Bearer {secret}"})


def test_a_token_gets_a_day_s_votes_and_no_more_and_it_is_told(client, olga, rita, comparison, alice, settings):
    make_vote(alice)
    settings.VOTES_A_DAY = 2 * comparison.aspects.count()
    (_, secret), (_, other) = (ApiToken.objects.issue(each, "robot", ["votes"], 1) for each in (rita, olga))
    assert [votes(client, comparison, secret).status_code for _ in range(4)] == [200, 200, 429, 429]
    refused = votes(client, comparison, secret)
    assert 0 < int(refused["Retry-After"]) <= 86401
    assert "budget of votes" in refused.json()["detail"]
    assert votes(client, comparison, other).status_code == 200, "another token has its own"
    entry = AuditEntry.objects.get(verb=REACHED)  # once a day, however often it is tried
    assert (entry.subject, entry.actor, entry.project) == ("votes", "rita", comparison.project)
    client.force_login(olga)
    for page in (reverse("comparisons"), reverse("comparison", args=[comparison.code])):
        assert "robot" in client.get(page).text
    Spending.objects.update(until=timezone.now())
    assert votes(client, comparison, secret).status_code == 200


def test_a_reader_gets_a_day_s_clips_and_their_pieces_are_no_way_round(client, rita, settings):
    comparison = make_comparison(media=True)
    settings.CLIPS_A_DAY = 3
    client.force_login(rita)
    address = reverse("clip-media", args=[comparison.clips()[0].folder])
    assert client.get(address).status_code == 200
    pieces = [client.get(address, headers={"Range": f"bytes={start}-"}).status_code for start in (1, 2, 3)]
    assert pieces == [206, 206, 429]


def test_an_assessor_who_only_looks_is_stopped_and_who_answers_is_not(client, db, settings):
    comparison = make_comparison(prompts=6)
    settings.SKIPS_A_DAY = 2
    link = make_invitation(comparison)
    own = make_participation(comparison)
    link.participations.add(own)
    client.post(reverse("invitation", args=[link.token]))

    def skip():
        page = client.get(reverse("next-task", args=[comparison.code]), follow=True)
        code = re.search(r"/assess/tasks/([0-9a-f-]{36})/skip/", page.text).group(1)
        return client.post(reverse("skip-task", args=[code]), {"reason": "undecided"}).status_code

    assert [skip() for _ in range(3)] == [303, 303, 429]
    assert AuditEntry.objects.filter(verb=REACHED, subject="skips").count() == 1
    make_vote(own)


def reports(client, comparison, kind):
    return client.get(reverse("report-file", args=[comparison.code, kind]))


def test_a_reader_gets_a_day_s_verdicts_by_page_and_api_together(client, rita, olga, comparison, alice, settings):
    make_vote(alice)
    build(comparison)
    build_trust(comparison)
    settings.VERDICTS_A_DAY = 3
    client.force_login(rita)
    files = [reverse(name, args=[comparison.code, "json"]) for name in ("report-file", "judges-file")]
    calls = [reverse(name, args=[comparison.code]) for name in ("api-report", "api-judges-against-people")]
    assert [client.get(address).status_code for address in (*files, *calls)] == [200, 200, 200, 429]
    assert {client.get(address).status_code for address in (*files, *calls)} == {429}
    assert "budget of verdicts" in client.get(files[0]).text
    assert AuditEntry.objects.get(verb=REACHED).subject == "verdicts"
    client.force_login(olga)
    assert client.get(files[0]).status_code == 200, "another reader has their own"


def canaries(data):
    return set(re.findall(CANARY + "[0-9a-f]{20}", data.decode(errors="replace")))


def test_every_export_bears_the_word_that_tells_who_took_it(client, olga, rita, comparison, alice, tmp_path):
    make_vote(alice)
    build(comparison)
    build_trust(comparison)
    _, secret = ApiToken.objects.issue(rita, "robot", ["votes", "read"], 1)
    client.force_login(rita)
    taken = [client.get(reverse("report-file", args=[comparison.code, kind])).content for kind in FORMATS]
    build_trust(comparison.project)
    taken += [client.get(reverse("judges-file", args=[comparison.code, "json"])).content]
    taken += [client.get(reverse("judges-everywhere-file", args=["json"])).content]
    taken += [client.get(reverse(name, args=[comparison.code])).content for name in ("api-report", "api-votes")]
    taken += [votes(client, comparison, secret).content]
    hers = [canaries(each) for each in taken]
    assert [len(each) for each in hers] == [1] * len(taken), "one word in each"
    assert len(set.union(*hers)) == len(taken), "and each its own"
    client.force_login(olga)
    (his,) = canaries(reports(client, comparison, "html").content)
    for (word,) in hers:
        page = client.get(reverse("audit"), {"q": word}).text
        assert ("rita" in page, word in page, his in page) == (True, True, False)


def test_the_votes_themselves_are_as_they_were(client, olga, comparison, alice, tmp_path, capsys):
    """The word has a place of its own: taken out, the rows are those of an export that bears none."""
    make_vote(alice)
    export_votes(comparison, plain := io.StringIO())
    call_command("export_votes", comparison.name, output=tmp_path / "votes.csv")
    rows = list(csv.DictReader((tmp_path / "votes.csv").open(newline="")))
    assert canaries(" ".join({row.pop("canary") for row in rows}).encode())
    assert rows == list(csv.DictReader(io.StringIO(plain.getvalue())))
    for table in ("votes", "pairs"):
        call_command("report", comparison.name, format="parquet", table=table, output=tmp_path / table)
        marked = pyarrow.parquet.read_table(tmp_path / table)
        assert canaries(marked.schema.metadata[b"canary"])
        getattr(parquet, table)(comparison, file := io.BytesIO())
        assert marked.equals(pyarrow.parquet.read_table(file))
    call_command("import_votes", tmp_path / "votes.csv", name="copy")
    assert "votes of 1 assessor on 1 pair." in capsys.readouterr().out
