"""The house's settings on engines of the tests' own; nothing is written into the project's var/.

With `--postgres` the database is the PostgreSQL that tests/services.py has started, otherwise an SQLite file: threads
that race need one, since an in-memory database locks whole tables.
"""

import atexit
import os
import shutil
import sys
import tempfile

os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="visavis-test-")
os.environ["BROKER_URL"] = "memory://"
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in the test's thread
os.environ.pop("DATABASE_URL", None)
if "--postgres" in sys.argv:
    os.environ["TEST_ON"] = "postgres"  # the workers of xdist do not see the option
if os.environ.get("TEST_ON") == "postgres":
    if not os.environ.get("TEST_POSTGRES_URL"):
        sys.exit("--postgres: start the tests by `python -m tests.services python -m pytest --postgres`")
    os.environ["DATABASE_URL"] = os.environ["TEST_POSTGRES_URL"]

from evalapp.settings import *  # noqa: F403
from evalapp.settings import DATABASES, STATIC_ROOT, VAR_DIR

atexit.register(shutil.rmtree, VAR_DIR, ignore_errors=True)
STATIC_ROOT.mkdir()
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / f"test{os.environ.get('PYTEST_XDIST_WORKER', '')}.sqlite3"}
    # Tests may lose what a power cut would take.
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
