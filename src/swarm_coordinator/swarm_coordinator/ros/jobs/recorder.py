# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Records topics into one MCAP file.

Owns subscribing as the publishers offer it, and when a recording is at its end. A recording that
cannot be whole (a topic that never appears, a full disk) leaves no file.
"""

import json
import os
import resource
import time
from dataclasses import dataclass, field
from typing import Any

from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
)

from swarm_coordinator.core.jobs.kinds.record_kind import RecordWork
from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.ros.jobs.definitions import DefinitionMissing, definition_of
from swarm_coordinator.ros.jobs.interfaces import UnknownInterface, message_class
from swarm_coordinator.ros.jobs.recording_file import (
    Channel,
    RecordingFile,
    offered_qos_text,
    open_recording,
)
from swarm_coordinator.ros.jobs.session import Session
from swarm_coordinator.runner.jobs.assignment import (
    RESULT_BYTES_MAX,
    Assignment,
    Ended,
    JobFailed,
    Report,
    Stop,
    number_of,
    texts_of,
    whole_file,
)

APPEAR_S = 10.0  # for topics to appear: discovery took up to 6 s with 20 processes on two cores
QUEUE_DEPTH = 1000  # messages: 125 ms at the 8000/s that one process can take
BURST_MAX = 100  # messages of one topic before it is the turn of the others
ROOM_CHECK_BYTES = 1 << 20
DISK_FREE_MIN_BYTES = 64 << 20  # the log of the swarm is on this disk; chosen without data
END_BYTES = 4 << 20  # what closing a file may still write: one chunk and the index
TOPICS_SHOWN = 40


@dataclass
class _Topic:
    name: str
    message_type: str
    profiles: list[Any]
    messages: int = 0
    lost: int = 0  # numbers of their publishers that are missing between two that arrived
    heard: dict[bytes, int] = field(default_factory=dict)  # last number of each publisher

    def count(self, details: dict[str, Any]) -> None:
        self.messages += 1
        number = details.get('publication_sequence_number')
        publisher = (details.get('publisher_gid') or {}).get('data')
        if number is None or publisher is None:
            return  # an RMW or release that does not tell
        before = self.heard.get(publisher, number - 1)
        self.lost += max(number - before - 1, 0)
        self.heard[publisher] = max(number, before)


@dataclass
class _Recording:
    file: RecordingFile
    path: str
    messages_max: int
    bytes_max: int
    topics: list[_Topic] = field(default_factory=list)
    messages: int = 0
    size_bytes: int = 0
    checked_bytes: int = 0

    @property
    def full(self) -> bool:
        return 0 < self.messages_max <= self.messages

    def take(self, topic: _Topic, data: bytes, details: dict[str, Any]) -> None:
        """One message, as the middleware gave it."""
        if self.full:
            return
        received_ns = details.get('received_timestamp') or time.time_ns()
        published_ns = details.get('source_timestamp') or received_ns
        self.file.write(topic.name, data, received_ns, published_ns)
        topic.count(details)
        self.messages += 1
        self.size_bytes += len(data)
        if self.size_bytes - self.checked_bytes >= ROOM_CHECK_BYTES:
            self.checked_bytes = self.size_bytes
            self._check_room()

    def _check_room(self) -> None:
        written = sum(one.stat().st_size for one in _files_of(self.path))
        if written > self.bytes_max - min(END_BYTES, self.bytes_max // 2):
            raise JobFailed(
                f'the recording reached the limit of {self.bytes_max} bytes for one file after '
                f'{self.messages} messages'
            )
        disk = os.statvfs(os.path.dirname(self.path) or '.')
        if disk.f_bavail * disk.f_frsize < DISK_FREE_MIN_BYTES:
            raise JobFailed(
                f'the disk of this robot has less than {DISK_FREE_MIN_BYTES >> 20} MiB left after '
                f'{self.messages} messages'
            )


def _files_of(path: str) -> 'list[os.DirEntry[str]]':
    folder, name = os.path.split(path)
    found = []
    for place, prefix in ((folder or '.', name), (f'{path}.bag', '')):
        if os.path.isdir(place):
            with os.scandir(place) as entries:
                found += [one for one in entries if one.is_file() and one.name.startswith(prefix)]
    return found


def _work(assignment: Assignment) -> RecordWork:
    work = RecordWork(
        texts_of(assignment.work, 'topics'),
        number_of(assignment.work, 'duration_ms'),
        number_of(assignment.work, 'messages_max'),
    )
    inputs = tuple(FileRef(name, 0, '0' * 64) for name in assignment.inputs)
    work.check(inputs, assignment.outputs)
    return work


def record(assignment: Assignment, report: Report, stop: Stop) -> str:
    """The counts as JSON. Raises as serve() expects."""
    work = _work(assignment)
    session = stop.afterwards.enter_context(Session('record_job', assignment.namespace, stop))
    with whole_file(assignment.outputs[0]) as path:
        report.note('waiting for the topics')
        topics = _found(session, [session.resolve(name) for name in work.topics])
        try:
            file = open_recording(path)
        except RuntimeError as error:
            raise JobFailed(str(error)) from None
        recording = _Recording(file, path, work.messages_max, _bytes_max(), topics)
        try:
            ended = _run(session, recording, work.duration_ms, report, stop)
            file.close()
        except BaseException:
            file.drop()
            raise
    if ended:
        raise Ended(f'ended as asked after {recording.messages} messages')
    return _summary(recording)


def _bytes_max() -> int:
    soft = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return soft if soft != resource.RLIM_INFINITY else 1 << 62


def _found(session: Session, names: list[str]) -> list[_Topic]:
    """Raises JobFailed for topics that nobody publishes."""
    if len(set(names)) != len(names):
        raise ValueError('two of the topics are the same one')
    endpoints: dict[str, list[Any]] = {}

    def all_there() -> bool:
        for name in names:
            endpoints[name] = session.node.get_publishers_info_by_topic(name)
        return all(endpoints.values())

    if not session.wait(APPEAR_S, all_there):
        missing = [name for name in names if not endpoints[name]]
        raise JobFailed(
            f'nobody published {", ".join(missing)} within {APPEAR_S:g} s; '
            f'{_published(session, missing)}'
        )
    return [_topic(name, endpoints[name]) for name in names]


def _published(session: Session, missing: list[str]) -> str:
    there = sorted(
        name for name, _ in session.node.get_topic_names_and_types()
        if name not in missing and session.node.count_publishers(name)
    )
    if not there:
        return 'there are no topics at all'
    more = f' and {len(there) - TOPICS_SHOWN} more' if len(there) > TOPICS_SHOWN else ''
    return f'there are: {", ".join(there[:TOPICS_SHOWN])}{more}'


def _topic(name: str, endpoints: list[Any]) -> _Topic:
    types = sorted({one.topic_type for one in endpoints})
    if len(types) != 1:
        raise JobFailed(f'{name} is published with several types: {", ".join(types)}')
    return _Topic(name, types[0], [one.qos_profile for one in endpoints])


def fitting_qos(profiles: list[Any]) -> QoSProfile:
    """What hears every one of the publishers: reliable or latched only if all of them are."""
    reliable = all(one.reliability == ReliabilityPolicy.RELIABLE for one in profiles)
    latched = all(one.durability == DurabilityPolicy.TRANSIENT_LOCAL for one in profiles)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=QUEUE_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _run(
    session: Session, recording: _Recording, duration_ms: int, report: Report, stop: Stop
) -> bool:
    """Until its end; True where it was asked to end before."""
    channels = [_channel(topic) for topic in recording.topics]
    for channel in channels:
        recording.file.add(channel)
    for topic in recording.topics:
        _subscribe(session, recording, topic)
    began_s = time.monotonic()
    end_s = began_s + duration_ms / 1000 if duration_ms else float('inf')
    while not recording.full and (now_s := time.monotonic()) < end_s:
        if stop.asked.is_set():
            return True
        done = recording.messages / recording.messages_max if recording.messages_max else 0.0
        if duration_ms:
            done = max(done, (now_s - began_s) * 1000 / duration_ms)
        report.progress(done, f'{recording.messages} messages')
        session.spin()
    return False


def _channel(topic: _Topic) -> Channel:
    try:
        message_class(topic.message_type)
        definition = definition_of(topic.message_type)
    except (UnknownInterface, DefinitionMissing) as error:
        raise JobFailed(f'{topic.name}: {error}') from None
    return Channel(topic.name, topic.message_type, definition, offered_qos_text(topic.profiles))


def _subscribe(session: Session, recording: _Recording, topic: _Topic) -> None:
    kind = message_class(topic.message_type)

    def took(data: bytes, details: Any) -> None:
        recording.take(topic, data, details)
        # What else is there: asking the executor for each one costs more than writing it.
        for _ in range(BURST_MAX):
            more = subscription.handle.take_message(kind, True)
            if more is None:
                break
            recording.take(topic, *more)

    subscription = session.node.create_subscription(
        kind, topic.name, took, fitting_qos(topic.profiles), raw=True
    )


def _summary(recording: _Recording) -> str:
    total = {'messages': recording.messages, 'bytes': recording.size_bytes}
    topics = {
        one.name: {'type': one.message_type, 'messages': one.messages, 'lost': one.lost}
        for one in recording.topics
    }
    text = json.dumps({**total, 'topics': topics})
    return text if len(text.encode()) <= RESULT_BYTES_MAX else json.dumps(total)
