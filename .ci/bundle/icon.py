"""What Windows shows of the executable: an icon, drawn here, and the version resource."""

import struct
import zlib
from pathlib import Path

SIZE = 64
GROUND, FIGURE = b"\x1f\x5f\xbf\xff", b"\xff\xff\xff\xff"
VERSION = """VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3f, flags=0x0, OS=0x40004, fileType=0x1,
                    subtype=0x0, date=(0, 0)),
  kids=[
    StringFileInfo([StringTable('040904B0', [
      StringStruct('FileDescription', 'SCIM 2.0 endpoint for Azure AD provisioning'),
      StringStruct('FileVersion', '{text}'),
      StringStruct('InternalName', 'promapp-lite'),
      StringStruct('OriginalFilename', 'promapp-lite.exe'),
      StringStruct('ProductName', 'promapp-lite'),
      StringStruct('ProductVersion', '{text}')])]),
    VarFileInfo([VarStruct('Translation', [1033, 1200])])
  ]
)
"""


def write(file: str) -> str:
    """Write the icon: a person on a round ground, as one PNG in an ICO. Returns the file's name."""
    png = portable()
    head = struct.pack("<HHHBBBBHHII", 0, 1, 1, SIZE, SIZE, 0, 0, 1, 32, len(png), 22)
    Path(file).write_bytes(head + png)
    return file


def portable() -> bytes:
    """The drawing as a PNG."""
    rows = b"".join(b"\0" + b"".join(pixel(x, y) for x in range(SIZE)) for y in range(SIZE))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def pixel(x: int, y: int) -> bytes:
    """The colour at a place."""
    if not within(x, y, 32, 32, 31):
        return bytes(4)
    shoulders = within(x, y, 32, 54, 17) and y < 50
    return FIGURE if within(x, y, 32, 22, 10) or shoulders else GROUND


def within(x: int, y: int, cx: int, cy: int, radius: int) -> bool:
    """Whether a place is inside a circle."""
    return (x - cx) ** 2 + (y - cy) ** 2 <= radius**2


def chunk(kind: bytes, data: bytes) -> bytes:
    """One part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def version(file: str, text: str) -> str:
    """Write the version resource for PyInstaller. Returns the file's name."""
    numbers = tuple(int(part) for part in text.split(".")[:3]) + (0,)
    Path(file).write_text(VERSION.format(numbers=numbers, text=text), "utf-8")
    return file
