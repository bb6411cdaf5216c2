"""S3 and the bugs others shipped: what many send at once is neither doubled nor lost."""

import threading

import pytest
from helpers import sender

THREADS = 16


@pytest.fixture
def together(app, token):
    """Run work(send, number) in 16 threads that start at one moment; returns the answers."""

    def together(work):
        barrier, answers = threading.Barrier(THREADS), [None] * THREADS

        def run(number):
            send = sender(app, token)
            barrier.wait()
            answers[number] = work(send, number)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert None not in answers
        return answers

    return together


def statuses(answers):
    """How many answers have which status."""
    found = [answer.status for answer in answers]
    return {status: found.count(status) for status in sorted(set(found))}


@pytest.mark.parametrize("round", range(5))
def test_one_user_of_a_name(together, send, round):
    """Exactly one 201, fifteen 409, whatever the case."""
    names = ["race@x", "RACE@x", "Race@X", "ｒace@x"]
    answers = together(lambda send, n: send("POST", "/Users", {"userName": names[n % 4]}))
    assert statuses(answers) == {201: 1, 409: 15}
    assert send("GET", "/Users").json["totalResults"] == 1


def test_one_group_of_a_name(together):
    """Groups too."""
    answers = together(
        lambda send, n: send("POST", "/Groups", {"displayName": "Straße" if n % 2 else "STRASSE"})
    )
    assert statuses(answers) == {201: 1, 409: 15}


def test_one_winner_of_a_rename(together, send):
    """Sixteen people want one name: one gets it."""
    ids = [send("POST", "/Users", {"userName": f"u{n}"}).json["id"] for n in range(THREADS)]
    rename = {"Operations": [{"op": "Replace", "path": "userName", "value": "wanted"}]}
    answers = together(lambda send, n: send("PATCH", f"/Users/{ids[n]}", rename))
    assert statuses(answers) == {200: 1, 409: 15}


def test_no_member_is_lost(together, send):
    """160 parallel adds of one member each leave 160 members (others kept 18)."""
    group = send("POST", "/Groups", {"displayName": "g"}).json["id"]

    def add(send, number):
        for each in range(10):
            member = [{"value": f"m{number}-{each}"}]
            operations = [{"op": "Add", "path": "members", "value": member}]
            answer = send("PATCH", f"/Groups/{group}", {"Operations": operations})
        return answer

    assert statuses(together(add)) == {204: 16}
    assert len(send("GET", f"/Groups/{group}").json["members"]) == 160


def test_no_attribute_is_lost(together, send):
    """Parallel PATCHes of different attributes of one user all stay."""
    user = send("POST", "/Users", {"userName": "u"}).json["id"]

    def change(send, number):
        operations = [{"op": "add", "path": f"urn:x:2.0:User:a{number}", "value": str(number)}]
        return send("PATCH", f"/Users/{user}", {"Operations": operations})

    assert statuses(together(change)) == {200: 16}
    found = send("GET", f"/Users/{user}").json
    assert found["urn:x:2.0:User"] == {f"a{n}": str(n) for n in range(THREADS)}
    assert found["meta"]["version"] == 'W/"17"'


def test_if_match_lets_one_through(together, send):
    """Of sixteen that expect the same version, one changes it."""
    user = send("POST", "/Users", {"userName": "u"}).json["id"]

    def change(send, number):
        operations = [{"op": "add", "path": "title", "value": str(number)}]
        return send("PATCH", f"/Users/{user}", {"Operations": operations}, {"If-Match": 'W/"1"'})

    assert statuses(together(change)) == {200: 1, 412: 15}


def test_everything_at_once(together, send, store):
    """Writers, readers, listers and deleters together: no 5xx, and the activity has every write."""
    group = send("POST", "/Groups", {"displayName": "g"}).json["id"]

    def work(send, number):
        answers = []
        for each in range(5):
            user = send("POST", "/Users", {"userName": f"u{number}-{each}"}).json["id"]
            member = [{"value": user}]
            answers += [
                send(
                    "PATCH",
                    f"/Groups/{group}",
                    {"Operations": [{"op": "add", "path": "members", "value": member}]},
                ),
                send("GET", f"/Users/{user}"),
                send("GET", "/Users?filter=title%20ne%20%22x%22"),
                send("GET", f"/Groups/{group}"),
                send("DELETE", f"/Users/{user}"),
            ]
        assert max(answer.status for answer in answers) < 300, statuses(answers)
        return answers[0]

    together(work)
    assert send("GET", f"/Groups/{group}").json["members"] == []
    counted = dict(
        store.database.execute_sql("SELECT action, COUNT(*) FROM activity GROUP BY action").fetchall()
    )
    assert counted == {"create": 81, "update": 80, "delete": 80}
