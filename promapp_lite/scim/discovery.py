"""What this service says about itself: RFC 7643 §5, §6, §7 and RFC 9865 §4."""

from typing import Any

from promapp_lite.scim import limits
from promapp_lite.scim.resource_types import RESOURCE_TYPES
from promapp_lite.scim.schema import ENTERPRISE, Attribute

SCHEMA_URN = "urn:ietf:params:scim:schemas:core:2.0:Schema"
TYPE_URN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
CONFIG_URN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
NAMES = {ENTERPRISE: ("EnterpriseUser", "Enterprise User")}


def attribute(each: Attribute) -> dict[str, Any]:
    """An attribute's characteristics as RFC 7643 §7 writes them."""
    shown: dict[str, Any] = {
        "name": each.name,
        "type": each.type,
        "multiValued": each.multi_valued,
        "description": each.description,
        "required": each.required,
        "mutability": each.mutability,
        "returned": each.returned,
    }
    if each.type in ("string", "reference", "binary"):
        shown |= {"caseExact": each.case_exact, "uniqueness": each.uniqueness}
    if each.canonical_values:
        shown["canonicalValues"] = list(each.canonical_values)
    if each.reference_types:
        shown["referenceTypes"] = list(each.reference_types)
    if each.sub_attributes:
        shown["subAttributes"] = [attribute(sub) for sub in each.sub_attributes]
    return shown


def schemas(base: str) -> list[dict[str, Any]]:
    """The schemas of all resource types and their extensions."""
    found = []
    for kind in RESOURCE_TYPES:
        for urn, attributes in ((kind.urn, kind.attributes), *kind.extensions.items()):
            name, description = NAMES.get(urn, (kind.name, kind.description))
            found.append(
                {
                    "schemas": [SCHEMA_URN],
                    "id": urn,
                    "name": name,
                    "description": description,
                    "attributes": [attribute(each) for each in attributes],
                    "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{urn}"},
                }
            )
    return found


def resource_types(base: str) -> list[dict[str, Any]]:
    return [
        {
            "schemas": [TYPE_URN],
            "id": kind.name,
            "name": kind.name,
            "endpoint": kind.endpoint,
            "description": kind.description,
            "schema": kind.urn,
            "schemaExtensions": [{"schema": urn, "required": False} for urn in kind.extensions],
            "meta": {
                "resourceType": "ResourceType",
                "location": f"{base}/ResourceTypes/{kind.name}",
            },
        }
        for kind in RESOURCE_TYPES
    ]


def config(base: str) -> dict[str, Any]:
    """What the service can do, and its limits."""
    return {
        "schemas": [CONFIG_URN],
        "documentationUri": "https://learn.microsoft.com/entra/identity/app-provisioning/"
        "use-scim-to-provision-users-and-groups",
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": limits.BULK, "maxPayloadSize": limits.BODY},
        "filter": {"supported": True, "maxResults": limits.PAGE},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": limits.DEFAULT_PAGE,
            "maxPageSize": limits.PAGE,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Access token",
                "description": "An access token with the Scim scope, made in the console, as Secret Token.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": True,
            }
        ],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": f"{base}/ServiceProviderConfig",
        },
    }
