"""The SCIM protocol as pure functions over dicts: no Flask, no Peewee, no clock."""
