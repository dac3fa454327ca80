"""Measuring clips: once per file, never a silent gap, and beside the votes."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from evalapp.generation.models import Clip
from evalapp.measuring import runs
from evalapp.measuring.models import Measurement
from evalapp.measuring.results import results_of
from evalapp.measuring.runs import UnknownMetric, Unmeasurable, measure
from tests.factories import give_media, make_clip, make_comparison, make_participation, make_vote

pytestmark = pytest.mark.django_db


@pytest.fixture
def filmed():
    """A comparison of two contenders with real files, the first one darker in each prompt."""
    comparison = make_comparison(media=True)
    for clip in comparison.clips():
        first = clip.contender.name == "end-to-end"
        give_media(clip, shade=(40 if first else 160) + 5 * clip.prompt.position)
    return comparison


def test_each_file_is_measured_once_however_often_it_is_asked_for(filmed):
    files = len(set(filmed.clips().values_list("sha256", flat=True)))
    assert measure(filmed, ["brightness", "frozen"]) == 2 * files
    assert measure(filmed, ["brightness", "frozen"]) == 0
    assert Measurement.objects.count() == 2 * files


def test_clips_with_the_same_file_share_its_measurement(filmed):
    for clip in filmed.clips():
        give_media(clip, shade=90)
    assert measure(filmed, ["brightness"]) == 1
    assert [row["count"] for row in results_of(filmed)[0]["rows"]] == [3, 3]


def test_another_protocol_measures_again_and_is_never_mixed_in(filmed, monkeypatch):
    measure(filmed, ["brightness"])
    monkeypatch.setattr(runs, "PROTOCOL", "another")
    assert measure(filmed, ["brightness"]) == 6
    assert results_of(filmed)[0]["rows"][0]["count"] == 3


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda clip: clip.master.write_bytes(b"another"), "not the file that was stored"),
        (lambda clip: clip.master.unlink(), "is gone"),
    ],
)
def test_a_spoilt_file_is_named_and_the_others_are_stored(filmed, spoil, told):
    victim = filmed.clips().first()
    spoil(victim)
    with pytest.raises(Unmeasurable, match=rf"clip {victim.pk} .*{told}"):
        measure(filmed, ["brightness"])
    assert Measurement.objects.count() == 5
    assert sum(row["missing"] for row in results_of(filmed)[0]["rows"]) == 1


def test_a_file_that_cannot_be_decoded_is_named(filmed):
    from evalapp.generation.files import sha256_of

    victim = filmed.clips().first()
    victim.master.write_bytes(b"no video at all")
    Clip.objects.filter(pk=victim.pk).update(sha256=sha256_of(victim.master))
    with pytest.raises(Unmeasurable, match=f"clip {victim.pk} .*is not an mp4"):
        measure(filmed, ["brightness"])


def test_a_metric_that_has_no_value_for_a_clip_says_why(filmed, monkeypatch):
    def never(frames, fps):
        raise ValueError("too few frames")

    monkeypatch.setattr("metrics.video.frozen", never)
    measure(filmed, ["frozen"])
    assert set(Measurement.objects.values_list("value", "reason")) == {(None, "too few frames")}
    row = results_of(filmed)[0]["rows"][0]
    assert (row["value"], row["count"], row["missing"]) == (None, 0, 3)


def test_an_unknown_metric_is_refused_before_any_work(filmed):
    with pytest.raises(UnknownMetric, match="brightness"):
        measure(filmed, ["brightnes"])


def test_the_database_keeps_one_value_per_file_and_a_reason_where_there_is_none():
    row = {"sha256": "a" * 64, "metric": "boiling", "version": "1"}
    with pytest.raises(IntegrityError):
        Measurement.objects.create(**row)


def test_results_follow_the_votes_and_are_json(filmed):
    make_clip()  # of no comparison
    measure(filmed, ["brightness", "sharpness", "boiling"])
    assert {each["reason"] for one in results_of(filmed) for each in one["following"]} == {"no votes"}
    alice = make_participation(filmed)
    for _ in range(3):
        make_vote(alice, "same", beauty="left")
    results = {result["metric"]: result for result in json.loads(json.dumps(results_of(filmed)))}
    dark, light = results["brightness"]["rows"]
    assert dark["value"] < light["value"]
    assert dark["interval"][0] < dark["value"] < dark["interval"][1]
    assert results["brightness"]["following"] == []
    followed = {each["aspect"]: each for each in results["sharpness"]["following"]}
    assert len(followed) == filmed.aspects.count()
    assert (followed["beauty"]["pairs"], followed["beauty"]["votes"]) == (3, 3)
    assert followed["softness"]["agreement"] == 0.5
    assert followed["beauty"]["simulated_votes"] == 0


def test_simulated_votes_are_counted_apart(filmed):
    measure(filmed, ["frozen"])
    make_vote(make_participation(filmed, name="a program", simulated=True))
    assert {each["simulated_votes"] for each in results_of(filmed)[0]["following"]} == {1}


def test_agreement_is_whole_when_people_choose_what_the_metric_favours(filmed, monkeypatch):
    from metrics import METRICS, Metric

    monkeypatch.setitem(METRICS, "brightness", Metric("metrics.video:brightness", "0..1", True))
    measure(filmed, ["brightness"])
    alice = make_participation(filmed)
    from evalapp.assessing.dispatch import next_assignment

    while task := next_assignment(alice):
        side = "left" if task.left.contender.name != "end-to-end" else "right"
        task.submit(dict.fromkeys(filmed.aspects.all(), side), key=task.code.hex, viewing={})
    for each in results_of(filmed)[0]["following"]:
        assert (each["agreement"], each["tau"]) == (1.0, 1.0)


def test_the_command_prints_means_with_counts_and_names_what_failed(filmed):
    out = StringIO()
    call_command("measure", filmed.name, metric=["brightness"], stdout=out)
    assert "6 new measurements" in out.getvalue()
    assert "brightness: end-to-end 0." in out.getvalue()
    assert "(3 clips)" in out.getvalue()
    filmed.clips().first().master.unlink()
    with pytest.raises(CommandError, match="is gone"):
        call_command("measure", filmed.name, metric=["frozen"], stdout=out)
    assert "5 new measurements" in out.getvalue()


def text_of(frames, fps, network, prompt):
    """A measure for this test: what the network makes of the prompt."""
    return network(prompt)


def network_of(files):
    (path,) = files.values()
    return lambda prompt: float(path.read_text()) + float(prompt[-1])


def test_a_measure_with_weights_names_its_command_and_never_mixes_texts_or_weights(monkeypatch, settings, tmp_path):
    from metrics import Metric, weights

    here = "tests.measuring.test_runs"
    metric = Metric(f"{here}:text_of", "share", True, "net", f"{here}:network_of", "a net", asks_text=True)
    monkeypatch.setitem(runs.KNOWN, "of_text", metric)
    known = weights.Weights((weights.File("net.txt"),), "MIT", "https://example.org/net.txt", "this test")
    monkeypatch.setattr(weights, "WEIGHTS", {"net": known})
    settings.WEIGHTS_DIR = tmp_path
    comparison = make_comparison(prompts=3, media=True)
    with pytest.raises(CommandError, match="weights fetch net"):
        call_command("measure", comparison.name, metric=["of_text"])
    one = next(iter(comparison.clips()))
    comparison.clips().update(**{name: getattr(one, name) for name in ("sha256", "folder")})  # one file, three texts
    expected = {}
    for number in (1.0, 2.0):
        (tmp_path / "net").mkdir(exist_ok=True)
        (tmp_path / "net/net.txt").write_text(str(number))
        (tmp_path / "checksums.json").unlink(missing_ok=True)
        weights.check("net", tmp_path)
        assert measure(comparison, ["of_text"]) == 3
        assert measure(comparison, ["of_text"]) == 0
        version, values = runs.measured_values(list(comparison.clips()))["of_text"]
        expected[version] = {clip.pk: number + float(clip.prompt.text[-1]) for clip in comparison.clips()}
        assert values == expected[version]
    assert len(expected) == 2


def tags_of(frames, fps, network, told):
    if not told:
        raise ValueError("the prompt has no tag that names what this measure looks for")
    return float(len(told))


def test_a_measure_of_tags_asks_each_text_once_and_says_where_there_is_none(monkeypatch, settings, tmp_path):
    from metrics import Metric, weights

    here = "tests.measuring.test_runs"
    metric = Metric(f"{here}:tags_of", "0..1", True, "net", f"{here}:network_of", "a net", asks_tags=("object",))
    monkeypatch.setitem(runs.KNOWN, "of_tags", metric)
    known = weights.Weights((weights.File("net.txt"),), "MIT", "https://example.org/net.txt", "this test")
    monkeypatch.setattr(weights, "WEIGHTS", {"net": known})
    settings.WEIGHTS_DIR = tmp_path
    (tmp_path / "net").mkdir()
    (tmp_path / "net/net.txt").write_text("1")
    weights.check("net", tmp_path)
    comparison = make_comparison(prompts=4, media=True)
    one = next(iter(comparison.clips()))
    comparison.clips().update(**{name: getattr(one, name) for name in ("sha256", "folder")})  # one file, four prompts
    said = [["object:cat"], ["object:cat", "style:ink"], ["object:a cat"], ["style:ink"]]
    for prompt, tags in zip(comparison.prompt_set.prompts.all(), said, strict=True):
        type(prompt).objects.filter(pk=prompt.pk).update(tags=tags)
    assert measure(comparison, ["of_tags"]) == 3
    assert measure(comparison, ["of_tags"]) == 0
    _, values = runs.measured_values(list(comparison.clips()))["of_tags"]
    told = {clip.prompt.position: values[clip.pk] for clip in comparison.clips()}
    assert [told[place] for place in sorted(told)] == [3.0, 3.0, 5.0, None]


def test_every_measures_version_fits_its_column():
    """PostgreSQL refuses longer ones; SQLite would not say so."""
    clip = make_clip()
    most = Measurement._meta.get_field("version").max_length
    longest = {name: runs._version(metric, "0" * 64, clip) for name, metric in runs.KNOWN.items()}
    assert not {name: version for name, version in longest.items() if len(version) > most}


def test_clips_without_a_value_say_why_and_how_many(filmed):
    one, *others = [clip for clip in filmed.clips() if clip.contender.name == "end-to-end"]
    measure(filmed, ["brightness", "boiling"])
    rows = {result["metric"]: result["rows"][0] for result in results_of(filmed)}
    assert [row["without"] for row in rows.values()] == [[], []]
    boiling = Measurement.objects.filter(metric="boiling")
    boiling.filter(sha256=one.sha256).update(value=None, reason="one frame does not move: this measure needs 2")
    row = next(result["rows"][0] for result in results_of(filmed) if result["metric"] == "boiling")
    assert row["without"] == [{"reason": "one frame does not move: this measure needs 2", "clips": 1}]
    assert (row["missing"], row["count"]) == (1, len(others))
    boiling.exclude(sha256=one.sha256).filter(sha256=others[0].sha256).delete()
    row = next(result["rows"][0] for result in results_of(filmed) if result["metric"] == "boiling")
    assert {"reason": "not measured yet", "clips": 1} in row["without"]
    boiling.update(value=None, reason="one frame does not move: this measure needs 2")
    row = next(result["rows"][0] for result in results_of(filmed) if result["metric"] == "boiling")
    assert (row["value"], row["reason"]) == (None, "one frame does not move: this measure needs 2")
