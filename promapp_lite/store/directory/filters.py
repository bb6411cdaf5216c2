"""A filter tree as one Peewee condition, and a sort attribute as an ordering.

Every operand becomes a bind parameter, so one compiled statement serves all filters of one shape. Nothing is
ever left out: what has no column is read from the document with the engine's JSON functions. Logic is
two-valued: what is absent equals nothing, so `ne` and `not` hold for it.
"""

from collections import defaultdict
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from peewee import OP, SQL, Case, Entity, Expression, Node, Ordering, Select, Value, fn

from promapp_lite.scim.filter import ORDER_OPERATORS, Tree
from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.resource_types import GROUPS, USERS, Path, ResourceType
from promapp_lite.scim.schema import Attribute
from promapp_lite.store.engine import param
from promapp_lite.store.engine.dialect import (
    as_list,
    as_object,
    by_code_point,
    contains,
    each,
    element,
    extract,
    folded,
    is_type,
    key,
    untrue,
)
from promapp_lite.store.models import Email, Group, Member, Resource, User

MODEL: dict[ResourceType, type[Resource]] = {USERS: User, GROUPS: Group}
COLUMNS: dict[ResourceType, dict[str, Any]] = {
    kind: {
        "id": model.id,
        "externalId": model.external_id,
        "meta": SQL("1"),
        "meta.created": model.created,
        "meta.lastModified": model.modified,
        "meta.version": Value('W/"').concat(model.version).concat('"'),
        "meta.resourceType": Value(kind.name),
        "meta.location": param("base").concat(f"{kind.endpoint}/").concat(model.id),
        **extra,
    }
    for kind, model, extra in (
        (USERS, User, {"userName": User.user_key, "active": User.active}),
        (GROUPS, Group, {"displayName": Group.display_key}),
    )
}
KEYS = ("id", "userName", "externalId", "emails.value", "displayName")  # each has an index
VALUES = "v"  # the rows of an attribute's values
Read = Callable[[str, Path, Any], Node]


def shape(tree: Tree) -> tuple[Any, ...]:
    """What decides the SQL of a tree: everything but its operands."""
    if tree[0] in ("and", "or"):
        return (tree[0], *(shape(part) for part in tree[1]))
    if tree[0] == "not":
        return ("not", shape(tree[1]))
    if tree[0] == "value_path":
        return ("value_path", str(tree[1]), shape(tree[2]))
    return (tree[0], str(tree[1]), *(form(operand) for operand in tree[2:3]))


def form(operand: Any) -> Any:
    """What of an operand decides the SQL: its type, and of a boolean which one it is."""
    return operand if isinstance(operand, bool) else type(operand).__name__


def operands(tree: Tree) -> list[Any]:
    """The operands of a tree, in the order in which `Condition` makes their bind parameters."""
    if tree[0] in ("and", "or"):
        return [value for part in tree[1] for value in operands(part)]
    if tree[0] in ("not", "value_path"):
        return operands(tree[-1])
    return list(tree[2:3])


def params(tree: Tree) -> dict[str, Any]:
    """The values of a tree's bind parameters by name."""
    return {f"v{number}": value for number, value in enumerate(operands(tree))}


class Condition:
    """Builds the condition of one tree over one kind of resource."""

    def __init__(self, kind: ResourceType, keyed: bool = False) -> None:
        """`keyed` where few rows are looked at, see the function of that name."""
        self.kind = kind
        self.keyed = keyed
        self.model = MODEL[kind]
        self.count = 0

    def build(self, tree: Tree, read: Read | None = None, negated: bool = False) -> Node:
        """The condition that holds for exactly the rows the tree matches, or with `negated` for the others.

        SQLite's parser takes little nesting: so negation goes down to the comparisons, and of parts joined
        the most nested stands first, which the parser can close before it reads the others.
        """
        read = read or self.of_resource
        operator = tree[0]
        if operator in ("and", "or"):
            built = [(depth(part), self.build(part, read, negated)) for part in tree[1]]
            parts = [part for _, part in sorted(built, key=itemgetter(0), reverse=True)]
            return joined("or" if (operator == "and") is negated else "and", parts)
        if operator == "not":
            return self.build(tree[1], read, not negated)
        if operator == "ne":
            return self.build(("eq", *tree[1:]), read, not negated)
        condition = self.leaf(tree, read)
        return untrue(condition) if negated else condition

    def leaf(self, tree: Tree, read: Read) -> Node:
        """The condition of one comparison or value path."""
        operator = tree[0]
        if operator == "value_path":
            return self.value_path(tree[1], tree[2])
        if operator == "pr":
            return read(operator, tree[1], None)
        self.count += 1
        return read(operator, tree[1], (param(f"v{self.count - 1}"), tree[2]))

    def of_resource(self, operator: str, path: Path, operand: Any) -> Node:
        """A comparison on a whole resource."""
        column = COLUMNS[self.kind].get(str(path))
        if column is not None:
            return compared(operator, column, operand)
        attribute = path.leaf if path.sub is None else path.attribute
        assert attribute is not None  # noqa: S101
        if attribute.multi_valued or attribute.undeclared or path.leaf.undeclared:
            return self.in_values(operator, path, operand)
        if path.leaf.returned == "never":
            raise refuse("filter_never_returned", path=str(path))
        return compared(operator, extracted(self.model.doc, path), operand)

    def in_values(self, operator: str, path: Path, operand: Any) -> Node:
        """A comparison on any value of a multi-valued or undeclared attribute."""
        inner = Path(None, path.sub or (EXACT if path.leaf.case_exact else VALUE))
        whole = path._replace(sub=None)
        if operator == "pr" and self.kind is USERS and str(path) in GROUP_PATHS:
            return User.id.in_(Member.select(Member.member_id))
        if operator == "pr" and path.sub is None:
            return self.some(whole, lambda read: SQL("1"))
        condition = self.some(whole, lambda read: read(operator, inner, operand))
        if operator == "eq" and str(path) == "emails.value":
            return self.mailed(operand)
        return condition

    def value_path(self, path: Path, inner: Tree) -> Node:
        """One value of a multi-valued attribute that passes the whole inner tree."""
        first = self.count
        condition = self.some(path, lambda read: self.build(inner, read))
        wanted = inner[1] if inner[0] == "and" else (inner,)
        for tree in wanted:
            if tree[0] == "eq" and str(path) == "emails" and tree[1].leaf.name == "value":
                number = first + sum(len(operands(each)) for each in wanted[: wanted.index(tree)])
                return joined("and", [self.mailed((param(f"v{number}"), tree[2])), condition])
        return condition

    def in_groups(self, condition: Callable[[Read], Node]) -> Node:
        """Is in a group for which the condition holds, directly or through others.

        Found from the end where less is to be read; never by joining all memberships with each other.
        """
        parts = {
            "value": Group.id,
            "display": Group.display_key,
            "type": Case(None, ((is_direct(), "direct"),), "indirect"),
            "$ref": address(Group, GROUPS),
        }
        asked = set()

        def of_group(operator: str, path: Path, operand: Any) -> Node:
            asked.add(path.leaf.name)
            return compared(operator, parts.get(path.leaf.name, Value(None)), operand)

        built = condition(of_group)
        return above(built) if self.keyed or "type" in asked else below(built)

    def mailed(self, operand: Any) -> Node:
        """Has that e-mail address; by the index of addresses."""
        return User.id.in_(Email.select(Email.user_id).where(Email.value_key == operand[0]))

    def some(self, path: Path, condition: Callable[[Read], Node]) -> Node:
        """Has a value of the attribute for which the condition holds."""
        name = path.leaf.name
        if path.urn is None and self.kind is GROUPS and name == "members":
            query = Member.select(SQL("1")).where(Member.group_id == self.model.id)
            return fn.EXISTS(query.where(condition(of_member)))
        if path.urn is None and self.kind is USERS and name == "groups":
            return self.in_groups(condition)
        known = not path.leaf.undeclared and path.leaf.multi_valued
        source = values_at(self.model.doc, path) if known else loose_values(self.model.doc, path)
        return fn.EXISTS(Select([source], [SQL("1")]).where(condition(of_value)))


GROUP_PATHS = ("groups", *(f"groups.{name}" for name in ("value", "display", "type", "$ref")))
VALUE = Attribute("value", type="any")  # a value itself, where the attribute is not complex
EXACT = Attribute("value", type="any", case_exact=True)


def of_value(operator: str, path: Path, operand: Any) -> Node:
    """A comparison on one value of a multi-valued attribute."""
    leaf = path.leaf
    if leaf in (VALUE, EXACT):
        return typed(operator, leaf, VALUES, operand)
    if not leaf.undeclared:
        found = extract(as_object(VALUES), (leaf.name,))
        return compared(operator, found if leaf.case_exact else folded(found), operand)
    same = fn.lower(key("s")) == leaf.name.lower()
    source = each(as_object(VALUES, "value")).alias("s")
    return fn.EXISTS(Select([source], [SQL("1")]).where(same & typed(operator, leaf, "s", operand)))


def of_member(operator: str, path: Path, operand: Any) -> Node:
    """A comparison on one membership row."""
    name = path.leaf.name
    if name == "value":
        return compared(operator, Member.member_id, operand)
    person = User.select(MEMBER_PARTS[name](User, USERS)).where(User.id == Member.member_id)
    group = Group.select(MEMBER_PARTS[name](Group, GROUPS)).where(Group.id == Member.member_id)
    return compared(operator, fn.COALESCE(person, group), operand)


def address(model: Any, kind: ResourceType) -> Any:
    """The `$ref` of a row."""
    return param("base").concat(f"{kind.endpoint}/").concat(model.id)


def no_part(model: Any, kind: ResourceType) -> Any:
    """Nothing: no table gives members that sub-attribute."""
    return Value(None)


MEMBER_PARTS: defaultdict[str, Callable[[Any, ResourceType], Any]] = defaultdict(
    lambda: no_part,
    {
        "type": lambda model, kind: Value(kind.name.lower()),
        "display": lambda model, kind: folded(fn.COALESCE(Member.display, model.display_name)),
        "$ref": address,
    },
)


def is_direct() -> Node:
    """Whether the user is a member of the group itself."""
    row = Member.select(SQL("1"))
    return fn.EXISTS(row.where((Member.member_id == User.id) & (Member.group_id == Group.id)))


def above(condition: Node) -> Node:
    """Whether a group above the user passes the condition: a walk up from each user looked at.

    The user is that of the outermost query, whose table Peewee calls t1: inside a CTE it would take another.
    """
    held = Member.alias()
    up = (
        held.select(held.group_id)
        .where(held.member_id == Entity("t1", "id"))
        .cte("up", recursive=True, columns=("id",))
    )
    further = Member.alias()
    walk = up.union(further.select(further.group_id).join(up, on=(up.c.id == further.member_id)))
    found = Group.select(SQL("1")).join(walk, on=(walk.c.id == Group.id)).where(condition)
    return fn.EXISTS(found.with_cte(walk))


def below(condition: Node) -> Node:
    """Whether the user is below a group that passes the condition: one walk down from these groups."""
    held = Member.alias()
    start = held.select(held.member_id).join(Group, on=(Group.id == held.group_id)).where(condition)
    down = start.cte("down", recursive=True, columns=("id",))
    further = Member.alias()
    walk = down.union(further.select(further.member_id).join(down, on=(down.c.id == further.group_id)))
    return User.id.in_(Select([walk], [walk.c.id]).with_cte(walk))


def keyed(tree: Tree) -> bool:
    """Whether every match has one value of an indexed column, so that few rows are looked at."""
    terms = tree[1] if tree[0] == "and" else (tree,)
    return any(term[0] == "eq" and str(term[1]) in KEYS for term in terms)


def depth(tree: Tree) -> int:
    """How deep a tree is nested."""
    if tree[0] in ("and", "or"):
        return 1 + max(map(depth, tree[1]))
    return depth(tree[1]) if tree[0] == "not" else 0


def joined(operator: str, parts: list[Any]) -> Node:
    """The parts joined as a balanced tree: SQLite's parser has a limited depth."""
    half = len(parts) // 2
    if not half:
        only: Node = parts[0]
        return only
    left, right = joined(operator, parts[:half]), joined(operator, parts[half:])
    return Expression(left, OP.AND if operator == "and" else OP.OR, right)


def compared(operator: str, found: Any, operand: Any) -> Node:
    """A comparison between an SQL value of the operand's own type and the operand."""
    if operator in ORDER_OPERATORS and isinstance(operand[1], str):
        found = by_code_point(found)
    return OPERATORS[operator](found, operand and operand[0])


OPERATORS: dict[str, Callable[[Any, Any], Node]] = {
    "pr": lambda found, operand: found.is_null(False),
    "eq": lambda found, operand: found == operand,
    "gt": lambda found, operand: found > operand,
    "ge": lambda found, operand: found >= operand,
    "lt": lambda found, operand: found < operand,
    "le": lambda found, operand: found <= operand,
    "co": contains,
    "sw": lambda found, operand: fn.substr(found, 1, fn.length(operand)) == operand,
    "ew": lambda found, operand: (
        (fn.length(found) >= fn.length(operand))
        & (fn.substr(found, fn.length(found) - fn.length(operand) + 1) == operand)
    ),
}


def typed(operator: str, leaf: Attribute, rows: str, operand: Any) -> Node:
    """A comparison with a JSON value of any type: true only where the types agree."""
    if operator == "pr":
        return is_type(rows, "null") == False  # noqa: E712
    value, found = operand[1], element(rows)
    if isinstance(value, bool):
        return is_type(rows, "true" if value else "false")
    if isinstance(value, str):
        return is_type(rows, "string") & compared(
            operator, found if leaf.case_exact else folded(found), operand
        )
    return is_type(rows, "number") & compared(operator, found, operand)


def names_of(path: Path) -> tuple[str, ...]:
    """The place of a known attribute in a document."""
    names = (path.urn, path.attribute and path.attribute.name, path.sub and path.sub.name)
    return tuple(name for name in names if name)


def extracted(doc: Any, path: Path) -> Any:
    """The value of a known single attribute."""
    found = extract(doc, names_of(path))
    return found if path.leaf.case_exact else folded(found)


def values_at(doc: Any, path: Path) -> Any:
    """The values of a known multi-valued attribute as rows."""
    return each(doc, names_of(path)).alias(VALUES)


def loose_values(doc: Any, path: Path) -> Any:
    """The values of an attribute no table knows, its names compared without case, as rows."""
    holder = doc
    if path.urn is not None:
        source = each(doc).alias("x")
        same = (fn.lower(key("x")) == path.urn.lower()) & is_type("x", "object")
        holder = Select([source], [element("x")]).where(same).limit(1)
    source = each(holder).alias("a")
    elements = Select([source], [as_list("a")]).where(fn.lower(key("a")) == path.leaf.name.lower())
    return each(elements.limit(1)).alias(VALUES)


UNTEXTUAL = ("boolean", "integer", "decimal")


def ordering(kind: ResourceType, path: Path, descending: bool) -> list[Any]:
    """The order by an attribute (RFC 7644 §3.4.2.3): absent values last, or first when descending."""
    value = sortable(kind, path)
    if path.leaf.type not in UNTEXTUAL:
        value = by_code_point(value)
    absent = Expression(value, OP.IS, None)
    if descending:
        return [Ordering(absent, "DESC"), Ordering(value, "DESC"), MODEL[kind].seq]
    return [Ordering(absent, "ASC"), Ordering(value, "ASC"), MODEL[kind].seq]


def sortable(kind: ResourceType, path: Path) -> Any:
    """The value a resource is ordered by: of several the primary one, else the first."""
    column = COLUMNS[kind].get(str(path))
    if column is not None:
        return column
    attribute = path.attribute
    if attribute is None or attribute.name in ("members", "groups") or attribute.returned == "never":
        raise refuse("no_order", path=str(path))
    doc = MODEL[kind].doc
    if attribute.undeclared:
        return Select([loose_values(doc, path)], [folded(element(VALUES))]).limit(1)
    if not attribute.multi_valued:
        return extracted(doc, path)
    leaf = path.sub or attribute.sub("value")
    held = as_object(VALUES, "value")
    value = extract(held, (leaf.name,))
    found = Select([values_at(doc, path._replace(sub=None))], [value if leaf.case_exact else folded(value)])
    return found.order_by(untrue(is_primary(held)), key(VALUES)).limit(1)


def is_primary(held: Any) -> Node:
    """Whether a value is marked as the primary one."""
    return extract(held, ("primary",)) == True  # noqa: E712
