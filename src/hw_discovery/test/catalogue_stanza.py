# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One stanza with every part, for tests to spoil."""

from collections.abc import Callable

from hw_discovery.core.catalogue.marked import Problem
from hw_discovery.core.catalogue.schema import ReadEntry

Read = Callable[[str], tuple[list[ReadEntry], list[Problem]]]

GOOD = """\
# a comment
schema: 1
devices:
- id: my_imu
  kind: imu
  vendor: Bosch
  model: BMI160
  buses: [i2c, usb, serial]
  usb:
    ids:
    - {vendor: '10c4', product: 'ea60'}
    proof: bridge_shared
    product: '^CP210'
  i2c:
    addresses: [0x68, 0x69]
    register_index_bits: 8
    identity:
    - {register: 0x00, width_bits: 8, expected: [0xD1]}
    max_khz: 400
  serial:
    bauds: [115200]
    line_format: 8N1
    blind_send: after_usb_hint
    moves_hardware: false
    passive: {listen_ms: 1200, regex: '^hello'}
    requests:
    - name: info
      tx: 'A5 50'
      timeout_ms: 100
      reply_prefix: 'A5 5A'
  capabilities:
  - {name: linear_acceleration, unit: m/s^2, minimum: -156.9, maximum: 156.9, rate_hz: 1600}
  ros_types: [sensor_msgs/msg/Imu]
  sources:
  - {repository: a/b, path: c.h}
  own_driver: imu
  confidence: verified
"""
