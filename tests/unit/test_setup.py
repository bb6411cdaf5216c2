"""A fresh clone sets itself up, also when newer versions have appeared since its locks were written."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from helpers import ROOT

BACKEND = """
import zipfile

def build_editable(folder, *_):
    name = "ours-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("ours-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: ours\\nVersion: 1\\n")
        wheel.writestr("ours-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("ours-1.dist-info/RECORD", "")
    return name
"""


def write_wheel(folder, name, version, requires=()):
    """Write an empty wheel and return its line in a lock."""
    file, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    with zipfile.ZipFile(file, "w") as wheel:
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: extra\n"
        wheel.writestr(f"{info}/METADATA", head + needs)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


@pytest.fixture
def clone(tmp_path):
    """The Makefile over a small project, and an index that has moved on since it was locked."""
    index = tmp_path / "index"
    index.mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "ours"\nversion = "1"\n'
    )
    (tmp_path / "backend.py").write_text(BACKEND)
    lock = write_wheel(index, "upper", "1", ["lower[extra]>=1"]) + write_wheel(index, "lower", "1")
    (tmp_path / "requirements.lock").write_text(lock)
    write_wheel(index, "lower", "2")
    return tmp_path


def make(clone):
    """Run the set-up; its result."""
    given = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(clone / "index"), "PIP_CONFIG_FILE": os.devnull}
    command = ["make", f"PYTHON={sys.executable}", ".venv/run.stamp"]
    return subprocess.run(command, cwd=clone, env=given | index, capture_output=True, text=True)


def test_a_lock_is_installed_whole(clone):
    """A lock that lacks what its packages need is refused; a whole one is installed as it is."""
    lock = clone / "requirements.lock"
    whole = lock.read_text()
    lock.write_text(whole.splitlines(keepends=True)[0])
    done = make(clone)
    assert done.returncode != 0
    assert "lower" in done.stdout + done.stderr
    assert not (clone / ".venv/run.stamp").exists()
    lock.write_text(whole)
    done = make(clone)
    assert done.returncode == 0, done.stderr
    found = sorted(path.name for path in clone.glob(".venv/lib/python*/site-packages/*.dist-info"))
    assert {"lower-1.dist-info", "upper-1.dist-info"} <= set(found)


def test_every_install_from_a_lock_takes_it_whole():
    """No file lets pip resolve anew what a lock has settled."""
    files = [
        ROOT / "Makefile",
        *ROOT.glob(".github/workflows/*"),
        *ROOT.glob(".ci/*"),
        *ROOT.glob("docs/*.md"),
    ]
    lines = [line for file in files if file.is_file() for line in file.read_text("utf-8").splitlines()]
    installs = [line for line in lines if re.search(r"--require-hashes|-r \S+\.lock", line)]
    assert installs
    assert not [line for line in installs if "--no-deps" not in line]
