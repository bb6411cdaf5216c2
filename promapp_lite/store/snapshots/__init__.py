"""The data as a whole: backup, restore, daily copies, export as CSV, JSON and SCIM.

May import every other part of `store`, `scim` and the modules at the top.
"""
