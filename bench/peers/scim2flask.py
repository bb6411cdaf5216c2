"""scim2-flask with its own in-memory storage, on Waitress: `python scim2flask.py PORT THREADS TOKEN`."""

import sys

from flask import Flask, abort, request
from scim2_flask import ScimServer
from scim2_server.memory import InMemoryStorage
from scim2_server.utils import load_default_provider
from waitress import serve

port, threads, token = sys.argv[1:]
app = Flask(__name__)
app.config["SECRET_KEY"] = token
ScimServer(InMemoryStorage(), load_default_provider(), app=app)


@app.before_request
def authenticate() -> None:
    """Bearer check, which the extension leaves to the application."""
    if request.headers.get("Authorization") != f"Bearer {token}":
        abort(401)


serve(app, host="127.0.0.1", port=int(port), threads=int(threads), connection_limit=1000)
