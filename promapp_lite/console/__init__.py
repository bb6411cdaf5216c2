"""The admin console, a Flask blueprint: one page and its forms, behind a session.

It knows Flask, templates and what an admin wants to read; no SQL. May import `ops`, `store`, `system`, `scim`
and the modules at the top; nothing of `api`.
"""
