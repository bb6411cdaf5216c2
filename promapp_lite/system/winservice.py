"""The Windows service: the service manager starts it, restarts it after a fault, and asks it to stop.

https://learn.microsoft.com/windows/win32/services/services; pywin32 is imported where it is used, as only
Windows has it.
"""

import contextlib
import hashlib
import os
import shutil
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from promapp_lite.errors import UserError

NAME = "promapp-lite"
ACCOUNT = rf"NT SERVICE\{NAME}"  # a virtual account: no password, and nobody else has its SID
ABOUT = "SCIM 2.0 endpoint for Azure AD provisioning"
WHO = f"SYSTEM, Administrators and {ACCOUNT}"
FACTS = f"""\
  as {ACCOUNT}, from some time after Windows has started (delayed automatic start);
  after a fault again, 5 s, 5 s and then 60 s later"""
RESTART_MILLISECONDS = (5_000, 5_000, 60_000)
FORGET_SECONDS = 86_400  # without a fault, after which the next counts as the first
STOP_SECONDS = 40
PROGRAM = Path(os.environ.get("PROGRAMFILES", r"C:\Program Files")) / NAME / f"{NAME}.exe"
SERVED = "service.exe"  # in the executable: the same program for a folder, which unpacks nothing
STATES = ("unknown", "stopped", "starting", "stopping", "running", "resuming", "pausing", "paused")
DENIED, UNKNOWN_LEVEL, MISSING, EXISTS = 5, 124, 1060, 1073  # Windows' error numbers
STOPPED, RUNNING = 1, 4


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Windows' refusals as UserError, with what to do."""
    import pywintypes

    try:
        yield
    except pywintypes.error as error:
        if error.winerror == MISSING:
            raise UserError(f"The service {NAME} is not installed.") from None
        advice = " Run as Administrator." if error.winerror == DENIED else ""
        raise UserError(f"{error.strerror.strip().rstrip('.')} ({error.funcname}).{advice}") from None


@contextlib.contextmanager
def service(access: int) -> Iterator[Any]:
    """A handle of the service."""
    import win32service

    with told():
        manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_CONNECT)
        try:
            handle = win32service.OpenService(manager, NAME, access)
            try:
                yield handle
            finally:
                win32service.CloseServiceHandle(handle)
        finally:
            win32service.CloseServiceHandle(manager)


def sid(name: str = NAME) -> str:
    """A service's SID: S-1-5-80 and the SHA-1 of its name in capitals (MS-DTYP and `sc showsid`)."""
    digest = hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return "-".join(["S-1-5-80", *map(str, struct.unpack("<5I", digest))])


def descriptor() -> str:
    """The folder's access in SDDL: three have it, all inherit it, and nothing comes from above."""
    return f"D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;{sid()})"


def close(folder: Path) -> None:
    """Close a data folder, and what is in it, to all but `WHO`."""
    import win32security as security

    with told():
        access = security.ConvertStringSecurityDescriptorToSecurityDescriptor(descriptor(), 1)
        only = security.DACL_SECURITY_INFORMATION | security.PROTECTED_DACL_SECURITY_INFORMATION
        inherited = security.DACL_SECURITY_INFORMATION | security.UNPROTECTED_DACL_SECURITY_INFORMATION
        named = security.SE_FILE_OBJECT
        security.SetNamedSecurityInfo(
            str(folder), named, only, None, None, access.GetSecurityDescriptorDacl(), None
        )
        for each in folder.rglob("*"):  # made with access of its own, as Python does for 0o700
            security.SetNamedSecurityInfo(str(each), named, inherited, None, None, security.ACL(), None)


def lay() -> None:
    """Copy what the one-file executable has unpacked to Program Files, to be run from there."""
    unpacked = Path(getattr(sys, "_MEIPASS", ""))
    if not (unpacked / SERVED).exists():
        return
    shutil.rmtree(PROGRAM.parent, ignore_errors=True)
    shutil.copytree(
        unpacked,
        PROGRAM.parent / "_internal",
        ignore=shutil.ignore_patterns(SERVED),
        copy_function=shutil.copyfile,  # the new files get their folder's access
    )
    shutil.copyfile(unpacked / SERVED, PROGRAM)


def register(line: str) -> None:
    """Make the service, or make it what it should be."""
    import pywintypes
    import win32service as api

    with told():
        manager = api.OpenSCManager(None, None, api.SC_MANAGER_CREATE_SERVICE)
        facts = (api.SERVICE_WIN32_OWN_PROCESS, api.SERVICE_AUTO_START, api.SERVICE_ERROR_NORMAL)
        try:
            api.CreateService(
                manager, NAME, NAME, api.SERVICE_ALL_ACCESS, *facts, line, None, 0, None, ACCOUNT, None
            )
        except pywintypes.error as error:
            if error.winerror != EXISTS:
                raise
    with service(api.SERVICE_ALL_ACCESS) as handle:
        api.ChangeServiceConfig(handle, *facts, line, None, 0, None, ACCOUNT, None, NAME)
        api.ChangeServiceConfig2(handle, api.SERVICE_CONFIG_DESCRIPTION, ABOUT)
        restarts = [(api.SC_ACTION_RESTART, delay) for delay in RESTART_MILLISECONDS]
        failure = {"ResetPeriod": FORGET_SECONDS, "RebootMsg": "", "Command": "", "Actions": restarts}
        api.ChangeServiceConfig2(handle, api.SERVICE_CONFIG_FAILURE_ACTIONS, failure)
        for level in (api.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, api.SERVICE_CONFIG_FAILURE_ACTIONS_FLAG):
            try:
                api.ChangeServiceConfig2(handle, level, True)
            except pywintypes.error as error:
                if error.winerror != UNKNOWN_LEVEL:  # Wine has neither; the service runs without
                    raise


def state() -> int:
    """What the service manager says of the service."""
    import win32service

    with service(win32service.SERVICE_QUERY_STATUS) as handle:
        return int(win32service.QueryServiceStatus(handle)[1])


def wait(wanted: int) -> None:
    """Return when the service is in that state; UserError when it does not get there."""
    end = time.monotonic() + STOP_SECONDS
    while (now := state()) != wanted:
        if time.monotonic() > end or (wanted == RUNNING and now == STOPPED):
            raise UserError(f"The service {NAME} is {STATES[now]}: see the event log and its log file.")
        time.sleep(0.2)


def start() -> None:
    """Start the service."""
    import win32service

    with service(win32service.SERVICE_START) as handle:
        win32service.StartService(handle, None)
    wait(RUNNING)


def stop() -> None:
    """Stop the service where there is one that runs."""
    import pywintypes
    import win32service

    try:
        with service(win32service.SERVICE_STOP) as handle:
            with contextlib.suppress(pywintypes.error):
                win32service.ControlService(handle, win32service.SERVICE_CONTROL_STOP)
    except UserError as refusal:
        if "not installed" not in str(refusal):
            raise
        return
    wait(STOPPED)


def remove() -> None:
    """Remove the service and the program's folder; the data are kept."""
    import win32service

    with service(win32service.SERVICE_ALL_ACCESS) as handle:
        win32service.DeleteService(handle)
    if not Path(sys.executable).is_relative_to(PROGRAM.parent):
        shutil.rmtree(PROGRAM.parent, ignore_errors=True)


def tell() -> None:
    """Print the state in a word."""
    print(f"The service {NAME} is {STATES[state()]}.")


def host(work: Callable[[], None], end: Callable[[], None]) -> None:
    """Be the service: `work` in its thread, `end` when Windows asks for it; a fault is told to both logs."""
    import servicemanager
    import win32service
    import win32serviceutil

    class Service(win32serviceutil.ServiceFramework):  # type: ignore[misc]
        """What the service manager calls."""

        _svc_name_ = NAME

        def SvcStop(self) -> None:
            """Finish what is in hand, and end."""
            self.ReportServiceStatus(win32service.SERVICE_STOP_PENDING, waitHint=STOP_SECONDS * 1000)
            end()

        SvcShutdown = SvcStop

        def SvcDoRun(self) -> None:
            """Serve until asked to stop."""
            servicemanager.LogInfoMsg(f"{NAME} starts.")
            try:
                work()
            except BaseException as error:
                servicemanager.LogErrorMsg(f"{NAME} ended: {error}")
                os._exit(1)  # without a word to the service manager, which then starts it anew
            servicemanager.LogInfoMsg(f"{NAME} has stopped.")

    servicemanager.Initialize(NAME, str(PROGRAM.parent / "_internal/win32/servicemanager.pyd"))
    servicemanager.PrepareToHostSingle(Service)
    servicemanager.StartServiceCtrlDispatcher()
