#!/usr/bin/env python
"""Django's command line; `manage.py help` lists what there is."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import DatabaseError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evalapp.settings")
    try:
        execute_from_command_line(sys.argv)
    except BrokenPipeError:  # whoever read its output, as `head` does, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except DatabaseError:
        from evalapp.running.health import lacking

        if "--traceback" in sys.argv or not (why := lacking()):
            raise
        sys.exit(f"{why}: {'run `manage.py migrate` first' if 'migrations' in why else 'see DATABASE_URL'}")
    except Exception as error:
        from evalapp.catalog.store import BucketFailed

        if "--traceback" in sys.argv or not isinstance(error, BucketFailed):
            raise
        sys.exit(str(error))
