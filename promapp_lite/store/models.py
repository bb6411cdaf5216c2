"""The tables. Queries are described on these models once and compiled per engine (`engine.Statement`).

A resource is its JSON document (`doc`) plus the columns by which it is matched, is unique or is ordered;
comparison keys are folded (`fold`), what was sent stays to the letter in `doc`. `seq` counts up, so
that pages ordered by it do not shift when one is added.
"""

from peewee import SQL, AutoField, BooleanField, CompositeKey, IntegerField, Model, Node, TextField

SEQ = ((("seq",), False),)  # narrow, so that counting and skipping to a far page read little


class Resource(Model):
    """What users and groups have in common."""

    seq = AutoField()
    id = TextField(unique=True)
    external_id = TextField(null=True, index=True)
    display_name = TextField(null=True)
    version = IntegerField()
    created = TextField()
    modified = TextField()
    doc = TextField()


class User(Resource):
    """A person; `user_key` is the folded userName, `active` null where the document has none."""

    user_key = TextField(unique=True)
    active = BooleanField(null=True, index=True)

    class Meta:
        table_name = "users"
        indexes = SEQ


class Group(Resource):
    """A group without its members; `display_key` is the folded displayName."""

    display_key = TextField(unique=True)

    class Meta:
        table_name = "groups"
        indexes = SEQ


class Email(Model):
    """An e-mail address of a user, folded: a matching attribute too."""

    value_key = TextField()
    user_id = TextField()

    class Meta:
        table_name = "email"
        primary_key = CompositeKey("value_key", "user_id")
        without_rowid = True


class Member(Model):
    """A membership: a user or group (`member_id`) in a group. Ids may not exist yet.

    `display` is the name the client sent with it, null when it sent none, as Entra does.
    """

    group_id = TextField()
    member_id = TextField()
    display = TextField(null=True)

    class Meta:
        table_name = "member"
        primary_key = CompositeKey("group_id", "member_id")
        indexes = ((("member_id", "group_id"), True),)
        without_rowid = True


class Admin(Model):
    """Who may use the console and own tokens; SCIM never touches one. `password` is a scrypt hash."""

    id = AutoField()
    name = TextField()
    name_key = TextField(unique=True)
    password = TextField(null=True)
    active = BooleanField()
    created = TextField()

    class Meta:
        table_name = "admin"


class Token(Model):
    """An access token: only the SHA-256 of its secret is kept, and eight characters as a hint."""

    id = AutoField()
    digest = TextField(unique=True)
    hint = TextField()
    description = TextField()
    scope = TextField()
    owner_id = IntegerField()
    created = TextField()
    expires = TextField()
    last_used = TextField(null=True)
    last_address = TextField(null=True)
    revoked = TextField(null=True)

    class Meta:
        table_name = "token"


class Activity(Model):
    """One write or one failure. `changes`, `request` and `facts` are JSON text, `ms` is how long it took.

    `code` names the row of `scim/refusals.py` by which it was refused, `facts` holds the values of its texts.

    `times` is more than 1 for refused tokens, of which one row a minute and address counts all, and for
    failures that repeat: `cause` is what is the same in them, `at` the last, `first` the first of them, and
    `counted` how many of them the cycles knew before the last. `indexed` says whether the words and cycles
    know the row, see `activity.indexer`.
    """

    id = AutoField()
    at = TextField()
    token_id = IntegerField(null=True)
    admin_id = IntegerField(null=True)
    address = TextField(null=True)
    method = TextField()
    path = TextField()
    action = TextField()
    resource_type = TextField(null=True)
    resource_id = TextField(null=True, index=True)
    name = TextField(null=True)
    status = IntegerField()
    scim_type = TextField(null=True)
    detail = TextField(null=True)
    changes = TextField(null=True)
    request = TextField(null=True)
    ms = IntegerField()
    times = IntegerField()
    indexed = BooleanField()
    code = TextField(null=True)
    facts = TextField(null=True)
    cause = TextField(null=True)
    first = TextField(null=True)
    counted = IntegerField(null=True)

    class Meta:
        table_name = "activity"


def rare() -> Node:
    """Rows that are no plain updates: the index by action holds them, for queries that say just this."""
    return Activity.action != SQL("'update'")


def unindexed() -> Node:
    """Rows that the words and cycles do not know yet: an index holds just these."""
    return ~Activity.indexed  # type: ignore[no-any-return]


Activity.add_index(Activity.index(Activity.action, name="activity_action", where=rare()))


def failures() -> Node:
    """Rows of failures that are counted by their cause: two indexes hold just these."""
    return Activity.cause.is_null(False)


Activity.add_index(Activity.index(Activity.id, name="activity_unindexed", where=unindexed()))
Activity.add_index(Activity.index(Activity.cause, name="activity_cause", unique=True, where=failures()))
Activity.add_index(Activity.index(Activity.id, name="activity_failures", where=failures()))


class Cycle(Model):
    """A provisioning cycle: a run of requests by one token; each request counts in one of the columns."""

    id = AutoField()
    token_id = IntegerField(index=True)
    started = TextField(index=True)
    ended = TextField()
    first = IntegerField()
    last = IntegerField()
    tested = IntegerField()
    created = IntegerField()
    updated = IntegerField()
    enabled = IntegerField()
    disabled = IntegerField()
    deleted = IntegerField()
    failed = IntegerField()

    class Meta:
        table_name = "cycle"


class Word(Model):
    """A folded word by which a resource, or an activity row of a resource that is gone, is found.

    `kind` is User, Group or Activity, `seq` counts in that table.
    """

    kind = TextField()
    key = TextField()
    seq = IntegerField()

    class Meta:
        table_name = "word"
        primary_key = CompositeKey("kind", "key", "seq")
        indexes = ((("kind", "seq", "key"), True),)
        without_rowid = True


class SearchCount(Model):
    """How often an attribute without an index was searched by in a day, see `directory.indexes`."""

    day = TextField()
    resource_type = TextField()
    path = TextField()
    searches = IntegerField()

    class Meta:
        table_name = "search_count"
        primary_key = CompositeKey("day", "resource_type", "path")
        without_rowid = True


class Session(Model):
    """A signed-in browser: only the SHA-256 of its cookie is kept. `proved`: the password was given last."""

    id = AutoField()
    digest = TextField(unique=True)
    admin_id = IntegerField(index=True)
    created = TextField()
    seen = TextField()
    proved = TextField()
    address = TextField(null=True)
    agent = TextField(null=True)

    class Meta:
        table_name = "session"


class Device(Model):
    """A browser that signed in to an account; only the SHA-256 of its device cookie is kept."""

    digest = TextField(primary_key=True)
    admin_id = IntegerField(index=True)
    expires = TextField()

    class Meta:
        table_name = "device"


class Setup(Model):
    """The one-time link by which the first admin is made; only its SHA-256 is kept."""

    digest = TextField(primary_key=True)
    expires = TextField()

    class Meta:
        table_name = "setup"


class Attempt(Model):
    """Wrong passwords in a row, see `access.login_throttle`, or the tries of an address in a minute.

    `key` is the SHA-256 of what is counted; `last` is the last wrong password, or the minute's first try.
    """

    key = TextField(primary_key=True)
    wrong = IntegerField()
    last = TextField(index=True)

    class Meta:
        table_name = "attempt"


MODELS = (
    User,
    Group,
    Email,
    Member,
    Admin,
    Token,
    Activity,
    Cycle,
    Word,
    SearchCount,
    Session,
    Device,
    Setup,
    Attempt,
)
