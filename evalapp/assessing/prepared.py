"""Queries that are written once in a process and asked many times.

On the way of a vote Django takes longer to write its SQL than the database to answer it. Here the SQL of a queryset is
kept, with stand-ins where the values go; rows become what the queryset makes of them.
"""

from collections.abc import Callable
from copy import copy
from typing import Any, Generic, TypeVar

from django.db import connection, connections
from django.db.models import Expression, Field, QuerySet

Row = TypeVar("Row")


class Given(Expression):
    """A stand-in for a value that is known when the query is asked; `field` says how the database takes it."""

    def __init__(self, name: str, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)


class Prepared(Generic[Row]):
    """`build` makes the queryset, with `Given` stand-ins; calling it gives the rows for these values.

    >>> open_named = Prepared(lambda: Comparison.objects.filter(name=Given("name", CharField())))
    >>> open_named(name="spring")
    [<Comparison: spring>]
    """

    def __init__(self, build: Callable[[], QuerySet[Any, Row]]) -> None:
        self.build = build
        self._written: dict[str, tuple[QuerySet[Any, Row], Any, str, tuple[Any, ...]]] = {}

    def __call__(self, **given: Any) -> list[Row]:
        if connection.vendor not in self._written:
            queryset = self.build()
            compiler = queryset.query.get_compiler(using=queryset.db)
            self._written[connection.vendor] = queryset, compiler, *compiler.as_sql()
        queryset, compiler, sql, places = self._written[connection.vendor]
        asked, compiler = queryset.all(), copy(compiler)
        compiler.connection = connections[queryset.db]
        values = tuple(
            place.output_field.get_db_prep_value(given[place.name], compiler.connection)
            if isinstance(place, Given)
            else place
            for place in places
        )
        compiler.as_sql = lambda: (sql, values)
        asked.query.get_compiler = lambda using: compiler  # type: ignore[method-assign,misc,assignment]
        return list(asked)
