# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Slamtec RPLIDAR answers and scans. Source: Slamtec, RPLIDAR interface protocol LR001.

Answers have no checksum; their descriptor of seven fixed bytes stands for it. YDLIDAR answers
its own request with the same bytes: only what was asked tells the two apart.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from hw_discovery.core.protocols.checksum import xor8
from hw_discovery.core.protocols.decoder import Cut, Found
from hw_discovery.core.protocols.sized import Fields
from hw_discovery.core.protocols.slamtec_answer import AnsweringLidar

_INFO = b'\xa5\x5a\x14\x00\x00\x00\x04'
_HEALTH = b'\xa5\x5a\x03\x00\x00\x00\x06'
# Descriptor: kind, bytes that follow. Those of scans announce many answers, which are cut alone.
_DESCRIPTORS = {
    _INFO: ('info', 20), _HEALTH: ('health', 3), b'\xa5\x5a\x04\x00\x00\x00\x15': ('rate', 4),
    b'\xa5\x5a\x05\x00\x00\x40\x81': ('scan_start', 0),
    b'\xa5\x5a\x54\x00\x00\x40\x82': ('express_start', 0),
    b'\xa5\x5a\x84\x00\x00\x40\x84': ('ultra_start', 0),
    b'\xa5\x5a\x54\x00\x00\x40\x85': ('dense_start', 0)}
_HEALTH_WORDS = {0: 'good', 1: 'warning', 2: 'error'}
_CAPSULE_BYTES = 84
_NODE_BYTES = 5
# A node has two check bits, so a run of them is taken as one frame.
_RUN_NODES = 32
# A scan starts seldom and its angle rises; bytes that repeat do neither. Chosen: a turn starts
# anew, and a few nodes come out of order.
_RUN_STARTS_MAX = 2
_RUN_FALLS_MAX = 3
_ANGLE_END_Q6 = 360 * 64
_STEP_END_Q6 = 30 * 64  # a slow scan has one degree; 30 leaves room for gaps


class Rplidar(AnsweringLidar):
    """kind: 'info', 'health', 'rate', '<mode>_start', 'capsule' or 'nodes' (32 of them)."""

    name: ClassVar[str] = 'rplidar'
    descriptors: ClassVar[Mapping[bytes, tuple[str, int]]] = _DESCRIPTORS
    starts: ClassVar[bytes] = bytes(
        byte for byte in range(256) if byte & 3 in (1, 2) or byte >> 4 == 0xA)
    frame_bytes_max: ClassVar[int] = _NODE_BYTES * _RUN_NODES
    # The capsule is the weakest: two nibbles of sync, a checksum of eight bits.
    chance: ClassVar[float] = 2 ** -8 * 2 ** -8 * 1.01
    # A run of nodes: the start bit and its inverse, the check bit and the angle of each.
    chances: ClassVar[Mapping[str, float]] = MappingProxyType({
        'nodes': (2 ** -2 * _ANGLE_END_Q6 / 2 ** 15) ** _RUN_NODES,
        **{kind: 2.0 ** -56 for kind, _ in _DESCRIPTORS.values()}})

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        window = data[at:at + self.frame_bytes_max]
        for cut in (self._answer, self._capsule, self._nodes):
            found = cut(window)
            if found is not Cut.NOTHING:
                return found
        return Cut.NOTHING

    def _capsule(self, window: bytes) -> Found:
        if window[0] >> 4 != 0xA or (len(window) > 1 and window[1] >> 4 != 0x5):
            return Cut.NOTHING
        if len(window) < _CAPSULE_BYTES:
            return Cut.MORE
        check = window[0] & 0xF | (window[1] & 0xF) << 4
        if xor8(window[2:_CAPSULE_BYTES]) != check:
            return Cut.NOTHING
        return self._frame('capsule', window[:_CAPSULE_BYTES])

    def _nodes(self, window: bytes) -> Found:
        # Given up at the first node that cannot belong: half of all bytes may start a node, and
        # bytes that repeat would be looked at to the end from every one of them.
        starts, falls, before = 0, 0, -1
        for at in range(0, len(window), _NODE_BYTES):
            node = window[at:at + _NODE_BYTES]
            if not _may_be_node(node):
                return Cut.NOTHING
            starts += node[0] & 1
            if len(node) >= 3:
                angle = _angle_q6(node)
                falls += before >= 0 and not 0 < (angle - before) % _ANGLE_END_Q6 < _STEP_END_Q6
                before = angle
            if starts > _RUN_STARTS_MAX or falls > _RUN_FALLS_MAX:
                return Cut.NOTHING
        if len(window) < _NODE_BYTES * _RUN_NODES:
            return Cut.MORE
        return self._frame('nodes', window)

    def _answer_fields(self, kind: str, payload: bytes) -> Fields:
        if kind == 'info':
            return (('model', str(payload[0])), ('firmware', f'{payload[2]}.{payload[1]:02d}'),
                    ('hardware', str(payload[3])), ('serial', payload[4:20].hex().upper()))
        if kind == 'health':
            return (('health', _HEALTH_WORDS.get(payload[0], str(payload[0]))),
                    ('error', str(int.from_bytes(payload[1:3], 'little'))))
        return ()


def _may_be_node(node: bytes) -> bool:
    """Check the start bit and its inverse, the check bit and the angle of what is there."""
    if node[0] & 3 not in (1, 2) or (len(node) > 1 and not node[1] & 1):
        return False
    return len(node) < 3 or _angle_q6(node) < _ANGLE_END_Q6


def _angle_q6(node: bytes) -> int:
    return (node[1] | node[2] << 8) >> 1
