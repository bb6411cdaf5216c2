"""The WSGI object for `flask --app app` and any WSGI server, set up from the environment."""

from promapp_lite.factory import create_app
from promapp_lite.settings import Settings

app = create_app(Settings.from_env())
