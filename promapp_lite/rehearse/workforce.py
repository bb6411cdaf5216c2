"""What happens in a company between two cycles: joiners, movers, leavers, and groups in motion."""

from collections.abc import Callable
from random import Random

from promapp_lite.rehearse import population
from promapp_lite.rehearse.directory import DEFAULT_ACCESS, USER_ROLE, Directory, Group, Person


class Workforce:
    """What happens to a directory; drawn from the seed, at most one event per person and cycle."""

    def __init__(self, directory: Directory, seed: int) -> None:
        self.directory = directory
        self.random = Random(seed * 7919 + 1)  # noqa: S311 - made-up events
        self.busy: set[str] = set()
        self.count = 0
        self.joined = len(directory.people)

    def advance(self) -> dict[str, int]:
        """Let one cycle's events happen; event name → how often."""
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


def change(workforce: Workforce, fits: Callable[[Person], bool], act: Callable[[Person], None]) -> bool:
    """Draw somebody, let it happen to them, log it; False when nobody fits."""
    one = workforce.draw(fits)
    if not one:
        return False
    act(one)
    workforce.directory.touch(one)
    return True


def join(workforce: Workforce) -> bool:
    """Somebody new starts, under a manager who is here."""
    one = population.person(workforce.random, workforce.joined)
    workforce.joined += 1
    boss = workforce.draw(active)
    one.enabled, one.role, one.manager = True, USER_ROLE, boss.id if boss else None
    workforce.directory.add(one)
    workforce.busy.add(one.id)
    return True


def move(workforce: Workforce) -> bool:
    """Somebody takes another post at another place."""
    return change(workforce, active, lambda one: one.attributes.update(population.work(workforce.random)))


def rename(workforce: Workforce) -> bool:
    """Somebody marries: names, user name and mail change, the object id does not."""

    def marry(one: Person) -> None:
        workforce.count += 1
        given, family = one.attributes.get("givenName", ""), f"Ōkawa-{workforce.count}"
        local, at, domain = one.name.rpartition("@")
        one.attributes |= {
            "surname": family,
            "displayName": f"{given} {family}".strip(),
            "userPrincipalName": f"{local}.okawa{workforce.count}{at}{domain}",
        }
        if "mail" in one.attributes:
            one.attributes["mail"] = f"okawa{workforce.count}@mail.{population.DOMAIN}"

    return change(workforce, lambda one: active(one) and "userType" not in one.attributes, marry)


def change_manager(workforce: Workforce) -> bool:
    """Somebody gets another manager."""
    boss = workforce.draw(active)
    if not boss:
        return False
    return change(
        workforce,
        lambda one: active(one) and one.manager != boss.id,
        lambda one: setattr(one, "manager", boss.id),
    )


def disable(workforce: Workforce) -> bool:
    """Somebody's account is blocked."""
    return change(workforce, active, lambda one: setattr(one, "enabled", False))


def enable(workforce: Workforce) -> bool:
    """A blocked account is opened again."""
    return change(
        workforce,
        lambda one: not one.enabled and not one.deleted and one.role == USER_ROLE,
        lambda one: setattr(one, "enabled", True),
    )


def soft_delete(workforce: Workforce) -> bool:
    """A leaver goes into the recycle bin."""
    return change(workforce, active, lambda one: setattr(one, "deleted", True))


def restore(workforce: Workforce) -> bool:
    """A leaver comes back from the recycle bin."""
    return change(workforce, lambda one: one.deleted, lambda one: setattr(one, "deleted", False))


def hard_delete(workforce: Workforce) -> bool:
    """The recycle bin lets somebody go for good."""
    one = workforce.draw(lambda one: one.deleted)
    if one:
        workforce.directory.purge(one)
    return bool(one)


def unassign(workforce: Workforce) -> bool:
    """Somebody loses the application, by themself and through groups."""

    def lose(one: Person) -> None:
        one.role = DEFAULT_ACCESS if one.role == USER_ROLE else None
        for group in workforce.directory.groups.values():
            if group.members.pop(one.id, workforce) is not workforce:
                workforce.directory.touch(group)

    return change(workforce, active, lose)


def assign(workforce: Workforce) -> bool:
    """Somebody gets the application."""
    return change(
        workforce,
        lambda one: one.role != USER_ROLE and one.enabled and not one.deleted,
        lambda one: setattr(one, "role", USER_ROLE),
    )


def found_group(workforce: Workforce) -> bool:
    """A new group with three members."""
    workforce.count += 1
    pool = [one.id for one in workforce.directory.people.values() if active(one)]
    group = population.team(workforce.random, 100 * workforce.count + 7, pool, USER_ROLE)
    group.members = dict.fromkeys(list(group.members)[:3])
    workforce.directory.add(group)
    workforce.busy.add(group.id)
    return True


def rename_group(workforce: Workforce) -> bool:
    """A group gets another name."""
    group = workforce.draw_group(lambda group: True)
    if not group:
        return False
    workforce.count += 1
    group.attributes["displayName"] += f" – neu {workforce.count}"
    workforce.directory.touch(group)
    return True


def add_members(workforce: Workforce) -> bool:
    """People join a group."""
    pool = [one.id for one in workforce.directory.people.values() if active(one)]
    group = workforce.draw_group(lambda group: len(group.members) < len(pool))
    if not group:
        return False
    group.members |= dict.fromkeys(workforce.random.sample(pool, min(3, len(pool))))
    workforce.directory.touch(group)
    return True


def remove_members(workforce: Workforce) -> bool:
    """People leave a group, some stay."""
    group = workforce.draw_group(lambda group: len(group.members) > 2)
    if not group:
        return False
    for one in workforce.random.sample(list(group.members), 2):
        del group.members[one]
    workforce.directory.touch(group)
    return True


def dissolve(workforce: Workforce) -> bool:
    """A group is deleted, when there are others left."""
    if len(workforce.directory.groups) < 5:
        return False
    group = workforce.draw_group(lambda group: len(group.members) < 10)
    if group:
        workforce.directory.purge(group)
    return bool(group)


# (name in the report, what happens, whether it grows with the company)
EVENTS: tuple[tuple[str, Callable[[Workforce], bool], bool], ...] = (
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
