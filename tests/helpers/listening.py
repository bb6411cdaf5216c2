"""Listeners opened inside the test's own process, so that a test can reach what is behind them."""

import threading
import time

from waitress.server import TcpWSGIServer

from helpers import free_port
from promapp_lite.server import channels, dispatcher, run, shutdown
from promapp_lite.server.listeners import Listener


class Listening:
    """One running loop."""

    def __init__(self, app, settings, schemes, shown=None):
        listeners = [Listener(scheme, "127.0.0.1", free_port()) for scheme in schemes]
        self.ports = [each.port for each in listeners]
        self.channels = {}
        bound = [(each, each.bind()) for each in listeners]
        called = run.application(app, settings)
        self.stop = shutdown.ShutdownSignal()
        self.fault = None
        self.leading = dispatcher.Dispatcher(self.channels)
        facts = (called, settings, bound, shown, self.leading)
        self.thread = threading.Thread(target=self.loop, args=facts, daemon=True)
        self.thread.start()
        self.servers = self.opened(len(listeners))

    def opened(self, count):
        """The servers, once all of them listen."""
        for _ in range(500):
            servers = [each for each in list(self.channels.values()) if isinstance(each, TcpWSGIServer)]
            if len(servers) == count and all(each.accepting for each in servers):
                return servers
            time.sleep(0.01)
        raise AssertionError("the listeners never opened")

    def loop(self, *facts):
        """Serve; what ended it otherwise than by `close` is kept."""
        try:
            run.loop(*facts, stop=self.stop)
        except Exception as fault:
            self.fault = fault

    def close(self):
        """End the loop as a SIGTERM does that a finalizer dropped."""
        channels.DRAIN_SECONDS = 0  # the next request of a quiet connection is not waited for
        self.stop.requested = True
        self.thread.join(10)
        assert not self.thread.is_alive()
