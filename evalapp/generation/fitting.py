"""Whether this worker's code fits the house's database.

Older code goes on on a newer schema (tests/running/test_migrating.py); newer code would ask for what is not there yet.
"""

import logging

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from evalapp.lasting import Lasting

log = logging.getLogger(__name__)
_behind = Lasting()
_fitting: set[str] = set()
"""Databases that were found to fit: they lose no migrations while a process lives."""


def lacking() -> list[str]:
    """Migrations that this code has and the database has not, by name."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def fits() -> bool:
    """Whether this worker may render; told in the log where it may not, and looked at again when it is next asked."""
    name = str(connection.settings_dict["NAME"])
    if name in _fitting:
        return True
    if not (lack := lacking()):
        _fitting.add(name)
        _behind.over()
        return True
    if _behind.is_news(name):
        log.error(
            "this worker's code is newer than the database, which lacks %s: nothing is rendered here. Run `manage.py "
            "migrate` with this code, or start the worker with the version that the house runs; it then goes on",
            ", ".join(lack[-2:]) + (f" and {len(lack) - 2} more" if len(lack) > 2 else ""),
        )
    return False
