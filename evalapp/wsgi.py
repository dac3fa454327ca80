"""The web process: `gunicorn evalapp.wsgi`."""

import gc
import logging
import os

from django.core.wsgi import get_wsgi_application

from evalapp.running.logs import Tidy

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evalapp.settings")

application = get_wsgi_application()
logging.getLogger("gunicorn.access").addFilter(Tidy())  # it writes addresses down by handlers of its own

# What lives as long as the process is not looked through again and again; requests leave little that counting of
# references does not free at once.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 20)
