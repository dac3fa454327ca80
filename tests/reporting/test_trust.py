"""Judges against people: the snapshot, its pages and files; and that nothing of it reaches assessors or win rates."""

import csv
import io
import json

import pytest
from django.urls import reverse

from evalapp.assessing.dispatch import next_assignment
from evalapp.catalog.models import Contender
from evalapp.generation.models import Clip
from evalapp.measuring.judges import JudgeRun, JudgeVersion, Verdict
from evalapp.people.models import Assessor
from evalapp.reporting import tasks, trust
from evalapp.reporting.build import build
from evalapp.reporting.trust import build_trust
from metrics.judges.interface import Declaration, WeightsUsed, prompt_key
from tests.factories import make_comparison, make_participation

FAVOURITE = "end-to-end"


def voted(comparison, people=("alice", "bob", "carol"), most=100):
    """Everyone chooses the favourite, but for every fourth prompt; `most` pairs each."""
    for person in people:
        participation = make_participation(comparison, f"{person} {comparison.pk}")
        for _ in range(most):
            if not (assignment := next_assignment(participation)):
                break
            pair = assignment.pair
            ahead = (pair.first.contender.name == FAVOURITE) == (pair.prompt.position % 4 != 0)
            side = "left" if ahead != assignment.swapped else "right"
            choices = dict.fromkeys(comparison.aspects.all(), side)
            assignment.submit(choices, key=assignment.code.hex, viewing={})
    return comparison


def with_files(comparison):
    """Clips that are told apart by a checksum, without files."""
    for clip in comparison.clips():
        Clip.objects.filter(pk=clip.pk).update(sha256=f"{clip.pk:064d}")
    return comparison


def asked(comparison, declaration, answers):
    """A judge that was asked; answers(pair) gives its outputs for either clip of a pair, or for either order where the
    judge is pairwise; None: unparsed."""
    judge = JudgeVersion.of(declaration)
    run = JudgeRun.objects.create(comparison=comparison, name=declaration.name, judge=judge, queue="cpu", state="done")
    for pair in comparison.pairs.select_related("first__contender", "second", "prompt"):
        said = prompt_key(pair.prompt.text) if declaration.needs_prompt else ""
        clips = (pair.first.sha256, pair.second.sha256)
        keys = [(clips[0], ""), (clips[1], "")] if declaration.mode == "pointwise" else [clips, clips[::-1]]
        for (one, other), natives in zip(keys, answers(pair), strict=True):
            told = {"status": "ok", "natives": natives} if natives else {"status": "unparsed", "reason": "no number"}
            Verdict.objects.create(judge=judge, sha256=one, other_sha256=other, prompt_sha256=said, **told)
    return run


def pointwise(**options):
    return Declaration(
        name="ruler", version="1", mode="pointwise", natives=("length", "noise"), aspects={"beauty": {"length": 1.0}}
    ).model_copy(update=options)


def pairwise():
    return Declaration(
        name="chooser", version="1", mode="pairwise", natives=("choice",), aspects={"preference": {"choice": 1.0}}
    )


def longer_is_favourite(pair):
    """Right on all prompts but those where people chose the other one; noise tells nothing."""
    first = pair.first.contender.name == FAVOURITE
    return [{"length": 2.0 if first else 1.0, "noise": 3.0}, {"length": 1.0 if first else 2.0, "noise": 3.0}]


def always_the_first_shown(pair):
    return [{"choice": 1.0}, {"choice": 1.0}]


@pytest.fixture
def judged(db):
    comparison = with_files(voted(make_comparison(prompts=12, overlap=3, media=True)))
    asked(comparison, pointwise(), longer_is_favourite)
    asked(comparison, pairwise(), always_the_first_shown)
    return comparison


def test_the_snapshot_counts_what_the_votes_say(judged):
    snapshot = build_trust(judged)
    chooser, ruler = snapshot["judges"]
    (beauty,) = ruler["aspects"]
    assert (beauty["aspect"], beauty["pairs"], beauty["coverage"]) == ("beauty", 12, 1.0)
    assert beauty["decided"]["value"] == pytest.approx(9 / 12)
    assert beauty["ceiling"]["value"] == 1.0
    assert beauty["level"] == pytest.approx(9 / 12)
    assert beauty["contenders"]["changed"] is False
    assert len(beauty["disagreements"]) == 3
    heat = {row["native"]: {cell["aspect"]: cell["share"] for cell in row["cells"]} for row in ruler["natives"]}
    assert heat["length"]["relevance"]["value"] == pytest.approx(9 / 12)
    assert heat["noise"]["beauty"]["value"] == 0.5
    (preference,) = chooser["aspects"]
    assert preference["oddities"]["first_share"] == preference["oddities"]["inconsistent"] == 1.0
    assert preference["decided"]["value"] == 0.5


def test_a_judge_heard_in_one_order_only_is_said_nothing_of_its_orders(judged):
    asked(
        judged,
        pairwise().model_copy(update={"settings": {"both_orders": False}}),
        lambda pair: [{"choice": 1.0}, {"choice": -1.0}],
    )
    one_order = next(each for each in build_trust(judged)["judges"] if each["declared"]["settings"])
    odd = one_order["aspects"][0]["oddities"]
    assert (odd["first_share"], odd["inconsistent"]) == (None, None)


def test_what_was_not_answered_is_left_out_and_counted(db):
    comparison = with_files(voted(make_comparison(prompts=8, overlap=3)))
    asked(
        comparison,
        pointwise(),
        lambda pair: [None, None] if pair.prompt.position % 2 else longer_is_favourite(pair),
    )
    (judge,) = build_trust(comparison)["judges"]
    assert judge["status"] == {"ok": 4, "unparsed": 4}
    assert (judge["aspects"][0]["answered"], judge["aspects"][0]["coverage"]) == (4, 0.5)


def test_the_page_waits_for_a_worker_and_shows_what_it_built(
    client, vera, judged, bells, django_capture_on_commit_callbacks
):
    client.force_login(vera)
    address = reverse("judges-against-people", args=[judged.code])
    with django_capture_on_commit_callbacks(execute=True):
        assert "being held against people" in client.get(address).content.decode()
    assert bells.count("evalapp.reporting.tasks.build_judges") == 1
    tasks.build_judges(judged.pk)
    text = client.get(address).content.decode()
    assert "ruler 1" in text
    assert "it always chooses the clip shown first" in text
    assert text.count('class="card pair"') == 0  # the judge shown first ties everywhere
    ruler = JudgeVersion.objects.get(name="ruler")
    blind = client.get(address, {"judge": ruler.pk, "aspect": "beauty"}).content.decode()
    assert blind.count('class="card pair"') == 3
    assert f"<figcaption>{FAVOURITE}" not in blind
    assert client.get(address, {"judge": ruler.pk, "aspect": "defects"}).status_code == 404


def test_a_snapshot_by_an_older_method_is_not_shown(client, vera, judged, monkeypatch):
    build_trust(judged)
    client.force_login(vera)
    page = reverse("judges-against-people", args=[judged.code])
    assert "ruler" in client.get(page).text
    monkeypatch.setattr(trust, "TRUST_METHOD", trust.TRUST_METHOD + 1)
    assert "ruler" not in client.get(page).text


def test_organizers_see_whose_clip_the_judge_was_sure_of(client, olga, judged):
    build_trust(judged)
    client.force_login(olga)
    ruler = JudgeVersion.objects.get(name="ruler")
    text = client.get(
        reverse("judges-against-people", args=[judged.code]), {"judge": ruler.pk, "aspect": "beauty"}
    ).content.decode()
    assert text.count(f"<figcaption>{FAVOURITE}") == 3
    assert text.count(f"Judge: <strong>{FAVOURITE}</strong>") == 3


def test_the_files_hold_a_row_per_judge_and_aspect(client, rita, judged):
    build_trust(judged)
    client.force_login(rita)
    rows = list(
        csv.DictReader(io.StringIO(client.get(reverse("judges-file", args=[judged.code, "csv"])).content.decode()))
    )
    assert [(row["judge"], row["aspect"], float(row["decided"])) for row in rows] == [
        ("chooser", "preference", 0.5),
        ("ruler", "beauty", 0.75),
    ]
    assert {row["canary"][:15] for row in rows} == {"visavis-canary-"}
    found = json.loads(client.get(reverse("judges-file", args=[judged.code, "json"])).content)
    assert found["judges"][1]["aspects"][0]["decided"]["count"] == 12
    assert client.get(reverse("judges-file", args=[judged.code, "exe"])).status_code == 404


def test_over_all_comparisons_pairs_are_pooled_and_simulated_votes_left_out(client, rita, judged):
    other = with_files(voted(make_comparison(prompts=4, overlap=2, name="other"), people=("dora", "eve")))
    asked(other, pointwise(), longer_is_favourite)
    Assessor.objects.filter(name__startswith="eve").update(simulated=True)
    snapshot = build_trust(judged.project)
    ruler = next(each for each in snapshot["judges"] if each["name"] == "ruler")
    assert ruler["aspects"][0]["pairs"] == 12 + 4
    assert snapshot["simulated_votes"] == 0
    assert snapshot["votes"] == (12 * 3 + 4) * 7
    client.force_login(rita)
    assert "ruler 1" in client.get(reverse("judges-everywhere")).content.decode()


def test_groups_and_criteria_of_prompts_give_mj_bench_s_measures(db):
    comparison = make_comparison(prompts=8, overlap=3)
    for prompt in comparison.prompt_set.prompts.all():
        type(prompt).objects.filter(pk=prompt.pk).update(
            tags=["criterion:safety", f"group:{'nurse' if prompt.position < 4 else 'pilot'}"]
        )
    asked(with_files(voted(comparison)), pointwise(), longer_is_favourite)
    (judge,) = build_trust(comparison)["judges"]
    (safety,) = judge["criteria"]
    assert safety["with_ties"]["value"] == pytest.approx(6 / 8)
    (fair,) = judge["fairness"]
    # Each group: four clips of the highest score, four of the lowest: normalised 1 and 0, mean ½, sd ½.
    assert (fair["groups"], fair["scores"]) == (2, 16)
    assert fair["nds"] == pytest.approx(0.0)
    assert fair["ges"] == pytest.approx(0.5)
    assert fair["alike"] == pytest.approx(12 / 28)


def test_a_judge_that_knows_people_saves_votes_and_one_that_does_not_changes_nothing(db, client, rita):
    comparison = with_files(voted(make_comparison(prompts=60, overlap=1), people="abcdefghij", most=2))
    aspects = {"beauty": {"length": 1.0}, "relevance": {"noise": 1.0}}

    def as_people(pair):
        ahead = (pair.first.contender.name == FAVOURITE) == (pair.prompt.position % 4 != 0)
        return [{"length": float(ahead), "noise": 0.0}, {"length": float(not ahead), "noise": 0.0}]

    asked(comparison, pointwise(aspects=aspects), as_people)
    comparison.close()
    report = json.loads(build(comparison).snapshot)
    votes_alone = {row["aspect"]: row["win_rate"] for row in report["results"]}
    beauty, relevance = report["powered"]
    for row in (beauty, relevance):
        assert row["alone"] == votes_alone[row["aspect"]]
    assert beauty["votes_saved"] > 1
    assert beauty["prompts_voted"] + beauty["prompts_judged"] == 60
    narrow, wide = beauty["interval"], beauty["alone_interval"]
    assert narrow[1] - narrow[0] < wide[1] - wide[0]
    assert (relevance["weight"], relevance["votes_saved"]) == (0.0, 0.0)
    assert relevance["win_rate"] == relevance["alone"]
    client.force_login(rita)
    text = client.get(reverse("report", args=[comparison.code])).content.decode()
    assert "With a judge&#x27;s help" in text or "With a judge's help" in text


def test_while_voting_goes_on_the_judge_s_help_has_no_interval_either(judged):
    (row,) = [row for row in json.loads(build(judged).snapshot)["powered"] if row["judge"].startswith("ruler")]
    assert row["interval"] is row["alone_interval"] is None
    assert "nothing to add" in row["reason"]


def test_judges_enter_no_number_of_the_report(judged):
    before = json.loads(build(judged).snapshot)
    Verdict.objects.all().delete()
    JudgeRun.objects.all().delete()
    after = json.loads(build(judged).snapshot)
    assert (len(before["powered"]), after["powered"]) == (2, [])
    unlike = {key for key in before if before[key] != after[key]}
    assert unlike == {"powered", "provenance", "methods", "methods_told"}


def test_a_judge_asked_anew_is_held_against_itself_and_one_that_was_not_is_warned_of(client, vera, judged):
    def drawn(draw):
        settings = {"model": "wan-judge", **({"draw": draw} if draw else {})}
        return pointwise(name="moody", deterministic=False, settings=settings)

    def otherwise(pair):
        """Another answer than `longer_is_favourite` on every third prompt."""
        told = longer_is_favourite(pair)
        return told[::-1] if pair.prompt.position % 3 == 0 else told

    asked(judged, drawn(0), longer_is_favourite)
    told = {judge["name"]: judge for judge in build_trust(judged)["judges"]}
    assert (told["moody"]["draws"], told["moody"]["aspects"][0]["repeats"]) == (1, None)
    address = reverse("judges-against-people", args=[judged.code])
    build_trust(judged)
    client.force_login(vera)
    assert "no repeats measured" in client.get(address).content.decode()
    asked(judged, drawn(1), otherwise)
    Contender.objects.filter(name=FAVOURITE).update(name="Wan2.1 late")
    moody = [judge for judge in build_trust(judged)["judges"] if judge["name"] == "moody"]
    for judge in moody:
        assert judge["aspects"][0]["repeats"]["value"] == pytest.approx(8 / 12)
        assert judge["kin"] == [{"contender": "Wan2.1 late", "makers": ["Alibaba"]}]
    text = client.get(address).content.decode()
    assert "no repeats measured" not in text
    assert "Wan2.1 late is of the same makers as the judge (Alibaba)" in text


def test_a_judge_trained_on_these_very_votes_is_warned_of(judged):
    asked(judged, pointwise(name="own", settings={"trained_on": [judged.name]}), longer_is_favourite)
    told = {judge["name"]: judge["trained_here"] for judge in build_trust(judged)["judges"]}
    assert told == {"chooser": [], "own": [judged.name], "ruler": []}


def test_a_version_s_page_tells_its_declaration_weights_and_runs(client, vera, judged):
    weights = (WeightsUsed(name="ruler-weights", revision="r1", sha256="f" * 64, noncommercial=True),)
    asked(judged, pointwise(name="weighed", weights=weights), longer_is_favourite)
    build_trust(judged)
    client.force_login(vera)
    version = JudgeVersion.objects.get(name="weighed")
    text = client.get(reverse("judge-version", args=[judged.code, version.pk])).content.decode()
    for told in ("f" * 64, "ruler-weights", version.version_hash, "1.0 × length", "75.0", "not for commercial use"):
        assert told in text
    other = make_comparison(name="another")
    assert client.get(reverse("judge-version", args=[other.code, version.pk])).status_code == 404
