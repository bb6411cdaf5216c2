"""A resource as it is kept (a document) and as it is shown (with id, meta and what is derived)."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from promapp_lite.jsonio import Document, key_in, key_of
from promapp_lite.scim import limits, membership
from promapp_lite.scim.body import check_schemas
from promapp_lite.scim.patch import apply, spread
from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.resource_types import USERS, Path, ResourceType, resolve


class Row(NamedTuple):
    """What the store keeps of a resource: `doc` is JSON text, the times are texts as in `clock.now`.

    `linked` is false where it is known that there is nothing to derive: a user in no group.
    """

    id: str
    doc: str
    version: int
    created: str
    modified: str
    linked: bool = True


def build(kind: ResourceType, body: Any) -> tuple[Document, list[membership.MembershipChange]]:
    """The document in the body of a POST or PUT, and for a group the steps that make its members."""
    if not isinstance(body, dict):
        raise refuse("not_an_object")
    check_schemas(body)
    operations = list(spread(kind, "add", body))
    steps: list[membership.MembershipChange] = []
    if kind is not USERS:
        operations, steps = membership.split(operations)
    document: Document = {}
    apply(document, operations)
    return document, steps


def finish(kind: ResourceType, document: Document) -> Document:
    """The document ready to keep: what is required is there, `schemas` says what is in it."""
    for name in kind.required:
        if name not in document:
            raise refuse("required", attribute=name)
    document.pop("schemas", None)
    extensions = [name for name in document if name.lower().startswith("urn:")]
    return {"schemas": [kind.urn, *extensions], **document}


def diff(before: Document, after: Document) -> list[dict[str, Any]]:
    """The attributes in which two documents differ, each `{path, before, after}`; None is absent."""
    old, new = flat(before), flat(after)
    return [
        {"path": path, "before": old.get(path), "after": new.get(path)}
        for path in {**old, **new}
        if not same(old.get(path), new.get(path))
    ]


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: true is not 1 there."""
    if isinstance(one, str) or isinstance(other, str) or one is other:
        return bool(one == other)
    return key_of(one) == key_of(other)


def flat(document: Document) -> dict[str, Any]:
    """The document's values by path; lists stay whole."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            mark = ":" if name.lower().startswith("urn:") else "."
            found.update({f"{name}{mark}{sub}": item for sub, item in value.items()})
        elif name != "schemas":
            found[name] = value
    return found


def etag(version: int) -> str:
    """The entity tag of a version (RFC 7644 §3.14), weak as derived attributes do not change it."""
    return f'W/"{version}"'


VERSION = re.compile(r'(?:W/)?(?:"([^"]*)"|([^\s",]+))', re.IGNORECASE)


def names_version(tags: str, version: int) -> bool:
    """Whether a list of entity tags (RFC 9110 §13.1.1) has this version in it, or is `*`.

    Werkzeug's reader takes the square of the number of blanks.
    """
    return any(each in (("", "*"), (str(version), ""), ("", str(version))) for each in VERSION.findall(tags))


def location(kind: ResourceType, base: str, id: str) -> str:
    """The address of a resource under the SCIM base."""
    return f"{base}{kind.endpoint}/{id}"


def show(kind: ResourceType, row: Row, base: str, derived: str = "") -> str:
    """The resource as JSON text: the kept document to the letter, then id, derived parts and meta.

    `derived` is JSON text of further members, such as `"members":[…]`, or empty.
    """
    meta = (
        f'"meta":{{"resourceType":"{kind.name}","created":"{row.created}","lastModified":"{row.modified}",'
        f'"location":"{location(kind, base, row.id)}","version":"W/\\"{row.version}\\""}}'
    )
    extra = f"{derived}," if derived else ""
    return f'{row.doc[:-1]},"id":"{row.id}",{extra}{meta}}}'


class Selection(NamedTuple):
    """What of a resource was asked for (RFC 7644 §3.9), as paths; both empty means everything."""

    attributes: tuple[Path, ...] = ()
    excluded: tuple[Path, ...] = ()

    def wants(self, name: str) -> bool:
        """Whether an attribute is shown at all, so that what is costly need not be read."""
        if self.attributes and not any(names(path, name) for path in self.attributes):
            return False
        return not any(names(path, name) and path.sub is None for path in self.excluded)


ALL = Selection()


def names(path: Path, name: str) -> bool:
    """Whether the path is (in) the core attribute of that name."""
    return path.urn is None and path.attribute is not None and path.attribute.name == name


def select(kind: ResourceType, attributes: Iterable[str], excluded: Iterable[str]) -> Selection:
    """The selection that two lists of attribute names make; blanks around names do not count."""
    return Selection(paths(kind, attributes), paths(kind, excluded))


def paths(kind: ResourceType, sent: Iterable[str]) -> tuple[Path, ...]:
    """The paths of attribute names; the URN of the core schema means all its attributes, so nothing."""
    wanted = list(dict.fromkeys(name.strip() for name in sent))
    if len(wanted) > limits.NAMES:
        raise refuse("too_many_names", most=limits.NAMES, sent=len(wanted))
    return tuple(resolve(kind, name) for name in wanted if name and name.lower() != kind.urn.lower())


def project(shown: str, selection: Selection) -> str:
    """The JSON text of a resource cut to a selection; what is returned always stays."""
    if selection == ALL:
        return shown
    document = orjson.loads(shown)
    if selection.attributes:
        document = keep(document, selection.attributes)
    for path in selection.excluded:
        drop(document, path)
    return orjson.dumps(document).decode()


def keep(document: Document, wanted: tuple[Path, ...]) -> Document:
    """The parts of the document the paths name, and `schemas` and `id`."""
    kept: Document = {name: document[name] for name in ("schemas", "id") if name in document}
    for path in wanted:
        source, target = document, kept
        if path.urn is not None:
            urn = key_in(document, path.urn)
            source = under(document, urn)
            target = kept.setdefault(urn, {}) if source else {}
        if path.attribute is None:
            target.update(source)
            continue
        for name, value in source.items():
            if name.lower() == path.attribute.name.lower() and name != "schemas":
                target[name] = merged(target.get(name), value, path)
    return {name: value for name, value in kept.items() if value != {}}


def under(document: Document, urn: str) -> Document:
    """The extension's object, empty where there is none."""
    found: Any = next((value for name, value in document.items() if name.lower() == urn.lower()), {})
    return found if isinstance(found, dict) else {}


def merged(held: Any, value: Any, path: Path) -> Any:
    """The value, or its named part added to the parts already held."""
    if path.sub is None:
        return value
    name = path.sub.name.lower()
    if isinstance(value, list):
        before = held or [{}] * len(value)
        return [merged(old, each, path) for old, each in zip(before, value, strict=True)]
    if not isinstance(value, dict):
        return value
    return {**(held or {}), **{key: item for key, item in value.items() if key.lower() == name}}


def drop(document: Document, path: Path) -> None:
    """Take out what the path names, except what is returned always (RFC 7643 §7), and what that empties."""
    source = document if path.urn is None else under(document, path.urn)
    if path.attribute is None:
        document.pop(key_in(document, str(path.urn)), None)
        return
    if path.attribute.returned == "always":
        return
    name = key_in(source, path.attribute.name)
    if path.sub is None:
        source.pop(name, None)
    elif name in source:
        for element in source[name] if isinstance(source[name], list) else [source[name]]:
            if isinstance(element, dict):
                element.pop(key_in(element, path.sub.name), None)
        if source[name] == {}:
            del source[name]
    if path.urn is not None and not source:
        document.pop(key_in(document, path.urn), None)
