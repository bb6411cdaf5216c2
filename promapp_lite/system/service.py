"""The operating system starts the service: a systemd unit on Linux, a service on Windows."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from promapp_lite.config import UNIT
from promapp_lite.errors import UserError
from promapp_lite.system import frozen, winservice
from promapp_lite.system.winservice import NAME

HOMES = ("/home", "/root", "/run/user")

# The executable unpacks itself into TMPDIR: /tmp is cleaned every ten days, and may forbid programs.
# What a program that writes one folder and listens on two ports has no need of is taken from it.
UNIT_TEXT = """\
[Unit]
Description=promapp-lite, SCIM 2.0 endpoint for Azure AD provisioning
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
NotifyAccess=all
TimeoutStartSec=600
WatchdogSec=60
CacheDirectory=promapp-lite
CacheDirectoryMode=0700
Environment=TMPDIR=/var/cache/promapp-lite
ExecStartPre=-/usr/bin/find /var/cache/promapp-lite -mindepth 1 -delete
ExecStart={command}
User={user}
Restart=on-failure
RestartSec=2
TimeoutStopSec=30
KillMode=mixed
UMask=0077
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome={home}
ReadWritePaths={data}
PrivateTmp={private}
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
LimitNOFILE=16384
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


class Step(NamedTuple):
    """One thing to do: a command to run, a file to write (without a text: to remove), or an act in words."""

    words: tuple[str, ...] = ()
    file: Path | None = None
    text: str | None = None
    optional: bool = False
    about: str = ""
    act: Callable[[], None] | None = None

    def description(self) -> str:
        """What it is, for --dry-run."""
        if self.act is not None:
            return self.about
        if self.file is None:
            return f"run {shlex.join(self.words)}"
        if self.text is None:
            return f"remove {self.file}"
        return f"write {self.file}\n\n{self.text}"

    def do(self) -> None:
        """Do it; UserError where it fails."""
        try:
            if self.act is not None:
                self.act()
            elif self.file is None:
                subprocess.run(self.words, check=not self.optional)  # noqa: S603 (our own words)
            elif self.text is None:
                self.file.unlink(missing_ok=True)
            else:
                self.file.write_text(self.text, "utf-8")
        except subprocess.CalledProcessError as error:
            raise UserError(f"{shlex.join(self.words)} failed with exit code {error.returncode}.") from None
        except OSError as error:
            raise UserError(f"{error.filename}: {error.strerror}. Run as root or Administrator.") from None


def command(data: Path) -> list[str]:
    """The words that serve a data folder with this program."""
    program = [sys.executable]
    if not getattr(sys, "frozen", False):
        program += ["-m", "promapp_lite"]
    return [*program, "serve", "--no-browser", "--data-dir", str(data)]


def unit(data: Path, user: str, words: Sequence[str], ports: Sequence[int] = ()) -> str:
    """The systemd unit that runs these words as a user; for ports under 1024 with that one capability."""
    home = any(Path(path).is_relative_to(place) for path in (data, words[0]) for place in HOMES)
    return UNIT_TEXT.format(
        command=" ".join(quoted(word) for word in words),
        user=user,
        capabilities="CAP_NET_BIND_SERVICE" if any(port < 1024 for port in ports) else "",
        home="read-only" if home else "yes",
        data=quoted(str(data)),
        private="no" if data.is_relative_to("/tmp") else "yes",  # noqa: S108 (it would hide the data)
    )


def quoted(word: str) -> str:
    """A word quoted for systemd, which expands percent and dollar signs."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if any(letter in word for letter in " \t\"'\\;") else plain


def install(data: Path, ports: Sequence[int]) -> list[Step]:
    """What makes the service start with the system, and starts it."""
    if sys.platform == "win32":
        program = winservice.PROGRAM if frozen.unpacked() else Path(sys.executable)
        line = subprocess.list2cmdline(
            [str(program), *command(data)[1:-4], "service", "run", *command(data)[-2:]]
        )
        return [
            Step(about=f"stop the service {NAME}, if there is one", act=winservice.stop),
            Step(about=f"copy the program to {program.parent}", act=winservice.lay),
            Step(
                about=f"register the service {NAME}, which runs\n  {line}\n{winservice.FACTS}",
                act=lambda: winservice.register(line),
            ),
            Step(about=f"close {data} to all but {winservice.WHO}", act=lambda: winservice.close(data)),
            Step(about=f"start the service {NAME}", act=winservice.start),
        ]
    return [
        Step(file=UNIT, text=unit(data, owner(data), command(data), ports)),
        Step(("systemctl", "daemon-reload")),
        Step(("systemctl", "enable", "--now", NAME)),
    ]


def uninstall() -> list[Step]:
    """What stops it and removes it from the system."""
    if sys.platform == "win32":
        return [
            Step(about=f"stop the service {NAME}", act=winservice.stop),
            Step(about=f"remove the service {NAME} and {winservice.PROGRAM.parent}", act=winservice.remove),
        ]
    return [
        Step(("systemctl", "disable", "--now", NAME), optional=True),
        Step(file=UNIT),
        Step(("systemctl", "daemon-reload")),
    ]


def status() -> list[Step]:
    """What shows whether it runs."""
    if sys.platform == "win32":
        return [Step(about=f"look up the service {NAME}", act=winservice.tell)]
    return [Step(("systemctl", "--no-pager", "status", NAME))]


def owner(data: Path) -> str:
    """The owner of the data folder; the service runs as that user."""
    import pwd

    uid = data.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
