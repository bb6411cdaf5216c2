"""The SCIM protocol as pure functions: schema, values, filters, PATCH, resources, discovery.

It knows RFC 7643, RFC 7644 and what Entra sends; no Flask, no SQL, no file and no clock. May import `errors`,
`jsonio`, `text` and `clock`.
"""
