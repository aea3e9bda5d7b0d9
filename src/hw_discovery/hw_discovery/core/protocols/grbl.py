# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Lines of Grbl and its descendants. No checksum: fixed text stands for it.

Source: gnea/grbl wiki, 'Interface'; grblHAL core report.c; FluidNC's wiki.
"""

import re
from typing import ClassVar

from hw_discovery.core.protocols.line import LineDecoder, LineShape

_BANNER = re.compile(
    rb'(?P<firmware>Grbl(?:HAL)?) (?P<version>[\w.]{1,16}) \['
    rb"(?:'\$' for help|(?P<build>FluidNC v[^\]]{1,64}))[^\]]{0,32}\]")
_STATUS = re.compile(
    rb'<(?P<status>Idle|Run|Hold|Jog|Alarm|Door|Check|Home|Sleep)(?::\d)?[|,][ -;=?-~]{1,240}>')
_VERSION = re.compile(rb'\[VER:(?P<version>[^\]:]{1,64}):(?P<text>[^\]]{0,80})\]')
_FIRMWARE = re.compile(rb'\[FIRMWARE:(?P<firmware>[^\]]{1,64})\]')


class Grbl(LineDecoder):
    """kind: 'banner', 'status', 'version' or 'firmware'. 'ok' and 'error' prove nothing."""

    name: ClassVar[str] = 'grbl'
    shapes: ClassVar[tuple[LineShape, ...]] = (
        ('banner', _BANNER), ('status', _STATUS), ('version', _VERSION),
        ('firmware', _FIRMWARE))
    starts: ClassVar[bytes] = b'G<['
    # The shortest fixed text is '<Run|' with '>' and the line feed, seven bytes; nine states.
    chance: ClassVar[float] = 12 * 256.0 ** -7
