"""django-scim2-server on SQLite and Waitress: `python django_server.py PORT THREADS TOKEN DATABASE`.

SQLite as Django's documentation recommends it for servers: WAL, immediate transactions, kept connections.
"""

import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest
from django.urls import include, path
from waitress import serve

port, threads, token, database = sys.argv[1:]


def bearer(request: HttpRequest) -> bool:
    """The access check that the package leaves to the project."""
    return request.headers.get("Authorization") == f"Bearer {token}"


urlpatterns = [path("scim/v2/", include("django_scim2_server.urls"))]
SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
}
settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": database,
            "OPTIONS": SQLITE,
            "CONN_MAX_AGE": None,
        }
    },
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_scim2_server"],
    LOGGING_CONFIG=None,
    ROOT_URLCONF="__main__",
    SCIM2_SERVER_AUTH_CHECK="__main__.bearer",
    USE_TZ=True,
)
django.setup()
call_command("migrate", verbosity=0)
app = get_wsgi_application()
serve(app, host="127.0.0.1", port=int(port), threads=int(threads), connection_limit=1000)
