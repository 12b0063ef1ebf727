"""What may be typed, and what is said about the rest; access to the broker; metrics."""

import re
import shlex
import socket
import ssl
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microcurrent.bridge.broker import access, host_and_port
from microcurrent.bridge.messages import EVENT, Message
from microcurrent.bridge.metrics import Collector
from microcurrent.bridge.reader import Shown
from microcurrent.bridge.spool import Spool
from microcurrent.cli import cli
from microcurrent.cli.bridge import _metrics_at
from microcurrent.errors import BadValueError, RecordError

from .mosquitto import Mosquitto
from .recorded import load
from .stand import BridgeProcess


def run(line: str) -> Result:
    return CliRunner().invoke(cli, ["bridge", *shlex.split(line)], prog_name="microcurrent")


def test_topics() -> None:
    result = run("--topics")
    assert result.exit_code == 0
    assert "PREFIX/board/UID/telemetry" in result.stdout and "last will" in result.stdout


WRONG = [
    ("--port /dev/x", 2, "--mqtt is missing; nothing was started; name the broker, such as --mqtt localhost"),
    ("--mqtt localhost", 2, "no board is named; nothing was started; name ports with --port, or take --all"),
    ("--all --mqtt a:b", 2, "--mqtt is 'a:b'; nothing was sent; write a host and, behind a colon, a port of 1..65535"),
    ("--all --mqtt a:70000", 2, "--mqtt is 'a:70000'; nothing was sent"),
    ("--all --mqtt ''", 2, "--mqtt is ''; nothing was sent"),
    ("--all --mqtt a --prometheus 0", 2, "--prometheus is '127.0.0.1:0'; nothing was sent"),
    ("--all --mqtt a --prefix a/#", 2, "--prefix is 'a/#'; nothing was started; a topic begins with neither $ nor /"),
    ("--all --mqtt a --prefix /a", 2, "--prefix is '/a'; nothing was started"),
    ("--all --mqtt a --prefix ''", 2, "--prefix is ''; nothing was started"),
    ("--port sim --mqtt a", 2, "--port sim is a virtual Pico of one command's own; nothing was started; run one with"),
    ("--all --mqtt a --password-file x", 2, "--password-file needs --user; nothing was sent; name the user too"),
    ("--all --mqtt a --user u --password-file /none", 9, "the password file /none cannot be read (No such file or dir"),
    ("--all --mqtt a --tls-ca /none", 9, "--tls-ca /none cannot be used (No such file or directory); nothing was sent"),
    (f"--all --mqtt a --tls-ca {__file__}", 9, f"--tls-ca {__file__} cannot be used ("),
    ("--all --mqtt a --spool /dev/null/x", 9, "the spool /dev/null/x/spool.sqlite3 cannot be used (Not a directory)"),
]


@pytest.mark.parametrize(("line", "code", "text"), WRONG)
def test_wrong_usage(line: str, code: int, text: str) -> None:
    result = run(line)
    assert result.exit_code == code
    assert result.stderr.startswith(f"error: {text}")
    assert result.stderr.count("\n") == 1


def test_a_spool_in_use_and_a_port_in_use(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    result = run(f"--all --mqtt localhost --spool {tmp_path}")
    assert (result.exit_code, "another bridge uses the spool" in result.stderr) == (9, True)
    spool.close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(f"--all --mqtt localhost --spool {tmp_path} --prometheus {port}")
    assert result.exit_code == 4
    assert result.stderr == (
        f"error: 127.0.0.1:{port} cannot serve the metrics (Address already in use); nothing was started; choose "
        f"another place with --prometheus\n"
    )
    Spool(tmp_path).close()  # it was given back


ADDRESSES = [("h", ("h", 5)), ("h:1", ("h", 1)), ("[::1]:9", ("::1", 9)), ("[::1]", ("::1", 5))]


@pytest.mark.parametrize(("text", "found"), ADDRESSES)
def test_addresses(text: str, found: tuple[str, int]) -> None:
    assert host_and_port(text, 5, "--mqtt") == found


def test_metrics_are_for_this_machine_unless_a_host_is_named() -> None:
    assert _metrics_at("9797") == ("127.0.0.1", 9797)
    assert _metrics_at("0.0.0.0:9797") == ("0.0.0.0", 9797)
    assert _metrics_at(None) is None


def test_access(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("pass word\nmore\n")
    found = access("h", "u", str(secret), None)
    assert (found.host, found.port, found.user, found.password) == ("h", 1883, "u", "pass word")
    authority = ssl.get_default_verify_paths().cafile
    if authority and Path(authority).exists():
        assert access("h", None, None, authority).port == 8883
    secret.write_bytes(b"\xff\xfe")
    with pytest.raises(RecordError, match=r"cannot be read .it is no text."):
        access("h", "u", str(secret), None)
    with pytest.raises(BadValueError):
        access("a b", None, None, None)


def test_who_is_not_let_in_is_told_once(tmp_path: Path) -> None:
    """A broker without anonymous clients."""
    (tmp_path / "broker").mkdir()
    with Mosquitto(tmp_path / "broker", "allow_anonymous false") as broker:
        bridge = BridgeProcess("--all", "--mqtt", f"127.0.0.1:{broker.port}", "--spool", str(tmp_path / "s"))
        bridge.wait_for("the broker says: Not authorized")
        broker.wait_for("disconnected, not authorised", len(broker.log))  # it tries again
        assert bridge.end() == 130
    assert bridge.times("no broker at ") == 1


def test_what_is_no_broker_is_told_once(tmp_path: Path) -> None:
    """Something that takes connections and closes them, as a broker with TLS does without."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
        bridge = BridgeProcess("--all", "--mqtt", where, "--spool", str(tmp_path / "s"))
        for _ in range(3):
            server.accept()[0].close()
        bridge.wait_for(f"no broker at {where} (the connection ended); messages are kept in ")
        assert bridge.end() == 130
    assert bridge.times("the connection ended") == 1


def test_what_may_not_be_published_stays_in_the_spool(tmp_path: Path) -> None:
    """PUBACK with a reason: told once, and kept."""
    (tmp_path / "broker").mkdir()
    rules = tmp_path / "rules"
    rules.write_text("topic write other/#\n")
    spool = Spool(tmp_path / "s")
    spool.commit([Message(EVENT, "u", {"i": index}) for index in range(50)], [], [], 0)
    spool.close()
    with Mosquitto(tmp_path / "broker", f"allow_anonymous true\nacl_file {rules}") as broker:
        bridge = BridgeProcess("--all", "--mqtt", f"127.0.0.1:{broker.port}", "--spool", str(tmp_path / "s"))
        bridge.wait_for("the broker refuses what is published (Not authorized)")
        assert bridge.end() == 130
    assert bridge.times("the broker refuses") == 1
    assert bridge.times("50 messages are kept in") == 1
    spool = Spool(tmp_path / "s")
    assert spool.count == 50
    spool.close()


def test_metrics_of_a_board() -> None:
    from prometheus_client import CollectorRegistry, generate_latest

    row = next(told.row for told in load() if told.row and told.row["state"] == 2)
    shown = Shown("/dev/x", "u1", True, {}, {"state": "ACTIVE", "fault": 1}, {"t": row, "t2": row}, {"missed": 3}, 2)
    gone = Shown("/dev/y", "u2", rows={"t": dict(row, impedance_ohm=-1)})
    registry = CollectorRegistry()
    registry.register(Collector(lambda: [shown, gone, Shown("/dev/z")], lambda: {"published_total": 7}))
    text = generate_latest(registry).decode()
    for line in (
        'microcurrent_board_online{port="/dev/x",uid="u1"} 1.0',
        'microcurrent_board_online{port="/dev/y",uid="u2"} 0.0',
        'microcurrent_board_state{state="ACTIVE",uid="u1"} 1.0',
        'microcurrent_board_state{state="READY",uid="u1"} 0.0',
        'microcurrent_board_fault{fault="over-current",uid="u1"} 1.0',
        'microcurrent_delivered_ua{channel="2",uid="u1"} ' + f"{row['delivered_ua']:.1f}",
        'microcurrent_link_missed_total{uid="u1"} 3.0',
        'microcurrent_board_lost{uid="u1"} 2.0',
        "microcurrent_published_total 7.0",
    ):
        assert line in text, line
    assert not re.search(r'impedance_ohm{[^}]*uid="u2"', text)
    assert "/dev/z" not in text
