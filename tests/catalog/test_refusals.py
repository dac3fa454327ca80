"""Why a recipe was refused, on a Russian page in Russian, with the names and paths that it is about."""

import ast
import json
import re
from pathlib import Path

import polib
import pytest
from django.utils.translation import override

from evalapp.catalog.refusals import KNOWN, OF_PYDANTIC, spoken
from evalapp.generation.rendering import in_words
from generators import GeneratorError
from generators.pipelines import check_files
from generators.recipe import parse

ROOT = Path(__file__).resolve().parents[2]


def refused(call, *given):
    with pytest.raises(GeneratorError) as raised:
        call(*given)
    return str(raised.value)


def of_a_wrong_recipe(tmp_path):
    return refused(parse, "diffusers", {"source": {"folder": "x"}, "guidence": 3, "modifirs": []})


def of_a_pickled_checkpoint(tmp_path):
    (tmp_path / "old.ckpt").write_bytes(b"x")
    return refused(check_files, tmp_path)


def of_a_missing_folder(tmp_path):
    return refused(check_files, tmp_path / "nowhere")


def of_a_full_disk(tmp_path):
    return in_words(OSError(28, "No space left on device"))


@pytest.mark.parametrize(
    ("failure", "names"),
    [
        (of_a_wrong_recipe, ["'guidence'", "имелось в виду 'guidance'", "настройка 'modifirs'"]),
        (of_a_pickled_checkpoint, ["old.ckpt", "загружаются только файлы safetensors"]),
        (of_a_missing_folder, ["nowhere", "исправьте её в рецепте"]),
        (of_a_full_disk, ["диск заполнен: освободите место"]),
    ],
)
def test_what_an_organizer_meets_most_is_told_in_russian(failure, names, tmp_path):
    english = failure(tmp_path)
    with override("ru"):
        russian = spoken(english)
    assert [name for name in names if name not in russian] == []
    with override("en"):
        assert spoken(english) == english


def test_a_sentence_in_a_sentence_is_told_too_and_an_unknown_one_stays():
    with override("ru"):
        told = spoken("stage 2 (super-resolution): /models/x: has no safetensors file in it: is the copy complete?")
        assert told == "этап 2 (super-resolution): /models/x: в ней нет файла safetensors: полна ли копия?"
        assert spoken("CUDA error: unspecified launch failure") == "CUDA error: unspecified launch failure"


def test_a_failed_trial_and_failed_clips_are_told_in_russian_on_their_pages(db, client, olga):
    from evalapp.catalog.models import Contender
    from evalapp.generation.models import Clip
    from tests.factories import make_comparison

    comparison = make_comparison(contenders=2, prompts=1)
    reason = "/models/wan: there is no such folder on this worker: correct it in the recipe, or mount it here"
    Contender.objects.update(trial={"failed": reason})
    Clip.objects.update(state=Clip.State.FAILED, reason=reason)
    client.force_login(olga)
    for address in ("/contenders/", f"/comparisons/{comparison.code}/"):
        page = client.get(address, headers={"accept-language": "ru"}).content.decode()
        assert "/models/wan: такой папки на этом воркере нет: исправьте её в рецепте или подключите здесь" in page


def test_every_known_sentence_is_one_that_the_code_says_and_has_its_russian():
    said = {
        node.value
        for path in SAYING
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    text = json.dumps(sorted(said), ensure_ascii=False)
    russian = {entry.msgid for entry in polib.pofile(str(ROOT / "frontend/locale/ru/LC_MESSAGES/django.po"))}
    for template in KNOWN:
        parts = [part.strip(" ,:;") for part in re.split(r"\{\w+\}|;|\n|'none'", template) if len(part.strip()) > 8]
        parts = [] if template in OF_PYDANTIC else parts
        assert [part for part in parts if json.dumps(part, ensure_ascii=False)[1:-1] not in text] == [], template
        assert template in russian


ON_PAGES = [*(ROOT / "generators").glob("*.py")]
ON_PAGES += [ROOT / f"evalapp/catalog/{name}.py" for name in ("contender_views", "recipe_form")]
SAYING = [
    *ON_PAGES,
    *(ROOT / f"evalapp/catalog/{name}.py" for name in ("registration", "models", "receiving", "store")),
]
SAYING += [ROOT / "evalapp/generation/rendering.py", ROOT / "evalapp/catalog/meanings.py"]
SAYING += [ROOT / f"evalapp/assessing/{name}.py" for name in ("goldens", "golden_orders")]
SAYING += [ROOT / f"metrics/{name}.py" for name in ("sentences", "preference/slices")]
OFTEN = {
    "self._last_words()": "; it said nothing",
    "_said(answer)": ": x1",
    "how": "ended with 1",
    "error": "x1",
    "why or state": "x1",
    "lacking": "this pipeline has no part",
    "'; '.join(problems)": "takes no frames: leave it out",
    "wanted": "name a folder of x1, as save_pretrained writes it",
    "who": "server x1: x1",
    "what": "stage x1 takes frames",
    "'PNG' if kind == 'image' else 'H.264'": "PNG",
}
"""What stands in a sentence where that is more than a name."""


def sentences(path):
    """What a file raises, with a name in each place of a value."""
    for node in ast.walk(ast.parse(path.read_text())):
        kind = getattr(node, "func", None) if isinstance(node, ast.Call) else None
        if getattr(kind, "id", "") not in (
            "GeneratorError",
            "MediaError",
            "DamageError",
            "ValueError",
            "Refused",
            "NotReadable",
        ):
            continue
        if node.args and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
            yield "".join(
                part.value
                if isinstance(part, ast.Constant)
                else OFTEN.get(ast.unparse(part.value), "'x1'" if part.conversion == ord("r") else "x1")
                for part in getattr(node.args[0], "values", [node.args[0]])
            )


ENGLISH = re.compile(r"[a-z]{2,}(?: [a-z]{2,}){2}")


def test_all_that_generators_refuse_is_told_in_russian():
    told = [sentence for path in ON_PAGES for sentence in sentences(path)]
    assert len(told) > 150
    with override("ru"):
        assert {sentence: spoken(sentence) for sentence in told if ENGLISH.search(spoken(sentence))} == {}


def test_what_pydantic_says_of_values_is_told_in_russian():
    wrong = {"frames": "x", "fps": 999, "width": 1, "height": 1.5, "guidance": {"interval": [0.9]}, "extra": 3}
    wrong |= {"runtime": {"vae_tiling": "perhaps", "offload": "modl"}, "adapters": [{"folder": 1, "weight_name": "x"}]}
    wrong |= {"source": {"hub": "x", "revision": "main"}, "prompting": {"template": "no place"}, "scheduler": 3}
    english = refused(parse, "diffusers", wrong)
    with override("ru"):
        russian = spoken(english)
    assert not ENGLISH.search(russian), russian
    for name in ("frames = 'x': нужно целое число", "имелось в виду 'model'", "ветка меняется", "не больше 120"):
        assert name in russian


def test_a_name_that_is_also_a_word_of_a_page_stays_a_name():
    with override("ru"):
        assert spoken("program Contenders: x1") == "программа Contenders: x1"
