"""The first schema: frozen copies of the tables as they were then."""

from peewee import AutoField, BooleanField, CompositeKey, IntegerField, Model, TextField

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
    active = BooleanField(null=True)

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
    user_id = TextField(index=True)

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
    at = TextField(index=True)
    token_id = IntegerField(null=True)
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

    class Meta:
        table_name = "activity"


MODELS = (User, Group, Email, Member, Admin, Token, Activity)


def up(migrator, db):
    with db.bind_ctx(MODELS):
        db.create_tables(MODELS)
