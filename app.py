"""The WSGI object for `flask --app app` and any WSGI server, set up from environment and config.toml."""

from promapp_lite.application import from_environment

app = from_environment()
