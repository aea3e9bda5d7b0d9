# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The job kind `record`: topics of the robot that runs it into one MCAP file. Owns what a valid
one is; which topics there are, only that robot can tell.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.core.jobs.work import Work

TOPICS_MAX = 64
NAME_CHARS_MAX = 255  # what ROS 2 leaves of the 256 of a DDS topic
DURATION_MS_MAX = 24 * 3_600_000  # the size of the file ends a recording earlier; no data
MESSAGES_MAX = 100_000_000
SUFFIX = '.mcap'
GRAPH_NAME = re.compile(r'/?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*\Z')


def checked_graph_name(name: str, what: str) -> str:
    """`name` if it is the absolute or relative name of a topic or service; raises ValueError."""
    if len(name) > NAME_CHARS_MAX or not GRAPH_NAME.match(name) or '__' in name:
        raise ValueError(
            f'{what} {name[:80]!r}: expected a ROS name such as "scan" (below the robot\'s '
            f'namespace) or "/tf", at most {NAME_CHARS_MAX} characters'
        )
    return name


@dataclass(frozen=True, slots=True)
class RecordWork(Work):
    """For duration_ms, or until messages_max of all topics together are there; 0 = no such end."""

    kind: ClassVar[str] = 'record'
    topics: tuple[str, ...]
    duration_ms: int = 0
    messages_max: int = 0

    def check(self, inputs: tuple[FileRef, ...], outputs: tuple[str, ...]) -> None:
        if not 1 <= len(self.topics) <= TOPICS_MAX:
            raise ValueError(f'{len(self.topics)} topics: expected 1 to {TOPICS_MAX}')
        for topic in self.topics:
            checked_graph_name(topic, 'topic')
        if len(set(self.topics)) != len(self.topics):
            raise ValueError('a topic is named twice')
        for name, value, most in (
            ('duration_ms', self.duration_ms, DURATION_MS_MAX),
            ('messages_max', self.messages_max, MESSAGES_MAX),
        ):
            if not 0 <= value <= most:
                raise ValueError(f'{name}={value}: expected 0 to {most}')
        if not self.duration_ms and not self.messages_max:
            raise ValueError('a recording needs an end: expected duration_ms or messages_max')
        if inputs:
            raise ValueError(f'{len(inputs)} inputs: a recording has none')
        if len(outputs) != 1 or not outputs[0].endswith(SUFFIX):
            raise ValueError(
                f'outputs={list(outputs)[:3]}: expected one name that ends in {SUFFIX!r}'
            )

    def required(self) -> tuple[str, ...]:
        return ('record',)

    def task(self) -> str:
        return 'record'
