"""The bill of materials beside the executable: CycloneDX 1.6, of what is really inside."""

import json
import os
import platform
import sqlite3
import ssl
import uuid
import zlib
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

NAMESPACE = uuid.UUID("6f1d2c0e-5b0d-4f6a-9a3e-0c5a7d1b9e42")
# Shared libraries that come with the interpreter, by how their file begins: name, version.
LIBRARIES = {
    "libssl": ("openssl", ssl.OPENSSL_VERSION.split()[1]),
    "libsqlite3": ("sqlite", sqlite3.sqlite_version),
    "sqlite3": ("sqlite", sqlite3.sqlite_version),
    "libz.": ("zlib", zlib.ZLIB_RUNTIME_VERSION),
}


def write(file: str, found: Any, version: str) -> None:
    """Write the bill of an analysed bundle: Python packages with a file in it, interpreter, libraries."""
    paths = [each[1] for each in (*found.pure, *found.binaries) if each[1]]
    components = [*packages(paths), *libraries(paths), python()]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, json.dumps(components))}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch(), UTC).isoformat(),
            "component": {
                "type": "application",
                "bom-ref": "promapp-lite",
                "name": "promapp-lite",
                "version": version,
            },
        },
        "components": components,
        "dependencies": [{"ref": "promapp-lite", "dependsOn": [each["bom-ref"] for each in components]}],
    }
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(json.dumps(bill, indent=1) + "\n", "utf-8")


def epoch() -> int:
    """The moment that stands for this build."""
    return int(os.environ.get("SOURCE_DATE_EPOCH", "315532800"))


def packages(paths: list[str]) -> list[dict[str, Any]]:
    """The distributions that own one of these files, in the order of their names."""
    inside = {os.path.realpath(path) for path in paths}
    owners = [each for each in metadata.distributions() if owns(each, inside)]
    return [package(each) for each in sorted(owners, key=lambda each: each.metadata["Name"].lower())]


def owns(distribution: metadata.Distribution, inside: set[str]) -> bool:
    """Whether a file of this distribution is inside; the program itself is not counted."""
    files = distribution.files or []
    return distribution.metadata["Name"] != "promapp-lite" and any(
        os.path.realpath(str(distribution.locate_file(file))) in inside for file in files
    )


def package(distribution: metadata.Distribution) -> dict[str, Any]:
    """One Python package."""
    name, about = distribution.metadata["Name"].lower(), distribution.metadata
    purl = f"pkg:pypi/{name}@{distribution.version}"
    licence = about.get("License-Expression") or about.get("License") or ""
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": distribution.version,
        "purl": purl,
        **({"licenses": [{"license": {"name": licence}}]} if licence and len(licence) < 80 else {}),
    }


def libraries(paths: list[str]) -> list[dict[str, Any]]:
    """The native libraries whose version the interpreter knows."""
    names = {os.path.basename(path) for path in paths}
    found = {fact for start, fact in LIBRARIES.items() if any(name.startswith(start) for name in names)}
    return [native(*fact) for fact in sorted(found)]


def python() -> dict[str, Any]:
    """The interpreter."""
    return native("python", platform.python_version())


def native(name: str, version: str) -> dict[str, Any]:
    """One component that is no Python package."""
    purl = f"pkg:generic/{name}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
