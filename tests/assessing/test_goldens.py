"""Controls among the work: goldens, repeats and identical pairs look like pairs and count as none."""

import io
from collections import Counter

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse

from evalapp.assessing.addresses import address
from evalapp.assessing.controls import Control, ControlAnswer, Golden, outcomes
from evalapp.assessing.dispatch import next_assignment, remaining
from evalapp.assessing.exchange import export_votes
from evalapp.assessing.goldens import GoldensRefused, known_goldens, make_goldens
from evalapp.assessing.mixing import planned, still_planned
from evalapp.assessing.models import Assignment, Ballot, KeyReused, NotYours, Vote
from evalapp.assessing.simulate import simulate_votes
from evalapp.generation.files import sha256_of, write_files
from evalapp.generation.models import Clip
from generators.damage import DAMAGES
from generators.shapes import Settings, Shapes
from generators.video import read
from tests.assessing.test_pages import JSON, answers, sign_in
from tests.factories import make_comparison, make_participation

SHARES = {"golden": 0.1, "repeat": 0.1, "identical": 0.05}
OF_EACH_REPLY = ("Content-Length", "X-Request-ID")
GOLDENS_ONLY = {"golden_share": 0.4, "repeat_share": 0, "identical_share": 0}


def mix(comparison, **shares):
    for name, value in ({f"{kind}_share": share for kind, share in SHARES.items()} | shares).items():
        setattr(comparison, name, value)
    comparison.save()
    return comparison


def make_golden(comparison, use="work", number=0, **columns):
    pair = comparison.pairs.order_by("pk")[number]
    known = {"prompt": pair.prompt, "first": pair.first, "second": pair.second, "answers": {"beauty": "first"}}
    return Golden.objects.create(comparison=comparison, use=use, **known | columns)


def work(participation, choice="left", most=1000):
    """Everything that is handed out, in order, each answered with one choice."""
    done = []
    while len(done) < most and (task := next_assignment(participation)):
        task.submit(dict.fromkeys(participation.comparison.aspects.all(), choice), key=task.code.hex, viewing={})
        done.append(task)
    return done


def mixed(prompts=60, goldens=12, **shares):
    comparison = mix(make_comparison(prompts=prompts, overlap=2), repeat_gap=5, **shares)
    for number in range(goldens):
        make_golden(comparison, number=number)
    return comparison


def controls(done):
    return [task for task in done if isinstance(task, Control)]


def test_controls_come_at_the_shares_asked_for_and_every_pair_is_still_met(db):
    done = work(make_participation(mixed()))
    kinds = Counter(control.kind for control in controls(done))
    assert len(done) - sum(kinds.values()) == 60
    # A quarter of the work: 20 among 80. Before five pairs are answered there is nothing to repeat.
    assert 17 <= sum(kinds.values()) <= 21
    assert kinds["golden"] in (7, 8, 9)
    assert kinds["repeat"] in (6, 7, 8, 9)
    assert kinds["identical"] in (3, 4, 5)


def test_controls_never_count_as_votes_overlap_or_rows_of_an_export(db):
    comparison = mixed()
    done = work(make_participation(comparison))
    assert controls(done)
    assert Assignment.objects.count() == Ballot.objects.count() == 60
    assert Vote.objects.of(comparison).count() == 60 * 7
    assert set(comparison.pairs.values_list("taken", flat=True)) == {1}
    assert export_votes(comparison, io.StringIO()) == 60 * 7


def test_an_export_of_controls_names_their_kind_and_what_was_known(db):
    comparison = mixed()
    done = work(make_participation(comparison))
    file = io.StringIO()
    written = export_votes(comparison, file, controls=True)
    rows = file.getvalue().splitlines()
    assert rows[0].split(",")[-2:] == ["kind", "known"]
    kinds = Counter(control.kind for control in controls(done))
    assert written == len(rows) - 1 == 60 * 7 + kinds["golden"] + 7 * (kinds["repeat"] + kinds["identical"])
    assert Counter(row.split(",")[-2] for row in rows[1:])["golden"] == kinds["golden"]


def test_a_repeat_is_the_same_pair_with_sides_turned_five_or_more_pairs_later(db):
    done = work(make_participation(mixed()))
    repeats = [(place, task) for place, task in enumerate(done) if isinstance(task, Control) and task.repeated]
    assert len({task.repeated_id for _, task in repeats}) == len(repeats) > 3
    for place, task in repeats:
        first = next(each for each in done[:place] if each == task.repeated)
        assert task.pair == first.pair
        assert task.swapped != first.swapped
        assert (task.left, task.right) == (first.right, first.left)
        between = [each for each in done[done.index(first) + 1 : place] if isinstance(each, Assignment)]
        assert len(between) >= 5


def test_sides_of_goldens_are_balanced(db):
    comparison = mixed(**GOLDENS_ONLY, goldens=20)
    sides = [control.swapped for control in controls(work(make_participation(comparison)))]
    assert len(sides) == 20
    assert sum(sides) == 10


def test_no_golden_comes_twice_to_one_assessor_and_then_pairs_go_on(db):
    comparison = mixed(goldens=3, **GOLDENS_ONLY)
    done = work(make_participation(comparison))
    assert len(controls(done)) == len({control.golden_id for control in controls(done)}) == 3
    assert len(done) == 63


def test_outcomes_tell_an_assessor_who_always_answers_left_from_one_who_looks(db):
    comparison = mixed(prompts=40)
    lazy, careful = make_participation(comparison, name="lazy"), make_participation(comparison, name="careful")
    work(lazy, "left")
    while task := next_assignment(careful):
        aspects = comparison.aspects.all()
        known = task.right_answers() if isinstance(task, Control) else {}
        on_screen = task.on_screen if isinstance(task, Control) else str
        choices = {a: on_screen(known[a.key]) if a.key in known else "same" for a in aspects}
        task.submit(choices, key=task.code.hex, viewing={})
    told = outcomes(comparison)
    right = {p.pk: [each.right for each in told if each.participation == p.pk] for p in (lazy, careful)}
    assert all(right[careful.pk])
    assert {each.kind for each in told} == {"golden", "repeat", "identical"}
    # Always left: wrong on every identical pair and repeat, and half of the goldens.
    repeats = [each for each in told if each.participation == lazy.pk and each.kind != "golden"]
    assert repeats
    assert not any(each.right for each in repeats)
    goldens = [each.right for each in told if each.participation == lazy.pk and each.kind == "golden"]
    assert abs(sum(goldens) - len(goldens) / 2) <= 0.5


def test_outcomes_need_the_same_few_queries_however_many_controls(db, django_assert_max_num_queries):
    comparison = mixed(prompts=30)
    for name in ("alice", "bob"):
        work(make_participation(comparison, name=name))
    with django_assert_max_num_queries(6):
        assert len(outcomes(comparison)) > 20


def test_the_number_left_gives_no_control_away(db):
    """With each answer one more is answered and one fewer is left, control or not."""
    comparison = mixed(repeat_share=0)
    participation = make_participation(comparison)
    next_assignment(participation)
    totals = []
    for _ in range(40):
        totals.append(participation.answered + remaining(participation))
        work(participation, most=1)
    assert len(set(totals)) == 1


def test_places_are_told_in_advance_and_differ_between_assessors():
    def places(who):
        return [place for place in range(400) if planned(SHARES, who, place)]

    assert len(places("0:0")) in range(95, 106)
    assert places("0:0") != places("0:1")
    gaps = {b - a for a, b in zip(places("0:0"), places("0:0")[1:], strict=False)}
    assert len(gaps) > 4
    for start in (0, 3, 57):
        pairs = sum(place >= start for place in range(200)) - sum(200 > place >= start for place in places("0:0"))
        last = [place for place in places("0:0") if start <= place < 200]
        assert still_planned(SHARES, "0:0", start, pairs) in (len(last), len(last) - 1)
    assert planned({}, "0:0", 3) == ""
    assert still_planned({}, "0:0", 3, 100) == 0


def test_a_control_is_answered_like_a_pair_corrected_like_a_pair_and_stored_once(db):
    comparison = mixed(**GOLDENS_ONLY)
    participation = make_participation(comparison)
    control = next(task for task in work(participation) if isinstance(task, Control) and task.golden)
    beauty = dict.fromkeys(comparison.aspects.all(), "left")
    assert control.submit(beauty, key=control.code.hex, viewing={}) == control.answers.get()
    with pytest.raises(KeyReused):
        control.submit(dict.fromkeys(beauty, "same"), key=control.code.hex, viewing={})
    control.submit(dict.fromkeys(beauty, "same"), key="another key, another answer", viewing={})
    assert (control.version, set(control.screen_choices().values())) == (2, {"same"})
    comparison.close()
    with pytest.raises(NotYours):
        control.submit(beauty, key="too late, voting has ended", viewing={})


def test_answers_to_controls_are_written_once(db):
    done = work(make_participation(mixed(**GOLDENS_ONLY)), most=20)
    answer = controls(done)[0].answers.get()
    with pytest.raises(TypeError):
        ControlAnswer.objects.filter(pk=answer.pk).update(version=9)
    for statement in ("UPDATE evalapp_controlanswer SET version = 9", "DELETE FROM evalapp_controlanswer"):
        with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
            connection.cursor().execute(statement)


def test_the_database_refuses_a_second_repeat_of_an_assignment_and_a_second_golden(db):
    participation = make_participation(mixed())
    done = work(participation)
    for control in controls(done):
        if control.kind == "identical":
            continue
        control.pk, control.code = None, None
        with pytest.raises(IntegrityError), transaction.atomic():
            control.save(force_insert=True)


def test_the_page_of_a_control_is_that_of_a_pair(client, db):
    """Same page, same reply, same addresses: nothing but the random codes differs."""
    comparison = make_comparison(prompts=20, media=True)
    mix(comparison, golden_share=0.3, repeat_share=0, identical_share=0.2, repeat_gap=1)
    for number in range(6):
        make_golden(comparison, number=number)
    participation = make_participation(comparison)
    sign_in(client, participation)
    shapes = {}
    for _ in range(16):
        page = client.get(reverse("assess", args=[comparison.code])).content.decode()
        task = next_assignment(participation)
        kind = getattr(task, "kind", "pair")
        assert str(task.code) in page
        assert not any(word in page for word in ("golden", "identical", "repeated", "damage"))
        media = client.get(address(task.code, "left", 30))
        reply = client.post(reverse("task", args=[task.code]), answers(participation), **JSON)
        assert reply.json()["saved"]
        headers = {name: value for name, value in media.headers.items() if name not in OF_EACH_REPLY}
        shapes.setdefault(kind, set()).add((page.count("<"), tuple(sorted(headers.items())), tuple(reply.json())))
        back = client.get(reverse("task", args=[task.code]))
        assert back.status_code == 200
        assert participation.last_answered() == task
    assert set(shapes) == {"pair", "golden", "identical"}
    # The first page has no way back yet; all others are of one make.
    assert len(set.union(*shapes.values())) <= 2


def test_simulated_assessors_know_goldens_but_for_slips(db):
    comparison = mixed()
    simulate_votes(comparison, 2)
    told = [each.right for each in outcomes(comparison) if each.kind == "golden"]
    assert len(told) >= 12
    assert sum(told) / len(told) > 0.6


def test_a_withdrawn_golden_is_handed_out_to_nobody_new(db):
    comparison = mixed(**GOLDENS_ONLY)
    comparison.goldens.update(withdrawn=True)
    assert not [each for each in controls(work(make_participation(comparison))) if each.golden]


def test_more_controls_than_half_of_the_work_are_refused(db):
    comparison = make_comparison()
    with pytest.raises(IntegrityError, match="mostly_pairs"), transaction.atomic():
        mix(comparison, golden_share=0.3, repeat_share=0.3)


def test_more_goldens_double_their_share(db):
    comparison = mixed(golden_share=0.1, repeat_share=0, identical_share=0, goldens=30)
    watched, trusted = make_participation(comparison, name="watched"), make_participation(comparison, name="trusted")
    watched.more_goldens = True
    watched.save()
    assert len(controls(work(watched))) > 1.7 * len(controls(work(trusted)))


def moving(comparison):
    """Real, damageable files for every clip."""
    recipe = Settings(frames=10, fps=10, width=96, height=64)
    for clip in comparison.clips():
        frames = Shapes().generate("a red ball rolls over grass", clip.pk, recipe).frames
        Clip.objects.filter(pk=clip.pk).update(**write_files(frames, 10))
    return comparison


def test_goldens_are_made_for_every_aspect_with_their_right_answer_and_files_like_any_others(db):
    comparison = moving(make_comparison(prompts=2))
    made = make_goldens(comparison, per_aspect=1)
    assert [list(golden.answers.items()) for golden in made] == [
        [(aspect, "first")] for aspect in ("beauty", "softness", "movement", "consistency", "defects", "relevance")
    ]
    for golden in made:
        pair = golden.pair()
        intact, damaged = read(pair.first.rendition), read(pair.second.rendition)
        assert (intact.frames.shape, intact.fps) == (damaged.frames.shape, damaged.fps)
        files = [sorted(path.name for path in clip.directory.iterdir()) for clip in (pair.first, pair.second)]
        assert files[0] == files[1]
        if golden.damage == "other_prompt":
            assert pair.second.prompt != pair.first.prompt == pair.prompt
            assert pair.second.contender == pair.first.contender
            continue
        assert golden.damage.encode() not in pair.second.rendition.read_bytes()
        assert pair.second.facts["sha256"] == sha256_of(pair.second.master)
        expected = DAMAGES[golden.damage].aspect
        assert list(golden.answers) == [expected]


def test_goldens_that_cannot_be_made_leave_nothing_behind(db, settings):
    comparison = make_comparison(prompts=1, media=True)
    before = sorted(path.name for path in settings.MEDIA_DIR.glob("*/*"))
    with pytest.raises(GoldensRefused, match="softness: only 0 of 1 goldens"):
        make_goldens(comparison, per_aspect=1)
    assert not Golden.objects.exists()
    assert sorted(path.name for path in settings.MEDIA_DIR.glob("*/*")) == before
    with pytest.raises(GoldensRefused, match="no damage is known"):
        make_goldens(comparison, 1, aspects=["preference"])


def test_known_answers_become_goldens_row_by_row(db):
    comparison = make_comparison(prompts=2)
    row = {"prompt_id": "p1", "first": "frame-by-frame", "second": "end-to-end", "aspect": "beauty", "choice": "first"}
    (golden,) = known_goldens(comparison, [row, row | {"aspect": "defects", "choice": "tie"}], "training")
    assert golden.answers == {"beauty": "second", "defects": "tie"}
    assert golden.use == "training"
    bad = [
        row | {"prompt_id": "p9"},
        row | {"aspect": "speed"},
        row | {"choice": "third"},
        row,
        row | {"choice": "tie"},
    ]
    with pytest.raises(GoldensRefused) as refused:
        known_goldens(comparison, bad)
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["row 2", "row 3", "row 4", "row 6"]
    assert Golden.objects.count() == 1


def test_the_command_makes_goldens_and_sheets_to_look_at(db, tmp_path, capsys):
    comparison = moving(make_comparison(prompts=1))
    call_command("goldens", comparison.name, "--per-aspect=1", "--aspect=defects", f"--sheets={tmp_path}")
    said = capsys.readouterr().out
    assert "1 goldens are ready for work" in said
    assert "golden share is 0" in said
    assert [path.name.split("-")[1] for path in tmp_path.glob("*.webp")] == ["defects"]
    call_command("goldens", comparison.name, "--withdraw")
    assert Golden.objects.get().withdrawn
