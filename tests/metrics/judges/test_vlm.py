"""Vision-language judges against a server on this machine that speaks as the real ones do and misbehaves as they do."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from metrics.judges import endpoint, judge_named
from metrics.judges.asking import ask, told_in_both_orders
from metrics.judges.checklist import CHECKLIST
from metrics.judges.interface import JudgeUnavailable, Shown, ShownPair
from metrics.judges.templates import QUESTIONS, TEMPLATES, Unparsed, template_named
from tests.dripping import DROPS, WAYS, dripping
from tests.metrics.judges.model_server import ModelServer, serve

PROTOCOLS = ("openai", "anthropic", "gemini")
ALWAYS_A = {"reason": "it is better", **dict.fromkeys(QUESTIONS, "A")}


@pytest.fixture
def server(monkeypatch):
    state = ModelServer()
    state.says = lambda words, images: ALWAYS_A
    url, stop = serve(state)
    price = {"input_price": 2.0, "output_price": 10.0}
    servers = {name: {"url": url, "protocol": name, "key": "k3y", **price} for name in PROTOCOLS}
    servers |= {
        "away": {"url": "http://127.0.0.1:9"},
        "impatient": {"url": url, "seconds": 0.2},
        "free": {"url": url, "structured": False},
        "newer": {"url": url, "token_field": "max_completion_tokens"},
    }
    monkeypatch.setenv("JUDGE_SERVERS", json.dumps(servers))
    state.pauses = []
    monkeypatch.setattr(endpoint, "_pause", state.pauses.append)
    yield state
    stop()


def clip(shade, kind="video"):
    frames = np.full((16 if kind == "video" else 1, 64, 96, 3), shade, dtype=np.uint8)
    facts = {"contender": "secret-checkpoint-7b"}
    return Shown(f"{shade:064}", "a cat in a hat", lambda: (frames, 8.0), kind, "clip 1 (secret-checkpoint-7b)", facts)


def judged(server_name="openai", pairs=None, **options):
    judge = judge_named("vlm", {"server": server_name, "model": "some-model", "frames": 2, **options})
    judge.load()
    outcomes = dict(ask(judge, pairs or [ShownPair(clip(20), clip(200))]))
    return judge, [outcomes[place] for place in range(len(outcomes))]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_protocol_carries_the_question_and_brings_the_answer_with_its_tokens_and_cost(server, protocol):
    _, (outcome,) = judged(protocol)
    assert outcome.status == "ok", outcome.reason
    assert dict(outcome.values) == dict.fromkeys(QUESTIONS, 1.0)
    usage = outcome.usage
    assert (usage.calls, usage.input_tokens, usage.output_tokens) == (1, 1000, 50)
    assert usage.cost == pytest.approx((1000 * 2 + 50 * 10) / 1e6)
    sent = json.dumps(server.asked)
    assert "a cat in a hat" in sent
    assert "secret" not in sent, "a judge is told nothing of contenders"
    name = {"openai": "authorization", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}[protocol]
    assert {each.lower(): told for each, told in server.headers[0].items()}[name].endswith("k3y")


def picture(image):
    """What an OpenAI-style question carries, decoded."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image["image_url"]["url"].partition(",")[2]))))


def test_frames_go_as_numbered_pictures_of_the_asked_size_in_the_order_shown(server):
    seen = []
    server.says = lambda words, images: seen.append((words, images)) or ALWAYS_A
    judged(max_pixels=64 * 64)
    ((words, images),) = seen
    numbered = [f"Video {letter} frame {n}/2 t={at} s" for letter in "AB" for n, at in ((1, "0.00"), (2, "1.88"))]
    assert words[1:5] == numbered
    pictures = [picture(image) for image in images]
    assert all(each.shape[0] * each.shape[1] <= 64 * 64 for each in pictures)
    assert [round(each.mean()) for each in pictures] == [20, 20, 200, 200]


def test_a_server_that_always_answers_a_ties_every_pair_and_every_aspect_is_inconsistent(server):
    pair = ShownPair(clip(20), clip(200))
    judge, (forward, turned) = judged(pairs=[pair, pair.turned])
    told = told_in_both_orders(judge.declaration, forward, turned)
    assert set(told.aspects.values()) == {0.0}
    assert told.inconsistent == set(QUESTIONS)


def test_a_judge_that_looks_at_the_clips_says_the_same_in_both_orders(server):
    def brighter(words, images):
        return {"reason": "", **dict.fromkeys(QUESTIONS, "A" if picture(images[0]).mean() > 100 else "B")}

    server.says = brighter
    pair = ShownPair(clip(20), clip(200))
    judge, (forward, turned) = judged(pairs=[pair, pair.turned])
    told = told_in_both_orders(judge.declaration, forward, turned)
    assert set(told.aspects.values()) == {-1.0}
    assert not told.inconsistent


def test_a_busy_server_is_asked_again_after_the_time_it_names_and_not_for_ever(server):
    server.statuses = [(429, {"Retry-After": "7"}, b"slow down"), (503, {}, b"busy")]
    _, (outcome,) = judged()
    assert outcome.status == "ok"
    assert 7 <= server.pauses[0] <= 9
    server.statuses = [(429, {}, b"slow down")] * 4
    _, (outcome,) = judged()
    assert outcome.status == "error"
    assert "429" in outcome.reason
    assert len(server.asked) == 3 + 4
    server.statuses = [(429, {"Retry-After": "3600"}, b"come tomorrow")]
    _, (outcome,) = judged("impatient")
    assert outcome.status == "timeout"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seconds", [0.5, pytest.param(60, marks=pytest.mark.slow)])
def test_an_answer_that_comes_in_drops_holds_no_worker(server, monkeypatch, way, seconds):
    """With 60 s for it, it is waited for and read."""
    whole = json.dumps({"choices": [{"message": {"content": json.dumps(ALWAYS_A)}}]}).encode()
    with dripping(way, whole) as (url, sent):
        monkeypatch.setenv("JUDGE_SERVERS", json.dumps({"slow": {"url": url, "seconds": seconds}}))
        _, (outcome,) = judged("slow")
    assert outcome.status == ("timeout" if seconds < 1 else "ok"), outcome.reason
    assert all(drops < DROPS for drops in sent) is (seconds < 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refusal_is_kept_as_one_and_gets_no_rating(server, protocol):
    server.refuses = True
    _, (outcome,) = judged(protocol)
    assert (outcome.status, dict(outcome.values)) == ("refused", {})
    assert outcome.raw
    assert outcome.usage.input_tokens == 1000, "booked is what the server counted"


@pytest.mark.parametrize(
    "said",
    ["I like A", '{"reason": "cut off', ALWAYS_A | {"beauty": "both"}, "[1, 2]", ""],
)
def test_an_answer_in_another_form_is_unparsed_kept_whole_and_paid_for(server, said):
    server.says = lambda words, images: said
    _, (outcome,) = judged()
    assert (outcome.status, dict(outcome.values)) == ("unparsed", {})
    assert outcome.raw == (said if isinstance(said, str) else json.dumps(said))
    assert outcome.usage.cost > 0


def test_a_server_that_hangs_is_a_timeout_counted_at_the_most_it_may_have_cost(server):
    server.hangs.clear()
    judge, (outcome,) = judged("impatient")
    assert outcome.status == "timeout"
    assert outcome.usage.input_tokens == judge.most(2).input_tokens


def test_a_wrong_key_or_a_server_away_is_told_apart_from_a_bad_answer(server):
    server.statuses = [(401, {}, b"who are you?")]
    _, (outcome,) = judged()
    assert outcome.status == "unavailable"
    assert "who are you?" in outcome.reason
    _, (outcome,) = judged("away")
    assert (outcome.status, "cannot be reached" in outcome.reason) == ("unavailable", True)
    server.statuses = [(302, {"Location": "http://127.0.0.1:9/"}, b"")]
    _, (outcome,) = judged()
    assert outcome.status == "error", "a redirect is not followed"
    server.statuses = [(400, {}, {"error": {"code": "content_policy_violation"}})]
    assert judged()[1][0].status == "refused"


def test_a_server_that_is_not_listed_is_refused_with_what_to_do(server, monkeypatch):
    judge = judge_named("vlm", {"server": "opnai", "model": "m"})
    assert "has no 'opnai': openai" in judge.probe()[0]
    with pytest.raises(JudgeUnavailable, match="JUDGE_SERVERS"):
        judge.load()
    monkeypatch.setenv("JUDGE_SERVERS", '{"openai": {"url": "file:///etc/passwd"}}')
    assert "cannot be read" in judge_named("vlm", {"server": "openai", "model": "m"}).probe()[0]


def test_the_estimate_is_no_less_than_what_is_billed_and_silence_on_tokens_counts_as_the_most(server):
    judge, (outcome,) = judged()
    assert judge.most(2).cost >= outcome.usage.cost
    server.usage = (9_000_000, 50)
    judged_again = list(ask(judge, [ShownPair(clip(20), clip(200))]))
    assert judge.most(2).input_tokens == judged_again[0][1].usage.input_tokens == 9_000_000
    server.usage = None
    judge, (outcome,) = judged()
    assert outcome.usage.input_tokens == judge.most(2).input_tokens


def test_the_answer_s_form_is_asked_for_as_each_server_knows_it(server):
    judged()
    assert server.asked[-1]["response_format"]["json_schema"]["strict"]
    judged("free")
    assert "response_format" not in server.asked[-1]
    judged("newer", temperature=None)
    assert server.asked[-1]["max_completion_tokens"] == 1024
    assert not {"max_tokens", "temperature"} & set(server.asked[-1])
    judged("gemini")
    assert "additionalProperties" not in json.dumps(server.asked[-1])


@pytest.mark.parametrize(
    ("template", "text", "values"),
    [
        ("genai-bench", "A is sharper … [[B>A]] is wrong, so [[A>B]]", {"choice": 1.0}),
        ("genai-bench", "[[A=B=Bad]]", {"choice": 0.0}),
        ("genai-bench", "A is better", None),
        ("mmrb2", '{"reasoning": "", "score": 6, "better_response": "A", "confidence": 0.4}', {"score": 1.0}),
        ("mmrb2", '{"reasoning": "", "score": 3, "better_response": "B", "confidence": 0.4}', {"score": -0.2}),
        ("mmrb2", '{"reasoning": "", "score": 3, "better_response": "A", "confidence": 0.4}', None),
        ("mmrb2", '{"score": 7, "better_response": "A"}', None),
        ("mj-bench", "IMAGE-1 RATING: 9\nIMAGE-2 RATING: 4.5\nBETTER IMAGE: 1", {"rating": 0.45, "choice": 1.0}),
        ("mj-bench", "IMAGE-1 RATING: 8\nIMAGE-2 RATING: 8\nBETTER IMAGE: 0", {"rating": 0.0, "choice": 0.0}),
        ("mj-bench", "IMAGE-1 RATING: 50\nIMAGE-2 RATING: 8\nBETTER IMAGE: 1", None),
        ("mj-bench", "RATING: 8", None),
    ],
)
def test_published_answer_formats_are_read_and_what_is_none_of_them_is_unparsed(template, text, values):
    read = template_named(template, {}).read
    if values is None:
        with pytest.raises(Unparsed):
            read(text)
    else:
        assert read(text) == pytest.approx(values)


def test_a_clip_that_cannot_be_read_costs_no_question_and_no_other_pair_is_asked_twice(server):
    def broken():
        raise OSError("it is gone")

    gone = Shown("0" * 64, "a cat", broken)
    pairs = [ShownPair(clip(20), clip(200)), ShownPair(clip(20), gone)]
    _, outcomes = judged(pairs=pairs)
    assert [outcome.status for outcome in outcomes] == ["ok", "error"]
    assert len(server.asked) == 1


def test_a_checklist_is_asked_once_per_clip_and_an_aspect_is_the_mean_of_the_answers_that_arise(server):
    ill = {"defects.bodies", "movement.real"}
    server.says = lambda words, images: {
        name: "none" if name.startswith("softness") else "no" if name in ill else "yes" for name in CHECKLIST
    }
    judge, (outcome,) = judged(pairs=[clip(20)], template="checklist")
    assert judge.declaration.mode == "pointwise"
    assert outcome.status == "ok", outcome.reason
    expected = {"beauty": 1, "movement": 0, "consistency": 1, "defects": 0, "relevance": 1, "preference": 7 / 11}
    assert judge.declaration.scores(outcome.values) == pytest.approx(expected)
    assert len(server.asked) == 1
    server.says = lambda words, images: dict.fromkeys(CHECKLIST, "perhaps")
    assert judged(pairs=[clip(20)], template="checklist")[1][0].status == "unparsed"
    with pytest.raises(JudgeUnavailable, match="hands"):
        judged(template="checklist", questions={"hands": "Whole?"})


def test_every_template_is_another_judge_version_and_asks_of_images_and_videos(server):
    versions = set()
    for template in TEMPLATES:
        judge = judge_named("vlm", {"server": "openai", "model": "m", "template": template})
        versions.add(judge.declaration.version_hash)
        assert "image" in judge.template.asks("image")
    assert len(versions) == len(TEMPLATES)
    own = judge_named("vlm", {"server": "openai", "model": "m", "questions": {"humour": "Which is funnier?"}})
    assert own.declaration.natives == ("humour",)
