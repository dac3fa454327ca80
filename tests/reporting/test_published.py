"""Public paired comparisons, imported by the command line, give the coefficients that were published for them."""

import csv
import json

import numpy as np
import pytest
from django.core.management import call_command

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


def strengths(found, model, against):
    (row,) = [row for row in found["scales"] if row["model"] == model]
    known = {each["contender"]: each["strength"] for each in row["strengths"]}
    return {name: value - known[against] for name, value in known.items()}, row["parameter"]


def test_baseball_gives_the_published_abilities_with_and_without_the_advantage_of_home(imported):
    rows = []
    for home, line in zip(TEAMS, GAMES.split("\n")[1:], strict=False):
        for away, cell in zip(TEAMS, line.split(), strict=True):
            if cell != "-":
                won, lost = map(int, cell.split("-"))
                rows += [(home, away, home, won), (home, away, away, lost)]
    found = imported("baseball", rows)
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


def test_ties_give_the_coefficients_that_satisfy_davidsons_own_equations(imported):
    """Davidson (1970): at the maximum, wins and half the ties of each contender, and all ties, are what is expected."""
    brands, counts = ("one", "two", "three"), {(0, 1): (19, 22, 16), (0, 2): (16, 19, 12), (1, 2): (19, 19, 10)}
    rows = [
        (brands[i], brands[j], choice, times)
        for (i, j), cell in counts.items()
        for choice, times in zip((brands[i], brands[j], "tie"), cell, strict=True)
    ]
    found = imported("pudding", rows, sides=False)
    davidson, nu = strengths(found, "davidson", "one")
    worth = np.exp([davidson[name] for name in brands])
    won, expected, ties = np.zeros(3), np.zeros(3), 0.0
    for (i, j), (first, second, tied) in counts.items():
        each = np.array([worth[i], worth[j], nu["value"] * np.sqrt(worth[i] * worth[j])])
        chance = each / each.sum() * (first + second + tied)
        won[[i, j]] += first + tied / 2, second + tied / 2
        expected[[i, j]] += chance[0] + chance[2] / 2, chance[1] + chance[2] / 2
        ties += chance[2]
    assert won == pytest.approx(expected, abs=1e-3)
    assert ties == pytest.approx(16 + 12 + 10, abs=1e-3)


def test_groups_that_never_met_are_named_and_not_ranked(imported):
    rows = [("a", "b", "a", 3), ("a", "b", "b", 2), ("c", "d", "c", 3), ("c", "d", "d", 2)]
    found = imported("apart", rows)
    (ranking,) = found["ranking"]
    assert ranking["rated"] == []
    assert "no votes link these groups" in ranking["reason"]
    assert "a, b" in ranking["reason"]
    assert {row["reason"] for row in found["scales"] if row["model"] == "Bradley-Terry"} == {ranking["reason"]}
