"""Everything that is kept: Peewee models, the compiled SQL and the transactions over it."""
