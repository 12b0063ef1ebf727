"""The main loop's supervisor: what is too slow for the sample interrupt. Looks at least 50 times a second.

Integers in, a fault code out; no I/O, no settings, nothing is switched here: core/session.py acts on the answer.
Time and readings come in as arguments. After a fault `reading` and `limit` hold the two numbers that belong to it.
"""

from ..shared import faults, limits
from . import meter, waveplan

MISSING_MS = 3  # ours: sample interrupts that may be missing between two looks, in ms; two where samples are longer
CONTACT_MS = 10000  # ours: ten seconds of looking for contact end a session; who is still there starts again
COMPLIANCE_MS = 3000  # ours: longer than a hand needs to press the electrode on again
COMPLIANCE_PHASES = 3  # ours: at 0.1 Hz a phase lasts longer than COMPLIANCE_MS
SHORT_MS = 1000  # ours: gel that bridges two electrodes for a moment is no short
SHORT_OHM = 100  # ours: below the smallest bench resistor, 500 ohm; no electrode on skin measures this
SHORT_FROM_UA = 100  # below it 100 ohm are less than two ADC counts
SENSE_MS = 300  # ours: longer than the 10 ms period of contact sensing, many times
OVERTIME_MS = 500  # ours
TEMPERATURE_LOOKS = 3  # ours: readings in a row, so that one disturbed conversion ends nothing
_UNSEEN = -1  # no snapshot yet
STABLE_MS = 300  # ours: contact without a gap for this long is stable; longer than the bounce of a hand


class Supervisor:
    """One session's slow checks. board: constants of boards/*/board.py. amplitude_ua: commanded at present."""

    def __init__(self, board):
        self._board = board
        self.reading = self.limit = 0
        self.begin(0, 0, 1, 0)

    def begin(self, amplitude_ua, duration_ms, sample_us, now_ms, contact_ms=CONTACT_MS):
        """A session starts, or goes on after a pause with what is left of its time. sample_us: between two samples.

        contact_ms: how long it may look for contact.
        """
        self._contact_ms = contact_ms
        self._sample_us = sample_us
        self._missing_us = max(MISSING_MS * 1000, 2 * sample_us)  # one under way, and one as late as it may be
        self.amplitude_ua = amplitude_ua
        self._duration_ms = duration_ms
        self._looked_ms = self._full_ms = now_ms
        self._short_ms = self._sense_ms = now_ms
        self._ticks = self._phases = self._full_phases = 0
        self._clock_us = _UNSEEN
        self._flowed_ms = self._sought_ms = 0
        self._warm = self._sagged = 0

    @property
    def flowed_ms(self):
        """Time at treatment level since begin()."""
        return self._flowed_ms

    def look(self, snapshot, now_ms, supply_mv, temperature_c, bare_usb, total_uc):
        """faults.NONE, or the code of the first check that fails. snapshot: meter.SNAPSHOT_FIELDS.

        bare_usb: 1 while a USB cable supplies the board without declared isolation. total_uc: charge of the session.
        """
        passed_ms = now_ms - self._looked_ms
        self._looked_ms = now_ms
        return (
            self._interrupt(snapshot)
            or self._time(snapshot, passed_ms)
            or self._contact(snapshot, now_ms, passed_ms)
            or self._compliance(snapshot, now_ms)
            or self._short(snapshot, now_ms)
            or self.surroundings(supply_mv, temperature_c, bare_usb)
            or self._charge(total_uc)
        )

    def contact_is_stable(self, snapshot):
        """True when the electrodes have conducted for STABLE_MS at sensing level without a gap."""
        return snapshot[meter.GOOD] >= STABLE_MS * 1000 // self._sample_us

    def surroundings(self, supply_mv, temperature_c, bare_usb):
        """Supply, temperature and USB alone: also while nothing flows."""
        board = self._board
        if bare_usb:
            return self._found(faults.MAINS_USB, 1, 0)
        self._warm = self._warm + 1 if temperature_c > board.TEMPERATURE_MAX_C else 0
        if self._warm >= TEMPERATURE_LOOKS:
            return self._found(faults.OVER_TEMPERATURE, temperature_c, board.TEMPERATURE_MAX_C)
        low = supply_mv < board.SUPPLY_MIN_MV
        self._sagged = self._sagged + 1 if low or supply_mv > board.SUPPLY_MAX_MV else 0
        if self._sagged >= TEMPERATURE_LOOKS:
            return self._found(faults.SUPPLY, supply_mv, board.SUPPLY_MIN_MV if low else board.SUPPLY_MAX_MV)
        return faults.NONE

    def _found(self, code, reading, limit):
        self.reading, self.limit = reading, limit
        return code

    def _interrupt(self, snapshot):
        """The sample interrupt came as often as the time that passed asks for, on time, and ended.

        The snapshot's own clock tells that time: what passes between the main loop's clock and the snapshot, a USB
        packet for one, is no missing interrupt.
        """
        passed_us = 0 if self._clock_us == _UNSEEN else (snapshot[meter.CLOCK_US] - self._clock_us) & meter.CLOCK_MASK
        missing_us = passed_us - (snapshot[meter.TICKS] - self._ticks) * self._sample_us
        self._ticks, self._clock_us = snapshot[meter.TICKS], snapshot[meter.CLOCK_US]
        if missing_us > self._missing_us:
            code = faults.SAMPLE_INTERRUPT_RAISED if snapshot[meter.INSIDE] else faults.SAMPLE_INTERRUPT_STOPPED
            return self._found(code, (missing_us + 999) // 1000, self._missing_us // 1000)
        if snapshot[meter.WORST_LATE_US] > self._sample_us:  # beyond it the waveform is no longer what was asked for
            return self._found(faults.SAMPLE_INTERRUPT_LATE, snapshot[meter.WORST_LATE_US], self._sample_us)
        return faults.NONE

    def _time(self, snapshot, passed_ms):
        """The engine counts samples, this counts milliseconds: a slow sample clock must not lengthen a session."""
        if not snapshot[meter.SENSING]:
            self._flowed_ms += passed_ms
        limit_ms = self._duration_ms + OVERTIME_MS
        if self._flowed_ms > limit_ms:
            return self._found(faults.OVER_TIME, self._flowed_ms, limit_ms)
        return faults.NONE

    def _contact(self, snapshot, now_ms, passed_ms):
        """While the output looks for contact: an open electrode shows the rail's voltage, a dead sense does not.

        The search counts until full amplitude is reached: contact that breaks in every ramp is none.
        """
        if not snapshot[meter.SENSING]:
            self._sense_ms = now_ms
            if snapshot[meter.ENVELOPE] >= waveplan.ENVELOPE_ONE:
                self._sought_ms = 0
            return faults.NONE
        self._sought_ms += passed_ms
        open_counts = self._voltage_counts(self._board.COMPLIANCE_MV // 2)
        if snapshot[meter.GOOD] or abs(snapshot[meter.LATE_VOLTAGE]) >= open_counts or not snapshot[meter.HALVES]:
            self._sense_ms = now_ms
        if now_ms - self._sense_ms > SENSE_MS:
            return self._found(faults.SENSE_STUCK, abs(snapshot[meter.LATE_VOLTAGE]), open_counts)
        if self._sought_ms > self._contact_ms:
            return self._found(faults.OPEN_ELECTRODE, self._sought_ms, self._contact_ms)
        return faults.NONE

    def _compliance(self, snapshot, now_ms):
        """At full amplitude, some phase in COMPLIANCE_MS must carry 90 % of its charge."""
        full = snapshot[meter.ENVELOPE] >= waveplan.ENVELOPE_ONE and not snapshot[meter.SENSING]
        if not full or snapshot[meter.FULL_PHASES] != self._full_phases:
            self._full_phases = snapshot[meter.FULL_PHASES]
            self._phases = snapshot[meter.PHASES]
            self._full_ms = now_ms
            return faults.NONE
        if now_ms - self._full_ms <= COMPLIANCE_MS or snapshot[meter.PHASES] - self._phases < COMPLIANCE_PHASES:
            return faults.NONE
        return self._found(faults.COMPLIANCE_LOST, now_ms - self._full_ms, COMPLIANCE_MS)

    def _short(self, snapshot, now_ms):
        """Two electrodes that touch pass no current through the skin; the user is told instead of treated with zero."""
        if self.amplitude_ua < SHORT_FROM_UA or snapshot[meter.ENVELOPE] < waveplan.ENVELOPE_ONE:
            self._short_ms = now_ms
            return faults.NONE
        current, voltage = abs(snapshot[meter.LATE_CURRENT]), abs(snapshot[meter.LATE_VOLTAGE])
        board = self._board
        if voltage * board.VOLTAGE_DIVIDER * board.SENSE_UV_PER_UA >= current * SHORT_OHM:
            self._short_ms = now_ms
        if now_ms - self._short_ms <= SHORT_MS:
            return faults.NONE
        return self._found(faults.SHORT, voltage, SHORT_OHM)

    def _charge(self, total_uc):
        if total_uc <= limits.SESSION_CHARGE_UC:
            return faults.NONE
        return self._found(faults.CHARGE_LIMIT, total_uc, limits.SESSION_CHARGE_UC)

    def _voltage_counts(self, voltage_mv):
        board = self._board
        return voltage_mv * 4096 // (board.ADC_REFERENCE_MV * board.VOLTAGE_DIVIDER)
