"""“Both bad” and how strong a preference is: asked, stored, shown again, exported, counted."""

import io
from csv import DictReader

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from evalapp.assessing.choices import ScreenChoice, offered, on_screen, strength_of, turned_back
from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.exchange import export_votes
from evalapp.assessing.intake import VotesRefused, import_votes
from evalapp.assessing.models import Vote
from evalapp.comparisons.models import Comparison
from evalapp.reporting.build import build, snapshot_of
from tests.factories import make_comparison, make_contender, make_participation, make_vote

GRADED = {"ask_both_bad": True, "ask_strength": True}


def _signed_in(client, comparison):
    participation = make_participation(comparison)
    session = client.session
    session["assessor"] = participation.assessor_id
    session.save()
    return participation


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("choice", ScreenChoice)
def test_what_stood_on_the_screen_comes_back_from_what_is_stored(choice, swapped):
    bad = choice is ScreenChoice.BOTH_BAD
    assert on_screen(turned_back(choice, swapped), swapped, bad, strength_of(choice)) is choice


def test_the_screen_offers_what_the_comparison_asks():
    assert [str(choice) for choice, _ in offered(False, False)] == ["left", "same", "right"]
    assert [str(choice) for choice, _ in offered(True, False)] == ["left", "same", "right", "both_bad"]
    graded = ["left_clearly", "left", "same", "right", "right_clearly", "both_bad"]
    assert [str(choice) for choice, _ in offered(True, True)] == graded


def test_an_answer_keeps_its_strength_and_is_shown_as_it_was(db):
    comparison = make_comparison(prompts=1, overlap=1, **GRADED)
    assignment, ballot = make_vote(make_participation(comparison), "right_clearly", beauty="both_bad", defects="left")
    by_aspect = {vote.aspect.key: vote for vote in ballot.votes.select_related("aspect")}
    clear, bad, weak = by_aspect["preference"], by_aspect["beauty"], by_aspect["defects"]
    assert (clear.choice, clear.strength, clear.both_bad) == ("first" if assignment.swapped else "second", 2, False)
    assert (bad.choice, bad.strength, bad.both_bad) == ("tie", 0, True)
    assert weak.strength == 1
    shown = assignment.screen_choices()
    assert (shown["preference"], shown["beauty"], shown["defects"]) == ("right_clearly", "both_bad", "left")


def test_where_it_was_not_asked_nothing_is_stored_and_the_form_refuses(client, db):
    comparison = make_comparison(prompts=1, overlap=1)
    assignment = next_assignment(_signed_in(client, comparison))
    answers = {f"choice-{aspect.key}": "left" for aspect in comparison.aspects.all()}
    send = {"key": assignment.code.hex, **answers}
    address = reverse("task", args=[assignment.code])
    refused = client.post(address, send | {"choice-beauty": "both_bad"})
    assert refused.status_code == 422
    assert "Left, Same, Right" in refused.content.decode()
    assert client.post(address, send).status_code in (302, 303)
    assert set(Vote.objects.values_list("both_bad", "strength")) == {(None, None)}


def test_the_screen_shows_every_choice_with_its_key_and_takes_it(client, db):
    comparison = make_comparison(prompts=1, overlap=1, **GRADED)
    _signed_in(client, comparison)
    page = client.get(reverse("assess", args=[comparison.code]), follow=True).content.decode()
    for key, value in enumerate(("left_clearly", "left", "same", "right", "right_clearly", "both_bad"), 1):
        assert f'value="{value}" required><kbd aria-hidden="true">{key}</kbd>' in page
    assignment = comparison.participations.get().assignments.get()
    answers = {f"choice-{aspect.key}": "both_bad" for aspect in comparison.aspects.all()}
    sent = client.post(reverse("task", args=[assignment.code]), {"key": assignment.code.hex, **answers})
    assert sent.status_code in (302, 303)
    assert Vote.objects.filter(both_bad=True).count() == len(answers)


def test_the_database_refuses_what_makes_no_sense_and_still_refuses_changes(db):
    comparison = make_comparison(prompts=1, overlap=1, **GRADED)
    _, ballot = make_vote(make_participation(comparison), "left")
    for wrong in (
        {"choice": "first", "both_bad": True},
        {"choice": "tie", "strength": 1},
        {"choice": "first", "strength": 0},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Vote.objects.bulk_create([Vote(ballot=ballot, aspect=_another(comparison), **wrong)])
    for table in ("vote", "ballot", "controlanswer"):
        with connection.cursor() as cursor:
            kind = "tgname FROM pg_trigger" if connection.vendor == "postgresql" else "name FROM sqlite_master"
            column = kind.split()[0]
            cursor.execute(f"SELECT {kind} WHERE {column} LIKE '{table}_insert_only%'")
            assert len(cursor.fetchall()) == 2


def _another(comparison):
    return comparison.aspects.create(key=f"more-{comparison.aspects.count()}", name="More", question="?", position=99)


def test_a_control_is_corrected_as_it_was_answered(db):
    comparison = make_comparison(prompts=4, overlap=1, **GRADED)
    comparison.identical_share = 0.5
    comparison.save()
    call_command("simulate_votes", comparison.name, assessors=1)
    met = [control for each in comparison.participations.all() for control in each.controls.all()]
    assert met
    for control in met:
        control.submit(dict.fromkeys(comparison.aspects.all(), "right_clearly"), key=f"again{control.code}", viewing={})
        assert set(control.screen_choices().values()) == {"right_clearly"}
        assert set(control.given().values()) == {"first" if control.swapped else "second"}


def test_votes_go_out_and_come_in_again_with_strength_and_both_bad(db):
    comparison = make_comparison(contenders=3, prompts=3, overlap=2, **GRADED)
    call_command("simulate_votes", comparison.name, assessors=2)

    def rows_of(of):
        export_votes(of, file := io.StringIO())
        return list(DictReader(io.StringIO(file.getvalue())))

    told = ("prompt_id", "first", "second", "left", "aspect", "choice", "strength")
    out = rows_of(comparison)
    assert {row["choice"] for row in out} == {"first", "second", "tie", "both_bad"}
    assert {row["strength"] for row in out} == {"0", "1", "2"}
    again = import_votes(out, "again")
    assert (again.ask_both_bad, again.ask_strength) == (True, True)
    assert sorted([row[key] for key in told] for row in rows_of(again)) == sorted(
        [row[key] for key in told] for row in out
    )


@pytest.mark.parametrize(("choice", "strength"), [("tie", "1"), ("first", "0"), ("first", "4"), ("first", "much")])
def test_a_strength_that_does_not_fit_its_choice_is_refused(db, choice, strength):
    row = {"prompt_id": "p", "first": "a", "second": "b", "assessor": "ann", "aspect": "beauty"}
    with pytest.raises(VotesRefused, match="row 2: strength"):
        import_votes([row | {"choice": choice, "strength": strength}], "bad")
    with pytest.raises(VotesRefused, match="some rows give a strength"):
        import_votes([row | {"choice": "first", "strength": s, "prompt_id": f"p{s}"} for s in ("1", "")], "half")


def test_the_report_counts_both_bad_among_ties_and_weighs_by_strength(client, rita):
    given = [("a", "2"), ("a", "1"), ("both_bad", "0"), ("tie", "0"), ("b", "1")] * 4
    rows = [
        {"prompt_id": f"p{n}", "first": "a", "second": "b", "left": "ab"[n % 2], "assessor": f"x{n % 3}"}
        | {"aspect": "preference", "choice": choice, "strength": strength}
        for n, (choice, strength) in enumerate(given)
    ]
    comparison = import_votes(rows, "graded")
    row = snapshot_of(comparison, "")["results"][0]
    assert (row["wins"], row["ties"], row["both_bad"], row["losses"]) == (8, 8, 4, 4)
    assert row["win_rate"] == pytest.approx((8 + 4) / 20)
    assert row["weighted_win_rate"] == pytest.approx((4 * 1 + 4 * 0.75 + 8 * 0.5 + 4 * 0.25) / 20)
    low, high = row["weighted_interval"]
    assert low < row["weighted_win_rate"] < high

    client.force_login(rita)
    build(comparison)
    page = client.get(reverse("report", args=[comparison.code])).content.decode()
    for told in ("of them both bad", "choice=both_bad", "by strength 60.0"):
        assert told in page
    behind = client.get(reverse("report-pairs", args=[comparison.code]) + "?aspect=preference&choice=both_bad")
    assert behind.context["page"].paginator.count == 4


def test_the_organizer_asks_for_them_in_the_form(client, olga):
    contenders = [make_contender(name).pk for name in ("one", "two")]
    asked = {"name": "graded", "contenders": contenders, "prompts": "a ball", "seeds": 1, "overlap": 1}
    more = {"aspects": ["beauty"], "length_rule": "hold", "ask_both_bad": "on", "ask_strength": "on"}
    client.force_login(olga)
    assert client.post(reverse("new-comparison"), asked | more).status_code == 302
    made = Comparison.objects.get(name="graded")
    assert (made.ask_both_bad, made.ask_strength) == (True, True)
