"""Measures of what a prompt's tags name, on random weights: against the networks of transformers and the judge."""

import numpy as np
import pytest
import torch
from PIL import Image

from metrics import WITH_WEIGHTS, load, weights
from metrics.judges import judge_named
from metrics.judges.asking import ask
from metrics.judges.interface import Shown
from metrics.tagged import load_asked, shown
from tests.metrics.judges.test_local_qwen import spoken
from tests.metrics.judges.tiny import pictures
from tests.metrics.test_weighted import files_of, load_clip, tiny  # noqa: F401


def test_appearance_style_is_the_cosine_of_every_frame_and_the_styles_words(tiny):  # noqa: F811
    folder, clip = tiny
    pair = load_clip(files_of(folder / "clip-b32"))
    frames = pictures(20, 80, 85, seed=4)
    squares = [
        np.asarray(Image.fromarray(each).resize((238, 224), Image.Resampling.BICUBIC))[:, 7:231] for each in frames
    ]
    mean, deviation = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
    pixels = torch.from_numpy(((np.stack(squares) / 255 - mean) / deviation).astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        told = clip.eval()(pixel_values=pixels, **pair.tokenizer("oil painting", return_tensors="pt"))
        expected = float((told.logits_per_text[0] / clip.logit_scale.exp()).mean())
    assert load("appearance_style")(frames, 8, pair, "oil painting") == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="no tag that names"):
        load("appearance_style")(frames, 8, pair, "")
    with pytest.raises(ValueError, match="name 2 things"):
        load("appearance_style")(frames, 8, pair, "oil painting\nby Hokusai")


class Table:
    """A network whose chances are told by frame and thing."""

    def chances(self, frames, thing):
        return [{"a cat": each / 100, "a bird": 0.5}[thing] for each in frames[:, 0, 0, 0].tolist()]


def test_a_frame_counts_by_the_thing_it_shows_least_and_a_clip_by_eight_frames():
    frames = np.zeros((15, 8, 8, 3), np.uint8) + np.arange(0, 75, 5, dtype=np.uint8)[:, None, None, None]
    seen = np.arange(0, 75, 10) / 100  # every other frame, the first and the last among them
    assert shown(frames, 8, Table(), "a cat") == pytest.approx(seen.mean())
    assert shown(frames, 8, Table(), "a cat\na bird") == pytest.approx(np.minimum(seen, 0.5).mean())
    with pytest.raises(ValueError, match="no tag that names"):
        shown(frames, 8, Table(), "")


def test_what_is_asked_is_vqascores_question_of_the_tag(tmp_path, monkeypatch):
    name = WITH_WEIGHTS["object_shown"].weights
    spoken(tmp_path, monkeypatch, name, "qwen2.5")
    network = load_asked(weights.find(name, tmp_path).paths)
    frames = pictures(8, 60, 60, seed=3)
    options = {"model": name, "frames": 8, "dtype": "bfloat16"}
    clip = Shown("0" * 64, "a red ball", lambda: (frames, 8.0))
    ((_, told),) = ask(judge_named("vqascore", options, tmp_path), [clip])
    found = load("object_shown")(frames, 8, network, "a red ball")
    assert found == pytest.approx(told.values["vqascore"], rel=1e-6)
    assert 0 < found < 1
    assert found != load("object_shown")(frames, 8, network, "a blue cube")


def test_tags_are_found_by_name_and_nothing_else_of_the_prompt_is_asked():
    metric = WITH_WEIGHTS["colour_shown"]
    tags = ["color:a red ball", "Colour: a  blue\ncube ", "color:", "colourful:yes", "colour", "color:a red ball"]
    assert metric.told("a red ball and a blue cube", tags) == "a red ball\na blue cube"
    assert metric.told("a red ball", ["object:a ball"]) == ""
    assert WITH_WEIGHTS["clip_score"].told("a red ball", tags) == "a red ball"
    assert WITH_WEIGHTS["flow_motion"].told("a red ball", tags) == ""
