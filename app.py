"""The WSGI object for `flask --app app` and any WSGI server, set up from the environment."""

from promapp_lite.application import create_app
from promapp_lite.config import Settings

app = create_app(Settings.load())
