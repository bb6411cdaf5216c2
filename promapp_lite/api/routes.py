"""The API's one list of routes, and the blueprint that is mounted three times."""

import re
from collections.abc import Callable
from typing import Any, NoReturn

from flask import Blueprint, Flask, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, Rule

from promapp_lite.api import bulk, discovery, errors, resources, search
from promapp_lite.api.authenticate import NAMES, authenticate
from promapp_lite.config import MOUNTS, mount_of
from promapp_lite.errors import ScimError
from promapp_lite.scim.resource_types import RESOURCE_TYPES, ResourceType
from promapp_lite.store.engine import DB_ERRORS

VERSIONED, SLASHES = f"{MOUNTS[0]}/v2", re.compile("//+")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ROUTES: tuple[tuple[str, str, Callable[..., Response], ResourceType | None], ...] = (
    *(
        (path, method, view, kind)
        for kind in RESOURCE_TYPES
        for path, method, view in (
            (kind.endpoint, "GET", search.search),
            (kind.endpoint, "POST", resources.create),
            (f"{kind.endpoint}/.search", "POST", search.post_search),
            (f"{kind.endpoint}/<id>", "GET", resources.find),
            (f"{kind.endpoint}/<id>", "PUT", resources.replace),
            (f"{kind.endpoint}/<id>", "PATCH", resources.update),
            (f"{kind.endpoint}/<id>", "DELETE", resources.delete),
        )
    ),
    ("/", "GET", search.search_all, None),
    ("/.search", "POST", search.post_search_all, None),
    ("/Bulk", "POST", bulk.bulk, None),
    ("/ServiceProviderConfig", "GET", discovery.config, None),
    ("/Schemas", "GET", discovery.schemas, None),
    ("/Schemas/<id>", "GET", discovery.schema, None),
    ("/ResourceTypes", "GET", discovery.resource_types, None),
    ("/ResourceTypes/<id>", "GET", discovery.resource_type, None),
    ("/Me", "GET POST PUT PATCH DELETE", discovery.me, None),
)


class Tolerant:
    """The application behind paths as people paste them: with a slash too many, or under `/api/scim/v2`."""

    def __init__(self, application: Any) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer a request."""
        path: str = environ["PATH_INFO"]
        if "//" in path or path.startswith(VERSIONED):
            plain = SLASHES.sub("/", path)
            if plain.startswith(VERSIONED + "/") or plain == VERSIONED:
                plain = MOUNTS[0] + plain[len(VERSIONED) :]
            if mount_of(plain):
                environ = environ | {"PATH_INFO": plain}
        return self.application(environ, start_response)


class Unrouted(BaseConverter):
    """Everything behind a mount, also nothing, a newline or two slashes."""

    regex = r"(?:/[\s\S]*)?"
    part_isolating = False


def init_app(app: Flask) -> None:
    """Register the API under every mount."""
    app.url_map.converters["unrouted"] = Unrouted
    app.wsgi_app = Tolerant(app.wsgi_app)  # type: ignore[method-assign]
    api = blueprint()
    for mount, name in NAMES.items():
        app.register_blueprint(api, url_prefix=mount, name=name)


def blueprint() -> Blueprint:
    """The API: its routes, its authentication, its errors."""
    api = Blueprint("api", __name__)
    api.before_request(authenticate)
    api.register_error_handler(ScimError, errors.answer)
    api.register_error_handler(HTTPException, errors.from_http)
    for fault in DB_ERRORS:
        api.register_error_handler(fault, errors.from_database)
    api.register_error_handler(Exception, errors.from_bug)
    for path, methods, view, kind in ROUTES:
        api.add_url_rule(
            path,
            view.__name__ + (kind.name if kind else ""),
            view,
            methods=methods.split(),
            defaults={"kind": kind} if kind else {},
            strict_slashes=False,
            provide_automatic_options=False,
        )
    api.record(catch_all)
    return api


def catch_all(state: BlueprintSetupState) -> None:
    """Answer what no route answers with `unrouted`, whatever its method.

    Flask runs the hooks of a blueprint only where a rule of it matched: so a path that is nothing
    (404) and a method that is none of its path's (405) are authenticated first, and are SCIM errors.
    """
    path, endpoint = f"{state.url_prefix}<unrouted:path>", f"{state.name}.unrouted"
    state.app.view_functions[endpoint] = unrouted
    for websocket in (False, True):
        state.app.url_map.add(Rule(path, endpoint=endpoint, websocket=websocket))


def unrouted(**arguments: Any) -> NoReturn:
    """405 where the path has routes for other methods, else 404."""
    urls = current_app.create_url_adapter(request)
    allowed = [each for each in METHODS if urls and urls.match(method=each)[0] != request.endpoint]
    raise MethodNotAllowed(allowed) if allowed else NotFound()
