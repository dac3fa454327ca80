"""A balanced sample of prompts from the command line."""

import json
import re

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from evalapp.catalog.models import PromptSet

KINDS = (["a red ball rolls down a green hill", "a blue ball bounces on a table", "a ball flies over a wall"] * 6)[:16]
CITY = ["night traffic in a big city street", "cars in city traffic at night"]


@pytest.fixture
def prompts(tmp_path):
    texts = [f"{text} number {n}" for n, text in enumerate([*KINDS, *(CITY * 2)])]
    path = tmp_path / "suite.jsonl"
    path.write_text("".join(json.dumps({"id": f"p{n}", "text": text}) + "\n" for n, text in enumerate(texts)))
    return path


def test_a_sample_gives_small_groups_their_even_share_and_is_stored_as_a_set(db, prompts, capsys):
    call_command("sample_prompts", str(prompts), "6", "--groups", "2")
    drawn = PromptSet.objects.get()
    assert drawn.name == "suite, 6 of 20"
    told = capsys.readouterr().out
    assert "TF-IDF" in told
    assert len(re.findall(r": 3 of \d+\n", told)) == 2
    call_command("sample_prompts", str(prompts), "6", "--groups", "2")
    assert PromptSet.objects.count() == 1


def test_embeddings_may_group_what_words_do_not(db, prompts, tmp_path, capsys):
    np.save(tmp_path / "e.npy", np.eye(2)[[0] * 18 + [1] * 2])
    call_command("sample_prompts", str(prompts), "4", "--groups", "2", "--embeddings", str(tmp_path / "e.npy"))
    keys = set(PromptSet.objects.get().prompts.values_list("key", flat=True))
    assert {"p18", "p19"} <= keys
    assert "embeddings" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["nowhere", "3"], "neither a file nor a stored prompt set"), (["{prompts}", "21"], "a sample of 21 from 20")],
)
def test_what_cannot_be_sampled_is_said(db, prompts, arguments, said):
    with pytest.raises(CommandError, match=said):
        call_command("sample_prompts", *(each.format(prompts=prompts) for each in arguments))
