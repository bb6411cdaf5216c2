"""The baseline: the least that Flask on Waitress can do to answer these bytes and keep a row this long.

    python -m bench.bare PORT DATABASE THREADS

No token, no parsing, no checks. `PUT /answers/KEY?status=S` sets what it answers under `/KEY/…`; a
POST or PATCH there inserts one row of that length and commits it, fsynced.
"""

import logging
import sqlite3
import sys
import threading

from flask import Flask, Response, request
from waitress import serve

SCIM_JSON = "application/scim+json"


def create_app(path: str) -> Flask:
    """The application over a database of its own."""
    app = Flask(__name__, static_folder=None)
    answers: dict[str, tuple[bytes, int]] = {}
    lock, local = threading.Lock(), threading.local()
    open_database(path).execute("CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, doc BLOB)")

    @app.put("/answers/<key>")
    def learn(key: str) -> Response:
        answers[key] = request.get_data(), int(request.args["status"])
        return Response(status=204)

    @app.get("/<key>/<path:rest>")
    def read(key: str, rest: str) -> Response:
        body, status = answers[key]
        return Response(body, status, content_type=SCIM_JSON)

    @app.post("/<key>/<path:rest>")
    @app.patch("/<key>/<path:rest>")
    def write(key: str, rest: str) -> Response:
        sent = request.get_data()
        body, status = answers[key]
        if not hasattr(local, "database"):
            local.database = open_database(path)
        with lock:
            local.database.execute("INSERT INTO kept (doc) VALUES (?)", (body or sent,))
        return Response(body, status, content_type=SCIM_JSON)

    return app


def open_database(path: str) -> sqlite3.Connection:
    """A connection that commits each statement, durably."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    return database


if __name__ == "__main__":
    port, database, threads = sys.argv[1:]
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # its warnings would slow it down
    serve(create_app(database), host="127.0.0.1", port=int(port), threads=int(threads), connection_limit=1000)
