"""One ranking over all comparisons of a project: contenders linked through shared opponents, per aspect.

Votes on a contender count wherever it met anyone, under its name. Contenders that no chain of opponents links are
ranked apart, since nothing says how they compare. Simulated votes are left out: a league is about people.
"""

from typing import Any

import numpy as np
from django.db.models import Count, Max, Q

from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.models import Ballot, Participation
from evalapp.assessing.votes_files import imported
from evalapp.catalog.models import digest
from evalapp.comparisons.models import Comparison
from evalapp.reporting.build import METHOD, RUNNING
from evalapp.reporting.explore import keep, kept
from evalapp.reporting.filters import Filters
from evalapp.reporting.looking import withheld
from evalapp.reporting.sections import LEVEL, Row, rated
from evalapp.reporting.table import VoteTable, table_of
from metrics import resolve

PEOPLE = Filters(simulated=False)


def key_of(project: int) -> str:
    """Where its league is kept, apart from those of earlier methods."""
    return f"league-{METHOD}-{project}"


def inputs_of_league(project: int) -> str:
    """sha256 of what the league depends on."""
    people = Q(assignment__participation__assessor__simulated=False, assignment__pair__comparison__project=project)
    ballots = Ballot.objects.filter(people).aggregate(n=Count("pk"), last=Max("pk"))
    states = list(Comparison.objects.filter(project=project).order_by("pk").values_list("pk", "name", "state"))
    excluded = Exclusion.objects.filter(lifted_at=None, participation__comparison__project=project)
    shut_out = list(excluded.order_by("pk").values_list("pk", flat=True))
    return digest(
        {"method": [METHOD, "with places, imports"], "ballots": ballots, "comparisons": states, "excluded": shut_out}
    )


def build_league(project: int) -> dict[str, Any]:
    """The league as votes are now, kept where the page finds it."""
    inputs = inputs_of_league(project)
    if (known := kept(key_of(project))) and known["inputs"] == inputs:
        return known
    comparisons: list[Any] = list(
        Comparison.objects.filter(project=project).annotate(imported=imported()).order_by("pk")
    )
    tables = [(each, table) for each in comparisons if len(table := table_of(each, PEOPLE))]
    names = {str(key): name for each, _ in tables for key, name in each.aspects.values_list("key", "name")}
    aspects: list[Row] = []
    for aspect in names:
        aspects += _ranked(aspect, tables)
    return keep(
        key_of(project),
        {
            "inputs": inputs,
            "names": names,
            "comparisons": [
                {"name": each.name, "code": str(each.code), "state": each.state, "imported": bool(each.imported)}
                | {"contenders": table.contenders, "asked": table.aspects, "votes": _counted(table)}
                for each, table in tables
            ],
            "running": [each.name for each, _ in tables if each.state != Comparison.State.CLOSED],
            "aspects": aspects,
        },
    )


def _counted(table: VoteTable) -> dict[str, dict[str, int]]:
    """Per aspect the votes on each contender, which add up to those of the league."""
    found = {}
    for code, aspect in enumerate(table.aspects):
        rows = table.rows(code)
        counts = np.bincount(np.r_[table.first[rows], table.second[rows]], minlength=len(table.contenders))
        found[aspect] = dict(zip(table.contenders, counts.tolist(), strict=True))
    return found


def _ranked(aspect: str, tables: list[tuple[Comparison, VoteTable]]) -> list[Row]:
    """A row per group of linked contenders."""
    chosen = [(each, table) for each, table in tables if aspect in table.aspects]
    votes = [_everywhere(each, table, aspect) for each, table in chosen]
    votes = [each for each in votes if len(each.outcome)]
    if not votes:
        return []
    joined = resolve("metrics.preference.ranking:joined")(votes)
    rank, tally = resolve("metrics.preference.ranking:rank"), resolve("metrics.preference.tally:Tally")
    running = {name for each, _ in chosen if each.state != Comparison.State.CLOSED for name in _contenders(each)}
    rows: list[Row] = []
    for group in _linked(joined):
        part = joined.among([joined.names[code] for code in group])
        row: Row = {"aspect": aspect, "contenders": list(part.names), "votes": len(part)}
        try:
            found = rank(tally.of(part), level=LEVEL)
        except (ValueError, RuntimeError) as error:
            rows.append(row | {"rated": [], "reason": str(error), "method": ""})
            continue
        row |= {"method": found.method, **rated(found)}
        rows.append(withheld(row, RUNNING) if running & set(part.names) else row)
    return rows


def _contenders(comparison: Comparison) -> list[str]:
    return list(comparison.contenders.values_list("name", flat=True))


def _everywhere(comparison: Comparison, table: VoteTable, aspect: str) -> Any:
    """Votes on an aspect, prompts and assessors by their database ids, which mean the same in all comparisons."""
    found = table.all_votes(table.aspects.index(aspect))
    prompts = np.array(comparison.prompt_set.prompts.values_list("pk", flat=True), dtype=np.int64)
    people = Participation.objects.filter(comparison=comparison).order_by("pk").values_list("assessor", flat=True)
    return type(found)(
        found.names,
        found.first,
        found.second,
        prompts[found.prompt],
        np.array(people, dtype=np.int64)[found.assessor],
        found.outcome,
    )


def _linked(votes: Any) -> list[list[int]]:
    """Contenders that a chain of comparisons links, by group; those never compared are in none."""
    home = np.arange(len(votes.names))
    while True:
        nearest = home.copy()
        np.minimum.at(nearest, votes.first, home[votes.second])
        np.minimum.at(nearest, votes.second, home[votes.first])
        if (nearest == home).all():
            break
        home = nearest
    groups = [np.flatnonzero(home == root).tolist() for root in np.unique(home)]
    return [group for group in groups if len(group) > 1]
