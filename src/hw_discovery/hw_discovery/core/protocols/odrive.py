# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Lines of ODrive's answer to 'i'. Fixed text stands for a checksum. Source: ODrive ASCII
protocol."""

import re
from typing import ClassVar

from hw_discovery.core.protocols.line import LineDecoder, LineShape


class Odrive(LineDecoder):
    """kind: 'hardware', 'firmware' or 'serial'."""

    name: ClassVar[str] = 'odrive'
    shapes: ClassVar[tuple[LineShape, ...]] = (
        ('hardware', re.compile(rb'Hardware version: (?P<hardware>\d+\.\d+-\d+V)')),
        ('firmware', re.compile(rb'Firmware version: (?P<firmware>[\w.-]{1,32})')),
        ('serial', re.compile(rb'Serial number: (?P<serial>[0-9A-Fa-f]{8,16})')))
    starts: ClassVar[bytes] = b'HFS'
    # 'Serial number: ' has fifteen fixed characters.
    chance: ClassVar[float] = 3 * 256.0 ** -15
