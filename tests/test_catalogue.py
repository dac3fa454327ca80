"""Every text of templates and code has its Russian, once, with the same values in it."""

import ast
import re
from collections import Counter
from pathlib import Path

import polib
import pytest
from django.utils.translation.template import templatize

from evalapp.catalog import recipe_form
from evalapp.measuring.judge_forms import options_of
from evalapp.measuring.set_results import title_of
from evalapp.measuring.views import about
from generators import names
from generators.recipe import schema
from metrics import JUDGES, METRICS, WITH_WEIGHTS
from metrics.sets import SETS

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = polib.pofile(str(ROOT / "frontend/locale/ru/LC_MESSAGES/django.po"))
RUSSIAN = {entry.msgid: entry for entry in CATALOGUE}
CALLS = {"gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "_"}
QUOTED = r"""(?:gettext|ngettext|_)\(\s*(u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))"""
VALUES = re.compile(r"%\(\w+\)s|%s|\{\w+\}")


def texts_of_templates():
    for path in sorted((ROOT / "frontend/templates").rglob("*.html")):
        for found in re.finditer(QUOTED, templatize(path.read_text())):
            yield ast.literal_eval(found[1]), str(path.relative_to(ROOT))


def texts_of_code():
    for path in sorted((ROOT / "evalapp").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                continue
            if (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) in CALLS:
                yield node.args[0].value, str(path.relative_to(ROOT))


@pytest.mark.parametrize("texts", [texts_of_templates, texts_of_code], ids=["templates", "code"])
def test_every_text_is_translated(texts):
    found = list(texts())
    assert len(found) > 50
    assert [(text, place) for text, place in found if text not in RUSSIAN or not RUSSIAN[text].translated()] == []


REFUSALS = {"InvalidPlan", "NotReady", "NotPossible", "UploadRefused", "SuiteError", "PermissionDenied"}
REFUSALS |= {"PromptsRefused", "ValidationError", "VotesRefused"}


def test_what_a_page_refuses_is_said_in_its_language():
    """None of what is raised there, or added to a form's errors, stands in the code as it is."""
    pages = [path for path in (ROOT / "evalapp").rglob("*.py") if path.parent.name not in ("api", "commands")]
    calls = [(node, path) for path in pages for node in ast.walk(ast.parse(path.read_text()))]
    said = []
    for node, path in calls:
        name = isinstance(node, ast.Call) and (getattr(node.func, "id", "") or getattr(node.func, "attr", ""))
        if name in REFUSALS or name == "add_error":
            said += [(part, path) for part in node.args[name == "add_error" :]]
    assert len(said) > 90
    raw = [(ast.unparse(part), path.name) for part, path in said if isinstance(part, ast.JoinedStr | ast.Constant)]
    read_by_a_script = "examples.py"
    assert [each for each in raw if re.search("[a-z]{2}", each[0]) and each[1] != read_by_a_script] == []


def test_every_measure_and_its_unit_is_translated():
    shown = {text for name, metric in (METRICS | WITH_WEIGHTS | SETS).items() for text in (title_of(name), metric.unit)}
    assert sorted(text for text in shown if re.search("[a-z]{3}", text) and text not in RUSSIAN) == ["Hasler-Süsstrunk"]


def test_every_hint_of_a_recipe_s_form_is_translated():
    """Generators know no catalogues: the form's template translates what their schemas say."""
    found = [group for name in names() for group in recipe_form.groups(schema(name))]
    hints = {each.hint for group in found for each in (group, *group.fields) if each.hint}
    assert len(hints) > 50
    assert sorted(hint for hint in hints if hint not in RUSSIAN or not RUSSIAN[hint].translated()) == []


def test_what_each_judge_is_and_asks_for_is_translated():
    """Judges know no catalogues either: the page translates the first line of each and what its options say."""
    told = {about(path) for path in JUDGES.values()}
    told |= {field.description for name in JUDGES for field in options_of(name).values() if field.description}
    assert len(told) > 30
    assert sorted(text for text in told if text not in RUSSIAN or not RUSSIAN[text].translated()) == []


def test_no_text_stands_twice_and_each_keeps_its_values():
    assert [text for text, n in Counter(entry.msgid for entry in CATALOGUE).items() if n > 1] == []
    for entry in CATALOGUE:
        for said in [entry.msgstr] if entry.msgstr else entry.msgstr_plural.values():
            expected = set(VALUES.findall(entry.msgid)) | set(VALUES.findall(entry.msgid_plural or ""))
            assert set(VALUES.findall(said)) <= expected, entry.msgid
            if entry.msgstr:
                assert set(VALUES.findall(said)) == expected, entry.msgid


def test_every_sentence_of_a_report_is_translated():
    """Those that are made with `said`, methods text included; templates in variables are told by the reports' tests."""
    found = [
        (node.args[0].value, path.name)
        for path in sorted((ROOT / "evalapp/reporting").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "said"
        and isinstance(node.args[0], ast.Constant)
    ]
    assert len(found) > 60
    assert [(text, place) for text, place in found if text and not RUSSIAN[text].translated()] == []


def test_a_thing_has_one_russian_word():
    """A prompt is a промпт, and запрос is a call; an aspect is no критерий; an assessor is spelt with one s."""
    for entry in CATALOGUE:
        said = " ".join([entry.msgstr, *entry.msgstr_plural.values()]).lower()
        assert "ассессор" not in said, entry.msgid
        assert "критери" not in said or "criteri" in entry.msgid.lower(), entry.msgid
        assert "prompt" not in entry.msgid.lower() or "запрос" not in said, entry.msgid
