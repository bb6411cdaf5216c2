"""How Waitress writes answers: the application's in one piece, and its own refusals as SCIM errors."""

import time

from waitress.task import ErrorTask, WSGITask

from promapp_lite import jsonio
from promapp_lite.api.responses import HEADERS, SCIM_JSON
from promapp_lite.ops import access_log
from promapp_lite.scim.refusals import HTTP, refuse


class Answer(WSGITask):
    """An answer whose head and body leave in one piece: one system call, one packet, one TLS record."""

    wrote_header = False

    def start(self) -> None:
        """Begin; while the service stops each answer is its connection's last."""
        super().start()
        if self.channel.server.task_dispatcher.stopping:
            self.set_close_on_finish()

    def write(self, data: bytes) -> None:
        """Write a part of the answer."""
        if self.wrote_header or not self.complete or self.content_length != len(data) or not self.has_body:
            super().write(data)
            return
        head = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written += len(data)
        self.channel.write_soon(head + data)


class Refusal(ErrorTask):
    """What Waitress refuses before the application sees it, as a SCIM error."""

    def execute(self) -> None:
        """Write the answer and end the connection."""
        error = self.request.error
        refused = refuse(HTTP.get(error.code, "internal_error"), problem=error.body)
        body = jsonio.dumps(refused.body()).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend([("Content-Type", SCIM_JSON), *HEADERS])
        self.set_close_on_finish()
        self.channel.early = True
        method, path = getattr(self.request, "command", "-"), getattr(self.request, "path", "-")
        access_log.log(access_log.Request(time.time(), 0, method, path, None, error.code, None))
        self.content_length = len(body)
        self.write(body)
