"""The assessor's pages, through the client: consent, votes with and without a script, clips, refusals."""

import json
import re
import time
import uuid

import polib
import pytest
from django.urls import reverse

from evalapp.assessing.addresses import address
from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.models import Assignment, Ballot, Vote
from evalapp.comparisons.aspects import HOUSE_ASPECTS
from tests.factories import make_comparison, make_invitation, make_participation

JSON = {"HTTP_ACCEPT": "application/json"}


def sign_in(client, participation):
    session = client.session
    session["assessor"] = participation.assessor_id
    session.save()


def answers(participation, choice="left", **more):
    keys = participation.comparison.aspects.values_list("key", flat=True)
    return {"key": str(uuid.uuid4()), **{f"choice-{key}": choice for key in keys}, **more}


@pytest.fixture
def hers(client, alice):
    """Alice's browser, and the pair in her hands."""
    sign_in(client, alice)
    return next_assignment(alice)


def url(assignment):
    return reverse("task", args=[assignment.code])


def test_looking_at_an_invitation_takes_no_seat_and_agreeing_takes_one(client, comparison):
    invitation = make_invitation(comparison, seats=2)
    link = reverse("invitation", args=[invitation.token])
    assert client.get(link).status_code == 200
    invitation.refresh_from_db()
    assert invitation.taken == 0
    answer = client.post(link)
    assert (answer.status_code, answer["Location"]) == (303, reverse("assess", args=[comparison.code]))
    client.post(link)
    invitation.refresh_from_db()
    assert invitation.taken == 1
    assert comparison.participations.get().consented_at is not None
    assert b"choice-beauty" in client.get(answer["Location"]).content


def test_forged_withdrawn_full_and_closed_links_say_so(client, comparison):
    assert client.get(reverse("invitation", args=["forged:token"])).status_code == 404
    withdrawn = make_invitation(comparison, seats=2)
    withdrawn.withdrawn = True
    withdrawn.save()
    assert client.get(reverse("invitation", args=[withdrawn.token])).status_code == 410
    assert client.post(reverse("invitation", args=[withdrawn.token])).status_code == 410
    full = make_invitation(comparison, seats=2)
    full.taken = 2
    full.save()
    assert client.post(reverse("invitation", args=[full.token])).status_code == 410
    closed = make_invitation(make_comparison(state="closed", name="over"))
    assert client.get(reverse("invitation", args=[closed.token])).status_code == 410


def test_a_plain_form_votes_and_goes_on_to_the_next_pair(client, alice, hers):
    answer = client.post(url(hers), answers(alice, "right"))
    assert (answer.status_code, answer["Location"]) == (303, reverse("assess", args=[alice.comparison.code]))
    hers.refresh_from_db()
    assert set(hers.screen_choices().values()) == {"right"}
    assert (
        str(hers.code)
        not in client.get(answer["Location"]).content.decode().split("data-back")[1].split("data-task")[1]
    )


def test_the_same_form_sent_twice_is_one_ballot(client, alice, hers):
    form = answers(alice)
    first, again = (client.post(url(hers), form, **JSON) for _ in range(2))
    assert first.json() == again.json() == {"saved": True, "answered": 1, "remaining": 2}
    assert Ballot.objects.count() == 1
    changed = client.post(url(hers), {**form, "choice-beauty": "same"}, **JSON)
    assert (changed.status_code, changed.json()["saved"]) == (409, False)


@pytest.mark.parametrize(
    "change",
    [
        {"choice-beauty": "both"},
        {"choice-beauty": ""},
        {"choice-speed": "left"},
        {"choice-beauty": ["left", "right"]},
        {"key": "short"},
        {"viewing": "no json"},
        {"viewing": json.dumps({"watched_left": 1.5})},
        {"viewing": json.dumps({"fingerprint": 1})},
        {"viewing": "[" * 3000},
        {"viewing": "[" * 1900},
        {"viewing": '{"seconds": NaN}'},
        {"viewing": '{"seconds": true}'},
        {"viewing": '{"seconds": 1' + "0" * 400 + "}"},
    ],
)
def test_what_is_unknown_missing_or_doubled_is_refused(client, alice, hers, change):
    answer = client.post(url(hers), {**answers(alice), **change}, **JSON)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert not Vote.objects.exists()


def test_an_unfinished_plain_form_comes_back_with_what_was_chosen(client, alice, hers):
    form = answers(alice, "same")
    del form["choice-beauty"]
    answer = client.post(url(hers), form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Not answered yet: Beauty." in page
    assert page.count(" checked") == 6


def test_viewing_facts_are_kept(client, alice, hers):
    facts = {"seconds": 12.5, "watched_left": 1, "watched_right": 0.95, "plays": 2, "hidden": 0}
    client.post(url(hers), answers(alice, viewing=json.dumps(facts)))
    assert hers.ballots.get().viewing == facts


def test_another_assessors_pair_is_as_absent_as_one_that_never_was(client, alice, bob, hers):
    his = next_assignment(bob)
    for code in (his.code, uuid.uuid4()):
        assert client.get(reverse("task", args=[code])).status_code == 404
        assert client.post(reverse("task", args=[code]), answers(alice), **JSON).status_code == 404
        assert client.post(reverse("skip-task", args=[code]), {"reason": "other"}).status_code == 404
    assert not Vote.objects.exists()
    his.refresh_from_db()
    assert his.state == Assignment.State.HELD


def test_skipping_needs_a_reason_and_gives_another_pair(client, hers):
    skip = reverse("skip-task", args=[hers.code])
    assert client.post(skip, {"reason": "bored"}).status_code == 422
    assert client.post(skip, {"reason": "broken", "words": "black"}).status_code == 303
    hers.refresh_from_db()
    assert (hers.state, hers.skip_reason) == ("released", "broken: black")
    assert client.post(url(hers), answers(hers.participation), **JSON).status_code == 409


def test_a_correction_shows_the_answer_and_supersedes_it(client, alice, hers):
    client.post(url(hers), answers(alice, "left"))
    page = client.get(url(hers)).content.decode()
    assert page.count('value="left" checked') == 7
    client.post(url(hers), answers(alice, "same"))
    hers.refresh_from_db()
    assert hers.version == 2
    assert set(hers.screen_choices().values()) == {"same"}


def test_an_answer_after_the_time_ran_out_says_so_plainly(client, alice, bob, hers, db):
    from datetime import timedelta

    from django.utils import timezone

    Assignment.objects.filter(pk=hers.pk).update(lease_until=timezone.now() - timedelta(hours=1))
    Assignment.objects.expire()
    type(hers.pair).objects.filter(pk=hers.pair_id).update(taken=2, taken_swapped=1)
    answer = client.post(url(hers), answers(alice), **JSON)
    assert answer.status_code == 410
    assert "ran out" in answer.json()["error"]


def test_the_next_pair_is_handed_out_ahead_as_a_fragment(client, alice, hers):
    ahead = client.get(reverse("next-task", args=[alice.comparison.code]), {"after": hers.code})
    assert b"<article" in ahead.content
    assert b"<html" not in ahead.content
    assert str(hers.code).encode() not in ahead.content
    assert alice.assignments.count() == 2
    assert client.get(reverse("next-task", args=[alice.comparison.code]), {"after": "x"}).status_code == 404


def test_who_comes_before_voting_starts_is_told_so(client, db):
    early = make_participation(make_comparison(state="rendering", name="early"))
    sign_in(client, early)
    assert 'data-notice="early"' in client.get(reverse("assess", args=[early.comparison.code])).content.decode()


def test_done_paused_closed_and_stranger_have_pages(client, comparison, alice):
    page = reverse("assess", args=[comparison.code])
    assert client.get(page).status_code == 404
    sign_in(client, alice)
    for _ in range(3):
        client.post(url(next_assignment(alice)), answers(alice))
    assert 'data-notice="done"' in client.get(page).content.decode()
    comparison.pause()
    assert 'data-notice="paused"' in client.get(page).content.decode()
    comparison.close()
    assert 'data-notice="closed"' in client.get(page).content.decode()


@pytest.fixture
def filmed(client, db):
    participation = make_participation(make_comparison(prompts=1, media=True, name="filmed"))
    sign_in(client, participation)
    return next_assignment(participation)


def test_clips_come_whole_or_in_ranges_and_unmarked(client, filmed):
    clip = address(filmed.code, "left", 30)
    data = filmed.left.rendition.read_bytes()
    whole = client.get(clip, HTTP_ACCEPT_ENCODING="gzip")
    assert whole.getvalue() == data
    assert (whole.status_code, whole["Content-Type"], whole["Content-Encoding"]) == (200, "video/mp4", "identity")
    assert not {"ETag", "Last-Modified", "Content-Disposition"} & set(whole.headers)
    middle = client.get(clip, HTTP_RANGE="bytes=10-19", HTTP_ACCEPT_ENCODING="gzip")
    assert (middle.status_code, middle.getvalue()) == (206, data[10:20])
    assert middle["Content-Range"] == f"bytes 10-19/{len(data)}"
    assert client.get(clip, HTTP_RANGE="bytes=-5").getvalue() == data[-5:]
    assert client.get(clip, HTTP_RANGE=f"bytes={len(data) - 3}-99999999").getvalue() == data[-3:]
    beyond = client.get(clip, HTTP_RANGE=f"bytes={len(data)}-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(data)}")
    assert client.get(clip, HTTP_RANGE="bytes=9-3").status_code == 200
    assert client.head(clip)["Content-Length"] == str(len(data))
    assert client.get(address(filmed.code, "right poster", 30))["Content-Type"] == "image/webp"


def test_every_clip_that_may_not_be_seen_is_absent_in_the_same_bytes(client, filmed):
    his = next_assignment(make_participation(filmed.comparison, name="bob"))
    assert his.left.rendition.is_file()
    addresses = [address(code, "left", 30) for code in (his.code, uuid.uuid4())]
    mine = address(filmed.code, "left", 30)
    addresses.append(f"{mine[:-6]}AAAAA/")  # sealed by nobody
    addresses.append(address(filmed.code, "left", 30, now=time.time() - 3 * 3600))  # over
    filmed.skip("other")
    addresses.append(address(filmed.code, "left", 30))
    seen = set()
    for answer in map(client.get, addresses):
        del answer["X-Request-ID"]  # random each time
        seen.add((answer.status_code, answer.content, str(sorted(answer.items()))))
    assert len(seen) == 1
    assert next(iter(seen))[0] == 404


def test_no_response_to_an_assessor_names_a_contender_clip_or_pair(client, filmed):
    clip, key = filmed.left, "a-key-that-organizers-know"
    type(filmed.pair.prompt).objects.filter(pk=filmed.pair.prompt_id).update(key=key)
    secrets = [str(filmed.left.contender), str(filmed.right.contender), str(clip.folder), clip.sha256]
    secrets += [
        clip.rendition_sha256,
        key,
        "checkpoint",
        "seed",
        "swapped",
        str(filmed.participation.assessor.code),
    ]
    pages = [reverse("assess", args=[filmed.comparison.code]), url(filmed)]
    for page in pages:
        answer = client.get(page)
        said = answer.content.decode() + str(answer.headers)
        assert [secret for secret in secrets if secret in said] == []


@pytest.fixture
def russian(settings, tmp_path):
    """The catalogue as it stands, whether or not it has been compiled."""
    catalogue = polib.pofile(str(settings.LOCALE_PATHS[0] / "ru" / "LC_MESSAGES" / "django.po"))
    folder = tmp_path / "locale" / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalogue.save_as_mofile(str(folder / "django.mo"))
    settings.LOCALE_PATHS = [tmp_path / "locale"]
    return catalogue


def test_every_text_of_the_catalogue_is_translated(russian):
    assert [entry.msgid for entry in russian if not entry.translated()] == []


def test_the_catalogue_has_every_house_aspect(russian):
    known = {entry.msgid for entry in russian}
    assert [a.key for a in HOUSE_ASPECTS if not {a.name, a.question, a.hint} <= known] == []


def test_pages_speak_russian_where_the_browser_does(client, alice, hers, russian):
    page = client.get(url(hers), HTTP_ACCEPT_LANGUAGE="ru").content.decode()
    assert '<html lang="ru">' in page
    for word in ("Слева", "Одинаково", "Справа", "Отправить", "Какой из них красивее?"):
        assert word in page


def test_the_reply_to_an_answer_brings_the_pair_after_the_one_on_the_screen(client, alice, hers):
    screen = next_assignment(alice, after=hers)
    reply = client.post(f"{url(hers)}?after={screen.code}", answers(alice), **JSON).json()
    brought = re.search('data-task="([^"]+)"', reply["next"])[1]
    assert brought not in (str(hers.code), str(screen.code))
    assert alice.assignments.get(code=brought).state == Assignment.State.HELD
    assert "next" not in client.post(url(screen), answers(alice, key="k" * 20), **JSON).json()


def test_of_very_many_pairs_only_so_many_are_counted(client, alice, hers, monkeypatch):
    monkeypatch.setattr("evalapp.assessing.dispatch.COUNTED", 2)
    monkeypatch.setattr("evalapp.assessing.views.COUNTED", 2)
    page = client.get(url(hers)).content.decode()
    assert "<span data-total>3+</span>" in page


def test_a_prompts_image_is_shown_with_its_pair_to_its_assessor_alone(client, alice, hers, settings):
    path = address(hers.code, "reference", alice.comparison.lease_minutes)
    assert b"reference-" not in client.get(url(hers)).content
    assert client.get(path).status_code == 404
    prompt = hers.pair.prompt
    type(prompt).objects.filter(pk=prompt.pk).update(image="ab" * 32)
    prompt.refresh_from_db()
    prompt.picture.parent.mkdir(parents=True)
    prompt.picture.write_bytes(b"picture")
    assert path in client.get(url(hers)).content.decode()
    seen = client.get(path)
    assert (seen["Content-Type"], b"".join(seen.streaming_content)) == ("image/webp", b"picture")
    hers.skip("other")
    assert client.get(path).status_code == 404
    client.session.flush()
    assert client.get(path).status_code == 404


def test_what_the_organizer_asks_before_answering_is_told_to_the_screen(client, alice, hers):
    plain = client.get(url(hers)).content.decode()
    assert "data-full-viewing" not in plain
    assert "data-least-seconds" not in plain
    type(alice.comparison).objects.update(full_viewing=True, least_seconds=2.5, length_rule="loop")
    asked = client.get(url(hers), headers={"Accept-Language": "ru"}).content.decode()
    assert "data-full-viewing" in asked
    assert 'data-least-seconds="2.5"' in asked
    assert 'data-lengths="loop"' in asked
