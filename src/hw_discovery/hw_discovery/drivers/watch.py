# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether sensors still say something: freshness, rate and change of every watched topic. Pure.

Each stream learns its own usual interval from itself: the median of its last intervals while it
was well, which a burst or a pause of a few messages does not move. A stream is stale when
nothing comes for several usual intervals, slow when its median has grown, frozen when payloads
that should hold noise stay the same.
"""

import statistics
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

_NS_PER_S = 1_000_000_000
WINDOWS = 4                  # a usual interval is learnt over so many full windows
FASTER = 0.8                 # less than so much of the usual interval is another usual one


@dataclass(frozen=True)
class WatchLimits:
    """Chosen without data, except where said.

    streams_max     topics watched at most; the one that was silent longest gives way
    intervals       remembered of each: enough for a median that outliers do not move
    learn           intervals before a usual one is known
    stale_factor    of the usual interval: Wi-Fi and a busy executor make 3 to 5 common
    stale_min_ns    never sooner, or a sensor at 1 kHz would be stale after 10 ms
    stale_max_ns    never later, and what counts before a usual interval is known
    slow_factor     of the usual interval, by the median: half the rate is not what was planned
    frozen          equal payloads in a row of a kind that has noise
    """

    streams_max: int = 256
    intervals: int = 32
    learn: int = 8
    stale_factor: int = 10
    stale_min_ns: int = _NS_PER_S // 2
    stale_max_ns: int = 10 * _NS_PER_S
    slow_factor: float = 2.0
    frozen: int = 50


class SensorState(Enum):
    """As swarm_msgs/SensorHealth."""

    UNKNOWN = 'unknown'
    FRESH = 'fresh'
    STALE = 'stale'
    FAULTY = 'faulty'


@dataclass(frozen=True, slots=True)
class Watched:
    """A topic and whose it is. `device_id` '' = of no device of the inventory."""

    topic: str
    ros_type: str
    device_id: str = ''


@dataclass(frozen=True, slots=True)
class Health:
    """`age_ns`: None = nothing came yet. `reason`: of a state that is not well."""

    watched: Watched
    state: SensorState
    age_ns: int | None
    rate_hz: float
    reason: str = ''


# Kinds whose every reading holds noise: equal payloads mean that nobody measures any more. A
# battery, a switch or a GPS that stands still may well say the same again.
NOISY_TYPES = frozenset((
    'sensor_msgs/msg/Imu', 'sensor_msgs/msg/MagneticField', 'sensor_msgs/msg/LaserScan',
    'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/PointCloud2'))


@dataclass
class _Stream:
    watched: Watched
    since_ns: int
    last_ns: int | None = None
    intervals_ns: deque[int] = field(default_factory=deque)
    usual_ns: float | None = None
    candidates: list[float] = field(default_factory=list)
    digest: int | None = None
    same: int = 0

    def median_ns(self) -> float:
        return statistics.median(self.intervals_ns)


class SensorWatch:
    """Tell it which topics are there and what comes; ask how they are."""

    def __init__(self, limits: WatchLimits | None = None) -> None:
        self._limits = limits or WatchLimits()
        self._streams: OrderedDict[str, _Stream] = OrderedDict()

    @property
    def topics(self) -> tuple[str, ...]:
        """Topics that are watched."""
        return tuple(self._streams)

    def watch(self, wanted: Iterable[Watched], now_ns: int) -> None:
        """Watch these, and no others. What is known of those that stay is kept, unless it is
        another device's now; what they were called may change."""
        by_topic = {item.topic: item for item in wanted}
        for topic in [topic for topic in self._streams if topic not in by_topic]:
            del self._streams[topic]
        for topic in sorted(by_topic):
            item, stream = by_topic[topic], self._streams.get(topic)
            if stream is not None and stream.watched == item:
                continue
            if stream is None and len(self._streams) >= self._limits.streams_max:
                self._give_way()
            self._streams[topic] = _Stream(item, now_ns)

    def _give_way(self) -> None:
        quiet = min(self._streams, key=lambda t: (
            self._streams[t].last_ns or self._streams[t].since_ns, t))
        del self._streams[quiet]

    def heard(self, topic: str, now_ns: int, digest: int | None = None) -> None:
        """Take note of a message; `digest` of its payload without stamps, None = not compared."""
        stream = self._streams.get(topic)
        if stream is None:
            return
        if stream.last_ns is not None:
            interval = max(0, now_ns - stream.last_ns)
            # A pause is told by its age; it is no interval to learn from.
            if interval < self._stale_ns(stream):
                stream.intervals_ns.append(interval)
                if len(stream.intervals_ns) > self._limits.intervals:
                    stream.intervals_ns.popleft()
        stream.last_ns = now_ns
        stream.same = stream.same + 1 if digest is not None and digest == stream.digest else 0
        stream.digest = digest
        self._learn(stream)

    def _learn(self, stream: _Stream) -> None:
        window = self._limits.intervals
        if len(stream.intervals_ns) < window:
            return
        median = max(stream.median_ns(), 1.0)
        # Only what holds for some windows counts: after a stall, what was queued comes at once.
        if stream.usual_ns is not None and median >= stream.usual_ns * FASTER:
            stream.candidates.clear()
            return
        stream.candidates.append(median)
        if len(stream.candidates) >= WINDOWS * window:
            stream.usual_ns = statistics.median(stream.candidates)
            stream.candidates.clear()
        # It never grows: a sensor that slows down must not make slowness usual.

    def _stale_ns(self, stream: _Stream) -> int:
        limits = self._limits
        if len(stream.intervals_ns) < limits.learn:
            return limits.stale_max_ns
        usual = stream.usual_ns or stream.median_ns()
        return round(min(max(usual * limits.stale_factor, limits.stale_min_ns),
                         max(limits.stale_max_ns, 2 * usual)))

    def health(self, now_ns: int) -> tuple[Health, ...]:
        """Return how each watched topic is, by name."""
        return tuple(self._health(self._streams[topic], now_ns)
                     for topic in sorted(self._streams))

    def _health(self, stream: _Stream, now_ns: int) -> Health:
        stale_ns = self._stale_ns(stream)
        if stream.last_ns is None:
            silent = now_ns - stream.since_ns
            state = SensorState.STALE if silent > stale_ns else SensorState.UNKNOWN
            reason = f'nothing came in {silent / 1e9:.1f} s' if state is SensorState.STALE else ''
            return Health(stream.watched, state, None, 0.0, reason)
        age = max(0, now_ns - stream.last_ns)
        if age > stale_ns:
            return Health(stream.watched, SensorState.STALE, age, 0.0,
                          f'nothing came for {age / 1e9:.1f} s; expected every '
                          f'{self._usual_text(stream)}')
        median = stream.median_ns() if stream.intervals_ns else 0.0
        rate = 1e9 / median if median > 0 else 0.0
        fault = self._fault(stream, rate)
        state = SensorState.FAULTY if fault else SensorState.FRESH
        return Health(stream.watched, state, age, rate, fault)

    @staticmethod
    def _usual_text(stream: _Stream) -> str:
        usual = stream.usual_ns or (stream.median_ns() if stream.intervals_ns else 0.0)
        return f'{usual / 1e9:.2g} s' if usual else 'few seconds'

    def _fault(self, stream: _Stream, rate_hz: float) -> str:
        if stream.same >= self._limits.frozen and stream.watched.ros_type in NOISY_TYPES:
            return f'frozen: {stream.same + 1} readings in a row are the same'
        usual = stream.usual_ns
        if usual is not None and stream.median_ns() > usual * self._limits.slow_factor:
            return f'slow: {rate_hz:.3g} Hz; it has been {1e9 / usual:.3g} Hz'
        return ''


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes a topic on the graph."""

    topic: str
    ros_type: str
    node: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What may betray a device on the graph: names that its driver would use for it.

    `names`: of nodes, last parts of namespaces or of frames. `ros_types`: it can give.
    """

    device_id: str
    names: tuple[str, ...]
    ros_types: tuple[str, ...] = ()


WATCHED_PACKAGE = 'sensor_msgs/msg/'
# Types of that package that are no readings of a sensor.
_NO_READINGS = frozenset(WATCHED_PACKAGE + name for name in (
    'CameraInfo', 'JoyFeedback', 'JoyFeedbackArray', 'NavSatStatus', 'RegionOfInterest',
    'PointField', 'ChannelFloat32', 'LaserEcho'))


def is_sensor_type(ros_type: str) -> bool:
    """Tell whether a topic of this type carries readings."""
    return ros_type.startswith(WATCHED_PACKAGE) and ros_type not in _NO_READINGS


def match(publisher: Publisher, claims: Iterable[Claim], frame_id: str = '') -> str:
    """Return whose topic it is; '' where nothing or more than one device fits.

    In this order, and the first that fits exactly one device decides: a part of the topic or of
    the frame that is a device's name; the node or the end of its namespace; the only device that
    can give such a message.
    """
    ordered = sorted(claims, key=lambda claim: claim.device_id)
    path = {part for part in publisher.topic.split('/') if part}
    frame = {part for part in frame_id.split('/') if part}
    where = {publisher.node, publisher.namespace.rsplit('/', 1)[-1]} - {''}
    for words in (path | frame, where):
        found = [claim.device_id for claim in ordered if words.intersection(claim.names)]
        if len(found) == 1:
            return found[0]
        if found:
            return ''
    able = [claim.device_id for claim in ordered if publisher.ros_type in claim.ros_types]
    return able[0] if len(able) == 1 else ''


class FaultEdges:
    """Turns healths into faults that begin and end, one for each device."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, SensorState]] = {}

    def update(
        self, healths: Iterable[Health],
    ) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """Return (device_id, text) of faults that are new, and devices that have none any more.
        Another topic that is ill, or one that is ill in another way, is a new fault.

        A topic of no device is nobody's fault here; a device that is not watched any more has
        recovered as far as this watch can tell.
        """
        ill: dict[str, Health] = {}
        for health in healths:
            if health.state in (SensorState.STALE, SensorState.FAULTY):
                ill.setdefault(health.watched.device_id, health)
        ill.pop('', None)
        now = {device: (one.watched.topic, one.state) for device, one in sorted(ill.items())}
        new = tuple((device, f'{topic}: {ill[device].reason}')
                    for device, (topic, state) in now.items()
                    if self._told.get(device) != (topic, state))
        over = tuple(sorted(self._told.keys() - now.keys()))
        self._told = now
        return new, over
