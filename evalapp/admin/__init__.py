"""Django's admin: everything that has no page of its own, for looking up and mending. Votes and reports are only read.

Work itself (launching, opening, inviting) has its pages and commands; the admin does not bypass them: what votes depend
on is read-only here.
"""

from evalapp.admin import assessing, catalog, measuring, names, people

__all__ = ["assessing", "catalog", "measuring", "names", "people"]
