"""The settings: where each may come from, what is refused, and in which words."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from promapp_lite import config
from promapp_lite.cli import main
from promapp_lite.config import SETTINGS, Settings, public_url, read_config
from promapp_lite.errors import UserError
from promapp_lite.store import opening
from promapp_lite.system import service

GIVEN = {  # a value other than the default: in config.toml, in the environment, and as it is used
    "admin": ('"grace"', "grace", "grace"),
    "listen": ('["http://127.0.0.1:1", "http://[::1]:2"]', "http://127.0.0.1:1 http://[::1]:2",
               ("http://127.0.0.1:1", "http://[::1]:2")),
    "url": ('"https://scim.example.org/api/scim"', "https://scim.example.org/", "https://scim.example.org"),
    "threads": ("7", "7", 7),
    "processes": ("3", "3", 3),
    "behind_proxy": ("true", "yes", True),
    "trusted_proxy": ('["10.0.0.0/8"]', "10.0.0.0/8", ("10.0.0.0/8",)),
    "tls_cert": ("'/x/cert.pem'", "/x/cert.pem", Path("/x/cert.pem")),
    "tls_key": ("'/x/key.pem'", "/x/key.pem", Path("/x/key.pem")),
    "keep_backups": ("0", "0", 0),
    "activity_days": ("400", "400", 400),
    "index": ('["employeeNumber", "title"]', "employeeNumber title", ("employeeNumber", "title")),
    "log_format": ('"json"', "json", "json"),
    "no_browser": ("true", "on", True),
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """write(text or bytes): the config.toml of `tmp_path`."""

    def write(content):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "config.toml").write_bytes(data)

    return write


def load(folder, **given):
    """What app.py would use."""
    return Settings.load({"PROMAPP_LITE_DATA_DIR": str(folder), **given})


def test_nothing_is_given(tmp_path):
    """Then all is as the table says."""
    assert load(tmp_path) == Settings(tmp_path)
    assert Settings.load({}).data_dir == config.default_data_dir()


def test_every_setting_is_tried_below():
    """A new one too."""
    assert {"data_dir", *GIVEN} == set(SETTINGS)


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("dash", ["-", "_"])
def test_environment_and_file_beat_the_default(tmp_path, write, name, dash):
    """Each setting is read from both, and a key is taken with dashes and with underscores."""
    toml, text, value = GIVEN[name]
    write(f"{name.replace('_', dash)} = {toml}")
    assert getattr(load(tmp_path), name) == value != getattr(Settings(tmp_path), name)
    write("")
    assert getattr(load(tmp_path, **{config.variable(name): text}), name) == value
    write(f"{name} = {toml}")
    assert getattr(load(tmp_path, **{config.variable(name): ""}), name) == value


def test_the_environment_beats_the_file(tmp_path, write):
    """Setting by setting."""
    write('threads = 7\nlisten = ["http://127.0.0.1:1"]\nbehind-proxy = true\nkeep-backups = 3')
    used = load(
        tmp_path,
        PROMAPP_LITE_THREADS="8",
        PROMAPP_LITE_LISTEN="http://127.0.0.1:2",
        PROMAPP_LITE_BEHIND_PROXY="no",
    )
    assert (used.threads, used.listen, used.behind_proxy) == (8, ("http://127.0.0.1:2",), False)
    assert used.keep_backups == 3


@pytest.mark.parametrize("name", [each for each in GIVEN if "serve" in SETTINGS[each].commands])
def test_options_agree_with_app_py(tmp_path, write, monkeypatch, name):
    """`serve` uses of flag, environment and file what app.py uses."""
    served = []
    monkeypatch.setattr("promapp_lite.server.run.run", served.append)
    toml, text, value = GIVEN[name]
    words = ["serve", "--data-dir", str(tmp_path)]
    option = f"--{config.option(name)}"
    given = [option] if value is True else [word for each in text.split() for word in (option, each)]
    assert CliRunner().invoke(main, [*words, *given]).exit_code == 0
    assert CliRunner().invoke(main, words, env={config.variable(name): text}).exit_code == 0
    write(f"{name} = {toml}")
    assert CliRunner().invoke(main, words).exit_code == 0
    assert [getattr(each, name) for each in served] == [value] * 3


WRONG = {
    'threads = "four"': ("threads", 'the string "four"', "expected a whole number from 1 to 64"),
    "threads = 65": ("threads", "65", "expected a whole number from 1 to 64"),
    "threads = 1.5": ("threads", "a fraction 1.5", "a whole number"),
    "threads = true": ("threads", "a boolean", "a whole number"),
    "activity-days = 2026-01-01": ("activity-days", "a date", "a whole number"),
    "behind_proxy = 1": ("behind_proxy", "a whole number 1", "true or false"),
    "behind-proxy = 'yes'": ("behind-proxy", "the string", "true or false"),
    "listen = 'http://127.0.0.1:1'": ("listen", "the string", "a list of strings"),
    "listen = [1]": ("listen", "a list [1]", "a list of strings"),
    "listen = ['ftp://x']": ("listen", "ftp://x", "expected an address"),
    "trusted-proxy = ['10.0.0.1/8']": ("trusted-proxy", "10.0.0.1/8", "network"),
    "url = ['https://x']": ("url", "a list", "a string"),
    "url = 'scim.example.org'": ("url", "scim.example.org", "https://"),
    "log-format = 'xml'": ("log-format", "xml", '"text" or "json"'),
    "tls-cert = 1": ("tls-cert", "1", "a path"),
    "[server]\nthreads = 4": ("[server]", "a table", "threads = 4"),
    "[listen]\na = 1": ("listen", "a table", "a list of strings"),
    "lisen = ['http://127.0.0.1:1']": ("lisen", "no setting", "'listen'"),
    "acitvity_days = 3": ("acitvity_days", "no setting", "'activity-days'"),
    "data-dir = '/x'": ("data-dir", "where this file is", "--data-dir"),
    "log-format = 'text'\nlog_format = 'json'": ("log-format", "twice", "underscore"),
    "listen = [": ("cannot be read", "Invalid value", "end of document"),
    'tls-cert = "C:\\certs"': ("cannot be read", "line 1", "column"),
    "threads = 4".encode("utf-16-be"): ("not in UTF-8", "save it as UTF-8"),
    b"url = 'https://\xe9.example'": ("not in UTF-8", "save it as UTF-8"),
}


@pytest.mark.parametrize("content", WRONG, ids=repr)
def test_what_is_wrong_in_the_file(tmp_path, write, content):
    """One line that names the file, the key, the value and what was expected."""
    write(content)
    with pytest.raises(UserError) as refused:
        read_config(tmp_path)
    told = str(refused.value)
    assert told.startswith(str(tmp_path / "config.toml"))
    assert [part for part in WRONG[content] if part not in told] == [], told
    assert "\n" not in told


@pytest.mark.parametrize("words", ["serve", "config", "doctor", "init", "token list", "export", ""])
def test_every_command_says_the_same(tmp_path, write, words):
    """As app.py does: exit 1 and the one line."""
    write("lisen = []")
    opening.create(tmp_path).close()
    done = CliRunner().invoke(main, words.split(), env={"PROMAPP_LITE_DATA_DIR": str(tmp_path)})
    with pytest.raises(UserError) as refused:
        load(tmp_path)
    assert (done.exit_code, done.stderr, done.stdout) == (1, f"Error: {refused.value}\n", "")


@pytest.mark.parametrize(("toml", "variable"), [("listen = []", ""), ("", "  ")])
def test_nothing_to_listen_on(tmp_path, write, toml, variable):
    """It is refused; a list that is empty by default may be empty."""
    write(toml + "\nindex = []")
    with pytest.raises(UserError, match="listen: got nothing"):
        load(tmp_path, PROMAPP_LITE_LISTEN=variable)
    words = ["serve", "--data-dir", str(tmp_path)]
    done = CliRunner().invoke(main, words, env={"PROMAPP_LITE_LISTEN": variable})
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)


def test_a_file_that_cannot_be_read(tmp_path):
    """It is named."""
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(UserError, match="config.toml cannot be read: "):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("THREADS", "four", "a whole number from 1 to 64"),
        ("BEHIND_PROXY", "perhaps", "true or false"),
        ("LOG_FORMAT", "xml", '"text" or "json"'),
        ("URL", "ftp://x", "https://"),
        ("LISTEN", "http://127.0.0.1:1 8480", "expected an address"),
        ("TRUSTED_PROXY", "example.org", "network"),
    ],
)
def test_what_is_wrong_in_the_environment(tmp_path, name, text, told):
    """The variable is named, with the value and what was expected."""
    with pytest.raises(UserError, match=f"PROMAPP_LITE_{name}: .*{text.split()[-1]}.*{told}"):
        load(tmp_path, **{f"PROMAPP_LITE_{name}": text})
    done = CliRunner().invoke(
        main, ["serve", "--data-dir", str(tmp_path)], env={f"PROMAPP_LITE_{name}": text}
    )
    assert done.exit_code in (1, 2) and f"PROMAPP_LITE_{name}" in done.stderr


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://scim.example.org", "https://scim.example.org"),
        ("https://scim.example.org/", "https://scim.example.org"),
        (" https://scim.example.org/api/scim\n", "https://scim.example.org"),
        ("https://scim.example.org/api/scim/", "https://scim.example.org"),
        ("https://scim.example.org:8443/scim", "https://scim.example.org:8443"),
        ("HTTPS://Scim.Example.org/scim/v2", "https://scim.example.org"),
        ("http://127.0.0.1:8480", "http://127.0.0.1:8480"),
        ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443"),
        ("https://bücher.example/scim/v2", "https://xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://my_host", "https://my_host"),
    ],
)
def test_urls(given, used):
    """What an admin pastes becomes the base that Tenant URL and location begin with."""
    assert public_url(given) == used
    assert public_url(used) == used


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("scim.example.org", "begin with https://"),
        ("scim.example.org:8443", "begin with https://"),
        ("//scim.example.org", "begin with https://"),
        ("ftp://scim.example.org", "begin with https://"),
        ("javascript:alert(1)", "begin with https://"),
        ("", "begin with https://"),
        ("https://scim.example.org/?aadOptscim062020", "query"),
        ("https://scim.example.org/#x", "fragment"),
        ("https://scim example.org", "space"),
        ("https://scim.example.org/somewhere", "path"),
        ("https://scim.example.org/api/scim/Users", "path"),
        ("https://ada:secret@scim.example.org", "user name"),
        ("https://", "host name"),
        ("https://:8443", "host name"),
        ("https://a..b", "host name"),
        ("https://a%20b", "host name"),
        ("https://scim.example.org:x", "port"),
        ("https://scim.example.org:0", "port"),
        ("https://scim.example.org:99999", "port"),
        ("https://[::1", "host or port"),
    ],
)
def test_urls_that_are_refused(given, why):
    """In words that say what a public URL is."""
    with pytest.raises(ValueError, match=why):
        public_url(given)


def test_a_refused_url_is_one_line(tmp_path):
    """On the command line too, before anything is made."""
    done = CliRunner().invoke(main, ["init", "--data-dir", str(tmp_path / "x"), "--url", "scim.example.org"])
    assert (done.exit_code, done.stderr) == (
        1, "Error: --url: got 'scim.example.org', it must begin with https:// or http://.\n"
    )  # fmt: skip
    assert not (tmp_path / "x").exists()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A data folder of an installed service, and the folder that a user has of their own."""
    monkeypatch.setattr(config, "UNIT", tmp_path / "promapp-lite.service")
    monkeypatch.setattr(config, "user_data_path", lambda *_, **__: tmp_path / "own")
    data = tmp_path / "50 % data$"
    config.UNIT.write_text(service.unit(data, "root", ["/usr/bin/promapp-lite"]), "utf-8")
    return data, tmp_path / "own"


def test_the_folder_of_the_installed_service(installed):
    """Without --data-dir it is found by every command, and nobody guesses between two."""
    data, own = installed
    assert config.default_data_dir() == data
    assert Settings.load({}).data_dir == data
    own.mkdir()
    (own / config.DATABASE).touch()
    with pytest.raises(UserError, match="--data-dir"):
        config.default_data_dir()
    config.UNIT.unlink()
    assert config.default_data_dir() == own


def test_a_user_without_a_home(monkeypatch):
    """It is one line that says what to do."""

    def fails(*_, **__):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr(config, "user_data_path", fails)
    monkeypatch.setattr(config, "UNIT", Path("/none"))
    with pytest.raises(UserError, match="--data-dir"):
        config.default_data_dir()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_as_windows_tools_write_it(tmp_path, write, encoding):
    """With a byte order mark or without one."""
    write("# Zürich\r\nthreads = 8\r\n".encode(encoding))
    assert read_config(tmp_path) == {"threads": 8}
