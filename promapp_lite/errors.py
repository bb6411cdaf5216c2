"""The errors that are answers: to a SCIM client, and to an admin."""

URN = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(Exception):
    """A refused request: HTTP status, scimType (RFC 7644 table 9, or None) and a detail for the admin."""

    def __init__(self, status: int, scim_type: str | None, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.scim_type = scim_type
        self.detail = detail

    def body(self) -> dict[str, object]:
        """The error resource of RFC 7644 §3.12; `status` is text there."""
        answer: dict[str, object] = {"schemas": [URN], "status": str(self.status)}
        if self.scim_type:
            answer["scimType"] = self.scim_type
        return answer | {"detail": self.detail}


def bad(scim_type: str, detail: str) -> ScimError:
    """A 400 with its scimType."""
    return ScimError(400, scim_type, detail)


class UserError(Exception):
    """A command or form that cannot be carried out; the text says why, to the admin who reads it."""
