"""One telemetry row of a session: protocol.TELEMETRY_FIELDS, as integers."""

from ..shared import protocol
from . import contact, meter

_CONTACT_UA = 10  # ours: below it a few ADC counts and the charge left on the skin decide, not the contact


def row(session, channel, now_ms):
    """The row of a channel as a list; starts its new measuring interval. session: core.session.Session."""
    account = channel.meter
    latest, count = account.latest, account.count
    delivered_ua, peak_ua, electrode_mv, headroom_mv = account.take_interval()
    commanded_ua = remaining_ms = 0
    impedance_ohm = series_ohm = -1
    elapsed_ms = session.elapsed_ms
    sensing = 1 if session.settling else latest[meter.SENSING]  # else a row of these first ms would tell of treatment
    if session.running or session.state == protocol.PAUSED:
        remaining_ms = max(0, session.terms.duration_ms - elapsed_ms)
    if session.running:
        commanded_ua = (channel.amplitude_ua * (latest[meter.ENVELOPE] >> 16)) >> 12
        if latest[meter.SENSING] or commanded_ua >= _CONTACT_UA:
            impedance_ohm, series_ohm = account.impedance_ohm()
            channel.contact = contact.judge(impedance_ohm, channel.terms.area_mm2)
    return [
        now_ms, session.number, session.state, elapsed_ms, remaining_ms, commanded_ua, delivered_ua, peak_ua,
        electrode_mv, headroom_mv, impedance_ohm, channel.contact, account.phase_nc, account.net_nc,
        account.total_nc, count(meter.PHASES), count(meter.FULL_PHASES), count(meter.SAMPLES),
        count(meter.MISSED), count(meter.LATE), latest[meter.WORST_LATE_US], session.fault[0], series_ohm,
        channel.lift_offs, sensing, session.temperature_c, session.supply_mv,
        session.channels[0].latest[meter.WORST_CYCLES], session.bus_errors, session.step,
    ]  # fmt: skip
