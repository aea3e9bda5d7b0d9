# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The ROS side of the watch: finds sensor topics on the graph and listens to them unparsed."""

import importlib
import struct
import time
import zlib
from collections.abc import Callable, Collection, Iterable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from hw_discovery.drivers.watch import (
    Claim,
    FaultEdges,
    Health,
    Publisher,
    SensorWatch,
    Watched,
    WatchLimits,
    is_sensor_type,
    match,
)

LOOK_S = 1.0                 # how often the graph is looked at and health is told
FRAME_BYTES_MAX = 256
# Listening to these would copy every picture once more: they are left out unless asked for.
HEAVY_TYPES = frozenset((
    'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/PointCloud2',
    'sensor_msgs/msg/PointCloud'))
_STEADY = Clock(clock_type=ClockType.STEADY_TIME)
_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
_STAMP_END = 12              # 4 bytes of encapsulation, 8 of the stamp that begins every Header
_HASHED_BYTES = 65536        # of one message: a scan is less, a picture differs in its first rows


class SensorTopics:
    """Calls `on_health(healths)` once a second, `on_fault(device_id, text)` and
    `on_recovered(device_id)` when a device's topics get ill or well; all on the executor."""

    def __init__(
        self, node: Node, prefixes: Iterable[str],
        on_health: Callable[[tuple[Health, ...]], None],
        on_fault: Callable[[str, str], None] = lambda device_id, text: None,
        on_recovered: Callable[[str], None] = lambda device_id: None,
        limits: WatchLimits | None = None, with_heavy: bool = False, look_s: float = LOOK_S,
    ) -> None:
        self._node = node
        self._prefixes = tuple(prefixes)
        self._on_health, self._on_fault = on_health, on_fault
        self._on_recovered = on_recovered
        self._watch = SensorWatch(limits)
        self._edges = FaultEdges()
        self._with_heavy = with_heavy
        self._claims: tuple[Claim, ...] = ()
        self._frames: dict[str, str] = {}
        self._unknown_types: set[str] = set()
        self._subscriptions: dict[str, tuple[str, Any]] = {}
        self._group = ReentrantCallbackGroup()
        self._timer = node.create_timer(
            look_s, self._look, callback_group=self._group, clock=_STEADY)

    def set_claims(self, claims: Collection[Claim]) -> None:
        """Tell which devices there are and by what names they may go."""
        self._claims = tuple(claims)

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_timer(self._timer)
        for topic in list(self._subscriptions):
            self._leave(topic)

    def _look(self) -> None:
        wanted = {item.topic: item for item in self._found()}
        now_ns = time.monotonic_ns()
        self._watch.watch(wanted.values(), now_ns)
        watched = set(self._watch.topics)
        for topic in sorted(set(self._subscriptions) - watched):
            self._leave(topic)
        for topic in sorted(watched):
            self._listen(topic, wanted[topic].ros_type)
        healths = self._watch.health(now_ns)
        self._on_health(healths)
        new, over = self._edges.update(healths)
        for device_id, text in new:
            self._on_fault(device_id, text)
        for device_id in over:
            self._on_recovered(device_id)

    def _found(self) -> list[Watched]:
        found = []
        for topic, types in self._node.get_topic_names_and_types():
            if not topic.startswith(self._prefixes) or len(types) != 1 \
                    or not is_sensor_type(types[0]) or types[0] in self._unknown_types \
                    or types[0] in HEAVY_TYPES and not self._with_heavy:
                continue
            publishers = self._node.get_publishers_info_by_topic(topic)
            if publishers:
                who = Publisher(topic, types[0], publishers[0].node_name,
                                publishers[0].node_namespace)
                found.append(Watched(
                    topic, types[0], match(who, self._claims, self._frames.get(topic, ''))))
        return found

    def _listen(self, topic: str, ros_type: str) -> None:
        known = self._subscriptions.get(topic)
        if known is not None and known[0] == ros_type:
            return
        if known is not None:
            self._leave(topic)
        try:
            kind = getattr(importlib.import_module('sensor_msgs.msg'), ros_type.split('/')[-1])
        except (AttributeError, ImportError) as error:
            self._unknown_types.add(ros_type)
            self._node.get_logger().warning(f'{topic}: {ros_type} is not known here: {error}')
            return
        made = self._node.create_subscription(
            kind, topic, lambda data: self._on_message(topic, data), _QOS, raw=True,
            callback_group=self._group)
        self._subscriptions[topic] = ros_type, made

    def _leave(self, topic: str) -> None:
        _, made = self._subscriptions.pop(topic)
        self._frames.pop(topic, None)
        self._node.destroy_subscription(made)

    def _on_message(self, topic: str, data: bytes) -> None:
        digest = zlib.crc32(data[_STAMP_END:_STAMP_END + _HASHED_BYTES])
        self._watch.heard(topic, time.monotonic_ns(), digest)
        if topic not in self._frames:
            self._frames[topic] = frame_of(data)


def frame_of(data: bytes) -> str:
    """Return frame_id of a serialized message that begins with a Header; '' = not readable.

    CDR: the second byte says the byte order, strings are a length with the final zero counted.
    """
    if len(data) < _STAMP_END + 4 or data[1] not in (0, 1):
        return ''
    (size,) = struct.unpack_from('<I' if data[1] else '>I', data, _STAMP_END)
    if not 1 <= size <= FRAME_BYTES_MAX or len(data) < _STAMP_END + 4 + size:
        return ''
    return data[_STAMP_END + 4:_STAMP_END + 3 + size].decode('utf-8', 'replace')
