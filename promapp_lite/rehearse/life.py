"""What happens in a company between two cycles: joiners, movers, leavers, and groups in motion."""

from collections.abc import Callable
from random import Random

from promapp_lite.rehearse import generate
from promapp_lite.rehearse.directory import DEFAULT_ACCESS, USER_ROLE, Directory, Group, Person


class Life:
    """The company's history: draws from the seed, and never touches a person twice a cycle."""

    def __init__(self, directory: Directory, seed: int) -> None:
        self.directory = directory
        self.random = Random(seed * 7919 + 1)  # noqa: S311 - made-up events
        self.busy: set[str] = set()
        self.count = 0
        self.joined = len(directory.people)

    def go_on(self) -> dict[str, int]:
        """One stretch of time; tells how often each event happened."""
        self.busy.clear()
        share = max(2, len(self.directory.people) // 50)
        done = {}
        for name, event, often in EVENTS:
            times = share if often else 1
            done[name] = sum(event(self) for _ in range(times))
        return done

    def draw(self, fits: Callable[[Person], bool]) -> Person | None:
        """Somebody who fits and to whom nothing happened yet this cycle."""
        found = [one for one in self.directory.people.values() if one.id not in self.busy and fits(one)]
        if not found:
            return None
        one = self.random.choice(found)
        self.busy.add(one.id)
        return one

    def draw_group(self, fits: Callable[[Group], bool]) -> Group | None:
        """An assigned group that fits and to which nothing happened yet this cycle."""
        found = [
            one
            for one in self.directory.groups.values()
            if one.id not in self.busy and one.role == USER_ROLE and fits(one)
        ]
        if not found:
            return None
        group = self.random.choice(found)
        self.busy.add(group.id)
        return group


def active(one: Person) -> bool:
    """Somebody who works here and may use the application."""
    return one.enabled and not one.deleted and one.role == USER_ROLE


def change(life: Life, fits: Callable[[Person], bool], act: Callable[[Person], None]) -> bool:
    """Draw somebody, let it happen to them, log it; False when nobody fits."""
    one = life.draw(fits)
    if not one:
        return False
    act(one)
    life.directory.touch(one)
    return True


def join(life: Life) -> bool:
    """Somebody new starts, under a manager who is here."""
    one = generate.person(life.random, life.joined)
    life.joined += 1
    boss = life.draw(active)
    one.enabled, one.role, one.manager = True, USER_ROLE, boss.id if boss else None
    life.directory.add(one)
    life.busy.add(one.id)
    return True


def move(life: Life) -> bool:
    """Somebody takes another post at another place."""
    return change(life, active, lambda one: one.attributes.update(generate.work(life.random)))


def rename(life: Life) -> bool:
    """Somebody marries: names, user name and mail change, the object id does not."""

    def marry(one: Person) -> None:
        life.count += 1
        given, family = one.attributes.get("givenName", ""), f"Ōkawa-{life.count}"
        local, at, domain = one.name.rpartition("@")
        one.attributes |= {
            "surname": family,
            "displayName": f"{given} {family}".strip(),
            "userPrincipalName": f"{local}.okawa{life.count}{at}{domain}",
        }
        if "mail" in one.attributes:
            one.attributes["mail"] = f"okawa{life.count}@mail.{generate.DOMAIN}"

    return change(life, lambda one: active(one) and "userType" not in one.attributes, marry)


def change_manager(life: Life) -> bool:
    """Somebody gets another manager."""
    boss = life.draw(active)
    if not boss:
        return False
    return change(
        life,
        lambda one: active(one) and one.manager != boss.id,
        lambda one: setattr(one, "manager", boss.id),
    )


def disable(life: Life) -> bool:
    """Somebody's account is blocked."""
    return change(life, active, lambda one: setattr(one, "enabled", False))


def enable(life: Life) -> bool:
    """A blocked account is opened again."""
    return change(
        life,
        lambda one: not one.enabled and not one.deleted and one.role == USER_ROLE,
        lambda one: setattr(one, "enabled", True),
    )


def soft_delete(life: Life) -> bool:
    """A leaver goes into the recycle bin."""
    return change(life, active, lambda one: setattr(one, "deleted", True))


def restore(life: Life) -> bool:
    """A leaver comes back from the recycle bin."""
    return change(life, lambda one: one.deleted, lambda one: setattr(one, "deleted", False))


def hard_delete(life: Life) -> bool:
    """The recycle bin lets somebody go for good."""
    one = life.draw(lambda one: one.deleted)
    if one:
        life.directory.purge(one)
    return bool(one)


def unassign(life: Life) -> bool:
    """Somebody loses the application, by themself and through groups."""

    def lose(one: Person) -> None:
        one.role = DEFAULT_ACCESS if one.role == USER_ROLE else None
        for group in life.directory.groups.values():
            if group.members.pop(one.id, life) is not life:
                life.directory.touch(group)

    return change(life, active, lose)


def assign(life: Life) -> bool:
    """Somebody gets the application."""
    return change(
        life,
        lambda one: one.role != USER_ROLE and one.enabled and not one.deleted,
        lambda one: setattr(one, "role", USER_ROLE),
    )


def found_group(life: Life) -> bool:
    """A new group with three members."""
    life.count += 1
    pool = [one.id for one in life.directory.people.values() if active(one)]
    group = generate.team(life.random, 100 * life.count + 7, pool, USER_ROLE)
    group.members = dict.fromkeys(list(group.members)[:3])
    life.directory.add(group)
    life.busy.add(group.id)
    return True


def rename_group(life: Life) -> bool:
    """A group gets another name."""
    group = life.draw_group(lambda group: True)
    if not group:
        return False
    life.count += 1
    group.attributes["displayName"] += f" – neu {life.count}"
    life.directory.touch(group)
    return True


def add_members(life: Life) -> bool:
    """People join a group."""
    pool = [one.id for one in life.directory.people.values() if active(one)]
    group = life.draw_group(lambda group: len(group.members) < len(pool))
    if not group:
        return False
    group.members |= dict.fromkeys(life.random.sample(pool, min(3, len(pool))))
    life.directory.touch(group)
    return True


def remove_members(life: Life) -> bool:
    """People leave a group, some stay."""
    group = life.draw_group(lambda group: len(group.members) > 2)
    if not group:
        return False
    for one in life.random.sample(list(group.members), 2):
        del group.members[one]
    life.directory.touch(group)
    return True


def dissolve(life: Life) -> bool:
    """A group is deleted, when there are others left."""
    if len(life.directory.groups) < 5:
        return False
    group = life.draw_group(lambda group: len(group.members) < 10)
    if group:
        life.directory.purge(group)
    return bool(group)


# (name in the report, what happens, whether it grows with the company)
EVENTS: tuple[tuple[str, Callable[[Life], bool], bool], ...] = (
    ("restored", restore, False),
    ("hard deleted", hard_delete, False),
    ("enabled", enable, False),
    ("assigned", assign, False),
    ("joined", join, True),
    ("moved", move, True),
    ("renamed", rename, False),
    ("new manager", change_manager, False),
    ("disabled", disable, False),
    ("soft deleted", soft_delete, True),
    ("unassigned", unassign, False),
    ("group created", found_group, False),
    ("group renamed", rename_group, False),
    ("members added", add_members, False),
    ("members removed", remove_members, False),
    ("group deleted", dissolve, False),
)
