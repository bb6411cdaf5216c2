"""What is different inside the executable, where a starter unpacks the program and waits for it."""

import _thread
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

LIBRARIES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")
LOOK_SECONDS = 0.5
WAIT_FOR_EVER = 0xFFFFFFFF
SYNCHRONIZE = 0x00100000


def unpacked() -> Path | None:
    """The folder the one-file executable was unpacked into; None when it was not."""
    folder = getattr(sys, "_MEIPASS", None)
    if folder is None or Path(folder).is_relative_to(Path(sys.executable).parent):
        return None
    return Path(folder)


def restore_environment() -> None:
    """Let programs we start, the browser among them, find their own libraries and not the unpacked ones."""
    if not getattr(sys, "frozen", False):
        return
    for name in LIBRARIES:
        before = os.environ.pop(f"{name}_ORIG", None)
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def follow_starter() -> None:
    """End as on SIGTERM when the starter is killed, so that nothing goes on serving behind it."""
    folder = unpacked()
    if folder is not None:
        threading.Thread(target=follow, args=(os.getppid(), folder), daemon=True).start()


def follow(starter: int, folder: Path) -> None:
    """Wait for the end of the starter, then ask the main thread to end and clear away what was unpacked."""
    wait_for_end(starter)
    threading.Thread(target=clear, args=(folder,), daemon=False).start()
    _thread.interrupt_main(signal.SIGTERM)


def wait_for_end(process: int) -> None:
    """Return when a parent process has ended."""
    if sys.platform == "win32":
        wait_on_windows(process)
    while os.getppid() == process and sys.platform != "win32":
        time.sleep(LOOK_SECONDS)


def wait_on_windows(process: int) -> None:
    """Windows keeps the number of a dead parent, so its handle is waited for."""
    import _winapi

    api: Any = _winapi
    api.WaitForSingleObject(api.OpenProcess(SYNCHRONIZE, False, process), WAIT_FOR_EVER)


def clear(folder: Path) -> None:
    """Remove the unpacked files once the main thread is done; the starter can no longer do it."""
    threading.main_thread().join()
    shutil.rmtree(folder, ignore_errors=True)
