# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a request names and nobody can serve is said, once."""

from hw_discovery.core.device import BusKind
from hw_discovery.core.request import bus_notices

LOOKED_AT = frozenset({BusKind.USB, BusKind.SERIAL})


def test_a_request_that_can_be_served_needs_no_sentence() -> None:
    assert bus_notices([], [], LOOKED_AT) == ()
    assert bus_notices([BusKind.USB], [], LOOKED_AT) == ()


def test_unknown_numbers_are_named_in_one_sentence() -> None:
    notice, = bus_notices([BusKind.UNKNOWN], [251, 250, 251], LOOKED_AT)
    assert '250, 251' in notice


def test_a_bus_that_is_switched_off_is_named_with_the_parameter() -> None:
    notice, = bus_notices([BusKind.I2C, BusKind.USB], [], LOOKED_AT)
    assert 'i2c' in notice and 'usb' not in notice and "parameter 'buses'" in notice
