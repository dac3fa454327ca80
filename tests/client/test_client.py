"""The client and `visavis` against a running server."""

import json

import httpx
import numpy as np
import pytest
from visavis import Refused, Unreachable, Visavis
from visavis.cli import main

from evalapp.assessing.simulate import simulate_votes
from evalapp.catalog.models import PromptSet
from evalapp.catalog.tasks import store_pictures
from evalapp.comparisons.models import Comparison
from evalapp.generation.uploads import store_waiting
from evalapp.measuring.judges import JudgeRun
from evalapp.measuring.judging import work
from evalapp.people.tokens import ApiToken
from evalapp.reporting.build import build
from evalapp.reporting.trust import build_trust
from generators import video
from generators.video import write_rendition
from tests.catalog.test_pictures import picture
from tests.factories import make_comparison, make_contender, make_organizer, make_researcher


@pytest.fixture
def server(live_server, monkeypatch):
    _, secret = ApiToken.objects.issue(make_organizer(), "client", ["organize", "read", "votes"], 1)
    monkeypatch.setenv("VISAVIS_URL", live_server.url)
    monkeypatch.setenv("VISAVIS_TOKEN", secret)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with Visavis(live_server.url, secret) as found:
        yield found


@pytest.fixture
def prompts(tmp_path):
    make_contender("early"), make_contender("late", settings={"a": 1})
    path = tmp_path / "animals.jsonl"
    path.write_text('{"key": "cat", "text": "a cat", "tags": ["cat"]}\n\n{"text": "a dog"}\n')
    return path


def test_compare_makes_launches_waits_opens_and_invites(server, prompts, capsys, monkeypatch):
    asked = ["compare", "--a", "early", "--b", "late", "--prompts", str(prompts), "--wait", "--seats", "4"]
    monkeypatch.setattr("time.sleep", lambda _: Comparison.objects.get().clips().update(state="ready"))
    assert main(asked) == 0
    comparison = Comparison.objects.get()
    assert (comparison.name, comparison.state) == ("early against late, animals", "open")
    assert list(comparison.prompt_set.prompts.values_list("key", "text")) == [("cat", "a cat"), ("p002", "a dog")]
    said = capsys.readouterr().out
    assert str(comparison.code) in said
    assert comparison.invitations.get().link in said


def test_images_beside_a_list_are_sent_with_it(server, tmp_path, capsys, monkeypatch):
    (tmp_path / "cat.png").write_bytes(picture())
    listed = tmp_path / "stills.jsonl"
    listed.write_text('{"id": "cat", "text": "it wakes", "image": "cat.png", "language": "en"}\n{"text": "a dog"}\n')
    monkeypatch.setattr("generators.inspection.rewritten", video.picture)
    monkeypatch.setattr("time.sleep", lambda _: store_pictures())
    assert main(["push-prompts", str(listed)]) == 0
    frozen = PromptSet.objects.get()
    assert capsys.readouterr().out == f"stills v1: {frozen.pk}\n"
    cat, dog = frozen.texts()
    assert (cat.key, cat.tags, bool(cat.image), dog.image) == ("cat", ["language:en"], True, "")
    (tmp_path / "cat.png").write_bytes(b"<html>")
    assert main(["push-prompts", str(listed)]) == 2
    assert "cat.png: the file: is not an mp4" in capsys.readouterr().err


def test_an_admins_program_keeps_members_and_links(live_server, ada, monkeypatch, capsys):
    _, secret = ApiToken.objects.issue(ada, "admin's", ["organize", "read"], 1)
    monkeypatch.setenv("VISAVIS_URL", live_server.url)
    monkeypatch.setenv("VISAVIS_TOKEN", secret)

    def say(*asked):
        assert main(asked) == 0
        return capsys.readouterr().out

    vera = make_researcher()
    assert "/join/" in say("members", "invite", "--role", "viewer", "--note", "for bob")
    listed = say("members", "list")
    assert f"{vera}\tresearcher" in listed
    assert "invited: for bob\tviewer" in listed
    say("members", "withdraw", listed.splitlines()[-1].split("\t")[2])
    assert "for bob" not in say("members", "list")
    assert say("members", "role", str(vera), "viewer") == f"{vera}: viewer\n"
    say("members", "remove", str(vera))
    assert str(vera) not in say("members", "list")
    comparison = make_comparison()
    assert comparison.invitations.count() == 0
    say("invite", comparison.name, "--seats", "2", "--label", "crowd")
    told = say("invitations", comparison.name)
    say("withdraw", told.split("\t")[0])
    assert "(withdrawn)" in say("invitations", comparison.name)
    assert say("rendering", "hold", comparison.name) == "0 clips\n"
    assert say("priority", comparison.name, "5") == "0 clips\n"


def test_missing_clips_are_told_and_voting_stays_shut(server, prompts, capsys, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: Comparison.objects.get().clips().update(state="failed"))
    assert main(["compare", "--a", "early", "--b", "late", "--prompts", str(prompts), "--wait"]) == 2
    assert "failed" in capsys.readouterr().err
    assert Comparison.objects.get().state == "rendering"


def test_an_unknown_contender_is_named(server, prompts, capsys):
    assert main(["compare", "--a", "early", "--b", "nobody", "--prompts", str(prompts)]) == 2
    assert "no contender is named 'nobody'" in capsys.readouterr().err


def test_the_report_tells_verdicts_and_simulated_votes(server, capsys):
    comparison = make_comparison(prompts=4)
    simulate_votes(comparison, assessors=2)
    build(comparison)
    assert main(["report", comparison.name]) == 0
    said = capsys.readouterr().out
    assert "programs cast" in said
    assert "end-to-end" in said
    assert main(["report", str(comparison.code), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["comparison"]["name"] == comparison.name


def test_the_report_comes_as_the_files_of_its_page(server, tmp_path, capsys):
    comparison = make_comparison()
    build(comparison)
    begin = {"html": b"<!doctype html>", "csv": b"first,second,aspect", "parquet": b"PAR1", "json": b"{"}
    for kind, beginning in begin.items():
        assert main(["report", comparison.name, "--file", str(tmp_path / f"report.{kind}")]) == 0
        assert (tmp_path / f"report.{kind}").read_bytes().startswith(beginning)
    assert main(["report", comparison.name, "--file", str(tmp_path / "report.pdf")]) == 2
    assert "none as pdf" in capsys.readouterr().err
    assert not (tmp_path / "report.pdf").exists()


def test_a_report_that_nobody_builds_is_not_waited_for_for_ever(server):
    comparison = make_comparison()
    with pytest.raises(TimeoutError, match="worker"):
        server.report(str(comparison.code), patience=0)


def test_votes_come_over_all_pages(server, monkeypatch):
    comparison = make_comparison(prompts=4)
    simulate_votes(comparison, assessors=2)
    monkeypatch.setattr("evalapp.api.base.ByKey.page_size", 10)
    assert len(list(server.votes(str(comparison.code)))) == 4 * 2 * 7


def test_verbs_and_refusals(server, capsys):
    comparison = make_comparison()
    assert main(["pause", comparison.name]) == 0
    assert main(["close", comparison.name]) == 0
    assert main(["open", comparison.name]) == 2
    assert "closed" in capsys.readouterr().err
    assert main(["status", "nothing of that name"]) == 2


def test_a_wrong_token_or_none_is_told(live_server, monkeypatch, capsys):
    with Visavis(live_server.url, "vsv_wrong") as server, pytest.raises(Refused, match="expired or revoked") as refused:
        server.me()
    assert refused.value.status == 401
    monkeypatch.delenv("VISAVIS_TOKEN", raising=False)
    assert main(["--url", live_server.url, "me"]) == 2
    assert "VISAVIS_TOKEN" in capsys.readouterr().err


def test_a_researchers_token_reads_and_changes_nothing(live_server):
    _, secret = ApiToken.objects.issue(make_researcher(), "reader", ["organize", "read"], 1)
    comparison = make_comparison()
    with Visavis(live_server.url, secret) as server:
        assert server.comparison(str(comparison.code))["state"] == "open"
        with pytest.raises(Refused):
            server.tell(str(comparison.code), "close")


def test_a_lost_answer_is_asked_for_again_and_the_work_done_once(server, prompts, monkeypatch):
    lost = iter([True, False])

    class Leaky(httpx.HTTPTransport):
        def handle_request(self, request):
            answer = super().handle_request(request)
            if request.method == "POST" and next(lost, False):
                raise httpx.ReadError("the answer was lost on its way")
            return answer

    set_ = server.push_prompts("animals", ["a cat"])
    token = server._http.headers["Authorization"].removeprefix("Bearer ")
    with Visavis(str(server._http.base_url).removesuffix("/api/v1/"), token, transport=Leaky()) as leaky:
        made = leaky.compare("nightly", ["early", "late"], set_["id"])
    assert Comparison.objects.get().code.hex == made["code"].replace("-", "")


def test_a_server_that_is_not_there_or_is_another_one_is_told(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    with Visavis("http://127.0.0.1:9", "vsv_x") as nowhere, pytest.raises(Unreachable):
        nowhere.me()
    other = httpx.MockTransport(lambda request: httpx.Response(200, text="<html>hello</html>"))
    with Visavis("http://elsewhere", "vsv_x", transport=other) as elsewhere, pytest.raises(Unreachable, match="JSON"):
        elsewhere.me()


def test_the_client_needs_nothing_of_the_server():
    import subprocess
    import sys
    from pathlib import Path

    import visavis

    folder = Path(visavis.__file__).parent.parent
    code = (
        "import sys, visavis.cli; sys.exit(any(n.split('.')[0] in ('django', 'evalapp', 'numpy') for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=folder, check=False).returncode == 0


@pytest.fixture
def samples(tmp_path):
    """Two contenders' clips of two prompts."""
    (tmp_path / "animals.txt").write_text("a cat\na dog\n")
    for number, contender in enumerate(("early", "late")):
        (tmp_path / "runs" / contender).mkdir(parents=True)
        for key in ("p001", "p002-0"):
            frames = np.full((4, 32, 48, 3), 40 + 90 * number, dtype=np.uint8)
            write_rendition(frames, 8, tmp_path / "runs" / contender / f"{key}.mp4")
    return tmp_path


def test_clips_are_pushed_stored_compared_and_opened(server, samples, capsys, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: store_waiting())
    call = ["push-clips", str(samples / "runs"), "--prompts", str(samples / "animals.txt"), "--compare", "--seats", "3"]
    assert main(call) == 0
    comparison = Comparison.objects.get()
    assert (comparison.name, comparison.state, comparison.pairs.count()) == ("runs", "open", 2)
    said = capsys.readouterr().out
    assert "4 clips of 2 contenders are stored" in said
    assert comparison.invitations.get().link in said


def test_a_refused_clip_is_named_and_nothing_is_opened(server, samples, capsys, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: store_waiting())
    (samples / "runs" / "late" / "p001.mp4").write_bytes(b"no clip")
    call = ["push-clips", str(samples / "runs"), "--prompts", str(samples / "animals.txt"), "--compare"]
    assert main(call) == 2
    assert "late, p001, seed 0: the file: is not an mp4" in capsys.readouterr().err
    assert not Comparison.objects.exists()


def test_a_file_of_no_prompt_is_named_before_anything_is_sent(server, samples, capsys):
    (samples / "runs" / "late" / "horse.mp4").write_bytes(b"x")
    assert main(["push-clips", str(samples / "runs"), "--prompts", str(samples / "animals.txt")]) == 2
    assert "horse.mp4: no prompt has this key" in capsys.readouterr().err


def test_a_judge_is_asked_followed_and_held_against_people(server, capsys, tmp_path, monkeypatch):
    comparison = make_comparison(prompts=4)
    simulate_votes(comparison, assessors=2)
    for clip in comparison.clips():
        comparison.clips().filter(pk=clip.pk).update(sha256=f"{clip.pk:064d}")
    path = tmp_path / "scores.csv"
    scores = [f"{clip.sha256},{clip.contender_id}\n" for clip in comparison.clips()]
    path.write_text("sha256,score\n" + "".join(scores))
    asked = ["judge", "start", comparison.name, "--with", "replay", "--option", "judge=theirs", "--upload", str(path)]
    assert main([*asked, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["left"] == 8
    monkeypatch.setattr("time.sleep", lambda _: work(JudgeRun.objects.get()))
    assert main([*asked, "--wait"]) == 0
    assert "done; of 8 answers 0 were known, 0 are left; new: 8 ok" in capsys.readouterr().out
    assert main(["judge", "status", comparison.name]) == 0
    assert "theirs unknown" in capsys.readouterr().out
    monkeypatch.setattr("time.sleep", lambda _: build_trust(comparison))
    assert main(["judge", "results", comparison.name]) == 0
    said = capsys.readouterr()
    assert "theirs unknown\tpreference\t4/4" in said.out
    assert "programs cast" in said.err
    assert main(["judge", "results", comparison.name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["judges"][0]["name"] == "theirs"
    assert main(["judge", "cancel", str(JudgeRun.objects.get().code)]) == 2
    assert "ended already" in capsys.readouterr().err
    assert main(["judge", "start", comparison.name, "--with", "nobody"]) == 2
    assert main(["judge", "list"]) == 0
    assert "signal\tready" in capsys.readouterr().out


def test_an_answer_that_nobody_builds_is_not_waited_for_for_ever(server):
    with pytest.raises(TimeoutError, match="is one running"):
        server.judges_against_people(str(make_comparison().code), patience=0)
    with pytest.raises(Refused):
        server.judges_against_people("00000000-0000-0000-0000-000000000000", patience=0)
