"""Figures and tables of the report, and what stands beside the votes."""

import json
from itertools import combinations

import pytest
from django.urls import reverse

from evalapp.assessing.simulate import simulate_votes
from evalapp.measuring.models import Measurement
from evalapp.measuring.results import results_of
from evalapp.measuring.runs import measure
from evalapp.reporting import charts, figures
from evalapp.reporting.build import build
from evalapp.reporting.exports import as_html
from evalapp.reporting.presenting import presented
from evalapp.reporting.sections import voted
from evalapp.reporting.table import table_of
from tests.factories import make_comparison


@pytest.fixture
def filmed(db):
    comparison = make_comparison(prompts=4, overlap=2, media=True)
    simulate_votes(comparison, 2)
    return comparison


def test_without_measurements_the_page_names_the_command_that_makes_them(client, olga, filmed):
    build(filmed)
    client.force_login(olga)
    text = client.get(reverse("report", args=[filmed.code])).content.decode()
    assert f"manage.py measure {filmed.code}" in text
    measure(filmed, ["sharpness"])
    build(filmed)
    text = client.get(reverse("report", args=[filmed.code])).content.decode()
    assert "manage.py measure" not in text
    assert "no person had a part in them" in text


def test_a_new_measurement_makes_a_new_report_and_another_comparisons_does_not(filmed):
    before = build(filmed)
    Measurement.objects.create(sha256="f" * 64, metric="sharpness", version="1", value=1.0)
    assert build(filmed) == before
    measure(filmed, ["sharpness"])
    assert build(filmed) != before


def test_measures_are_held_against_the_same_votes_whoever_counted_them(filmed):
    measure(filmed, ["sharpness", "boiling"])
    assert results_of(filmed, voted(table_of(filmed))) == results_of(filmed)


def test_measures_stand_beside_the_win_rate_of_people(filmed):
    measure(filmed, ["sharpness"])
    shown = presented(json.loads(build(filmed).snapshot))
    people = [float(each["share"]) for each in shown["people"]]
    assert sum(people) == pytest.approx(100)
    assert [row["contender"] for row in shown["metrics"][0]["cells"]] == [each["contender"] for each in shown["people"]]
    headline = shown["metrics"][0]["following"][0]
    assert headline["aspect"] == shown["headline_aspect"]
    assert sum(each[2] for each in headline["bins"]) == headline["pairs"] == 4


def test_every_figure_that_the_page_asks_for_is_there_and_every_one_that_is_there_is_drawn(client, olga, db):
    comparison = make_comparison(contenders=3, prompts=12, overlap=3, media=True)
    simulate_votes(comparison, 3)
    comparison.close()
    measure(comparison, ["sharpness"])
    build(comparison)
    client.force_login(olga)
    page = client.get(reverse("report", args=[comparison.code]))
    asked = {part.split('"')[0] for part in page.content.decode().split('data-figure="')[1:]}
    assert asked == set(page.context["figures"])
    assert {"tags", "ranking", "measure-0", "shares-0", "intervals-2"} <= asked


def test_no_empty_map_of_tags_is_drawn_where_one_assessor_tells_nothing_of_them(client, olga, db):
    comparison = make_comparison(contenders=2, prompts=6, overlap=1, media=True)
    simulate_votes(comparison, 1)
    comparison.close()
    snapshot = json.loads(build(comparison).snapshot)
    assert any(row["tags"] for row in snapshot["slices"])
    client.force_login(olga)
    page = client.get(reverse("report", args=[comparison.code]))
    assert "tags" not in page.context["figures"]
    assert 'data-figure="tags"' not in page.content.decode()
    assert "of 1 assessor on 6 pairs" in page.content.decode()


def test_a_cell_of_the_tags_holds_its_number_and_is_darker_the_farther_it_is_from_fifty():
    each = {"prompts": 5, "votes": 10}
    row = {"contenders": ["a", "b"], "tags": [{"tag": t, "shrunk": s} | each for t, s in (("x", 0.8), ("y", 0.5))]}
    figure = charts.tags([row])
    assert figure["data"][0]["text"] == ["80", "50"]
    far, middle = (shape["fillcolor"] for shape in figure["layout"]["shapes"])
    assert middle == "#ffffff" != far
    assert charts.shade(20) != charts.shade(80)


def test_lines_differ_in_dash_and_shape_and_not_in_colour_alone():
    one = {"name": "a", "x": [1, 2], "y": [50, 60], "interval": [[40, 60], None]}
    drawn = charts.lines([one, one | {"name": "b"}], "step", "wins", 50)["data"]
    assert drawn[0]["line"]["dash"] != drawn[1]["line"]["dash"]
    assert drawn[0]["marker"]["symbol"] != drawn[1]["marker"]["symbol"]
    assert drawn[0]["error_y"]["array"] == [10, None]


def test_names_beside_points_lie_on_no_other_name_and_on_no_point():
    """Three pairs of neighbours, one of them at the edge."""
    x, y = [0.1, 0.2, 0.5, 0.57, 0.95, 0.88], [0.2, 0.2, 0.6, 0.63, 0.9, 0.8]
    names = ["wan-14b", "wan-1.3b", "end-to-end", "mochi", "late", "early"]

    def meetings(places):
        points = [(across * figures.NARROW, -up * figures.LOW) for across, up in zip(x, y, strict=True)]
        boxes = [figures._box(*each) for each in zip(points, places, names, strict=True)]
        boxes += [(left - 4, top - 4, left + 4, top + 4) for left, top in points]
        return sum(figures._shared(a, b) > 0 for a, b in combinations(boxes, 2))

    assert meetings(["top center"] * 6) > 0
    assert meetings(figures.beside(x, y, names)) == 0
    assert figures.beside([0.5], [0.5], ["alone"]) == ["top center"]
    assert figures.spread([1.0, 3.0]) == pytest.approx([0.1 / 1.2, 1.1 / 1.2])
    assert figures.spread([2.0], others=[0.0, 4.0]) == [0.5]


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_legend_covers_no_bar_when_the_window_becomes_wider(chromium, tmp_path):
    comparison = make_comparison(prompts=4, overlap=2)
    simulate_votes(comparison, 2)
    comparison.close()
    path = tmp_path / "report.html"
    path.write_text(as_html(build(comparison)))
    page = chromium.new_page(viewport={"width": 390, "height": 900})
    page.goto(path.as_uri())
    page.wait_for_selector(".plot .legend", state="attached")
    above = """wide => [...document.querySelectorAll(".js-plotly-plot .legend .bg")].every(legend => {
        const figure = legend.closest(".js-plotly-plot"), {width, _size} = figure._fullLayout;
        const bottom = legend.getBoundingClientRect().bottom - figure.getBoundingClientRect().top;
        return !figure.clientWidth || width > 400 === wide && bottom <= _size.t + 1;
    })"""
    page.wait_for_function(above, arg=False, timeout=60_000)
    page.set_viewport_size({"width": 1366, "height": 900})
    page.wait_for_function(above, arg=True, timeout=60_000)
    page.close()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_figures_fit_the_paper_whole_and_the_screen_again_after_printing(chromium, tmp_path):
    comparison = make_comparison(contenders=3, prompts=4, overlap=2)
    simulate_votes(comparison, 2)
    comparison.close()
    path = tmp_path / "report.html"
    path.write_text(as_html(build(comparison)))
    page = chromium.new_page(viewport={"width": 1900, "height": 900})
    page.goto(path.as_uri())
    page.wait_for_selector(".plot .main-svg", state="attached")
    widths = (
        """() => [...document.querySelectorAll(".plot .main-svg")].map(each => each.getBoundingClientRect().width)"""
    )
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 with ordinary margins
    printed = page.evaluate(widths)
    assert len(printed) > 10
    assert all(0 < width <= 718 for width in printed)
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1900, "height": 900})
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert max(page.evaluate(widths)) > 718
    page.close()


def test_no_interval_touches_the_edge_of_its_figure():
    rated = [{"contender": name, "rating": 1000.0, "interval": [900.0 - n, 1100.0]} for n, name in enumerate("ab")]
    low, high = charts.ranking(rated)["layout"]["xaxis"]["range"]
    assert low < 899
    assert high > 1100
