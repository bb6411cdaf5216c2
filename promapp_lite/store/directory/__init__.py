"""Users and groups: resources as documents with indexed columns, members as rows, filters as SQL.

May import `store.engine`, `store.models`, `store.activity`, `scim` and the modules at the top.
"""
