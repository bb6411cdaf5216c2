"""Checks templates/*.html: one opening tag a line, no line over 120 characters, no tabs or trailing blanks.

djlint was tried: it leaves inline elements on one line, up to 650 characters of them.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

MAX = 120
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
KEPT = re.compile(r"<title>.*</title>")  # text, whatever it holds
TAG = re.compile(r"<[a-z]")


def faults(text: str) -> Iterator[tuple[int, str]]:
    """(line, what is wrong with it), the first first."""
    plain = JINJA.sub(lambda found: re.sub(r"[^\n]", ".", found[0]), text)
    for number, (line, bare) in enumerate(zip(text.splitlines(), plain.splitlines(), strict=True), 1):
        if len(line) > MAX:
            yield number, f"{len(line)} characters"
        if line != line.rstrip() or "\t" in line:
            yield number, "tab or trailing blank"
        if len(TAG.findall(KEPT.sub("", bare))) > 1:
            yield number, "several elements on one line"


def main() -> int:
    """Print each fault; 1 where there is one."""
    root = Path(__file__).parent.parent
    found = [
        f"{file.relative_to(root)}:{number}: {fault}"
        for file in sorted(root.glob("templates/*.html"))
        for number, fault in faults(file.read_text("utf-8"))
    ]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
