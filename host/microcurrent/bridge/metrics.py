"""The same readings as Prometheus metrics, on a port of this machine only unless another address is named."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from firmware.shared import faults, protocol

from ..errors import PortError
from .reader import Shown

if TYPE_CHECKING:
    from prometheus_client import Metric

LOCALHOST = "127.0.0.1"
PORT = 9797  # ours: outside of the range that exporters have registered
# Telemetry fields that are shown, with what they are; units are in the names.
GAUGES = {
    "commanded_ua": "Peak set-point times the present ramp",
    "delivered_ua": "Mean measured current",
    "impedance_ohm": "Impedance of the electrodes; absent without current",
    "electrode_mv": "Largest electrode voltage of the interval",
    "temperature_c": "Temperature of the chip",
}
COUNTERS = {
    "total_charge_nc": "Charge of the session, both polarities added",
    "lift_offs": "Contact losses of the session",
    "missed": "Samples of the session that were missed",
}


class Collector:
    """What prometheus-client asks at each scrape. spool(): (name, value) of the bridge's own figures."""

    def __init__(self, boards: Callable[[], Sequence[Shown]], bridge: Callable[[], dict[str, float]]) -> None:
        self._boards = boards
        self._bridge = bridge

    def collect(self) -> Iterable["Metric"]:
        """All metrics of this moment."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        boards = [shown for shown in self._boards() if shown.uid]
        yield from self._whole_boards(boards, GaugeMetricFamily)
        yield from self._channels(boards, GaugeMetricFamily)
        names = sorted({name for shown in boards for name in shown.link})
        for name in names:
            family = CounterMetricFamily(f"microcurrent_link_{name}", f"Link: {name}", labels=["uid"])
            for shown in boards:
                family.add_metric([shown.uid], shown.link.get(name, 0))
            yield family
        for name, value in self._bridge().items():
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield kind(f"microcurrent_{name}", f"Bridge: {name.removesuffix('_total')}", value=value)

    def _whole_boards(self, boards: list[Shown], family: Callable[..., Any]) -> Iterable["Metric"]:
        online = family("microcurrent_board_online", "Whether the board answers", labels=["uid", "port"])
        state = family("microcurrent_board_state", "1 for the state it is in", labels=["uid", "state"])
        fault = family("microcurrent_board_fault", "Code of the latched fault, 0: none", labels=["uid", "fault"])
        lost = family("microcurrent_board_lost", "Messages that nobody could fetch any more", labels=["uid"])
        for shown in boards:
            online.add_metric([shown.uid, shown.port], int(shown.online))
            lost.add_metric([shown.uid], shown.lost)
            status = shown.status if shown.online else {}
            for name in protocol.STATE_NAMES if status else ():
                state.add_metric([shown.uid, name], int(name == status["state"]))
            if status:
                fault.add_metric([shown.uid, faults.name_of(status["fault"])], status["fault"])
        return online, state, fault, lost

    def _channels(self, boards: list[Shown], family: Callable[..., Any]) -> Iterable["Metric"]:
        for name, text in (GAUGES | COUNTERS).items():
            made = family(f"microcurrent_{name}", text, labels=["uid", "channel"])
            for shown in boards:
                for channel, row in enumerate(shown.rows.values(), 1):
                    if name != "impedance_ohm" or row[name] >= 0:
                        made.add_metric([shown.uid, str(channel)], row[name])
            yield made


class MetricsServer:
    """Serves a collector over HTTP until closed. Raises PortError when the address is taken."""

    def __init__(self, host: str, port: int, collector: Collector) -> None:
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry()
        registry.register(collector)
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise PortError(
                f"{host}:{port} cannot serve the metrics ({error.strerror or error}); nothing was started; choose "
                f"another place with --prometheus"
            ) from None

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
