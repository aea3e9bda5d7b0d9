# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Finds lines of printable text that have one of some shapes."""

import re
from abc import ABC
from typing import ClassVar

from hw_discovery.core.protocols.decoder import Cut, Decoder, Found, printable

# A shape: the kind of the frame, and the pattern of the whole line without its end. Its named
# groups become fields.
LineShape = tuple[str, re.Pattern[bytes]]
_TEXT = re.compile(rb'[\t\x20-\x7e]*')
_LINE_BYTES_MAX = 512


class LineDecoder(Decoder, ABC):
    """Text that starts with a shape and ends with its line."""

    shapes: ClassVar[tuple[LineShape, ...]]
    frame_bytes_max: ClassVar[int] = _LINE_BYTES_MAX

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        text = _TEXT.match(data, at, at + _LINE_BYTES_MAX - 2)
        assert text is not None          # it matches nothing as well
        line, end = text.group(), data[text.end():text.end() + 2]
        if end in (b'', b'\r'):
            return Cut.MORE
        if end != b'\r\n' and end[:1] != b'\n':
            return Cut.NOTHING
        whole = line + (b'\n' if end[:1] == b'\n' else end)
        for kind, pattern in self.shapes:
            found = pattern.fullmatch(line.rstrip())
            if found is not None:
                return self._frame(kind, whole, tuple(
                    (name, printable(value)) for name, value in found.groupdict().items()
                    if value is not None))
        return Cut.NOTHING
