"""What is wrong with a service: the log, the console, /metrics and /healthz tell the same."""

import dataclasses
import threading

import pytest
from peewee import OperationalError

from promapp_lite.ops import conditions
from promapp_lite.ops.conditions import Condition
from promapp_lite.store.access import tokens
from promapp_lite.system import certificates


@pytest.fixture
def settings(app):
    """The application's settings, with an https listener."""
    found = app.extensions["settings"]
    certificates.ensure(found.data_dir)
    return dataclasses.replace(found, listen=("https://127.0.0.1:8443",))


@pytest.fixture
def ended(store, token):
    """The only token was revoked."""
    with store.write():
        for each in tokens.listed(store):
            tokens.revoke(store, each.id)


def names(found):
    """(name, severity) of each."""
    return [(each.name, each.severity) for each in found]


def test_all_is_well(app, settings, store):
    """Nothing is said of a healthy service."""
    assert names(conditions.present(settings, store, app.extensions["health"])) == []


def test_the_worst_comes_first(app, settings, store, ended, monkeypatch):
    """And each has a remedy, also what a probe has found."""
    monkeypatch.setattr(conditions, "LOW", 1 << 60)
    monkeypatch.setattr(conditions, "CHECKS", dict(reversed(conditions.CHECKS.items())))
    app.extensions["health"].take("database or disk is full")
    found = conditions.present(settings, store, app.extensions["health"])
    assert names(found) == [("writes", "fail"), ("token", "fail"), ("disk", "warn")]
    assert all(each.remedy for each in found) and found[0].since
    assert "free some space" in found[0].remedy


def test_a_check_that_fails_stops_no_other(settings, store, monkeypatch):
    """A table that cannot be read is a condition of its own."""

    def fails(*_):
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(conditions.tokens, "listed", fails)
    found = {each.name: each for each in conditions.examine(settings, store)}
    assert found["token"] == Condition("token", "fail", "disk I/O error", "run promapp-lite doctor")
    assert found["disk"].severity == "ok"


def test_the_console_leads_with_it(signed_in, ended):
    """The headline says that nothing works, and Health what to do."""
    for part in ("setup", "health"):
        page = signed_in.get(headers={"X-Part": part}).text
        assert "No access token is live" in page and "paste it into the Azure portal" in page, part


def test_metrics_have_each(app, ended):
    """One gauge for each name and severity, and the times that alerts are made of."""
    text = app.test_client().get("/metrics").text
    assert 'promapp_lite_condition{name="token",severity="fail"} 1.0' in text
    for name in conditions.CHECKS:
        for severity in ("fail", "warn"):
            assert f'promapp_lite_condition{{name="{name}",severity="{severity}"}}' in text
    assert "promapp_lite_disk_free_bytes " in text


def test_the_log_tells_once(caplog, monkeypatch):
    """When it begins and when it is over."""
    caplog.set_level("INFO")
    low = Condition("disk", "warn", "5 MB free", "free some space")
    before = {}
    for now in ({}, {"disk": low}, {"disk": low._replace(found="4 MB free")}, {}, {}):
        before = conditions.tell(before, now)
    assert [record.message for record in caplog.records] == [
        "disk: 5 MB free; free some space",
        "disk: well again",
    ]


def test_one_process_watches(settings, store, caplog, monkeypatch):
    """Of two that look, one tells; it renews the own certificate too."""
    monkeypatch.setattr(conditions, "FIRST_SECONDS", 0)
    monkeypatch.setattr(conditions, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(conditions, "LOW", 1 << 60)
    looked, over = threading.Semaphore(0), threading.Event()
    monkeypatch.setattr(certificates, "renew", lambda _: looked.release())
    threads = [threading.Thread(target=conditions.watch, args=(settings, store, over)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        assert looked.acquire(timeout=10)
    over.set()
    for thread in threads:
        thread.join(10)
    told = [record.message for record in caplog.records if record.message.startswith("disk: ")]
    assert len(told) == 1
