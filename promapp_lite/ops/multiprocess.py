"""Metrics of several processes: prometheus_client keeps them in files that each process reads."""

import contextlib
import os
import tempfile
from collections.abc import Iterator

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name for it


@contextlib.contextmanager
def counted_together() -> Iterator[None]:
    """Inside, the processes that are forked count into files; none may have imported prometheus_client."""
    with tempfile.TemporaryDirectory(prefix="promapp-lite-") as folder:
        os.environ[FOLDER] = folder
        yield
        del os.environ[FOLDER]
