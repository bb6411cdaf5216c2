"""Errors that are answers: to a SCIM client, or to an admin."""

from collections.abc import Mapping
from typing import Any

URN = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(Exception):
    """A refused request: HTTP status, scimType (RFC 7644 table 9, or None) and a detail for the admin.

    `scim/refusals.py` makes it from the row of its `code`; `values` are what the texts of that row name.
    """

    def __init__(
        self, status: int, scim_type: str | None, detail: str, code: str, values: Mapping[str, Any]
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.scim_type = scim_type
        self.detail = detail
        self.code = code
        self.values = values

    def body(self) -> dict[str, object]:
        """The error resource of RFC 7644 §3.12; `status` is text there."""
        answer: dict[str, object] = {"schemas": [URN], "status": str(self.status)}
        if self.scim_type:
            answer["scimType"] = self.scim_type
        return answer | {"detail": self.detail}


class UserError(Exception):
    """A command or form that cannot be carried out; the text says why, to the admin who reads it."""
