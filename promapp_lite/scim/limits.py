"""What one request may hold, all numbers in one place; README's table of limits is `TABLE`."""

from promapp_lite.text import MARKS

KIB, MIB = 2**10, 2**20

BODY = 4 * MIB  # bytes
HEADERS = 64 * KIB  # bytes
JSON_DEPTH = 32
STRING = 10_000  # characters
KEYS = 1000  # of one object
NAME = 255  # characters of a userName, an externalId
MEMBER_ID = 64  # characters; the ids given here have 36
DOCUMENT = MIB  # bytes of one resource
VALUES = 1000  # of one attribute
OPERATIONS = 1000  # of one PATCH
COMPARISONS = 2_000_000  # of values with filters or with each other, about two seconds
NAMES = 200  # in `attributes` or `excludedAttributes`
ANSWER = 16 * MIB  # bytes of the resources of one page
MEMBERS = 50_000  # in one request
MEMBER_FILTERS = 20  # in one PATCH: each reads the group's whole list
BULK = 1000  # operations of one bulk request
BULK_PATCH = 10_000  # operations of all its PATCHes together
FILTER = 4000  # characters
TERMS = 50  # comparisons in one filter
FILTER_DEPTH = 20
SEARCH_SECONDS = 4
PAGE = 1000  # resources
DEFAULT_PAGE = 100

# What is limited, to what, and the code of the refusal beyond it.
TABLE = (
    ("body", f"{BODY // MIB} MiB", "body_too_large"),
    ("header block", f"{HEADERS // KIB} KiB", "headers_too_large"),
    ("JSON nesting", f"{JSON_DEPTH} levels", "nested_too_deep"),
    ("a string", f"{STRING:,} characters", "string_too_long"),
    ("combining marks in a row", f"{MARKS}", "too_many_marks"),
    ("keys of an object", f"{KEYS:,}", "too_many_keys"),
    ("userName, externalId", f"{NAME} characters", "too_long"),
    ("the id of a member", f"{MEMBER_ID} characters", "wrong_member"),
    ("one user or group", f"{DOCUMENT // MIB} MiB", "document_too_large"),
    ("values of an attribute", f"{VALUES:,}", "too_many_values"),
    ("operations of a PATCH", f"{OPERATIONS:,}", "too_many_operations"),
    ("comparisons in a PATCH or bulk request", f"{COMPARISONS:,}", "too_many_comparisons"),
    ("members in a request", f"{MEMBERS:,}", "too_many_members"),
    ("filters over members in a PATCH", f"{MEMBER_FILTERS}", "too_many_member_filters"),
    ("operations of a bulk request", f"{BULK:,}", "too_many_bulk_operations"),
    ("PATCH operations in a bulk request", f"{BULK_PATCH:,}", "too_many_bulk_patches"),
    ("names in attributes", f"{NAMES}", "too_many_names"),
    ("filter", f"{FILTER:,} characters", "filter_too_long"),
    ("terms of a filter", f"{TERMS}", "filter_too_many_terms"),
    ("nesting of a filter", f"{FILTER_DEPTH} levels", "filter_too_deep"),
    ("a search", f"{SEARCH_SECONDS} s", "search_too_slow"),
)
