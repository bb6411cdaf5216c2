"""Storage: Peewee models and all SQL, in `engine`, `directory`, `access`, `activity` and `snapshots`.

Dicts, small tuples and errors cross its border, never a Peewee object or a callback. May import `system`,
`scim` and the modules at the top.
"""
