"""Prompt lists read from text, suites expanded, likenesses found, versions compared."""

import itertools
import json
import random

import pytest

from evalapp.catalog.alike import _trigrams, alike
from evalapp.catalog.models import PromptText
from evalapp.catalog.prompt_lists import Change, PromptsRefused, changes, read_prompts
from evalapp.catalog.suites import SuiteError, expand


def test_a_line_is_a_prompt():
    assert read_prompts("a dog\n\n  a cat \n", ".txt") == [PromptText("p001", "a dog"), PromptText("p002", "a cat")]


def test_csv_and_jsonl_say_the_same():
    table = "id,text,tags,language\nrun,a dog runs,animal|action,en\n"
    lines = '{"id": "run", "text": "a dog runs", "tags": ["animal", "action"], "language": "en"}\n'
    wanted = [PromptText("run", "a dog runs", ("animal", "action", "language:en"))]
    assert read_prompts(table, ".csv") == read_prompts(lines, ".jsonl") == wanted


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("", ".txt", "no prompts"),
        ("x", ".xlsx", "ends in"),
        ('{"text": "a"}\n{', ".jsonl", "line 2: not JSON"),
        ('{"text": ""}', ".jsonl", "line 1: has no text"),
        ('{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}', ".jsonl", "the id a comes twice"),
        ('{"text": "x", "tags": [1]}', ".jsonl", "line 1: its tags"),
        ("text\n" + "x" * 4001, ".csv", "row 2: its text is longer"),
        ("[1", ".json", "not suites"),
        ('{"capability": "x", "template": "a\\u0000b", "slots": {}}', ".json", "no text"),
        (json.dumps({"capability": "x", "template": "a" * 4001, "slots": {}}), ".json", "longer than 4000"),
        (json.dumps({"capability": "x" * 200, "template": "a", "slots": {}}), ".json", "up to 200"),
    ],
)
def test_what_cannot_be_read_is_named(text, kind, said):
    with pytest.raises(PromptsRefused, match=said):
        read_prompts(text, kind)


def test_a_suite_becomes_a_prompt_per_combination_tagged_by_capability():
    suite = {
        "capability": "colour",
        "template": "a {hue} {thing}",
        "slots": {"hue": ["red", "blue"], "thing": ["ball"]},
    }
    assert [(each.text, each.tags) for each in expand(suite)] == [
        ("a red ball", ("capability:colour", "test:minimum functionality")),
        ("a blue ball", ("capability:colour", "test:minimum functionality")),
    ]


def test_prompts_that_differ_only_where_it_must_not_matter_form_a_group():
    suite = {
        "capability": "wording",
        "test": "invariance",
        "varies": ["start"],
        "template": "{start} a {animal}",
        "slots": {"start": ["a video of", "footage of"], "animal": ["dog", "cat"]},
    }
    groups = {}
    for prompt in expand(suite):
        group = next(tag for tag in prompt.tags if tag.startswith("group:"))
        groups.setdefault(group, []).append(prompt.text)
    assert sorted(groups.values()) == [
        ["a video of a cat", "footage of a cat"],
        ["a video of a dog", "footage of a dog"],
    ]


def test_a_sample_is_spread_evenly_and_keeps_its_names():
    slots = {"n": [str(n) for n in range(100)]}
    suite = {"capability": "counting", "template": "{n} balls", "slots": slots, "sample": 4}
    assert [prompt.text for prompt in expand(suite)] == ["0 balls", "25 balls", "50 balls", "75 balls"]
    whole = {prompt.text: prompt.key for prompt in expand(suite | {"sample": 100})}
    assert all(whole[prompt.text] == prompt.key for prompt in expand(suite))


def test_a_sample_of_a_test_keeps_its_groups_whole():
    """Half of the combinations would otherwise be the first filling of each group, which tests nothing."""
    suite = {"capability": "size", "test": "directional", "varies": ["n"], "template": "{n} {thing}s"}
    suite["slots"] = {"n": ["two", "nine"], "thing": ["ball", "cat", "dog", "cup"]}
    drawn = expand(suite | {"sample": 4})
    assert [each.text for each in drawn] == ["two balls", "nine balls", "two dogs", "nine dogs"]
    assert [each.tags[2] for each in drawn] == ["group:size 1", "group:size 1", "group:size 3", "group:size 3"]
    whole = {each.text: each for each in expand(suite)}
    assert len(whole) == 8
    assert all(whole[each.text] == each for each in drawn)
    with pytest.raises(SuiteError, match="groups of 2 prompts stay whole"):
        expand(suite | {"sample": 3})


def test_a_few_of_more_combinations_than_memory_holds_are_drawn():
    slots = {f"s{n}": [f"{n}-{filling}" for filling in range(50)] for n in range(20)}
    suite = {"capability": "all", "template": " ".join(f"{{{name}}}" for name in slots), "slots": slots, "sample": 3}
    assert [each.text.split()[0] for each in expand(suite)] == ["0-0", "0-16", "0-33"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"varies": 3}, "lists of texts"),
        ({"tags": "colour"}, "lists of texts"),
        ({"name": ["x"]}, "its name is a text"),
        ({"slots": {"hue": ["red", "red"]}}, "each filling once"),
        ({"slots": {}}, "both must be the same"),
        ({"template": "a {hue.__class__}"}, "a plain word"),
        ({"template": "a {hue!r}"}, "a plain word"),
        ({"test": "stress"}, "a test is one of"),
        ({"test": "invariance"}, "name in varies"),
        ({"sample": 3}, "1 to 2"),
        ({"slots": {"hue": []}}, "one filling or more"),
        ({"colour": "red"}, "knows no colour"),
        ({"capability": ""}, "needs a capability"),
    ],
)
def test_a_suite_without_sense_is_refused_by_name(change, said):
    suite = {"capability": "colour", "template": "a {hue} ball", "slots": {"hue": ["red", "blue"]}}
    with pytest.raises(SuiteError, match=f"suite 1: .*{said}"):
        expand(suite | change)


def test_case_and_punctuation_do_not_make_another_prompt():
    found = alike(["A dog runs on the beach.", "a cat sleeps", "a dog runs, on the beach"])
    assert [(each.first, each.second, each.likeness) for each in found] == [(0, 2, 1.0)]


def test_every_pair_above_the_bound_is_found_and_no_other():
    rng = random.Random(0)
    words = ["dog", "cat", "runs", "sleeps", "red", "blue", "on", "the", "beach", "hill"]
    texts = [" ".join(rng.choice(words) for _ in range(rng.randint(3, 6))) for _ in range(120)]
    grams = [_trigrams(text) for text in texts]
    wanted = {
        (i, j)
        for i, j in itertools.combinations(range(120), 2)
        if len(grams[i] & grams[j]) >= 0.6 * len(grams[i] | grams[j])
    }
    assert {(each.first, each.second) for each in alike(texts, 0.6)} == wanted
    assert len(wanted) > 10


def test_a_version_is_held_against_another_by_id():
    before = [PromptText("a", "one"), PromptText("b", "two", ("x",)), PromptText("c", "three")]
    after = [PromptText("b", "two", ("y",)), PromptText("c", "three"), PromptText("d", "four")]
    assert changes(before, after) == [
        Change("a", before[0], None),
        Change("b", before[1], after[0]),
        Change("d", None, after[2]),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "id;text;tags\n1;a cat, asleep;x|y\n",
        "ID\tText\tTags\n1\ta cat, asleep\tx|y\n",
        '\ufeffid,text,tags\r\n1,"a cat, asleep",x|y\r\n',
    ],
    ids=["semicolons", "tabs and capitals", "a byte order mark"],
)
def test_a_table_is_read_as_spreadsheets_write_it(text):
    assert read_prompts(text, ".csv") == [PromptText("1", "a cat, asleep", ("x", "y"))]


def test_numbers_do_as_ids():
    assert [each.key for each in read_prompts('{"id": 7, "text": "a cat"}', ".jsonl")] == ["7"]


def test_vbenchs_own_list_is_read_with_what_its_dimensions_look_for():
    """Rows as VBench_full_info.json has them (Vchitect/VBench, Apache-2.0)."""
    rows = [
        {"prompt_en": "a bird and a cat", "dimension": ["multiple_objects"],
         "auxiliary_info": {"multiple_objects": {"object": "bird and cat"}}},
        {"prompt_en": "a red bicycle", "dimension": ["color"], "auxiliary_info": {"color": {"color": "red"}}},
        {"prompt_en": "a car on the right of a bus, front view", "dimension": ["spatial_relationship"],
         "auxiliary_info": {"spatial_relationship": {"spatial_relationship": {
             "object_a": "car", "object_b": "bus", "relationship": "on the right of"}}}},
        {"prompt_en": "alley", "dimension": ["scene", "background_consistency"],
         "auxiliary_info": {"scene": {"scene": {"scene": "alley"}}}},
        {"prompt_en": "A boat, oil painting", "dimension": ["appearance_style"],
         "auxiliary_info": {"appearance_style": {"appearance_style": "oil painting"}}},
        {"prompt_en": "A person is riding a bike", "dimension": ["human_action"]},
        {"prompt_en": "a toilet, frozen in time", "dimension": ["temporal_flickering"], "auxiliary_info": None},
    ]  # fmt: skip
    found = read_prompts(json.dumps(rows), ".json")
    assert [each.key for each in found] == [f"vbench-00{n}" for n in range(1, 8)]
    assert [[tag for tag in each.tags if not tag.startswith("dimension:")] for each in found] == [
        ["object:bird", "object:cat"],
        ["colour:a red bicycle"],
        ["relation:a car on the right of a bus"],
        ["scene:alley"],
        ["style:oil painting"],
        ["action:A person is riding a bike"],
        [],
    ]
    assert found[3].tags[:2] == ("dimension:scene", "dimension:background_consistency")
    with pytest.raises(PromptsRefused, match="row 1: has a character"):
        read_prompts(json.dumps([{"prompt_en": "a\0cat", "dimension": []}]), ".json")


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ('id,text\n1,"a cat\n2,a dog\n', ".csv", "row 2: not CSV"),
        ("id,text\n1,a cat, asleep\n", ".csv", "row 2: has more columns"),
        ("1,a cat\n2,a dog\n", ".csv", "the first row names the columns"),
        (f'text\n"{"x" * 200_000}"\n', ".csv", "row 2: not CSV"),
        ("text\na\0cat\n", ".csv", "row 2: has a character"),
        ('{"text": "\\ud800"}', ".jsonl", "line 1: has a character"),
        ("[" * 100_000, ".jsonl", "line 1: not JSON"),
        ("[" * 100_000, ".json", "not suites of templates"),
    ],
)
def test_a_broken_list_is_refused_in_words_and_loses_no_prompt_unseen(text, kind, told):
    with pytest.raises(PromptsRefused) as refused:
        read_prompts(text, kind)
    assert refused.value.problems[0].startswith(told)
    assert len(refused.value.problems) == 1
