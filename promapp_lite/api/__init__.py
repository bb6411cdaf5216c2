"""The SCIM API, a Flask blueprint: one list of routes, bearer authentication, responses.

A view validates its input with `scim`, calls one function of `store` and responds. It knows Flask and the
HTTP of RFC 7644; no SQL and no console. May import `ops`, `store`, `scim` and the modules at the top.
"""
