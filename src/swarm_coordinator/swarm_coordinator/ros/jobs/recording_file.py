# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The file of a recording: owns how messages become MCAP, by rosbag2_py or by the package mcap.

Both write what `ros2 bag` and Foxglove read: profile ros2, messages as CDR, each type with its
whole definition. Raises RuntimeError where neither is installed. Refuses to know subscriptions.
"""

import contextlib
import importlib
import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from swarm_coordinator.ros.jobs.definitions import Definition

MISSING = (
    'neither rosbag2_py (with rosbag2_storage_mcap) nor the Python package mcap is installed: '
    'install one of them, e.g. "apt-get install ros-$ROS_DISTRO-rosbag2-py '
    'ros-$ROS_DISTRO-rosbag2-storage-mcap" or "pip install mcap"'
)
CHUNK_BYTES = 1 << 20  # what a crash may lose is not delivered anyway; larger ones pack better
DEPTH_KNOWN_MIN = 10  # what ROS 2 uses where discovery does not tell the depth
INFINITE_S, INFINITE_NS = 9223372036, 854775807  # how ROS 2 spells "no limit"


@dataclass(frozen=True)
class Channel:
    """A recorded topic. `offered_qos`: as rosbag2 keeps it, see offered_qos_text."""

    topic: str
    message_type: str
    definition: Definition
    offered_qos: str = ''


class RecordingFile(Protocol):
    """`path` exists with all that was written after close(), and not before."""

    def add(self, channel: Channel) -> None: ...

    def write(self, topic: str, data: bytes, received_ns: int, published_ns: int) -> None: ...

    def close(self) -> None: ...

    def drop(self) -> None:
        """Give up: leave no file."""


def writers() -> tuple[str, ...]:
    """Names of the packages here that can write a recording, the preferred one first."""
    names = []
    if _installed('rosbag2_py') and _has_storage_plugin():
        names.append('rosbag2_py')
    if _installed('mcap'):
        names.append('mcap')
    return tuple(names)


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _has_storage_plugin() -> bool:
    """rosbag2_py alone writes sqlite files only."""
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    return any(
        prefix and os.path.isdir(os.path.join(prefix, 'share', 'rosbag2_storage_mcap'))
        for prefix in prefixes
    )


def open_recording(path: str, names: tuple[str, ...] | None = None) -> RecordingFile:
    """`names`: as writers() gives them. Raises RuntimeError, or OSError."""
    failures = []
    for name in writers() if names is None else names:
        try:
            return RosbagFile(path) if name == 'rosbag2_py' else McapFile(path)
        except (ImportError, AttributeError, TypeError, RuntimeError) as error:
            failures.append(f'{name}: {error}')
    raise RuntimeError('; '.join(failures) or MISSING)


class McapFile:
    """By the package mcap: https://mcap.dev/spec, https://mcap.dev/spec/registry (ros2)."""

    def __init__(self, path: str) -> None:
        writer = importlib.import_module('mcap.writer')
        self._path = path
        self._file = open(path, 'wb')  # noqa: SIM115
        try:
            self._writer = writer.Writer(
                self._file, chunk_size=CHUNK_BYTES, compression=_compression(writer)
            )
            self._writer.start(profile='ros2', library='swarm_coordinator')
        except BaseException:
            self.drop()
            raise
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._written: dict[str, int] = {}

    def add(self, channel: Channel) -> None:
        kind = channel.message_type
        if kind not in self._schemas:
            self._schemas[kind] = self._writer.register_schema(
                kind, channel.definition.encoding, channel.definition.text.encode()
            )
        self._channels[channel.topic] = self._writer.register_channel(
            channel.topic, 'cdr', self._schemas[kind],
            {'offered_qos_profiles': channel.offered_qos},
        )
        self._written[channel.topic] = 0

    def write(self, topic: str, data: bytes, received_ns: int, published_ns: int) -> None:
        number = self._written[topic]
        self._writer.add_message(
            self._channels[topic], received_ns, data, published_ns, number & 0xFFFFFFFF
        )
        self._written[topic] = number + 1

    def close(self) -> None:
        self._writer.finish()
        self._file.close()

    def drop(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()  # writes what it still holds, which may fail on a full disk
        Path(self._path).unlink(missing_ok=True)


def _compression(writer: Any) -> Any:
    """The best that is installed: they are optional where mcap came without its dependencies."""
    if writer.zstandard is not None:
        return writer.CompressionType.ZSTD
    return writer.CompressionType.NONE if writer.lz4 is None else writer.CompressionType.LZ4


class RosbagFile:
    """By rosbag2_py, which writes a folder; the file in it is all that is wanted."""

    def __init__(self, path: str) -> None:
        rosbag = importlib.import_module('rosbag2_py')
        self._rosbag = rosbag
        self._path = path
        self._folder = f'{path}.bag'
        shutil.rmtree(self._folder, ignore_errors=True)
        self._writer = rosbag.SequentialWriter()
        try:
            self._writer.open(
                rosbag.StorageOptions(uri=self._folder, storage_id='mcap'),
                rosbag.ConverterOptions(
                    input_serialization_format='cdr', output_serialization_format='cdr'
                ),
            )
        except BaseException:
            self.drop()
            raise
        self._topics = 0

    def add(self, channel: Channel) -> None:
        """It finds the definition by itself."""
        values = {
            'name': channel.topic, 'type': channel.message_type, 'serialization_format': 'cdr'
        }
        try:
            topic = self._rosbag.TopicMetadata(id=self._topics, **values)
        except TypeError:  # before Jazzy
            topic = self._rosbag.TopicMetadata(**values)
        self._topics += 1
        self._writer.create_topic(topic)

    def write(self, topic: str, data: bytes, received_ns: int, published_ns: int) -> None:
        self._writer.write(topic, data, received_ns)

    def close(self) -> None:
        self._end()
        files = sorted(Path(self._folder).glob('*.mcap'))
        if len(files) != 1:
            raise RuntimeError(f'rosbag2_py wrote {len(files)} files: expected one')
        os.replace(files[0], self._path)
        shutil.rmtree(self._folder, ignore_errors=True)

    def drop(self) -> None:
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        if hasattr(self._writer, 'close'):
            self._writer.close()
        del self._writer  # where there is no close()


def offered_qos_text(profiles: list[Any]) -> str:
    """Profiles of publishers (rclpy QoSProfile) as rosbag2 writes them into recordings.

    With numbers for the policies, which every release reads; later ones write names.
    """
    return '\n'.join(_profile_text(profile) for profile in profiles)


def _profile_text(profile: Any) -> str:
    forever = f'\n    sec: {INFINITE_S}\n    nsec: {INFINITE_NS}'
    return (
        f'- history: 1\n  depth: {max(int(profile.depth), DEPTH_KNOWN_MIN)}\n'
        f'  reliability: {int(profile.reliability)}\n  durability: {int(profile.durability)}\n'
        f'  deadline:{forever}\n  lifespan:{forever}\n  liveliness: 1\n'
        f'  liveliness_lease_duration:{forever}\n  avoid_ros_namespace_conventions: false'
    )
