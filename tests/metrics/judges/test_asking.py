"""Judges without the database: what they declare, how they are asked, what becomes of their answers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from metrics.judges import UnknownJudge, judge_named
from metrics.judges.asking import ask, told_in_both_orders, told_of_scores
from metrics.judges.interface import Declaration, JudgeUnavailable, Outcome, Sampling, Shown, prompt_key
from metrics.judges.sampling import places, sampled


def declared(**changed):
    known = {"name": "counting", "version": "1", "mode": "pointwise", "natives": ("number",)}
    return Declaration(**known | {"aspects": {"defects": {"number": -1.0}}} | changed)


class Counting:
    """Scores a clip by its prompt's length; a prompt "boom" raises."""

    Options = BaseModel

    def __init__(self, **changed):
        self.declaration = declared(**changed)
        self.batches = []

    def probe(self):
        return []

    def load(self):
        pass

    def score(self, clips):
        self.batches.append(len(clips))
        if any(clip.prompt == "boom" for clip in clips):
            raise ValueError("it went boom")
        return [Outcome("ok", {"number": float(len(clip.prompt))}, raw=clip.prompt) for clip in clips]


def shown(prompt, kind="video"):
    frames = np.zeros((4, 32, 48, 3), dtype=np.uint8)
    frames[:, :, :24] = 200
    return Shown("ab" * 32, prompt, lambda: (frames, 8.0), kind)


def test_a_broken_item_costs_no_other_item_of_its_batch():
    judge = Counting(max_batch=4)
    found = dict(ask(judge, [shown(text) for text in ("a", "boom", "abc", "ab", "abcd")]))
    assert {place: outcome.status for place, outcome in found.items()} == {
        0: "ok",
        1: "error",
        2: "ok",
        3: "ok",
        4: "ok",
    }
    assert "it went boom" in found[1].reason
    assert found[4].values == {"number": 4.0}
    assert judge.batches == [4, 1, 1, 1, 1, 1]


def test_a_judge_that_is_unavailable_says_so_and_nothing_stands_in_for_it():
    judge = Counting()
    judge.score = lambda clips: (_ for _ in ()).throw(JudgeUnavailable("type this"))
    with pytest.raises(JudgeUnavailable, match="type this"):
        list(ask(judge, [shown("a")]))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Outcome("ok", {"number": float("nan")}), "no finite number"),
        (Outcome("ok", {"other": 1.0}), "undeclared"),
    ],
)
def test_what_a_judge_did_not_declare_or_cannot_mean_is_an_error_with_no_value(answer, told):
    judge = Counting()
    judge.score = lambda clips: [answer]
    ((_, outcome),) = ask(judge, [shown("a")])
    assert (outcome.status, dict(outcome.values)) == ("error", {})
    assert told in outcome.reason


def test_media_and_prompts_that_a_judge_does_not_take_are_skipped_without_asking_it():
    judge = Counting(media=("image",))
    found = dict(ask(judge, [shown("a"), shown(" ", "image"), shown("abc", "image")]))
    assert [found[place].status for place in range(3)] == ["skipped", "skipped", "ok"]
    assert judge.batches == [1]


def test_an_outcome_has_values_exactly_where_it_is_ok():
    with pytest.raises(ValueError, match="values where it is ok"):
        Outcome("refused", {"number": 1.0}, reason="no")
    with pytest.raises(ValueError, match="gives its reason"):
        Outcome("unparsed", raw="?")


def test_a_declaration_is_hashed_whole_and_preprocessing_apart():
    one, other = declared(), declared(preprocessing="PIL 13")
    assert one.version_hash == other.version_hash
    assert one.fingerprint != other.fingerprint
    assert one.version_hash == declared(max_batch=8).version_hash
    assert one.version_hash != declared(settings={"template": "2"}).version_hash
    assert Declaration.model_validate(one.model_dump(mode="json")) == one
    with pytest.raises(ValidationError):
        one.name = "changed"
    with pytest.raises(ValidationError, match="does not answer"):
        declared(aspects={"beauty": {"glamour": 1.0}})


def test_a_score_where_less_is_better_turns_its_sign_and_swapping_the_clips_turns_the_difference():
    few, many = Outcome("ok", {"number": 2.0}), Outcome("ok", {"number": 5.0})
    told = told_of_scores(declared(), few, many)
    assert (told.natives, told.aspects) == ({"number": -3.0}, {"defects": 3.0})
    assert told_of_scores(declared(), many, few).aspects == {"defects": -3.0}
    refused = Outcome("refused", reason="no")
    assert told_of_scores(declared(), few, refused).status == "refused"


@pytest.mark.parametrize(
    ("forward", "turned", "difference", "contradicts"),
    [
        (1, -1, 1, False),
        (1, 1, 0, True),
        (-1, -1, 0, True),
        (1, 0, 0.5, False),
        (0, 0, 0, False),
        (0.75, -0.25, 0.5, False),
    ],
)
def test_both_orders_agree_or_the_pair_is_a_tie_that_is_counted(forward, turned, difference, contradicts):
    answers = (Outcome("ok", {"number": float(each)}) for each in (forward, turned))
    told = told_in_both_orders(declared(mode="pairwise"), *answers)
    assert told.natives == {"number": difference}
    assert told.inconsistent == (frozenset({"number"}) if contradicts else frozenset())


def test_the_signal_judge_tells_a_flickering_clip_from_a_calm_one():
    rng = np.random.default_rng(0)
    calm = np.zeros((6, 64, 64, 3), dtype=np.uint8)
    calm[:, 20:40, 20:40] = 180
    noisy = np.clip(calm + rng.integers(0, 60, calm.shape), 0, 255).astype(np.uint8)
    judge = judge_named("signal")
    assert judge.probe() == []
    clips = [
        Shown(name, "", lambda frames=frames: (frames, 8.0)) for name, frames in (("calm", calm), ("noisy", noisy))
    ]
    (_, still), (_, flicker) = ask(judge, clips)
    assert told_of_scores(judge.declaration, still, flicker).aspects["defects"] > 5


def test_an_unknown_judge_or_option_is_refused_by_name():
    with pytest.raises(UnknownJudge, match=r"no judge is called 'signals'.*signal"):
        judge_named("signals")
    with pytest.raises(UnknownJudge, match="loudness"):
        judge_named("signal", {"loudness": 3})


def test_frames_are_spread_evenly_with_the_first_and_the_last():
    assert places(9, 8.0, Sampling(kind="count", value=3)).tolist() == [0, 4, 8]
    assert places(16, 8.0, Sampling(kind="rate", value=2)).tolist() == [0, 5, 10, 15]
    assert places(2, 8.0, Sampling(kind="count", value=8)).tolist() == [0, 1]
    seen, times = sampled(np.zeros((16, 20, 40, 3), np.uint8), 8.0, Sampling(kind="rate", value=1, max_pixels=200))
    assert seen.shape == (2, 10, 20, 3)
    assert times == [0.0, 15 / 8]


def test_the_same_words_are_the_same_prompt_however_they_are_composed():
    assert prompt_key("cafe\u0301") == prompt_key("caf\u00e9")
    assert prompt_key("a cat") != prompt_key("a dog")


def test_judges_are_made_without_loading_anything_heavy():
    code = (
        "import sys\nfrom metrics import JUDGES, resolve\n"
        "for path in JUDGES.values(): resolve(path)\n"
        "print([m for m in ('scipy', 'torch', 'sklearn', 'transformers', 'django') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
