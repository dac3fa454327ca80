"""Public paired comparisons, imported by the command line, give the coefficients that were published for them."""

import csv
import json
from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
from django.core.management import call_command
from django.urls import reverse
from statsmodels.miscmodels.ordinal_model import OrderedModel

from evalapp.comparisons.models import Comparison

# Home wins and losses of seven teams, American League 1987 (Agresti, Categorical Data Analysis, 2002, table 10.10).
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
GAMES = """
-   4-3 4-2 4-3 6-1 4-2 6-0
3-3 -   4-2 4-3 6-0 6-1 4-3
2-5 4-3 -   2-4 4-3 4-2 6-0
3-3 5-1 2-5 -   4-3 4-2 6-1
5-1 2-5 3-3 4-2 -   5-2 6-0
2-5 3-3 3-4 4-3 4-2 -   2-4
2-5 1-5 1-6 2-4 1-6 3-4 -
"""
# Log-odds against Baltimore as Turner and Firth (2012) give them, without and with the advantage of playing at home.
PLAIN = (1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0)
AT_HOME = (1.6196, 1.4754, 1.3271, 1.2813, 1.1438, 0.7047, 0)
HOME = 0.3023

# How often the row was cited by the column in 1987-88 (Stigler, 1994), and log-odds against Biometrika (Turner, Firth).
JOURNALS = ("Biometrika", "Comm Statist", "JASA", "JRSS-B")
CITED = ((0, 730, 498, 221), (33, 0, 68, 17), (320, 813, 0, 142), (284, 276, 325, 0))
EXPORT_SCORES = (0, -2.94907, -0.47957, 0.26895)

# Six puddings: wins of the first, of the second, ties (Davidson, 1970); worths and ν as the vignette of PlackettLuce
# (Turner and others, 2020) prints them, from a fit that it says has not quite converged.
COMPARED = """1 2 19 22 16;1 3 16 19 12;2 3 19 19 10;1 4 18 23 13;2 4 23 19 9;3 4 19 20 15;1 5 13 19 18;2 5 16 20 12
3 5 16 15 17;4 5 17 14 16;1 6 18 21 12;2 6 22 20 12;3 6 13 18 10;4 6 14 19 18;5 6 11 21 12""".replace("\n", ";")
PUDDINGS = {(one, other): tuple(map(int, cell)) for one, other, *cell in map(str.split, COMPARED.split(";"))}
PUDDING_WORTHS = (0.1388005, 0.1729985, 0.1617420, 0.1653930, 0.1586805, 0.2023855)
PUDDING_TIES = 0.7468147

# Sound fields heard with a flute (Kousgaard, 1984, by the data of BradleyTerry2): for each two, in falling order,
# wins of the first, ties, wins of the second. His table 3 has half of our log-odds.
SOUNDS = ("111", "110", "101", "100", "011", "010", "001", "000")
HEARD = """113 014 014 221 311 500 500 302 122 212 212 410 311 302
    203 302 320 311 104 113 500 401 203 410 122 500 410 221"""
FLUTES = {
    both: tuple(int(cell[place]) for place in (0, 2, 1))
    for both, cell in zip(combinations(SOUNDS, 2), HEARD.split(), strict=True)
}
FIELDS = {"000": -0.581, "001": -1.039, "010": 0.347, "011": 0.205}
FIELDS |= {"100": 0.276, "101": 0.347, "110": 0.311, "111": 0.135}

# The data that BradleyTerryScalable (Kaye and Firth, 2017) explains groups by, and the strengths that it prints.
TOY = """Cyd Amy W1;Amy Ben D;Ben Eve W2;Cyd Dan W2;Ben Dan D;Dan Eve W2;Fin Eve W2;Fin Gal W2;Fin Han W2;Eve Gal W1
Fin Gal D;Han Gal W1;Han Gal W2;Amy Dan W1;Cyd Amy W1;Ben Dan D;Dan Amy W2""".replace("\n", ";").split(";")
TOY_STRENGTHS = {"Han": 0.69564153, "Gal": 0.41253614, "Fin": -1.10817768}
TOY_STRENGTHS |= {"Cyd": 0.59239992, "Amy": 0.03250119, "Ben": -0.24307179, "Dan": -0.38182932}

# Games of three world champions: who had white, then black; wins of white, draws, wins of black (Hankin, hyper2's kka).
CHESS = {
    ("Karpov", "Kasparov"): (18, 72, 9),
    ("Kasparov", "Karpov"): (30, 57, 7),
    ("Kasparov", "Anand"): (15, 26, 2),
    ("Anand", "Kasparov"): (6, 20, 11),
    ("Karpov", "Anand"): (7, 29, 13),
    ("Anand", "Karpov"): (18, 20, 5),
}


@pytest.fixture
def imported(db, tmp_path, capsys):
    """The report, as JSON from the command line, of rows (left, right, choice, how often)."""

    def report(name, rows, sides=True):
        path, met = tmp_path / f"{name}.csv", {}
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["prompt_id", "assessor", "aspect", "first", "second", "left", "choice"])
            for left, right, choice, times in rows:
                pairing = frozenset((left, right))
                for _ in range(times):
                    met[pairing] = number = met.get(pairing, -1) + 1
                    place = [f"p{number // 8}", f"a{number % 8}", "preference", left, right]
                    table.writerow([*place, left if sides else "", choice])
        call_command("import_votes", path, name=name)
        capsys.readouterr()
        call_command("report", name)
        return json.loads(capsys.readouterr().out)

    return report


def tied(table):
    """Rows of wins of the first, of the second, and ties."""
    return [
        (*both, choice, times)
        for both, cell in table.items()
        for choice, times in zip((*both, "tie"), cell, strict=True)
    ]


def strengths(found, model, against):
    (row,) = [row for row in found["scales"] if row["model"] == model]
    known = {each["contender"]: each["strength"] for each in row["strengths"]}
    return {name: value - known[against] for name, value in known.items()}, row["parameter"]


def played():
    rows = []
    for home, line in zip(TEAMS, GAMES.split("\n")[1:], strict=False):
        for away, cell in zip(TEAMS, line.split(), strict=True):
            if cell != "-":
                won, lost = map(int, cell.split("-"))
                rows += [(home, away, home, won), (home, away, away, lost)]
    return rows


def test_the_ranking_leads_where_pairings_are_too_many_to_be_read_one_by_one(imported, client, olga):
    imported("baseball", played())
    client.force_login(olga)
    text = client.get(reverse("report", args=[Comparison.objects.get().code])).content.decode()
    told = [
        "The first rank is left open between Milwaukee, Detroit",
        "In 0 of 21 pairings one of the two is preferred.",
        'id="ranking"',
        "<summary>The verdicts on all 21 pairings",
        "<summary>Each pairing by itself",
        'id="pairing-0"',
    ]
    assert [each for each in told if each in text] == told
    assert sorted(told, key=text.index) == told
    assert text.count('id="ranking"') == 1


def test_baseball_gives_the_published_abilities_with_and_without_the_advantage_of_home(imported):
    found = imported("baseball", played())
    assert found["counts"]["votes"] == 273
    plain, _ = strengths(found, "Bradley-Terry", "Baltimore")
    assert plain == pytest.approx(dict(zip(TEAMS, PLAIN, strict=True)), abs=1e-4)
    at_home, side = strengths(found, "with side", "Baltimore")
    assert at_home == pytest.approx(dict(zip(TEAMS, AT_HOME, strict=True)), abs=1e-4)
    assert side["name"] == "left"
    assert side["value"] == pytest.approx(HOME, abs=1e-4)
    low, high = side["interval"]
    assert low < HOME < high


def test_citations_among_journals_of_statistics_give_the_published_export_scores(imported):
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    rows = [(*sorted((JOURNALS[i], JOURNALS[j])), JOURNALS[i], CITED[i][j]) for i, j in pairs]
    found = imported("citations", rows, sides=False)
    assert found["counts"]["votes"] == sum(map(sum, CITED))
    plain, _ = strengths(found, "Bradley-Terry", "Biometrika")
    assert plain == pytest.approx(dict(zip(JOURNALS, EXPORT_SCORES, strict=True)), abs=1e-4)
    assert not [row for row in found["scales"] if row["model"] == "with side"], "nobody knows who was on the left"
    ranks = {each["contender"]: each["ranks"] for row in found["ranking"] for each in row["rated"]}
    assert ranks["JRSS-B"][0] == 1
    assert ranks["Comm Statist"] == [4, 4]


def test_ties_give_the_coefficients_that_were_published_and_satisfy_davidsons_own_equations(imported):
    """Davidson (1970): at the maximum, wins and half the ties of each contender, and all ties, are what is expected."""
    found = imported("pudding", tied(PUDDINGS), sides=False)
    brands = sorted({name for pair in PUDDINGS for name in pair})
    davidson, nu = strengths(found, "davidson", "1")
    worth = np.exp([davidson[name] for name in brands])
    assert worth / worth.sum() == pytest.approx(PUDDING_WORTHS, abs=5e-5)
    assert nu["value"] == pytest.approx(PUDDING_TIES, abs=2e-5)
    won, expected, ties = dict.fromkeys(brands, 0.0), dict.fromkeys(brands, 0.0), 0.0
    at = dict(zip(brands, worth, strict=True))
    for (i, j), (first, second, draws) in PUDDINGS.items():
        each = np.array([at[i], at[j], nu["value"] * np.sqrt(at[i] * at[j])])
        chance = each / each.sum() * (first + second + draws)
        for name, wins, place in ((i, first, 0), (j, second, 1)):
            won[name] += wins + draws / 2
            expected[name] += chance[place] + chance[2] / 2
        ties += chance[2]
    assert won == pytest.approx(expected, abs=1e-3)
    assert ties == pytest.approx(sum(draws for _, _, draws in PUDDINGS.values()), abs=1e-3)


def test_sound_fields_give_the_strengths_that_were_published_with_ties(imported):
    found = imported("flutes", tied(FLUTES), sides=False)
    (row,) = [row for row in found["scales"] if row["model"] == "davidson"]
    halved = {each["contender"]: each["strength"] / 2 for each in row["strengths"]}
    assert halved == pytest.approx(FIELDS, abs=6e-4)


def test_chess_gives_ties_and_the_advantage_of_white_as_statsmodels_does(imported, client, olga):
    """Davidson's model is log-linear, Rao and Kupper's an ordered logit of who had white (statsmodels 0.15)."""
    rows = [
        (white, black, choice, times)
        for (white, black), counts in CHESS.items()
        for choice, times in zip((white, "tie", black), counts, strict=True)
    ]
    found = imported("chess", rows)
    players = ("Anand", "Karpov", "Kasparov")
    gaps = [np.subtract(*(np.array(players) == name for name in both), dtype=float)[1:] for both in CHESS]
    loglinear = [
        np.r_[gap * lean, lean, lean == 0, np.arange(6) == n] for n, gap in enumerate(gaps) for lean in (0.5, 0, -0.5)
    ]
    counts = np.array(list(CHESS.values()))
    davidson = sm.GLM(counts.ravel(), np.array(loglinear), family=sm.families.Poisson()).fit(tol=1e-14).params[:4]
    fitted = OrderedModel(
        np.repeat(np.tile([2, 1, 0], 6), counts.ravel()),
        np.repeat(np.repeat(gaps, 3, axis=0), counts.ravel(), axis=0),
        distr="logit",
    )
    logit = fitted.fit(method="newton", disp=False).params
    low, high = fitted.transform_threshold_params(logit)[1:-1]
    for model, against, side, tie in (
        ("davidson with side", davidson[:2], davidson[2], np.exp(davidson[3])),
        ("rao-kupper with side", logit[:2], -(low + high) / 2, np.exp((high - low) / 2)),
    ):
        mine, parameter = strengths(found, model, "Anand")
        assert [mine[name] for name in players[1:]] == pytest.approx(against, abs=2e-6)
        (row,) = [row for row in found["scales"] if row["model"] == model]
        assert row["side"]["value"] == pytest.approx(side, abs=2e-6)
        low_end, high_end = row["side"]["interval"]
        assert low_end < side < high_end
        assert parameter["value"] == pytest.approx(tie, abs=5e-6)
    assert any("Davidson and Beaver, 1977" in told for told in found["methods"])
    client.force_login(olga)
    text = client.get(reverse("report", args=[Comparison.objects.get().code])).content.decode()
    for row in found["scales"][-2:]:
        assert row["model"] in text.lower()
        assert f"left: {row['side']['value']:.2f}" in text


def test_a_player_who_never_lost_is_no_part_of_the_scales_of_the_others(imported):
    """The strengths within each group are the published ones, which their authors left at a tolerance of 1e-3."""
    rows = []
    for one, other, code in map(str.split, TOY):
        rows.append((one, other, {"W1": one, "W2": other, "D": "tie"}[code], 1))
    found = imported("toy", rows, sides=False)
    (ranking,) = found["ranking"]
    assert ranking["rated"] == []
    for names in ("Eve", "Fin, Gal, Han", "Amy, Ben, Cyd, Dan"):
        assert "{" + names + "}" in ranking["reason"]
    within = [row for row in found["scales"] if row["model"] == "within a group"]
    fitted = {each["contender"]: each["strength"] for row in within for each in row["strengths"]}
    assert fitted == pytest.approx(TOY_STRENGTHS, abs=2e-3)
    (prior,) = [row for row in found["scales"] if row["model"] == "maximum a posteriori"]
    assert [each["contender"] for each in prior["strengths"]][:1] == ["Eve"]
    assert all(each["interval"] is None for each in prior["strengths"])
    assert prior["parameter"]["value"] == 1
    assert any("only the prior speaks" in told for told in found["methods"])
    assert not any("range of ranks" in told for told in found["methods"]), "nothing is ranked"


def test_groups_that_never_met_are_named_and_not_ranked(imported):
    rows = [("a", "b", "a", 3), ("a", "b", "b", 2), ("c", "d", "c", 3), ("c", "d", "d", 2)]
    found = imported("apart", rows)
    (ranking,) = found["ranking"]
    assert ranking["rated"] == []
    assert "no votes link these groups" in ranking["reason"]
    assert "a, b" in ranking["reason"]
    assert {row["reason"] for row in found["scales"] if row["model"] == "Bradley-Terry"} == {ranking["reason"]}
