"""Running Python on a virtual Pico's raw REPL, at emulated time."""

from microcurrent.bench.pico import VirtualPico

_RAW = b"raw REPL; CTRL-B to exit\r\n>"
ADAFRUIT = """
import adafruit_mcp4725
class Adapter:
    def try_lock(self): return True
    def unlock(self): pass
    def writeto(self, address, data, *, start=0, end=None): bus.writeto(address, bytes(data)[start:end])
    def readfrom_into(self, address, data, *, start=0, end=None): bus.readfrom_into(address, data)
dac = adafruit_mcp4725.MCP4725(Adapter(), address=0x60)
"""  # the library's driver on `bus`, a machine.I2C


def wait_for(pico: VirtualPico, mark: bytes, limit_ms: float = 5000) -> bytes:
    """Run until the board has printed `mark`; returns everything it printed."""
    heard = bytearray()

    def missing() -> bool:
        heard.extend(pico.serial_read())
        return mark not in heard

    assert pico.run_while(missing, limit_ms), heard.decode(errors="replace")
    return bytes(heard)


def boot(pico: VirtualPico) -> VirtualPico:
    """Open the port and run until the prompt shows."""
    pico.open_port()
    pico.serial_write(b"\r\n")
    wait_for(pico, b">>> ")
    return pico


def run(pico: VirtualPico, source: str, limit_ms: float = 20000) -> str:
    """Run source on the raw REPL and return what it printed. Fails the test when it raises."""
    pico.serial_write(b"\x03\x01")
    wait_for(pico, _RAW)
    pico.serial_write(source.encode() + b"\x04")
    answer = wait_for(pico, b"\x04>", limit_ms).partition(b"OK")[2]
    printed, _, rest = answer.partition(b"\x04")
    assert rest == b"\x04>", rest.decode(errors="replace")
    return printed.decode().replace("\r\n", "\n").strip()
