"""Plays the requests Entra ID sends, kept as data in `entra/*.json`, against a SCIM server.

A case holds `given` (sets the scene, each answered 2xx), `steps` (each with the awaited
`status`) and `after` (clean-up, always sent, its answers ignored). A request with `as`
remembers the returned id; `{that name}` stands for it from then on. A step may also hold
`answer` (a subset of the JSON), `equal` (members of the JSON, complete), `absent` (paths)
and `contains` (path: text or element). A header that is null is not sent at all.
"""

import json
import re
from pathlib import Path
from urllib.parse import quote

FOLDER = Path(__file__).parent.parent / "fixtures" / "entra"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
SAFE = "%+/?&=:;,.~!$'()*@#{}|\\^`<>"  # as sent: only blank, quotes and brackets are encoded
NOTHING = type("Nothing", (), {"__repr__": lambda self: "nothing"})()


def cases():
    """Yield every case in order of its file name, which it carries under `file`."""
    for path in sorted(FOLDER.glob("*.json")):
        yield {"file": path.name, **json.loads(path.read_text(encoding="utf-8"))}


def replay(case, send):
    """Send the case's requests in order; AssertionError at the first answer that differs."""
    names = {}
    try:
        for part in ("given", "steps"):
            for number, step in enumerate(case[part]):
                where = f"{case['file']} {part}[{number}] {step['method']} {step['path']}"
                _check(step, _send(step, names, send, where), names, where)
    finally:
        for step in case.get("after", []):
            if not re.search(r"\{\w+\}", _fill(step["path"], names)):
                send(step["method"], _fill(step["path"], names))


def _send(step, names, send, where):
    path = quote(_fill(step["path"], names), safe=SAFE)
    body = _fill(step.get("body"), names)
    answer = send(step["method"], path, body=body, headers=step.get("headers"))
    wanted = step.get("status", range(200, 300))
    wanted = [wanted] if isinstance(wanted, int) else wanted
    assert answer.status in wanted, f"{where}: status {answer.status}, not {wanted}: {answer.json}"
    if "as" in step:
        names[step["as"]] = str(_reach(answer.json, "id"))
    return answer


def _check(step, answer, names, where):
    """What every SCIM answer owes, then what this step awaits."""
    found = [_manners(answer)]
    found.append(_differs(_fill(step.get("answer", {}), names), answer.json or {}))
    for key, value in _fill(step.get("equal", {}), names).items():
        found.append(_differs(value, _reach(answer.json, [key]), key, exact=True))
    for path in step.get("absent", []):
        value = _reach(answer.json, path)
        found.append(None if value is NOTHING else f"{path}: {value!r} should be absent")
    for path, part in _fill(step.get("contains", {}), names).items():
        value = _reach(answer.json, path)
        inside = value is not NOTHING and part in value
        found.append(None if inside else f"{path}: {part!r} is not in {value!r}")
    assert not any(found), f"{where}: {'; '.join(filter(None, found))}"


def _manners(answer):
    if answer.status == 204:
        return None if answer.json is None else f"204 with a body: {answer.json!r}"
    if not answer.headers.get("Content-Type", "").startswith("application/scim+json"):
        return f"Content-Type is {answer.headers.get('Content-Type')!r}"
    if answer.status >= 400:  # RFC 7644 section 3.12: status is a string
        return _differs({"schemas": [ERROR], "status": str(answer.status)}, answer.json)
    location, end = answer.headers.get("Location", ""), f"/{_reach(answer.json, 'id')}"
    if answer.status == 201 and not location.endswith(end):
        return f"Location {location!r} does not end with {end!r}"
    return _null(answer.json)


def _null(value, at="answer"):
    """The path of the first null; Entra fails to read resources that hold one."""
    if not isinstance(value, dict | list):
        return f"{at}: null" if value is None else None
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return next(filter(None, (_null(one, f"{at}.{key}") for key, one in pairs)), None)


def _differs(want, got, at="answer", exact=False):
    """The first path at which `got` is not as `want`, in words, or None."""
    if isinstance(want, dict) and isinstance(got, dict):
        if exact and got.keys() - want.keys():
            return f"{at}: unexpected {sorted(got.keys() - want.keys())}"
        pairs = [(f"{at}.{key}", one, got.get(key, NOTHING)) for key, one in want.items()]
    elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        pairs = [(f"{at}.{n}", *both) for n, both in enumerate(zip(want, got, strict=True))]
    elif type(want) is type(got) and want == got:
        return None
    else:
        return f"{at}: {got!r}, not {want!r}"
    return next(filter(None, (_differs(one, two, path, exact) for path, one, two in pairs)), None)


def _reach(value, path):
    """The value at a dotted path, or at a list of keys; NOTHING where there is none."""
    for key in path.split(".") if isinstance(path, str) else path:
        if isinstance(value, list):
            value = dict(enumerate(value)).get(int(key), NOTHING)
        else:
            value = value.get(key, NOTHING) if isinstance(value, dict) else NOTHING
    return value


def _fill(value, names):
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda name: names.get(name[1], name[0]), value)
    if isinstance(value, list):
        return [_fill(one, names) for one in value]
    if isinstance(value, dict):
        return {key: _fill(one, names) for key, one in value.items()}
    return value
