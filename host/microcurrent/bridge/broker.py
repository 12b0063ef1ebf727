"""The connection to the MQTT broker: it publishes, and subscribes to nothing."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import BadValueError, RecordError
from . import messages

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

PORT, TLS_PORT = 1883, 8883  # as registered for MQTT
KEEPALIVE_S = 20  # ours: a broker that hangs is noticed within one and a half of it
RETRY_MIN_S, RETRY_MAX_S = 1, 3  # ours: an outage ends for us this long after it has ended
WINDOW = 1000  # ours: messages without their PUBACK; brokers permit fewer, mosquitto twenty
SPARE = 2  # of that, for the bridge's own status, which is not in the spool
REFUSED = 0x80  # reason codes from here on are failures


@dataclass(frozen=True)
class Access:
    """Where the broker is and how it lets us in."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls_ca: str | None = None


@dataclass(frozen=True)
class Acked:
    """A PUBACK. problem: why the broker did not take the message, empty when it did."""

    mid: int
    problem: str = ""


@dataclass(frozen=True)
class Link:
    """The connection came (`window`: how many messages may be under way) or went (`problem`: why)."""

    window: int = 0
    problem: str = ""


def access(text: str, user: str | None, password_file: str | None, tls_ca: str | None) -> Access:
    """The broker that HOST[:PORT] and the options name. Raises BadValueError, RecordError for a file."""
    host, port = host_and_port(text, TLS_PORT if tls_ca else PORT, "--mqtt")
    if password_file is not None and user is None:
        raise BadValueError("--password-file needs --user; nothing was sent; name the user too")
    password = None if password_file is None else _first_line(password_file)
    if tls_ca is not None:
        _check_certificates(tls_ca)
    return Access(host, port, user, password, tls_ca)


def host_and_port(text: str, default_port: int, option: str) -> tuple[str, int]:
    """HOST[:PORT]; an IPv6 address stands in brackets. Raises BadValueError."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    number = int(port) if port.isascii() and port.isdigit() else 0 if port else default_port
    if not host or not 0 < number < 65536 or any(each.isspace() for each in host):
        raise BadValueError(
            f"{option} is {text!r}; nothing was sent; write a host and, behind a colon, a port of 1..65535, such as "
            f"localhost:{default_port}"
        )
    return host, number


def _first_line(name: str) -> str:
    try:
        with open(name, encoding="utf-8") as file:
            return file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(
            f"the password file {name} cannot be read ({getattr(error, 'strerror', None) or 'it is no text'}); "
            f"nothing was sent; check --password-file"
        ) from None


def _check_certificates(name: str) -> None:
    import ssl

    try:
        ssl.create_default_context(cafile=name)
    except (OSError, ssl.SSLError) as error:
        raise RecordError(
            f"--tls-ca {name} cannot be used ({error.strerror or error}); nothing was sent; name a PEM file with the "
            f"certificate of the broker's authority"
        ) from None


class Broker:
    """Connects in a thread of paho's, again and again. `put` gets Acked and Link, from that thread."""

    def __init__(self, at: Access, bridge: str, will_topic: str, put: Callable[[Acked | Link], None]) -> None:
        from paho.mqtt.client import Client, MQTTv5
        from paho.mqtt.enums import CallbackAPIVersion

        class ToldClient(Client):
            """Says why connecting failed, which paho keeps to itself."""

            def reconnect(self) -> Any:
                """Connect. Raises OSError."""
                try:
                    return super().reconnect()
                except OSError as error:
                    put(Link(problem=error.strerror or str(error)))
                    raise

        self._put = put
        self._refused = False  # it said why: that the connection then ends is no news
        self._client: Client = ToldClient(CallbackAPIVersion.VERSION2, f"microcurrent-{bridge}", protocol=MQTTv5)
        self._client.max_inflight_messages_set(0)  # the service keeps the window
        self._client.reconnect_delay_set(RETRY_MIN_S, RETRY_MAX_S)
        self._client.will_set(will_topic, messages.encoded({"status": messages.OFFLINE}), qos=1, retain=True)
        if at.user is not None:
            self._client.username_pw_set(at.user, at.password)
        if at.tls_ca is not None:
            self._client.tls_set(ca_certs=at.tls_ca)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.connect_async(at.host, at.port, keepalive=KEEPALIVE_S)

    def start(self) -> None:
        """Begin to connect."""
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> int:
        """Send with QoS 1; returns the number under which its PUBACK is told."""
        return self._client.publish(topic, payload, qos=1, retain=retain).mid

    def stop(self) -> None:
        """Say goodbye, so that the last will is not published, and end the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self, client: "Client", _data: object, _flags: "ConnectFlags", code: "ReasonCode", given: "Properties | None"
    ) -> None:
        self._refused = code.is_failure
        if code.is_failure:
            self._put(Link(problem=f"the broker says: {code}"))
            return
        self._put(Link(window=min(getattr(given, "ReceiveMaximum", WINDOW), WINDOW) - SPARE))

    def _on_disconnect(
        self, _client: "Client", _data: object, flags: "DisconnectFlags", code: "ReasonCode", _given: object
    ) -> None:
        if self._refused:
            return
        said = f"the broker says: {code}" if flags.is_disconnect_packet_from_server else "the connection ended"
        self._put(Link(problem=said))

    def _on_publish(self, _client: "Client", _data: object, mid: int, code: "ReasonCode", _given: object) -> None:
        self._put(Acked(mid, str(code) if code.value >= REFUSED else ""))


def available() -> None:
    """Raise BadValueError when the libraries of the bridge are not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("paho.mqtt", "prometheus_client") if not _found(name, find_spec)]
    if missing:
        raise BadValueError(
            f"the bridge needs {' and '.join(missing)}, which this Python ({sys.executable}) has not; nothing was "
            f"started; install them with: pip install 'microcurrent[bridge]'"
        )


def _found(name: str, find_spec: Callable[[str], object]) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
