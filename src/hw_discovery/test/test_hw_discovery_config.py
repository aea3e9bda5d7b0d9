# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Defaults work; what cannot work is refused with what would."""

import dataclasses
from typing import Any

import pytest

from hw_discovery.buses.host_scan import BUSES
from hw_discovery.config import BUS_NAMES, Config


def test_every_field_says_what_it_is_for() -> None:
    assert all(field.metadata.get('help') for field in dataclasses.fields(Config()))


def test_every_bus_name_is_a_bus_or_the_platform() -> None:
    assert {bus.name for bus in BUSES} | {'platform'} == set(BUS_NAMES)


@pytest.mark.parametrize(('given', 'told'), [
    ({'buses': ('usb', 'usbb')}, 'usbb'), ({'debounce_ms': 0}, 'debounce_ms: expected 1'),
    ({'debounce_ms': 500, 'debounce_max_ms': 400}, 'expected 500'),
    ({'lost_devices_max': -1}, 'lost_devices_max'), ({'rescan_answer_ms': 0}, 'rescan_answer'),
    ({'sysfs_root': 'sys'}, 'absolute path')])
def test_a_value_that_cannot_work_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Config(**given)
