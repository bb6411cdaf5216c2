"""The parts of Waitress that promapp_lite.server builds on: a release that changes one fails here."""

import inspect
import tomllib

import pytest
from helpers import ROOT
from waitress import channel, parser, server, task, trigger, wasyncore
from waitress.adjustments import Adjustments
from waitress.proxy_headers import proxy_headers_middleware

ATTRIBUTES = {  # class: what is read, set, called or overridden
    channel.HTTPChannel: "request sent_continue will_close close_when_flushed total_outbufs_len connected "
    "readable writable handle_read handle_write handle_close received send send_continue service cancel "
    "write_soon _flush_outbufs_below_high_watermark parser_class task_class error_task_class",
    parser.HTTPRequestParser: "received parse_header completed empty expect_continue headers_finished "
    "headers content_length body_bytes_received body_rcv error close",
    task.WSGITask: "start write wrote_header complete content_length has_body build_response_header "
    "content_bytes_written set_close_on_finish response_headers status",
    task.ErrorTask: "execute write set_close_on_finish response_headers",
    server.TcpWSGIServer: "accept accepting readable handle_accept handle_close set_socket_options fix_addr "
    "pull_trigger channel_class",
    trigger.trigger: "pull_trigger",
    wasyncore.dispatcher: "recv close",
}
MADE = {  # set by a constructor, so not to be seen on the class
    channel.HTTPChannel: "requests requests_lock outbuf_lock server adj",
    parser.HTTPRequestParser: "headers",
    server.TcpWSGIServer: "active_channels task_dispatcher trigger adj",
    task.Task: "channel request response_headers",
}
FACTS = {
    wasyncore.loop: "timeout use_poll map count",
    server.TcpWSGIServer.__init__: "application map _sock dispatcher adj bind_socket sockinfo",
    channel.HTTPChannel.__init__: "server sock addr adj map",
    channel.HTTPChannel.send: "data do_close",
    parser.HTTPRequestParser.parse_header: "header_plus",
    proxy_headers_middleware: "app trusted_proxy trusted_proxy_headers",
}


def source_of(kind):
    """The code of a class and of those it inherits from, as far as they are Waitress'."""
    own = [each for each in kind.__mro__ if each.__module__.startswith("waitress")]
    return "".join(map(inspect.getsource, own))


@pytest.mark.parametrize("kind", ATTRIBUTES, ids=lambda kind: kind.__name__)
def test_attributes(kind):
    """Each is still there."""
    source = "".join(
        inspect.getsource(each) for each in kind.__mro__ if each.__module__.startswith("waitress")
    )
    for name in ATTRIBUTES[kind].split():
        assert hasattr(kind, name) or f"self.{name} " in source, name


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.__name__)
def test_what_constructors_set(kind):
    """Each is still set."""
    source = "".join(
        inspect.getsource(each) for each in kind.__mro__ if each.__module__.startswith("waitress")
    )
    for name in MADE[kind].split():
        assert f"self.{name} = " in source, name


@pytest.mark.parametrize("function", FACTS, ids=lambda function: function.__qualname__)
def test_parameters(function):
    """Each can still be given by name."""
    assert set(FACTS[function].split()) <= set(inspect.signature(function).parameters)


def test_settings():
    """Those given to Adjustments are still known."""
    from promapp_lite.server import run

    assert set(run.WAITRESS) <= {name for name, _ in Adjustments._params}


def test_a_ceiling():
    """Internals may change with a major version, so the next one is not taken unseen."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert "waitress>=3.0.2,<4" in needed
