# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""USB ids that name a bridge chip or an example firmware, never the product behind it.

A table of facts. The chips are those of the public usb.ids list (github.com/usbids/usbids); the
alternatives are robot parts that are sold with them, and are not complete.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class SharedId:
    """What carries the id, and what may be behind it."""

    bridge: str
    alternatives: tuple[str, ...]


_SOMETHING_ELSE = 'another serial device'
_FTDI = ('VectorNav IMU', 'Marlin board', 'Dynamixel adapter', _SOMETHING_ELSE)
_CH340 = ('WitMotion IMU', 'Feetech servo bus', 'grbl controller', 'Marlin board', 'ESP32 board',
          'Arduino clone', 'MSP flight controller', _SOMETHING_ELSE)
_CH34X = ('Feetech servo bus', 'ESP32 board', _SOMETHING_ELSE)

SHARED_IDS: dict[str, SharedId] = {
    '10c4:ea60': SharedId('Silicon Labs CP210x', (
        'RPLIDAR', 'YDLIDAR', 'LDROBOT lidar', 'ESP32 board', 'MSP flight controller',
        _SOMETHING_ELSE)),
    '1a86:7523': SharedId('WCH CH340', _CH340),
    '1a86:7522': SharedId('WCH CH340', _CH340),
    '1a86:5523': SharedId('WCH CH341', _CH34X),
    '1a86:55d3': SharedId('WCH CH343', _CH34X),
    '1a86:55d4': SharedId('WCH CH9102', _CH34X),
    '0403:6001': SharedId('FTDI FT232R', _FTDI),
    '0403:6010': SharedId('FTDI FT2232', _FTDI),
    '0403:6011': SharedId('FTDI FT4232', _FTDI),
    '0403:6014': SharedId('FTDI FT232H', _FTDI),
    '0403:6015': SharedId('FTDI FT-X', _FTDI),
    '067b:2303': SharedId('Prolific PL2303', ('YDLIDAR', 'GNSS receiver', _SOMETHING_ELSE)),
    '067b:23a3': SharedId('Prolific PL2303G', ('YDLIDAR', 'GNSS receiver', _SOMETHING_ELSE)),
    '0483:5740': SharedId('ST virtual COM port example', (
        'VESC motor controller', 'ArduPilot board', 'MSP flight controller', 'moteus adapter',
        'MicroStrain IMU', 'Marlin board', 'YDLIDAR', _SOMETHING_ELSE)),
}
