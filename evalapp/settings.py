"""All settings, from the environment, each with a default that works on a laptop.

A malformed value stops the start. The embedded default is SQLite, a file-based broker and a local media folder;
DATABASE_URL, BROKER_URL and MEDIA_DIR pick grown engines, by the same code path.
"""

import os
import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name, str(default))
    if value not in ("True", "False"):
        raise ImproperlyConfigured(f"{name}={value!r}: use 'True' or 'False'")
    return value == "True"


def env_int(name: str, default: int) -> int:
    value = os.environ.get(name, str(default))
    if not value.isdigit():
        raise ImproperlyConfigured(f"{name}={value!r}: use a whole number, 0 or more")
    return int(value)


def env_list(name: str, default: str) -> list[str]:
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def kept_secret(path: Path) -> str:
    """A random secret, made on the first start and kept beside the data, readable by its owner alone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(50))
    return path.read_text()


# Where everything lives that is not code
VAR_DIR = Path(os.environ.get("VAR_DIR", BASE_DIR / "var")).resolve()
VAR_DIR.mkdir(parents=True, exist_ok=True)
MEDIA_DIR = Path(os.environ.get("MEDIA_DIR", VAR_DIR / "media")).resolve()
WEIGHTS_DIR = Path(os.environ.get("WEIGHTS_DIR", VAR_DIR / "weights")).resolve()
# A folder of LaBSE, which finds prompts that say the same in two languages; nothing is downloaded to it
SENTENCE_ENCODER = Path(os.environ.get("SENTENCE_ENCODER", WEIGHTS_DIR / "labse")).resolve()
FEATURES_DTYPE = os.environ.get("FEATURES_DTYPE", "float32")  # of stored features; float16 takes half the room
if FEATURES_DTYPE not in ("float32", "float16"):
    raise ImproperlyConfigured(f"FEATURES_DTYPE={FEATURES_DTYPE!r}: write float32 or float16")
UPLOAD_MAX_BYTES = env_int("UPLOAD_MAX_BYTES", 512 * 2**20)  # of one clip that comes over the API
DATA_UPLOAD_MAX_NUMBER_FILES = 1_001  # a list of prompts with its images
MEDIA_LEAST_FREE_MIB = env_int("MEDIA_LEAST_FREE_MIB", 256)  # with less space no clip is started; it goes on by itself
MEDIA_ACCEL = os.environ.get("MEDIA_ACCEL", "")  # nginx's internal location of MEDIA_DIR, as in "/_media/"
if MEDIA_ACCEL and not (MEDIA_ACCEL.startswith("/") and MEDIA_ACCEL.endswith("/")):
    raise ImproperlyConfigured(f"MEDIA_ACCEL={MEDIA_ACCEL!r}: begin and end it with a slash, as in '/_media/'")

DEBUG = env_bool("DEBUG", False)
SECRET_KEY = os.environ.get("SECRET_KEY") or kept_secret(VAR_DIR / "secret_key")
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS", "")  # keys before this one: still read, not written
for _key in (SECRET_KEY, *SECRET_KEY_FALLBACKS):
    if len(_key) < 40 or len(set(_key)) < 10 or _key.startswith("django-insecure-"):
        raise ImproperlyConfigured(
            "SECRET_KEY, or one of SECRET_KEY_FALLBACKS, is shorter than 40 characters or can be guessed; unset it to "
            "have one made and kept"
        )
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS", "")
SITE_URL = os.environ.get("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
HTTPS = SITE_URL.startswith("https://")
if not SITE_URL.startswith(("http://", "https://")):
    raise ImproperlyConfigured(f"SITE_URL={SITE_URL!r}: begin it with https://")
if urlsplit(SITE_URL).hostname not in ("127.0.0.1", "localhost", "::1"):
    if DEBUG:
        raise ImproperlyConfigured(f"DEBUG=True shows settings and sources to everyone at {SITE_URL}: leave it out")
    if not HTTPS and not env_bool("IN_THE_CLEAR", False):
        raise ImproperlyConfigured(
            f"SITE_URL={SITE_URL!r}: passwords, tokens and votes would travel in the clear; use https, or, in a "
            "network whose every machine you trust, IN_THE_CLEAR=True"
        )
    if "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("ALLOWED_HOSTS=*: any name would be believed in links; list the names of this site")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "evalapp",
]

MIDDLEWARE = [
    "evalapp.running.logs.RequestId",
    "evalapp.running.health.Timed",
    "django.middleware.security.SecurityMiddleware",
    "evalapp.running.isolation.ResourcesStayHere",
    "evalapp.running.isolation.NothingIsKept",
    "csp.middleware.CSPMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "evalapp.people.sessions.Idle",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "evalapp.people.audit.Acting",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "evalapp.urls"
WSGI_APPLICATION = "evalapp.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "comparisons"
LOGOUT_REDIRECT_URL = "sign-in"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "frontend" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "evalapp.people.access.in_templates",
            ]
        },
    }
]

# Database
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        os.environ.get("DATABASE_URL", f"sqlite:///{VAR_DIR / 'visavis.sqlite3'}"),
        conn_max_age=60,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Deferred transactions fail with "database is locked" when two of them come to write; immediate ones wait.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    DATABASES["default"]["ENGINE"] = "evalapp.running.postgresql"
    # Statements that prepared.py keeps are planned once in a connection, from the fourth time on.
    DATABASES["default"].setdefault("OPTIONS", {}).update(prepare_threshold=3)

# Cache, shared by all web processes: small guards only, nothing that may not be lost
CACHE_URL = os.environ.get("CACHE_URL", "")


def cache(timeout: int) -> dict[str, Any]:
    if CACHE_URL:
        return {"BACKEND": "evalapp.running.forgetful.ForgetfulRedis", "LOCATION": CACHE_URL, "TIMEOUT": timeout}
    return {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(VAR_DIR / "cache"),
        "TIMEOUT": timeout,
        "OPTIONS": {"MAX_ENTRIES": 10000},
    }


CACHES = {"default": cache(300)}

# Celery: hint mode. A bell may be lost or ring twice; the sweep rings again.
CELERY_BROKER_URL = os.environ.get("BROKER_URL", "filesystem://localhost")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
(VAR_DIR / "run").mkdir(exist_ok=True)
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "run" / "beat")
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"evalapp.{task}", "schedule": seconds, "options": {"expires": 3600}}  # rung again: see celery.py
    for name, task, seconds in (
        ("sweep-webhooks", "people.tasks.deliver", 15.0),
        ("forget-spendings", "people.tasks.forget_spendings", 600.0),
        ("sweep-uploads", "generation.tasks.store_uploads", 20.0),
        ("sweep-pictures", "catalog.tasks.store_pictures", 20.0),
        ("sweep-rendering", "generation.tasks.sweep", 5.0),
        ("sweep-leases", "assessing.tasks.sweep", 30.0),
        ("watch-assessors", "assessing.tasks.watch_all", 60.0),
        ("sweep-goldens", "assessing.tasks.sweep_golden_orders", 30.0),
        ("sweep-judging", "measuring.tasks.sweep_judging", 30.0),
        ("sweep-measuring", "measuring.tasks.sweep_measuring", 30.0),
        ("verify-nightly", "reporting.tasks.verify", 600.0),
        ("planned-looks", "assessing.tasks.look", 20.0),
    )
}
if CELERY_BROKER_URL.startswith("filesystem://"):
    CELERY_BROKER_TRANSPORT = "evalapp.running.file_broker:Transport"
    BROKER_DIR = VAR_DIR / "broker"
    for folder in ("messages", "control"):
        (BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
        "store_processed": False,
        "polling_interval": 0.05,
    }

# Work
RENDER_LEASE_SECONDS = env_int("RENDER_LEASE_SECONDS", 30)
RENDER_LOOK_SECONDS = env_int("RENDER_LOOK_SECONDS", 3)  # how often an idle worker looks by itself; 0: at bells alone
RENDER_ATTEMPTS = env_int("RENDER_ATTEMPTS", 3)
GRID_CO2_GRAMS_PER_KWH = env_int("GRID_CO2_GRAMS_PER_KWH", 0)  # of the electricity used; 0: unknown
PUE = env_int("PUE_PERCENT", 100) / 100  # what the building draws for each watt that a machine draws
RENDER_AHEAD = env_int("RENDER_AHEAD", 16)  # turns that a contender whose weights are loaded may be ahead of others

# Languages
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [BASE_DIR / "frontend" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")

# Static files: served by WhiteNoise, hashed names; plotly comes from its package, never from elsewhere
_plotly = find_spec("plotly")
if _plotly is None or not _plotly.submodule_search_locations:
    raise ImproperlyConfigured("plotly is not installed: pip install -r requirements/base.txt")
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [
    BASE_DIR / "frontend" / "static",
    ("plotly", Path(_plotly.submodule_search_locations[0]) / "package_data"),
]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(MEDIA_DIR)},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# An S3-compatible bucket that keeps clips' files; MEDIA_DIR is then a cache. Keys: AWS_ACCESS_KEY_ID and its like.
MEDIA_BUCKET = os.environ.get("MEDIA_BUCKET", "")
MEDIA_ENDPOINT = os.environ.get("MEDIA_ENDPOINT", "") if MEDIA_BUCKET else ""
if MEDIA_BUCKET:
    STORAGES["clips"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": MEDIA_BUCKET,
            "endpoint_url": MEDIA_ENDPOINT or None,
            "file_overwrite": True,
        },
    }
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 0 if DEBUG else 600

# Safety
SESSION_ENGINE = "evalapp.people.sessions"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
SIGNED_IN_HOURS = env_int("SIGNED_IN_HOURS", 12)  # of organizers and researchers; assessors' sessions live longer
IDLE_MINUTES = env_int("IDLE_MINUTES", 30)  # after which somebody with an account signs in anew
PROVE_AGAIN_MINUTES = env_int("PROVE_AGAIN_MINUTES", 15)  # after signing in; then what reaches far asks once more
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"  # no other host of the domain can set it
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_bool("BEHIND_PROXY", False) else None
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # other hosts of the domain are not ours to bind
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY: dict[str, dict[str, list[Any]]] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "evalapp.people.sign_in.NobodySignsUp"
ACCOUNT_EMAIL_VERIFICATION = "none"
ADMINISTRATION_SECOND_STEP = env_bool("ADMINISTRATION_SECOND_STEP", HTTPS)  # asked of superusers there
MFA_ADAPTER = "evalapp.people.second_step.Encrypted"
MFA_TOTP_ISSUER = "Visavis"
MFA_TOTP_TOLERANCE = 1  # half minutes that a device's clock may be off
# An OpenID provider that connected accounts may sign in by; identity is its `sub`
OIDC_SERVER = os.environ.get("OIDC_SERVER", "").rstrip("/")  # such as https://id.example.org/realms/team
OIDC_NAME = os.environ.get("OIDC_NAME", "OpenID") if OIDC_SERVER else ""
SOCIALACCOUNT_ADAPTER = "evalapp.people.sign_in.OpenIdSignIn"
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": []}}
if OIDC_SERVER:
    if not OIDC_SERVER.startswith("https://") and urlsplit(OIDC_SERVER).hostname not in ("127.0.0.1", "localhost"):
        raise ImproperlyConfigured(f"OIDC_SERVER={OIDC_SERVER!r}: who signs in would be told in the clear; use https")
    for name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"):
        if not os.environ.get(name):
            raise ImproperlyConfigured(f"{name} is missing: OIDC_SERVER needs it")
    SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"].append(
        {
            "provider_id": "oidc",
            "name": OIDC_NAME,
            "client_id": os.environ["OIDC_CLIENT_ID"],
            "secret": os.environ["OIDC_CLIENT_SECRET"],
            "settings": {"server_url": OIDC_SERVER},
        }
    )
    # A form's target covers where it redirects to.
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"].append(urlsplit(OIDC_SERVER)._replace(path="").geturl())
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["evalapp.api.bodies.Json"],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "evalapp.api.authentication.TokenAuthentication",  # first: its 401 tells programs how to sign in
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "NUM_PROXIES": 1 if SECURE_PROXY_SSL_HEADER else 0,  # whose X-Forwarded-For is believed
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Visavis",
    "DESCRIPTION": "Which of your generative models people prefer, and why.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",  # whose schemas are JSON Schema, as those of recipes and judges' options are
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_NAME_OVERRIDES": {
        "ComparisonStateEnum": "evalapp.comparisons.models.Comparison.State",
        "UploadStateEnum": "evalapp.catalog.receiving.Received.State",
        "RunStateEnum": "evalapp.measuring.claimed.Run.State",
    },
}

# Webhooks go to the public internet by https; to other origins, such as http://10.0.0.5:9000, only if named here.
WEBHOOK_ORIGINS = env_list("WEBHOOK_ORIGINS", "")

# Against bulk harvesting: so much a day of one token, user or assessor; beyond it 429, and a line on the dashboard
VOTES_A_DAY = env_int("VOTES_A_DAY", 1_000_000)  # single votes over the API
VERDICTS_A_DAY = env_int("VERDICTS_A_DAY", 2_000)  # reports and judges' snapshots, as files and over the API
CLIPS_A_DAY = env_int("CLIPS_A_DAY", 10_000)  # clips, or pieces of them, on the report's pages
SKIPS_A_DAY = env_int("SKIPS_A_DAY", 100)  # pairs that an assessor looks at without an answer

# Watching it run
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")  # empty: only signed-in organizers see /metrics
if METRICS_TOKEN and len(METRICS_TOKEN) < 20:
    raise ImproperlyConfigured(
        "METRICS_TOKEN is shorter than 20 characters: it can be guessed; leave it out or use more"
    )
PROMETHEUS_MULTIPROC_DIR = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")  # read by prometheus_client too
LOG_FORMAT = os.environ.get("LOG_FORMAT", "line")
if LOG_FORMAT not in ("line", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT={LOG_FORMAT!r}: use 'line' or 'json'")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {request_id:.8} {name}: {message}", "style": "{"},
        "json": {"()": "evalapp.running.logs.AsJson"},
    },
    "filters": {"tidy": {"()": "evalapp.running.logs.Tidy"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["tidy"]}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {"httpx": {"level": "WARNING"}},  # else a line for every question to a judge
}
