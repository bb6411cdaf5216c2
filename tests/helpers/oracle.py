"""An oracle for PATCH: scim2-models applies the same operations, and what comes of them is compared.

Only the part of RFC 7644 §3.5.2 is drawn in which both must agree; test_oracle.py shows the rest, difference
by difference. A document after a PATCH is compared without empty parts; where an operation is refused, only
the refusal counts, with its scimType.
"""

import copy
import random

from pydantic import ValidationError
from scim2_models import EnterpriseUser, PatchOp, SCIMException, ScimPolicy, User

from promapp_lite.errors import ScimError
from promapp_lite.scim import patch, resource
from promapp_lite.scim.resource_types import USERS
from promapp_lite.scim.schema import ENTERPRISE, USER

Model = User[EnterpriseUser]
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
STRICT = ScimPolicy()
AS_ENTRA = ScimPolicy(
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
)
TEXTS = ("displayName", "title", "nickName", "userType", "name.givenName", "name.familyName", "externalId")
EXTENSION = ("department", "costCenter", "employeeNumber", "division", "organization")
TYPES = {
    "emails": ("work", "home", "other"),
    "phoneNumbers": ("work", "mobile", "fax"),
    "roles": ("a", "b"),
    "entitlements": ("a", "b"),
}
WORDS = ("Ada", "Grace", "Zoë", "Ağa", "O'Neil", 'a "quote"', "x y", "Ünï")


def ours(document, operations):
    """The document after the operations as promapp-lite applies them, or ("refused", scimType)."""
    document = copy.deepcopy(document)
    try:
        patch.apply(document, patch.parse(USERS, {"Operations": operations}))
        return tidy(resource.finish(USERS, document))
    except ScimError as error:
        return "refused", error.scim_type


def theirs(document, operations, policy=AS_ENTRA):
    """The same by scim2-models."""
    user = Model.model_validate({"schemas": [USER, ENTERPRISE], **document})
    try:
        sent = {"schemas": [PATCH_URN], "Operations": operations}
        PatchOp[Model].model_validate(sent).patch(user, policy)
    except ValidationError as error:
        return "refused", error.errors()[0]["type"].removeprefix("scim_")
    except SCIMException as error:
        return "refused", error.scim_type
    return tidy(user.model_dump())


def doubles(document):
    """How many values of its lists differ from one before them in `primary` only, or not at all."""
    count = 0
    for values in document.values() if isinstance(document, dict) else ():
        if isinstance(values, list) and all(isinstance(each, dict) for each in values):
            bare = [{name: item for name, item in each.items() if name != "primary"} for each in values]
            count += sum(each in bare[:number] for number, each in enumerate(bare))
    return count


def tidy(value):
    """The value without empty parts; `schemas` in order, as both write it after their own fashion."""
    if isinstance(value, dict):
        parts = {name: tidy(item) for name, item in value.items() if name != "schemas"}
        return {name: item for name, item in parts.items() if item not in (None, {}, [])}
    return [tidy(each) for each in value] if isinstance(value, list) else value


class Drawn:
    """Documents and operations drawn from one seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        """A text of few, so that the same one comes again."""
        return self.random.choice(WORDS)

    def element(self, name, whole=False):
        """A value of a multi-valued attribute; `whole` names every sub-attribute."""
        kind = self.random.choice(TYPES[name])
        value = f"{kind}{self.random.randrange(3)}@example.com"
        found = {"type": kind, "value": value}
        if whole or self.random.random() < 0.3:
            found["display"] = self.text()
        if whole or self.random.random() < 0.3:
            found["primary"] = self.random.random() < 0.5
        return found

    def elements(self, name):
        """One to three different values, at most one of them primary."""
        found = [self.element(name) for _ in range(self.random.randint(1, 3))]
        for each in found[1:]:
            each.pop("primary", None)
        return [each for number, each in enumerate(found) if each not in found[:number]]

    def manager(self):
        """A manager with all that can be sent of one."""
        id = str(self.random.randrange(5))
        return {"value": id, "$ref": f"https://example.com/Users/{id}"}

    def document(self):
        """A user as it is kept."""
        found = {"userName": self.text(), "active": self.random.random() < 0.5}
        for name in TYPES:
            if self.random.random() < 0.6:
                found[name] = self.elements(name)
        if self.random.random() < 0.6:
            found["name"] = {"givenName": self.text(), "familyName": self.text()}
        if self.random.random() < 0.6:
            found[ENTERPRISE] = {"department": self.text(), "manager": self.manager()}
        return found

    def operations(self):
        """One to six operations; only the last may be one that must be refused."""
        made = [self.random.choice(MAKERS)(self) for _ in range(self.random.randint(1, 6))]
        if self.random.random() < 0.1:
            made.append(dict(self.random.choice(REFUSED)))
        return [self.spelled(each) for each in made]

    def spelled(self, operation):
        """The operation in a letter case of its own: names and `op` do not count case."""
        turn = self.random.choice((str, str, str.capitalize, str.upper))
        operation["op"] = turn(operation["op"])
        name, mark, rest = operation.get("path", "").partition("[")
        if name and not name.startswith("urn:"):
            operation["path"] = self.random.choice((str, str, str.upper))(name) + mark + rest
        return operation

    def write(self):
        """add or replace."""
        return self.random.choice(("add", "replace"))

    def simple(self):
        """A single-valued attribute or sub-attribute."""
        name = self.random.choice((*TEXTS, *(f"{ENTERPRISE}:{each}" for each in EXTENSION)))
        if self.random.random() < 0.3:
            return {"op": "remove", "path": name}
        return {"op": self.write(), "path": name, "value": self.text()}

    def active(self):
        """A boolean."""
        return {"op": self.write(), "path": "active", "value": self.random.random() < 0.5}

    def record(self):
        """A complex attribute: what is not named stays."""
        parts = self.random.sample(("givenName", "familyName", "middleName"), self.random.randint(1, 3))
        return {"op": self.write(), "path": "name", "value": {part: self.text() for part in parts}}

    def boss(self):
        """A manager, set or removed."""
        path = f"{ENTERPRISE}:manager"
        if self.random.random() < 0.3:
            return {"op": "remove", "path": path}
        return {"op": self.write(), "path": path, "value": self.manager()}

    def extension(self):
        """A whole extension, with path or in a path-less value."""
        value = {name: self.text() for name in self.random.sample(EXTENSION, 2)}
        if self.random.random() < 0.2:
            return {"op": "remove", "path": ENTERPRISE}
        if self.random.random() < 0.5:
            return {"op": self.write(), "path": ENTERPRISE, "value": value}
        return {"op": self.write(), "value": {ENTERPRISE: value}}

    def several(self):
        """A path-less value with plain, complex, dotted and URN keys."""
        name = self.random.choice([*TYPES])
        parts = {
            "title": self.text(),
            "name": {"givenName": self.text()},
            "name.familyName": self.text(),
            f"{ENTERPRISE}:division": self.text(),
            "active": False,
            name: self.elements(name),
        }
        keys = self.random.sample([*parts], self.random.randint(1, 4))
        return {"op": self.write(), "value": {key: parts[key] for key in keys}}

    def values(self):
        """A whole multi-valued attribute."""
        name = self.random.choice([*TYPES])
        if self.random.random() < 0.15:
            return {"op": "remove", "path": name}
        return {"op": self.write(), "path": name, "value": self.elements(name)}

    def filter(self, name):
        """A filter that both a remove and a replace can have."""
        one, other = self.element(name), self.element(name)
        return self.random.choice(
            (
                f'type eq "{one["type"]}"',
                f'TYPE eq "{one["type"].upper()}"',
                f'value eq "{one["value"]}"',
                f'type eq "{one["type"]}" and value eq "{one["value"]}"',
                f'value sw "{one["type"]}"',
                f'type eq "{one["type"]}" or value eq "{other["value"]}"',
                f'not (type eq "{one["type"]}")',
                'value ew "2@example.com"',
                "primary eq true",
                "display pr",
            )
        )

    def described(self, name):
        """A filter of `eq` terms, which describes the element to be made where none matches."""
        one = self.element(name)
        terms = (
            f'type eq "{one["type"]}"',
            f'value eq "{one["value"]}"',
            f'type eq "{one["type"]}" and value eq "{one["value"]}"',
        )
        return self.random.choice(terms), one

    def filtered_remove(self):
        """remove with a filter, of whole values or their display."""
        name = self.random.choice([*TYPES])
        sub = self.random.choice(("", "", ".display"))
        return {"op": "remove", "path": f"{name}[{self.filter(name)}]{sub}"}

    def listed_remove(self):
        """remove with a value array, as Entra sends it without the flag."""
        name = self.random.choice([*TYPES])
        gone = [{"value": self.element(name)["value"]} for _ in range(self.random.randint(1, 2))]
        return {"op": "remove", "path": name, "value": gone}

    def filtered_part(self):
        """A sub-attribute of the values a filter chooses."""
        name = self.random.choice([*TYPES])
        text, one = self.described(name)
        sub, value = self.random.choice((("display", self.text()), ("primary", True), ("primary", False)))
        return {"op": self.write(), "path": f"{name}[{text}].{sub}", "value": value}

    def filtered_value(self):
        """`emails[type eq "work"].value`, the operation Entra sends most."""
        name = self.random.choice([*TYPES])
        one = self.element(name)
        return {"op": self.write(), "path": f'{name}[type eq "{one["type"]}"].value', "value": one["value"]}

    def filtered_whole(self):
        """The values a filter chooses, given all they can have; several, so not primary."""
        name = self.random.choice([*TYPES])
        one = self.element(name, whole=True) | {"primary": False}
        return {"op": self.write(), "path": f'{name}[type eq "{one["type"]}"]', "value": one}


MAKERS = (
    Drawn.simple,
    Drawn.simple,
    Drawn.active,
    Drawn.record,
    Drawn.boss,
    Drawn.extension,
    Drawn.several,
    Drawn.values,
    Drawn.values,
    Drawn.filtered_remove,
    Drawn.listed_remove,
    Drawn.filtered_part,
    Drawn.filtered_value,
    Drawn.filtered_whole,
)
REFUSED = (
    {"op": "replace", "path": "id", "value": "1"},
    {"op": "add", "path": "meta.created", "value": "2026-01-01T00:00:00Z"},
    {"op": "remove", "path": "groups"},
    {"op": "replace", "path": "active", "value": "perhaps"},
    {"op": "remove"},
    {"op": "replace", "path": "title", "value": ["a", "b"]},
    {
        "op": "add",
        "path": "emails",
        "value": [{"value": "p@x.ch", "primary": True}, {"value": "q@x.ch", "primary": True}],
    },
)
