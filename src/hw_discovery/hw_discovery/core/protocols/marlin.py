# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Lines of Marlin, Repetier and Smoothieware. Fixed text stands for a checksum.

Source: marlinfw.org, M115; repetier/Repetier-Firmware; smoothieware.org, M115.
"""

import re
from typing import ClassVar

from hw_discovery.core.protocols.line import LineDecoder, LineShape

_FIRMWARE = re.compile(
    rb'FIRMWARE_NAME: ?(?P<name>[A-Za-z]{3,32})(?:[ _](?P<version>[\w.+-]{1,32}))?'
    rb'(?:.*?MACHINE_TYPE: ?(?P<machine>.{1,64}?)(?= [A-Z_]+:|$))?'
    rb'(?:.*?UUID: ?(?P<uuid>[0-9A-Fa-f-]{36}))?.*')
_CAPABILITY = re.compile(rb'Cap:(?P<capability>[A-Z_]{2,40}):(?P<value>[01])')
_BANNER = re.compile(rb'(?:echo:)?Marlin (?P<version>[\w.+ -]{1,48})')


class Marlin(LineDecoder):
    """kind: 'firmware', 'capability' or 'banner'. 'start' and 'ok' prove nothing."""

    name: ClassVar[str] = 'marlin'
    shapes: ClassVar[tuple[LineShape, ...]] = (
        ('firmware', _FIRMWARE), ('capability', _CAPABILITY), ('banner', _BANNER))
    starts: ClassVar[bytes] = b'FCeM'
    # The shortest fixed text is 'Marlin ' with one character and the line feed.
    chance: ClassVar[float] = 4 * 256.0 ** -8
