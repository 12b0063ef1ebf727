"""The host's end of the emulated USB cable: paced as a computer paces a real one, not faster than it reads."""

from collections.abc import Callable

from rp2040py.peripherals.usb import RPUSBController
from rp2040py.rp2040 import RP2040
from rp2040py.usb.cdc import USBCDC

HOST_BUFFER_BYTES = 8192  # ours: what a computer takes before it stops polling, 4096 of tty and some URBs
_DTR_RTS = 3  # USB CDC PSTN 1.2, table 18: both lines, as opening a port sets them


class PacedUsb(RPUSBController):
    """A USB controller whose IN packets complete only while the host takes them."""

    def __init__(self, rp2040: RP2040) -> None:
        super().__init__(rp2040, "USB")
        self.paced_endpoint = -1
        self.host_takes: Callable[[], bool] = lambda: True
        self._held = 0

    def _indicate_buffer_ready(self, endpoint: int, out: bool) -> None:
        if not out and endpoint == self.paced_endpoint and not self.host_takes():
            self._held += 1
            return
        super()._indicate_buffer_ready(endpoint, out)

    def release(self) -> None:
        """Complete what was held back, when the host takes again."""
        held, self._held = self._held, 0
        if held:
            super()._indicate_buffer_ready(self.paced_endpoint, False)

    def reset(self) -> None:
        """Registers to their reset values; nothing is held any more."""
        self._held = 0
        super().reset()


class UsbHost(USBCDC):
    """A computer with the board's serial port, open or closed.

    Received bytes wait in `received`; `on_received` is called when the first of them arrives.
    """

    def __init__(self, usb: PacedUsb) -> None:
        self._port_open = False
        self._to_board = bytearray()
        self._asked: tuple[int, int] | None = None
        self.received = bytearray()
        self.on_received: Callable[[], None] = _nothing
        super().__init__(usb)
        self._paced = usb
        usb.host_takes = self._takes
        self._serve_control = usb.on_endpoint_read
        usb.on_endpoint_read = self._endpoint_asks
        self.on_serial_data = self._take

    @property
    def port_open(self) -> bool:
        """Whether a program holds the port open (DTR)."""
        return self._port_open

    def set_open(self, is_open: bool) -> None:
        """Open or close the port: DTR and RTS follow, and a closed port takes no bytes from the board."""
        if is_open == self._port_open:
            return
        self._port_open = is_open
        if self._initialized:
            self.set_control_lines(dtr=is_open, rts=is_open)
        if is_open:
            self._paced.release()

    def send(self, data: bytes) -> None:
        """Queue bytes for the board; it takes them at its own pace."""
        self._to_board += data
        self._serve()

    def take(self) -> bytes:
        """Everything received so far; the board may send on."""
        data = bytes(self.received)
        self.received.clear()
        if self._port_open:
            self._paced.release()
        return data

    def _takes(self) -> bool:
        return self._port_open and len(self.received) < HOST_BUFFER_BYTES

    def _take(self, data: bytes | bytearray) -> None:
        self.received += data
        self.on_received()

    def _endpoint_asks(self, endpoint: int, size: int) -> None:
        if endpoint != self._out_endpoint:
            if self._serve_control is not None:
                self._serve_control(endpoint, size)
            return
        self._asked = (endpoint, size)
        self._serve()

    def _serve(self) -> None:
        if self._asked is None or not self._to_board:
            return
        endpoint, size = self._asked
        self._asked = None
        data = bytes(self._to_board[:size])
        del self._to_board[:size]
        self.usb.endpoint_read_done(endpoint, data)

    def _cdc_set_control_line_state(self, value: int | None = None, interface_number: int | None = None) -> None:
        # Called without a value at the end of enumeration: the lines then are what the port's user made them.
        self._paced.paced_endpoint = self._in_endpoint
        if value is None:
            value = _DTR_RTS if self._port_open else 0
        super()._cdc_set_control_line_state(value, interface_number)

    def _on_controller_reset(self) -> None:
        super()._on_controller_reset()
        self._asked = None
        self._to_board.clear()


def _nothing() -> None:
    """Nobody listens."""
