"""What was measured, as tables, as goals reached or missed, and as a chart."""

import statistics
from collections.abc import Iterator
from html import escape
from typing import Any, NamedTuple

from bench.contenders import BARE, OURS
from bench.measure import spread
from bench.workloads import WORKLOADS

TITLES = {each.key: each.title for each in WORKLOADS}
KINDS = ("rss", "anonymous", "pss")
HOT = [each.key for each in WORKLOADS if each.hot]
Found = dict[str, Any]


class Goal(NamedTuple):
    """A number that is wanted: at least, or where `most` at most."""

    what: str
    value: float
    wanted: float
    most: bool = False

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.value <= self.wanted if self.most else self.value >= self.wanted


def ratio(found: Found, one: str, other: str, name: str = "rate") -> float | None:
    """One contender's number over another's; None where either failed."""
    mine, yours = found.get(one, {}).get(name), found.get(other, {}).get(name)
    return mine / yours if mine is not None and yours else None


def shown(value: float | None) -> str:
    """A number with three figures, or a dash."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def peers_of(run: Found) -> list[str]:
    """The contenders beside ours and the bare application."""
    return [name for name in run["contenders"] if name not in (OURS, BARE)]


def noise(run: Found) -> dict[str, float]:
    """How far the rounds of the bare application lay apart: the middle and the worst of all cells."""
    spreads = [
        spread(cell[BARE]["rounds"])
        for size in run["sizes"].values()
        for row in size["cells"].values()
        for cell in row.values()
        if "rounds" in cell.get(BARE, {})
    ]
    if not spreads:
        return {"median": 0.0, "worst": 0.0}
    return {"median": round(statistics.median(spreads), 3), "worst": round(max(spreads), 3)}


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    marks = ["---", *(["---:"] * (len(head) - 1))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, marks, *rows])


def markdown(run: Found) -> str:
    """The whole report."""
    parts = [f"# Benchmarks\n\n{conditions(run)}"]
    for people, size in run["sizes"].items():
        parts.append(f"## {int(people):,} people\n\n{cells_table(run, size)}")
        if size["memory"]:
            parts.append(memory_table(size["memory"]))
    if run.get("sync"):
        parts.append(f"## Initial sync of {run['sync_people']:,} people\n\n{sync_table(run)}")
    if reached := goals(run):
        parts.append(f"## Goals\n\n{goals_table(reached)}")
    if why := failures(run):
        parts.append("## What failed, and why\n\n" + "\n".join(f"- {each}" for each in why))
    return "\n\n".join(parts) + "\n"


def conditions(run: Found) -> str:
    """On what, how long, and how noisy."""
    box, pace, loud = run["machine"], run["pace"], noise(run)
    return (
        f"Measured {run['at']} on {box['cores']} cores ({box['cpu']}), {box['system']}, "
        f"Python {box['python']}, load {box['load']} before. {pace['rounds']} rounds of {pace['seconds']} s "
        f"for each cell, contenders in turns, {run['threads']} Waitress threads each. Noise, as the spread "
        f"of the bare application's rounds: {loud['median']:.0%} in the middle, {loud['worst']:.0%} at worst."
    )


def cells_table(run: Found, size: Found) -> str:
    """A row for each workload and number of connections: ours, its share of bare, and each peer."""
    others = peers_of(run)
    head = ["workload", "conn.", "req/s", "p50 ms", "p99 ms", "errors", "CPU ms", "bare req/s"]
    head += ["of bare", "CPU of bare", *(f"{name} (ours ×)" for name in others)]
    rows = []
    for key, row in size["cells"].items():
        for connections, found in row.items():
            mine, bare = found.get(OURS, {}), found.get(BARE, {})
            numbers = [
                mine.get("rate"),
                mine.get("p50"),
                mine.get("p99"),
                mine.get("errors"),
                mine.get("cpu"),
            ]
            numbers += [bare.get("rate"), ratio(found, OURS, BARE), ratio(found, OURS, BARE, "cpu")]
            compared = [beside(found, name) for name in others]
            rows.append([TITLES[key], connections, *map(shown, numbers), *compared])
    return table(head, rows)


def beside(found: Found, name: str) -> str:
    """A peer's requests a second, and how many times ours that makes."""
    if name not in found:
        return "–"
    if "fails" in found[name]:
        return "fails"
    return f"{shown(found[name]['rate'])} ({shown(ratio(found, OURS, name))})"


def memory_table(memory: Found) -> str:
    """Resident memory when filled and after the workloads."""
    rows = [
        [name, *(shown(found[when][kind]) for when in ("filled", "after") for kind in KINDS)]
        for name, found in memory.items()
    ]
    more = ["not of files", "shared once"]
    return table(["memory, MiB", "filled: resident", *more, "after all: resident", *more], rows)


def sync_table(run: Found) -> str:
    """Seconds, CPU and memory of each contender's initial sync."""
    rows = []
    for name, found in run["sync"].items():
        if "fails" in found:
            rows.append([name, "fails", *["–"] * 6])
            continue
        over = ratio(run["sync"], name, OURS, "seconds")
        rows.append(
            [
                name,
                shown(found["seconds"]),
                shown(over),
                shown(found["requests"] / found["seconds"]),
                shown(found["cpu"]),
                *(shown(found["memory"][kind]) for kind in KINDS),
            ]
        )
    return table(
        [
            "initial sync",
            "seconds",
            "of ours",
            "req/s",
            "CPU ms",
            "resident MiB",
            "not of files",
            "shared once",
        ],
        rows,
    )


def failures(run: Found) -> list[str]:
    """Each reason once, with the workloads it stopped."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for people, size in run["sizes"].items():
        for key, row in size["cells"].items():
            for found in row.values():
                for name, cell in found.items():
                    if "fails" in cell:
                        where = f"{TITLES[key]} ({int(people):,})"
                        held = reasons.setdefault((name, cell["fails"]), [])
                        held += [where] * (where not in held)
    for name, found in run.get("sync", {}).items():
        if "fails" in found:
            reasons[name, found["fails"]] = ["initial sync"]
    return [
        f"{name}: {'; '.join(where) if len(where) < 4 else f'{len(where)} workloads'}: {why}"
        for (name, why), where in reasons.items()
    ]


# Goals

OF_BARE = {
    "get": 0.75,
    "filter-user-name": 0.75,
    "filter-external-id": 0.75,
    "filter-email": 0.75,
    "post": 0.8,
    "patch": 0.8,
}


def goals(run: Found) -> list[Goal]:
    """Each goal that this run can tell about."""
    return [*of_bare(run), *over_peers(run), *flat(run), *single(run)]


def every(run: Found) -> Iterator[tuple[str, str, str, Found]]:
    """All cells: people, workload, connections, contenders."""
    for people, size in run["sizes"].items():
        for key, row in size["cells"].items():
            for connections, found in row.items():
                yield people, key, connections, found


def of_bare(run: Found) -> Iterator[Goal]:
    """Share of the bare application."""
    for people, key, connections, found in every(run):
        share = ratio(found, OURS, BARE)
        if key in OF_BARE and share is not None:
            yield Goal(
                f"{TITLES[key]}, {int(people):,} people, {connections} conn.: of bare", share, OF_BARE[key]
            )


def over_peers(run: Found) -> Iterator[Goal]:
    """The closest any peer comes, for each peer."""
    for name in peers_of(run):
        closest = min(
            (
                (share, f"{TITLES[key]}, {int(people):,} people, {connections} conn.")
                for people, key, connections, found in every(run)
                if (share := ratio(found, OURS, name)) is not None
            ),
            default=None,
        )
        if closest:
            yield Goal(f"over {name}, at the least ({closest[1]})", closest[0], 1.0)


def flat(run: Found) -> Iterator[Goal]:
    """Hot requests at the largest size against the smallest."""
    sizes = sorted(run["sizes"], key=int)
    if len(sizes) < 2:
        return
    few, many = sizes[0], sizes[-1]
    for key in HOT:
        for connections, found in run["sizes"][many]["cells"].get(key, {}).items():
            before = run["sizes"][few]["cells"].get(key, {}).get(connections, {})
            share = quotient(found, before)
            if share is not None:
                what = f"{TITLES[key]}, {connections} conn.: {int(many):,} people against {int(few):,}"
                yield Goal(what, share, 0.95)


def quotient(found: Found, before: Found) -> float | None:
    """Our rate in one cell over that in another, as shares of bare, so that the machine counts out."""
    now, then = found.get(OURS, {}).get("rate"), before.get(OURS, {}).get("rate")
    if now is None or not then:
        return None
    drift = found.get(BARE, {}).get("rate"), before.get(BARE, {}).get("rate")
    return now / then / (drift[0] / drift[1] if all(drift) else 1)


def single(run: Found) -> Iterator[Goal]:
    """Pages, members, memory and the initial sync."""
    for people, size in run["sizes"].items():
        for key, other, wanted in (
            ("page-deep", "page-first", 0.5),
            ("page-cursor", "page-first", 0.95),
            ("add-50000", "add-0", 0.95),
        ):
            for connections, found in size["cells"].get(key, {}).items():
                share = quotient(found, size["cells"].get(other, {}).get(connections, {}))
                if share is not None:
                    what = f"{TITLES[key]}, {int(people):,} people, {connections} conn.: of {TITLES[other]}"
                    yield Goal(what, share, wanted)
        for connections, found in size["cells"].get("page-first", {}).items():
            what = f"{TITLES['page-first']}, {int(people):,} people, {connections} conn.: pages a second"
            yield Goal(what, found[OURS]["rate"], 400)
    mine = run.get("sync", {}).get(OURS, {})
    rivals = [
        found["seconds"]
        for name, found in run.get("sync", {}).items()
        if name not in (OURS, BARE) and "seconds" in found
    ]
    if rivals and "seconds" in mine:
        yield Goal("initial sync: seconds of the fastest peer, over ours", min(rivals) / mine["seconds"], 1.0)
    if "memory" in mine:
        what = f"resident MiB after the initial sync of {run['sync_people']:,} people"
        yield Goal(what, mine["memory"]["rss"], 120, True)


def goals_table(found: list[Goal]) -> str:
    """Each goal, its number, and whether it is reached or by how much it is missed."""
    rows = []
    for each in found:
        sign = "≤" if each.most else "≥"
        miss = f"missed by {abs(each.value / each.wanted - 1):.0%}"
        rows.append(
            [each.what, f"{sign} {each.wanted}", shown(each.value), "reached" if each.reached else miss]
        )
    return table(["goal", "wanted", "measured", ""], rows)


# Chart

CHART = ("get", "filter-user-name", "patch", "post", "add-1000", "page-deep")
COLOURS = ("#1a7f5a", "#8b949e", "#4c78a8", "#b07aa1", "#d6862b", "#c44e52")
BAR, GAP, LEFT, WIDTH, RIGHT = 14, 18, 220, 420, 80


def chart(run: Found, connections: str = "16") -> str:
    """Bars of requests a second for the largest size that all contenders were measured at, as SVG.

    Each group of bars is drawn to its own best; the number stands behind each bar.
    """
    people, size = charted(run)
    names = run["contenders"]
    rows = [key for key in CHART if connections in size["cells"].get(key, {})]
    height = 70 + len(rows) * (len(names) * BAR + GAP)
    parts = [head(people, connections, height), legend(names)]
    top = 64
    for key in rows:
        found = size["cells"][key][connections]
        parts.append(text(LEFT - 10, top + len(names) * BAR / 2 + 4, TITLES[key], "end"))
        best = max((cell.get("rate", 0) for cell in found.values()), default=1) or 1
        for n, name in enumerate(names):
            parts.append(bar(top + n * BAR, found.get(name, {}), best, COLOURS[n % len(COLOURS)]))
        top += len(names) * BAR + GAP
    return "\n".join([*parts, "</svg>\n"])


def charted(run: Found) -> tuple[str, Found]:
    """The largest size with most contenders."""
    return max(run["sizes"].items(), key=lambda each: (len(each[1]["memory"]), int(each[0])))


def head(people: str, connections: str, height: float) -> str:
    """The opening, on a ground of its own so that it reads on light and dark pages."""
    width = LEFT + WIDTH + RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="#1f2328">\n'
        f"<title>Requests a second, {int(people):,} people, {connections} connections</title>\n"
        f'<rect width="{width}" height="{height:.0f}" rx="6" fill="#ffffff"/>\n'
        + text(
            16, 24, f"Requests a second · {int(people):,} people · {connections} connections", weight="600"
        )
    )


def legend(names: list[str]) -> str:
    """The colours."""
    parts, x = [], 16.0
    for n, name in enumerate(names):
        parts.append(f'<rect x="{x:.0f}" y="36" width="10" height="10" fill="{COLOURS[n % len(COLOURS)]}"/>')
        parts.append(text(x + 14, 45, name))
        x += 30 + 6.6 * len(name)
    return "\n".join(parts)


def bar(y: float, cell: Found, best: float, colour: str) -> str:
    """One bar and its number."""
    rate = cell.get("rate")
    if rate is None:
        return text(LEFT + 4, y + BAR - 3, "fails" if "fails" in cell else "–", fill="#8b949e")
    width = max(1.0, WIDTH * rate / best)
    number = text(LEFT + width + 5, y + BAR - 3, shown(rate))
    return f'<rect x="{LEFT}" y="{y + 1}" width="{width:.1f}" height="{BAR - 2}" fill="{colour}"/>\n{number}'


def text(x: float, y: float, said: str, anchor: str = "start", weight: str = "400", fill: str = "") -> str:
    """A line of text."""
    more = f' fill="{fill}"' if fill else ""
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f"<text {place}{more}>{escape(said)}</text>"
