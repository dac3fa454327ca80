"""The organizer's pages: progress, failures, invitations, verbs."""

import pytest
from django.urls import reverse

from evalapp.assessing.models import Invitation
from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.reporting.progress import answers_per_hour, rendering_of
from tests.factories import make_comparison, make_invitation, make_organizer, make_participation, make_vote


@pytest.fixture
def page(client, olga):
    """Olga opens or posts to a page of a comparison and gets the text; redirects are followed."""
    client.force_login(olga)

    def visit(name, comparison, post=None, **headers):
        address = reverse(name, args=[comparison.code])
        if post is not None:
            return client.post(address, post, follow=True).content.decode()
        return client.get(address, **headers).content.decode()

    return visit


def test_the_list_says_how_far_each_comparison_is(client, olga, comparison, alice):
    make_vote(alice)
    make_comparison(state="rendering", names=("one", "two"), name="another")
    client.force_login(olga)
    text = client.get(reverse("comparisons")).content.decode()
    assert "<b>1</b> of 6 pairs to judge are answered" in text
    assert "<b>6</b> of 6 clips ready" in text
    assert "<b>0</b> of 6 clips ready" in text


def test_a_clip_counts_once_however_many_pairs_show_it(db):
    comparison = make_comparison(contenders=3, prompts=2)
    counted = rendering_of([comparison.pk])
    assert comparison.pairs.count() == 6
    assert [rendering.ready for rendering in counted.values()] == [2, 2, 2]


def test_clips_of_other_comparisons_do_not_count(db):
    comparison = make_comparison(prompts=2)
    make_comparison(prompts=2, seeds=(7,))
    assert sum(rendering.total for rendering in rendering_of([comparison.pk]).values()) == 4


def test_failures_are_grouped_by_reason_and_each_can_be_tried_again(page, bells, db):
    comparison = make_comparison(state="rendering", prompts=3)
    clips = list(comparison.clips())
    Clip.objects.filter(pk__in=[clip.pk for clip in clips[:2]]).update(state="failed", reason="out of <memory>")
    Clip.objects.filter(pk=clips[2].pk).update(state="failed", reason="no such checkpoint")
    text = page("comparison", comparison)
    assert "<b>2 clips</b>" in text
    assert "out of &lt;memory&gt;" in text
    bells.clear()
    assert "2 clips are queued again" in page("retry", comparison, {"reason": "out of <memory>"})
    assert comparison.clips().filter(state="queued").count() == 5
    assert len(bells) == 0, "bells ring after the commit, which this test never reaches"
    assert "1 clip is queued again" in page("retry", comparison, {})
    assert "Nothing to render again" in page("retry", comparison, {})


def test_a_reason_of_several_lines_is_found_again_although_browsers_send_other_line_ends(page, db):
    comparison = make_comparison(state="rendering")
    reason = "program a ended with 1; its last words:\nTraceback\nKeyError: 'x'"
    comparison.clips().update(state="failed", reason=reason)
    sent = reason.replace("\n", "\r\n")  # as HTML has it for every form
    assert f"{comparison.clips().count()} clips are queued again" in page("retry", comparison, {"reason": sent})


@pytest.mark.django_db(transaction=True)
def test_trying_again_wakes_the_workers(client, bells, db):
    client.force_login(make_organizer())
    comparison = make_comparison(state="rendering")
    comparison.clips().update(state="failed", reason="out of memory")
    bells.clear()
    client.post(reverse("retry", args=[comparison.code]))
    assert bells == ["evalapp.generation.tasks.render_waiting"] * 6


def test_imported_clips_are_not_rendered_again(page, db):
    comparison = make_comparison(state="rendering")
    for contender in comparison.contenders.all():
        type(contender.recipe).objects.filter(pk=contender.recipe_id).update(generator="import")
    comparison.clips().update(state="failed", reason="no file was imported")
    assert "import their files instead" in page("retry", comparison, {})
    assert not comparison.clips().exclude(state="failed").exists()


def test_an_open_comparison_renders_nothing_again(page, comparison):
    comparison.clips().update(state="failed")
    assert "before it opens" in page("retry", comparison, {})
    assert not comparison.clips().filter(state="queued").exists()


def test_why_it_does_not_open_is_said(page, db):
    comparison = make_comparison(state="rendering")
    assert "clips are missing" in page("open", comparison, {})
    comparison.refresh_from_db()
    assert comparison.state == Comparison.State.RENDERING


def test_opening_without_the_missing_clips_says_how_many_pairs_that_costs(page, db):
    comparison = make_comparison(state="rendering", prompts=3)
    ready = comparison.pairs.first()
    Clip.objects.filter(pk__in=[ready.first_id, ready.second_id]).update(state="ready")
    assert "Pairs left out: 2." in page("open", comparison, {"leave_out_missing": "yes"})
    comparison.refresh_from_db()
    assert comparison.is_open


def test_pausing_resuming_and_closing(page, comparison):
    for verb, state in (("pause", "paused"), ("open", "open"), ("close", "closed")):
        page(verb, comparison, {})
        comparison.refresh_from_db()
        assert comparison.state == state
    assert "cannot become closed" in page("close", comparison, {})


def test_a_new_invitation_shows_its_link_and_a_withdrawn_one_does_not(page, client, comparison):
    text = page("invite", comparison, {"label": "Studio <panel>", "seats": "12"})
    invitation = Invitation.objects.get()
    assert (invitation.label, invitation.seats) == ("Studio <panel>", 12)
    assert invitation.link in text
    assert "Studio &lt;panel&gt;" in text
    text = client.post(reverse("withdraw-invitation", args=[invitation.code]), follow=True).content.decode()
    assert invitation.link not in text
    invitation.refresh_from_db()
    assert invitation.withdrawn


@pytest.mark.parametrize("seats", ["0", "-1", "many", "10001", ""])
def test_an_invitation_needs_a_sensible_number_of_seats(page, comparison, seats):
    assert "No link was made" in page("invite", comparison, {"label": "", "seats": seats})
    assert not Invitation.objects.exists()


def test_nobody_is_invited_into_a_closed_comparison(page, db):
    comparison = make_comparison(state="closed")
    assert "nobody can be invited" in page("invite", comparison, {"label": "", "seats": "1"})
    assert not Invitation.objects.exists()


def test_simulated_votes_are_labelled_wherever_votes_are_counted(page, client, comparison, alice):
    make_vote(alice)
    program = make_participation(comparison, name="program", simulated=True)
    make_vote(program)
    text = page("comparison", comparison)
    aspects = comparison.aspects.count()
    assert f"{aspects} of {2 * aspects} votes were cast by a program" in text
    assert "1 of 2 answers were given by a program" in client.get(reverse("comparisons")).content.decode()


def test_skips_come_with_their_reasons(page, comparison, alice):
    from evalapp.assessing.dispatch import next_assignment

    next_assignment(alice).skip("broken: the <left> one")
    assert "<b>1</b> × A clip does not play: the &lt;left&gt; one" in page("comparison", comparison)


def test_answers_fall_into_their_hour(comparison, alice):
    for _ in range(3):
        make_vote(alice)
    bars = answers_per_hour(comparison)
    assert len(bars) == 24
    assert (bars[-1].answers, sum(bar.answers for bar in bars)) == (3, 3)
    assert (bars[-1].y, bars[-1].height) == (0, 90)


def test_the_live_part_comes_alone_and_asks_again_while_something_moves(page, client, comparison):
    stage = "?stage=open-ready-some"
    whole = page("comparison", comparison)
    assert 'hx-trigger="every 3s"' in whole
    live = client.get(reverse("comparison", args=[comparison.code]) + stage, HTTP_HX_REQUEST="true")
    assert "<html" not in live.content.decode()
    assert "hx-get" in live.content.decode()
    comparison.close()
    stale = client.get(reverse("comparison", args=[comparison.code]) + stage, HTTP_HX_REQUEST="true")
    assert stale["HX-Refresh"] == "true"
    assert "hx-get" not in page("comparison", comparison)


def test_pages_ask_the_database_as_often_for_many_rows_as_for_few(
    client, olga, comparison, django_assert_max_num_queries
):
    client.force_login(olga)
    for number in range(4):
        make_comparison(name=f"more {number}", prompts=2)
        participation = make_participation(comparison, name=f"assessor {number}")
        make_vote(participation)
        make_invitation(comparison, label=f"link {number}")
    client.get(reverse("account"))  # that she is there is written down once a minute
    with django_assert_max_num_queries(13):  # five of them the dashboard's
        client.get(reverse("comparisons"))
    with django_assert_max_num_queries(21):
        client.get(reverse("comparison", args=[comparison.code]))
    with django_assert_max_num_queries(19):
        client.get(reverse("comparison", args=[comparison.code]) + "?stage=open-ready-some", HTTP_HX_REQUEST="true")


def test_what_runs_stands_above_what_is_over(client, olga, comparison):
    make_comparison(state="closed", name="over and done")
    client.force_login(olga)
    text = client.get(reverse("comparisons")).content.decode()
    assert text.index(comparison.name) < text.index("over and done")


def test_a_researcher_sees_names_and_reports_but_no_controls(client, rita, comparison):
    client.force_login(rita)
    text = client.get(reverse("comparisons")).content.decode()
    assert comparison.name in text
    assert reverse("report", args=[comparison.code]) in text
    assert reverse("comparison", args=[comparison.code]) + '"' not in text
    assert reverse("admin:index") not in text
