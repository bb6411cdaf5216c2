"""The first schema: frozen copies of the tables as they were then."""

from peewee import SQL, AutoField, BooleanField, CompositeKey, IntegerField, Model, TextField

SEQ = ((("seq",), False),)


class Resource(Model):
    seq = AutoField()
    id = TextField(unique=True)
    external_id = TextField(null=True, index=True)
    display_name = TextField(null=True)
    version = IntegerField()
    created = TextField()
    modified = TextField()
    doc = TextField()


class User(Resource):
    user_key = TextField(unique=True)
    active = BooleanField(null=True, index=True)

    class Meta:
        table_name = "users"
        indexes = SEQ


class Group(Resource):
    display_key = TextField(unique=True)

    class Meta:
        table_name = "groups"
        indexes = SEQ


class Email(Model):
    value_key = TextField()
    user_id = TextField()

    class Meta:
        table_name = "email"
        primary_key = CompositeKey("value_key", "user_id")
        without_rowid = True


class Member(Model):
    group_id = TextField()
    member_id = TextField()
    display = TextField(null=True)

    class Meta:
        table_name = "member"
        primary_key = CompositeKey("group_id", "member_id")
        indexes = ((("member_id", "group_id"), True),)
        without_rowid = True


class Admin(Model):
    id = AutoField()
    name = TextField()
    name_key = TextField(unique=True)
    password = TextField(null=True)
    active = BooleanField()
    created = TextField()

    class Meta:
        table_name = "admin"


class Token(Model):
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


Activity.add_index(
    Activity.index(Activity.action, name="activity_action", where=Activity.action != SQL("'update'"))
)
Activity.add_index(Activity.index(Activity.id, name="activity_unindexed", where=~Activity.indexed))
Activity.add_index(
    Activity.index(Activity.cause, name="activity_cause", unique=True, where=Activity.cause.is_null(False))
)
Activity.add_index(Activity.index(Activity.id, name="activity_failures", where=Activity.cause.is_null(False)))


class Cycle(Model):
    id = AutoField()
    token_id = IntegerField(index=True)
    started = TextField(index=True)
    ended = TextField()
    first = IntegerField()
    last = IntegerField()
    tested = IntegerField(default=0)
    created = IntegerField(default=0)
    updated = IntegerField(default=0)
    enabled = IntegerField(default=0)
    disabled = IntegerField(default=0)
    deleted = IntegerField(default=0)
    failed = IntegerField(default=0)

    class Meta:
        table_name = "cycle"


class Word(Model):
    kind = TextField()
    key = TextField()
    seq = IntegerField()

    class Meta:
        table_name = "word"
        primary_key = CompositeKey("kind", "key", "seq")
        indexes = ((("kind", "seq", "key"), True),)
        without_rowid = True


class SearchCount(Model):
    day = TextField()
    resource_type = TextField()
    path = TextField()
    searches = IntegerField()

    class Meta:
        table_name = "search_count"
        primary_key = CompositeKey("day", "resource_type", "path")
        without_rowid = True


class Session(Model):
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
    digest = TextField(primary_key=True)
    admin_id = IntegerField(index=True)
    expires = TextField()

    class Meta:
        table_name = "device"


class Setup(Model):
    digest = TextField(primary_key=True)
    expires = TextField()

    class Meta:
        table_name = "setup"


class Attempt(Model):
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


def up(migrator, db):
    with db.bind_ctx(MODELS):
        db.create_tables(MODELS)
