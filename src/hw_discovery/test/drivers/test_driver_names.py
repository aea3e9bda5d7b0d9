# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Names of topics and parameters of drivers."""

from typing import Any

import pytest

from hw_discovery.drivers import parameters
from hw_discovery.drivers.naming import device_name, frame_id, is_ros_name


def test_a_name_is_made_from_the_id_alone_and_readable() -> None:
    name = device_name('usb:1546:01a8:@1-1.4', 'gps')
    assert name.startswith('gps_usb_1546_01a8_1_1_4_')
    assert name == device_name('usb:1546:01a8:@1-1.4', 'gps')


@pytest.mark.parametrize('device_id', ['', '!!!', '0x68', 'ä' * 300, 'a/b', '__a__b__'])
def test_any_id_gives_a_name_that_ros_takes(device_id: str) -> None:
    assert is_ros_name(device_name(device_id, 'imu'))
    assert is_ros_name(device_name(device_id, '')) and is_ros_name(device_name(device_id, '9'))


def test_ids_that_differ_only_in_what_a_name_cannot_hold_have_different_names() -> None:
    assert device_name('a:b', 'gps') != device_name('a-b', 'gps')
    assert device_name('LIDAR', 'x') != device_name('lidar', 'x')


def test_the_frame_names_the_robot() -> None:
    assert frame_id('r1', 'gps_a') == 'r1/gps_a' and frame_id('', 'gps_a') == 'gps_a'


@pytest.mark.parametrize(('call', 'words'), [
    (lambda: parameters.integer({'baud': '9600'}, 'baud', 1, 1, 9), 'whole number from 1 to 9'),
    (lambda: parameters.integer({'baud': True}, 'baud', 1, 1, 9), 'whole number'),
    (lambda: parameters.number({'r': float('nan')}, 'r', 1, 0, 9), 'from 0 to 9'),
    (lambda: parameters.number({'r': 10 ** 400}, 'r', 1, 0, 9), 'from 0 to 9'),
    (lambda: parameters.flag({'f': 1}, 'f', False), 'true or false'),
    (lambda: parameters.text({'t': 'x'}, 't', 'a', ('a', 'b')), 'one of a, b'),
    (lambda: parameters.numbers({'n': [1, 2]}, 'n', (), 0, 9, 3), 'expected 3 numbers'),
    (lambda: parameters.numbers({'n': 'abc'}, 'n', (), 0, 9), 'a list'),
    (lambda: parameters.numbers({'n': [0.0] * 65}, 'n', (), 0, 9), 'at most 64'),
    (lambda: parameters.names({'n': ['a', 'a']}, 'n', ()), 'different names'),
    (lambda: parameters.known_only({'boud': 1}, ('baud',)), 'boud; expected of: baud'),
])
def test_a_parameter_that_cannot_be_used_is_refused_with_what_would(
    call: Any, words: str,
) -> None:
    with pytest.raises(parameters.ParameterFault, match=words):
        call()


def test_one_number_stands_for_many() -> None:
    assert parameters.numbers({'n': 2}, 'n', (), 0, 9, 3) == (2.0, 2.0, 2.0)
