# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Registers and pulse widths of NXP's PCA9685. Pure.

Source: PCA9685 data sheet, revision 4, 7.3 (registers, their values after power-up).
"""

from dataclasses import dataclass

MODE1, MODE2, PRE_SCALE, ALL_OFF_HIGH = 0x00, 0x01, 0xFE, 0xFD
MODE1_SLEEP = 0x30           # addresses count up, oscillator off, no all-call address
MODE1_RUN = 0x20
MODE2_TOTEM_POLE = 0x04
FULL_OFF = 0x10              # in the high byte of OFF: no pulse at all
CHANNELS = 16
COUNTS = 4096                # of one period
OSCILLATOR_HZ = 25_000_000.0
# Sub-addresses after power-up. There is no identity register; drivers rarely change these.
FINGERPRINT = (0x02, b'\xe2\xe4\xe8')


def prescale(frequency_hz: float) -> int:
    """Return the divider of a pulse rate, 24 to 1526 Hz (7.3.5)."""
    value = round(OSCILLATOR_HZ / (COUNTS * frequency_hz)) - 1
    assert 3 <= value <= 255, frequency_hz
    return value


def channel_register(channel: int) -> int:
    """Return the first of a channel's four registers: ON low, ON high, OFF low, OFF high."""
    assert 0 <= channel < CHANNELS
    return 0x06 + 4 * channel


def pulse_bytes(width_us: float, frequency_hz: float) -> bytes:
    """Return what to write for a pulse that begins with the period."""
    counts = round(width_us * frequency_hz * COUNTS / 1e6)
    assert 0 < counts < COUNTS, width_us
    return bytes((0, 0, counts & 0xFF, counts >> 8))


NO_PULSE = bytes((0, 0, 0, FULL_OFF))


@dataclass(frozen=True, slots=True)
class PulseRange:
    """Widths at both ends of a servo's travel."""

    low_us: float
    high_us: float

    def width_us(self, position: float, minimum: float, maximum: float) -> float:
        """Return the width for a position, on a straight line between the ends."""
        share = (position - minimum) / (maximum - minimum)
        return self.low_us + (self.high_us - self.low_us) * min(max(share, 0.0), 1.0)
