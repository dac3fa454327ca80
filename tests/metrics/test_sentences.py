"""Sentences as vectors: the real loading path of LaBSE with a tiny network of random weights, which means nothing."""

import json
from io import StringIO

import numpy as np
import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.urls import reverse

from evalapp.catalog.models import PromptSet, PromptText
from evalapp.catalog.tasks import alike_of, find_alike
from metrics.sentences import EncoderMissing, LaBSE, near
from tests.factories import make_organizer

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "red", "ball", "jumps", "кот", "спит", "far", "away"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    here = tmp_path_factory.mktemp("labse")
    torch.manual_seed(4)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    size |= {"initializer_range": 1.0}  # or all texts look alike to it
    transformers.BertModel(transformers.BertConfig(vocab_size=len(WORDS), **size)).save_pretrained(here)
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.save(str(here / "tokenizer.json"))
    (here / "2_Dense").mkdir()
    save_file(
        {"linear.weight": torch.randn(16, 16), "linear.bias": torch.randn(16)}, here / "2_Dense/model.safetensors"
    )
    return here


def test_a_vector_is_the_dense_layer_of_the_first_token_brought_to_length_one(folder):
    encoder = LaBSE(folder)
    (vector,) = encoder.embed(["a red ball"])
    with torch.inference_mode():
        first = encoder.network(torch.tensor([[2, 4, 5, 6, 3]])).last_hidden_state[0, 0]
        by_hand = torch.tanh(encoder.dense["linear.weight"] @ first + encoder.dense["linear.bias"]).numpy()
    np.testing.assert_allclose(vector, by_hand / np.linalg.norm(by_hand), atol=1e-6)


def test_a_worker_looks_for_the_page_and_for_programs(folder, client, db, settings, django_capture_on_commit_callbacks):
    client.force_login(make_organizer())
    texts = ["a red ball", "a red ball", "кот спит"]
    found = PromptSet.objects.freeze("both", [PromptText(f"p{n}", text) for n, text in enumerate(texts)])
    page, program = (reverse(name, args=[found.pk]) for name in ("prompts-alike", "api-prompts-alike"))
    settings.SENTENCE_ENCODER = folder / "nowhere"
    assert "put a copy of sentence-transformers/LaBSE" in client.get(reverse("prompt-set", args=[found.pk])).text
    assert client.post(program).status_code == 409
    settings.SENTENCE_ENCODER = folder
    assert client.get(program).json()["state"] == "unasked"
    with django_capture_on_commit_callbacks(execute=True):
        assert "A worker is looking" in client.post(page, follow=True).text
    find_alike(found.pk)
    again = cache.get(alike_of(found.pk))
    cache.set(alike_of(found.pk), again | {"pairs": []})
    find_alike(found.pk)
    assert cache.get(alike_of(found.pk))["pairs"] == [], "a bell that rings late does not look anew"
    cache.set(alike_of(found.pk), again)
    assert "1 pair of prompts says nearly the same." in client.get(reverse("prompt-set", args=[found.pk])).text
    told = client.get(program).json()
    assert (told["state"], [(each["first"], each["second"]) for each in told["pairs"]]) == ("found", [("p0", "p1")])


def test_what_stands_beside_a_text_in_a_batch_does_not_move_it(folder):
    encoder = LaBSE(folder)
    alone, beside = encoder.embed(["кот спит"])[0], encoder.embed(["a red ball jumps far away", "кот спит"])[1]
    np.testing.assert_allclose(alone, beside, atol=1e-6)
    many = encoder.embed([WORDS[4 + at % 8] for at in range(150)])
    assert many.shape == (150, 16)
    np.testing.assert_allclose(many[8], many[0], atol=1e-6)


def test_without_a_dense_layer_apart_the_networks_own_pooling_is_taken(folder, tmp_path):
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    encoder = LaBSE(tmp_path)
    with torch.inference_mode():
        pooled = encoder.network(torch.tensor([[2, 6, 3]])).pooler_output[0].numpy()
    np.testing.assert_allclose(encoder.embed(["ball"])[0], pooled / np.linalg.norm(pooled), atol=1e-6)


def test_a_folder_with_pickled_weights_or_none_is_refused_by_name(folder, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({}))
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    with pytest.raises(EncoderMissing, match=r"model\.safetensors is not there"):
        LaBSE(tmp_path)


def test_near_rows_are_found_across_blocks_and_each_pair_once(monkeypatch):
    monkeypatch.setattr("metrics.sentences.BLOCK", 2)
    vectors = np.array([[1, 0], [0, 1], [0.8, 0.6], [0, 1], [1, 0]], np.float32)
    assert [pair[:2] for pair in near(vectors, 0.99)] == [(0, 4), (1, 3)]
    assert [pair[:2] for pair in near(vectors, 0.79)] == [(0, 4), (1, 3), (0, 2), (2, 4)]


def test_the_command_lists_prompts_that_mean_the_same_to_the_encoder(folder, db):
    texts = [PromptText("p1", "a red ball"), PromptText("p2", "кот спит"), PromptText("p3", "a red  ball !")]
    PromptSet.objects.freeze("mixed", texts)
    said = StringIO()
    call_command("near_prompts", "mixed", "--encoder", str(folder), "--least", "0.99999", stdout=said)
    assert "0 pairs of 3 prompts" in said.getvalue()
    PromptSet.objects.freeze("doubled", [*texts[:2], PromptText("p3", "a  red ball")])
    call_command("near_prompts", "doubled", "--encoder", str(folder), "--least", "0.99999", stdout=said)
    assert "1.000  p1: a red ball\n       p3: a  red ball" in said.getvalue()
    with pytest.raises(CommandError, match="no prompt set of this project is called 'none'"):
        call_command("near_prompts", "none", "--encoder", str(folder))
    with pytest.raises(CommandError, match="is not there; copy a folder"):
        call_command("near_prompts", "mixed", "--encoder", str(folder / "elsewhere"))
