"""What each clip says of its making, and rendering it again."""

import math

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from evalapp.comparisons.models import Pair
from evalapp.generation import metering, rendering
from evalapp.generation.models import Clip
from evalapp.generation.rendering import render
from evalapp.generation.rerendering import rerender
from evalapp.reporting.build import build
from generators import GeneratorError, Take
from tests.factories import make_clip, make_comparison


@pytest.fixture
def rendered(db):
    make_clip(state="queued", seed=5)
    render(Clip.objects.claim_next("one"))
    return Clip.objects.get()


def making(monkeypatch, frames, **facts):
    made = type("Made", (), {"generate": lambda *_: Take(np.asarray(frames, np.uint8), 8.0, facts)})()
    monkeypatch.setattr(rendering, "load", lambda name: made)


def test_a_clip_says_how_it_was_made(rendered):
    told = rendered.facts["provenance"]
    assert (told["prompt"], told["seed"]) == (rendered.prompt.text, 5)
    assert told["recipe"] == rendered.contender.recipe.identity
    assert told["seconds"]["generate"] > 0
    assert told["seconds"]["encode"] > 0
    assert told["seconds"]["load"] is None  # shapes loads nothing
    assert told["process_peak_mib"] > 10
    assert {"python", "numpy", "av"} <= set(told["machine"]["versions"])
    assert told["noise_sha256"] is None


def test_energy_and_co2_are_unknown_where_nothing_counts_them(monkeypatch, tmp_path):
    monkeypatch.setattr(metering, "RAPL", tmp_path)
    monkeypatch.setattr(metering, "_gpu_joules", lambda: None)
    told = metering.Meter().read()
    assert (told["energy_wh"], told["co2_grams"], told["energy_of"]) == (None, None, [])


def test_energy_is_the_difference_of_the_counters_and_co2_follows_from_the_grid(monkeypatch, tmp_path, settings):
    settings.GRID_CO2_GRAMS_PER_KWH, settings.PUE = 400, 1.5
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    monkeypatch.setattr(metering, "RAPL", tmp_path)
    gpu = iter([1000.0, 8200.0])
    monkeypatch.setattr(metering, "_gpu_joules", lambda: next(gpu))
    (zone / "energy_uj").write_text("5000000")
    meter = metering.Meter()
    (zone / "energy_uj").write_text("3605000000")
    told = meter.read()
    # 7200 J of the GPU are 2 Wh, 3600 J of the processor 1 Wh; 0.003 kWh × 400 g × 1.5
    assert (told["energy_wh"], told["energy_of"]) == (3.0, ["gpu", "processor"])
    assert told["co2_grams"] == 1.8


def test_a_counter_that_wrapped_around_is_not_trusted(monkeypatch, tmp_path):
    monkeypatch.setattr(metering, "RAPL", tmp_path)
    gpu = iter([1000.0, 10.0])
    monkeypatch.setattr(metering, "_gpu_joules", lambda: next(gpu))
    assert metering.Meter().read()["energy_wh"] is None


def test_rendering_again_is_bit_equal_and_changes_nothing(rendered, capsys):
    before = Clip.objects.values().get()
    call_command("rerender", str(rendered.pk))
    call_command("rerender", str(rendered.folder))
    assert capsys.readouterr().out.count("bit-equal: all 36 frames") == 2
    assert Clip.objects.values().get() == before
    assert sorted(path.name for path in rendered.directory.iterdir()) == [
        *("clip.mp4", "master.mkv", "poster.webp", "sheet.webp"),
    ]


def test_a_clip_that_comes_out_otherwise_is_told_by_psnr(db, monkeypatch):
    make_clip(state="queued")
    making(monkeypatch, np.full((3, 32, 32, 3), 100), versions={"torch": "1"})
    render(Clip.objects.claim_next("one"))
    off = np.full((3, 32, 32, 3), 100)
    off[:, :16] += 5
    making(monkeypatch, off, versions={"torch": "2"})
    found = rerender(Clip.objects.get())
    assert not found.equal
    assert found.psnr == pytest.approx(10 * math.log10(255**2 / 12.5))
    assert "50.00% of pixels differ" in found.in_words
    assert found.changed == {"version of torch": ("1", "2")}
    making(monkeypatch, np.zeros((2, 32, 32, 3)))
    assert "not comparable: (3, 32, 32, 3) then, (2, 32, 32, 3) now" in rerender(Clip.objects.get()).in_words


def test_what_cannot_be_rendered_again_says_so(db, rendered):
    rendered.master.write_bytes(b"x")
    with pytest.raises(CommandError, match="is damaged: its sha256 is not the stored one"):
        call_command("rerender", str(rendered.pk))
    imported = make_clip(state="ready", seed=6)
    with pytest.raises(CommandError, match="was not rendered here"):
        call_command("rerender", str(imported.pk))
    with pytest.raises(CommandError, match="there is no clip 'nonsense'"):
        call_command("rerender", "nonsense")


def test_a_pair_is_of_the_same_noise_only_when_both_clips_say_the_same(db):
    make_comparison(prompts=1)
    for told, expected in (
        (["a", "a"], "same noise"),
        (["a", "b"], "same seed only"),
        ([None, None], "same seed only"),
    ):
        pair = Pair.objects.select_related("first", "second").get()
        for clip, noise in zip((pair.first, pair.second), told, strict=True):
            clip.facts = {"generator": {"noise_sha256": noise}}
        assert pair.shares == expected


def test_a_recipe_that_asks_for_it_is_handed_the_prompts_image_and_refuses_a_prompt_without(db, settings, monkeypatch):
    from evalapp.catalog.models import Prompt
    from generators.http import Settings as Recipe

    seen = []
    clip = make_clip(state="queued")

    def generate(self, text, seed, recipe, watch):
        seen.append(recipe.image)
        return Take(np.zeros((1, 8, 8, 3), np.uint8), 8.0, {})

    made = type("Made", (), {"generate": generate})()
    monkeypatch.setattr(rendering, "load", lambda name: made)
    monkeypatch.setattr(rendering, "parse", lambda *_: Recipe(server="farm", image="{prompt}"))
    with pytest.raises(GeneratorError, match="this prompt has none"):
        rendering.generated(clip)
    Prompt.objects.update(image="ab" * 32)
    clip.prompt.refresh_from_db()
    rendering.generated(clip)
    assert seen == [str(clip.prompt.picture)]


def test_a_comparison_tells_how_many_pairs_share_their_noise_and_how_many_the_seed_alone(db, client, olga):
    comparison = make_comparison(prompts=3)
    clips = comparison.clips()
    for prompt, noise in zip(comparison.prompt_set.prompts.all(), ("n", None, "other"), strict=True):
        Clip.objects.filter(pk__in=clips.filter(prompt=prompt).values("pk")).update(
            facts={"generator": {"noise_sha256": noise}}
        )
    differs = comparison.pairs.get(prompt__position=2).second
    Clip.objects.filter(pk=differs.pk).update(facts={})
    assert comparison.shared_noise() == {"same noise": 1, "same seed only": 2}
    assert [pair.shares for pair in comparison.pairs.order_by("prompt__position")] == [
        "same noise",
        "same seed only",
        "same seed only",
    ]
    Clip.objects.filter(pk=differs.pk).update(state="queued")  # a pair that is not whole is not counted yet
    assert comparison.shared_noise() == {"same noise": 1, "same seed only": 1}
    client.force_login(olga)
    page = client.get(f"/comparisons/{comparison.code}/rendering/").content.decode()
    assert "same noise: 1" in page
    assert "same seed only: 1" in page


def by(clip, contender=None, **machine):
    """The clip, made by that machine."""
    told = {"host": "one", "processor": "x86_64", "gpu": None, "versions": {"torch": "2.5"}} | machine
    Clip.objects.filter(pk=clip.pk).update(facts={"provenance": {"machine": told}})


H100, A100 = ({"name": name, "driver": driver} for name, driver in (("H100", "580"), ("A100", "570")))


def test_pairs_whose_clips_were_made_by_other_versions_or_devices_are_counted_and_told(db, client, olga):
    comparison = make_comparison(prompts=4)
    alike, versions, devices, unknown = comparison.pairs.order_by("prompt__position")
    by(alike.first, host="one")
    by(alike.second, host="two", versions={"torch": "2.5", "av": "18"})  # av is the other generator's own
    by(versions.first)
    by(versions.second, versions={"torch": "2.6"})
    by(devices.first, gpu=H100)
    by(devices.second, gpu=A100)
    by(unknown.first)  # the other was imported
    one, other = alike.first.contender.name, alike.second.contender.name
    assert comparison.made_apart() == {
        "pairs": 2,
        "by": {
            "torch": {"2.5": {one: 1}, "2.6": {other: 1}},
            "GPU": {"H100": {one: 1}, "A100": {other: 1}},
            "driver": {"580": {one: 1}, "570": {other: 1}},
        },
    }
    assert [pair.made_apart for pair in comparison.pairs.order_by("prompt__position")] == [
        [],
        ["torch"],
        ["GPU", "driver"],
        [],
    ]
    client.force_login(olga)
    page = " ".join(client.get(f"/comparisons/{comparison.code}/rendering/").content.decode().split())
    assert f"different software or devices: 2. torch: 2.5 ({one}), 2.6 ({other}); GPU: H100 ({one})" in page
    comparison.close()
    build(comparison)
    report = " ".join(client.get(f"/comparisons/{comparison.code}/report/").content.decode().split())
    assert f"torch: 2.5 ({one}), 2.6 ({other})" in report
    Clip.objects.filter(pk=versions.second.pk).update(state="queued")  # a pair that is not whole is not counted yet
    assert comparison.made_apart()["pairs"] == 1


def test_a_clip_says_by_which_code_it_was_made(rendered, monkeypatch):
    from evalapp.generation import machines

    assert rendered.facts["provenance"]["machine"]["versions"]["generators"] == machines._code()
    assert len(machines._code()) == 12


def test_a_worker_whose_code_does_not_know_a_recipe_says_that_its_code_is_another(db):
    clip = make_clip("queued")
    clip.contender.recipe.settings = {"frames": 8, "of_a_later_version": 1}
    clip.contender.recipe.save()
    render(Clip.objects.claim_next("one"))
    clip.refresh_from_db()
    assert "unknown setting 'of_a_later_version'" in clip.reason
    assert "runs other code of the house" in clip.reason
