"""Every number of the report leads to the pairs and votes behind it."""

import json
import re
from html.parser import HTMLParser

import pytest
from django.urls import reverse

from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.simulate import simulate_votes
from evalapp.generation.models import Clip
from evalapp.reporting import league
from evalapp.reporting.build import build
from evalapp.reporting.explore import explore
from evalapp.reporting.filters import Filters
from tests.factories import make_comparison, make_participation, make_vote

BLOCKS = {"p", "li", "tr", "dd", "caption", "h1", "h2", "h3", "summary", "figcaption"}


class Blocks(HTMLParser):
    """The innermost blocks of a page: their text, and the addresses that they lead to."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in BLOCKS:
            self.open.append([tag, "", []])
        elif tag == "a" and self.open:
            self.open[-1][2].append(dict(attrs).get("href", ""))

    def handle_endtag(self, tag):
        if self.open and self.open[-1][0] == tag:
            self.found.append(self.open.pop())

    def handle_data(self, data):
        if self.open:
            self.open[-1][1] += data


@pytest.fixture
def voted(db):
    """Three contenders; alice skipped one pair and corrected her answer on another."""
    comparison = make_comparison(prompts=24, overlap=3, names=("alder", "birch", "cedar"))
    alice = make_participation(comparison)
    next_assignment(alice).skip("broken: the left one stops")
    assignment, _ = make_vote(alice)
    assignment.submit(dict.fromkeys(comparison.aspects.all(), "right"), key="again", viewing={})
    simulate_votes(comparison, 4)
    comparison.close()
    build(comparison)
    return comparison


def numbers(text):
    """Blocks of the report with a digit that is not of the method or of an explanation, and their addresses."""
    explained = (
        "95 %",
        "1 is full agreement; 0 of",
        "AC1",
        "50 is",
        "beyond 50",
        "in 100;",
        "white is 50",
        "of 100",
        "place in the",
    )
    body = text.split("<h1>")[1].split('id="methods"')[0] + text.split('<dl class="facts">')[1].split("<dt>")[3]
    for tag, words, links in Blocks("<h1>" + body).found:
        known = " ".join(words.split())
        for each in explained:
            known = known.replace(each, "")
        if tag not in ("figcaption", "h1") and re.search(r"\d", known):
            yield known, links


def test_every_number_of_votes_stands_beside_a_way_to_its_pairs(client, olga, voted):
    client.force_login(olga)
    text = client.get(reverse("report", args=[voted.code])).content.decode()
    alone = [words for words, links in numbers(text) if not any("/report/pairs/" in link for link in links)]
    # was reckoned: no times, no measures, no costs of contenders
    nothing = ("seconds an answer", "agreement with", "win rate", "Nothing has", "Sampling steps: 0 of 2 contenders")
    assert [words for words in alone if not words.startswith(nothing)] == []
    addresses = {link for _, _, links in Blocks(text).found for link in links if "/report/pairs/" in link}
    assert len(addresses) > 50
    for link in sorted(addresses)[:: len(addresses) // 12]:
        assert client.get(link).context["page"].paginator.count > 0, link


def test_sums_over_aspects_corrections_and_skips_lead_to_their_pairs(client, olga, voted):
    client.force_login(olga)
    address = reverse("report-pairs", args=[voted.code])
    counts = json.loads(voted.reports.get().snapshot)["counts"]
    bias = json.loads(voted.reports.get().snapshot)["position_bias"][0]

    def behind(**query):
        shown = []
        page = client.get(address, {"aspect": "*"} | query)
        for number in page.context["page"].paginator.page_range:
            shown += client.get(address, {"aspect": "*", "page": number} | query).context["pairs"]
        return shown

    assert sum(len(each.votes) for each in behind()) == counts["votes"]
    assert sum(each.left_votes + each.right_votes for each in behind(choice="decided")) == bias["decided"]
    assert len(behind(choice="corrected")) == counts["corrections"] == 1
    assert len(behind(skip="broken")) == counts["skips"]["broken"] == 1
    assert "Movement, " in client.get(address, {"aspect": "*"}).content.decode()
    assert client.get(address, {"aspect": "*", "choice": "single"}).status_code == 404


def test_a_contenders_votes_in_the_league_are_those_of_its_comparisons(client, olga, db):
    for name in ("one", "two"):
        comparison = make_comparison(prompts=2, overlap=1, name=name)
        make_vote(make_participation(comparison), "same")
    league.build_league(comparison.project_id)
    client.force_login(olga)
    answer = client.get(reverse("league"))
    for row in answer.context["rows"]:
        for each in row["rated"]:
            assert [place["counted"] for place in each["met"]] == [1, 1]
            assert each["votes"] == 2
    assert "1, one</a>" in answer.content.decode()


def test_the_numbers_of_an_exploration_lead_to_the_pairs_and_votes_that_it_counts(client, olga, voted):
    chosen = {"tag": ["ball"], "voters": ["programs"]}
    found = explore(voted, Filters.read(voted, chosen))
    client.force_login(olga)
    answer = client.get(reverse("report-explore", args=[voted.code]), chosen)
    assert "Tags of the prompt: ball; Cast by: programs" in answer.content.decode()
    links = {link for _, _, links in Blocks(answer.content.decode()).found for link in links if "/pairs/" in link}
    assert {link for link in links if "only_tag=ball&only_voters=programs" not in link} == {
        f"{reverse('report-pairs', args=[voted.code])}?aspect=*&skip=broken"  # skips are of all
    }
    first, second = found["results"][0]["contenders"]
    for row in found["results"][:3]:
        first, second = row["contenders"]
        asked = f"?aspect={row['aspect']}&first={first}&second={second}&choice="
        for choice, count in (("first", "wins"), ("tie", "ties"), ("second", "losses")):
            link = next((each for each in links if asked + choice + "&only" in each), None)
            assert (link is None) == (row[count] == 0)
            assert not link or votes_behind(client, link, choice) == row[count]
    whole = f"{reverse('report-pairs', args=[voted.code])}?aspect=*"
    assert votes_behind(client, whole) > found["counts"]["votes"]
    assert votes_behind(client, f"{whole}&only_tag=ball&only_voters=programs") == found["counts"]["votes"]
    shown = client.get(f"{whole}&only_tag=ball&only_voters=programs").content.decode()
    assert "Tags of the prompt: ball · Cast by: programs" in shown
    assert '<input type="hidden" name="only_tag" value="ball">' in shown
    assert client.get(f"{whole}&only_tag=none").status_code == 404


def votes_behind(client, link, choice=""):
    pages = client.get(link).context["page"].paginator.page_range
    shown = [each for page in pages for each in client.get(f"{link}&page={page}").context["pairs"]]
    return sum(not choice or made == choice for each in shown for _, made, *_ in each.votes)


def test_pairs_left_out_for_want_of_a_clip_are_shown_behind_their_number(client, olga, voted):
    missed = list(voted.pairs.order_by("pk")[:2])
    voted.pairs.filter(pk__in=[each.pk for each in missed]).update(left_out=True)
    Clip.objects.filter(pk=missed[0].first_id).update(state=Clip.State.FAILED)
    build(voted)
    client.force_login(olga)
    told = next(
        links
        for _, words, links in Blocks(client.get(reverse("report", args=[voted.code])).content.decode()).found
        if words.startswith("2 pairs were left out")
    )
    answer = client.get(told[0])
    assert [each.pair.pk for each in answer.context["pairs"]] == [each.pk for each in missed]
    assert "left out: a clip was missing" in answer.content.decode()
    assert answer.content.decode().count("no file") == 1
