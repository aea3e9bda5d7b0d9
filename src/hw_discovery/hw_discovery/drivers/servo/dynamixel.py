# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The control table of Dynamixel X servos and its units. Pure.

Source: ROBOTIS e-Manual, XL330/XC330/XL430/XC430/XM430/XM540 control tables (one layout for all).
"""

import math

TORQUE_ENABLE, HARDWARE_ERROR = 64, 70
OPERATING_MODE, BUS_WATCHDOG = 11, 98
GOAL_POSITION, PRESENT_POSITION = 116, 132
POSITION_MODE = 3
WATCHDOG_UNIT_MS = 20
TICKS = 4096                 # of one turn
CENTRE = 2048                # is 0 rad here

# Models that share the table; others are not written to.
X_SERIES = {
    1190: 'XL330-M077', 1200: 'XL330-M288', 1060: 'XL430-W250', 1070: 'XC430-W150',
    1080: 'XC430-W240', 1210: 'XC330-T181', 1220: 'XC330-T288', 1230: 'XC330-M181',
    1240: 'XC330-M288', 1000: 'XH430-W350', 1010: 'XH430-W210', 1020: 'XM430-W350',
    1030: 'XM430-W210', 1110: 'XH540-W270', 1100: 'XH540-W150', 1120: 'XM540-W270',
    1130: 'XM540-W150'}
_HARDWARE_ERRORS = {0: 'input voltage', 2: 'overheating', 3: 'encoder', 4: 'electrical shock',
                    5: 'overload'}


def ticks_of(position_rad: float) -> int:
    """Return the goal for a position within one turn."""
    ticks = round(position_rad / (2.0 * math.pi) * TICKS) + CENTRE
    assert 0 <= ticks < TICKS, position_rad
    return ticks


def position_of(raw: int) -> float:
    """Return the position of an unsigned 32-bit register; it may be some turns away."""
    signed = raw - (1 << 32) if raw >= 1 << 31 else raw
    return (signed - CENTRE) / TICKS * 2.0 * math.pi


def hardware_error(bits: int) -> str:
    """Return what a servo complains of; '' = nothing."""
    return ', '.join(text for bit, text in _HARDWARE_ERRORS.items() if bits >> bit & 1)
