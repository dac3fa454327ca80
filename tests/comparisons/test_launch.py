"""From a plan to work, and the states of a comparison."""

import pytest
from django.db import IntegrityError, transaction

from evalapp.comparisons.launch import InvalidPlan, create, launch
from evalapp.comparisons.models import Comparison, NotReady, Pair
from evalapp.generation.models import Clip
from tests.factories import make_comparison, make_contender, make_prompt_set


def test_launching_makes_one_clip_per_contender_prompt_and_seed_and_every_pair(db):
    comparison = make_comparison(contenders=3, prompts=4, state="draft", seeds=(0, 1))
    launch(comparison)
    assert Clip.objects.count() == 3 * 4 * 2
    assert comparison.pairs.count() == 3 * 4 * 2
    for pair in comparison.pairs.select_related("first", "second"):
        assert (pair.first.prompt_id, pair.first.seed) == (pair.second.prompt_id, pair.second.seed)
        assert pair.first.contender_id < pair.second.contender_id


def test_clips_that_exist_are_used_again(db):
    make_comparison(contenders=2, prompts=3)
    make_comparison(contenders=3, prompts=3, state="rendering")
    assert Clip.objects.filter(state=Clip.State.READY).count() == 2 * 3
    assert Clip.objects.filter(state=Clip.State.QUEUED).count() == 3


def test_launching_twice_is_refused(db):
    comparison = make_comparison(state="rendering")
    with pytest.raises(NotReady, match="only a draft can be launched"):
        launch(comparison)


def test_launching_rings_for_each_waiting_clip_up_to_a_limit(db, bells, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        make_comparison(contenders=2, prompts=2, state="rendering")
    assert bells == ["evalapp.generation.tasks.render_waiting"] * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contenders": 1}, "two or more different contenders"),
        ({"seeds": ()}, "one or more seeds"),
        ({"seeds": (1, 1)}, "each once"),
        ({"overlap": 0}, "1 or more"),
        ({"aspects": ()}, "one or more aspects"),
    ],
)
def test_a_plan_that_cannot_work_is_refused_in_words(db, change, message):
    contenders = [make_contender(f"contender {n}") for n in range(change.pop("contenders", 2))]
    with pytest.raises(InvalidPlan, match=message):
        create("plan", make_prompt_set(2), contenders, **change)


def test_two_comparisons_of_one_name_are_refused(db):
    make_comparison(name="same")
    with pytest.raises(InvalidPlan, match="already: choose another name"):
        make_comparison(name="same")


def test_opening_waits_for_every_clip_and_says_what_is_missing(db):
    comparison = make_comparison(prompts=3, state="rendering")
    Clip.objects.filter(pk=Clip.objects.first().pk).update(state=Clip.State.READY)
    with pytest.raises(NotReady, match=r"5 clips are missing \(5 queued\)"):
        comparison.open()


def test_opening_without_missing_clips_leaves_their_pairs_out(db):
    comparison = make_comparison(prompts=3, state="rendering")
    ready = comparison.pairs.first()
    Clip.objects.filter(pk__in=(ready.first_id, ready.second_id)).update(state=Clip.State.READY)
    assert comparison.open(leave_out_missing=True) == 2
    assert comparison.is_open
    assert comparison.pairs.get(left_out=False) == ready


def test_a_comparison_without_any_complete_pair_is_not_opened(db):
    with pytest.raises(NotReady, match="nothing to vote on"):
        make_comparison(state="rendering").open(leave_out_missing=True)


def test_a_closed_comparison_stays_closed(db):
    comparison = make_comparison(state="closed")
    for verb in (comparison.open, comparison.pause, comparison.close):
        with pytest.raises(NotReady):
            verb()


def test_the_same_plan_has_the_same_digest_and_a_change_another(db):
    digests = [
        make_comparison(name=name, rng_seed=seed).digest for name, seed in (("one", 0), ("two", 0), ("three", 1))
    ]
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 64


def test_the_database_refuses_an_overbooked_pair(comparison):
    with pytest.raises(IntegrityError, match="pair_never_overbooked"), transaction.atomic():
        Pair.objects.filter(comparison=comparison).update(taken=3)


def test_state_moves_are_those_of_the_plan(comparison):
    comparison.pause()
    assert comparison.state == Comparison.State.PAUSED
    comparison.open()
    assert comparison.is_open
    comparison.close()
    assert comparison.closed_at
