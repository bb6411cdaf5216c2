"""The activity log: one row for each write and each failure, and the cycles derived from them.

May import `store.engine`, `store.models`, `store.directory`, `store.access` and the modules at the
top.
"""
