# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a policy allows, as DDS-Security matches it (POSIX fnmatch, where a star also stands for
slashes). For tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from xml.etree import ElementTree

WAYS = ('publish', 'subscribe', 'reply', 'request', 'execute', 'call')
ACTION_SERVICES = ('send_goal', 'get_result', 'cancel_goal')
ACTION_TOPICS = ('feedback', 'status')


@dataclass
class Allowed:
    """Expressions by way, as they are in the file."""

    ways: dict[str, list[str]] = field(default_factory=lambda: {way: [] for way in WAYS})

    @classmethod
    def of(cls, text: str) -> Allowed:
        """Of all profiles together: DDS-Security knows processes, not nodes."""
        found = cls()
        for block in ElementTree.fromstring(text.encode()).iter():
            for way in WAYS:
                if block.get(way) == 'ALLOW':
                    found.ways[way] += [(one.text or '').strip() for one in block]
        return found

    def allows(self, way: str, name: str) -> bool:
        return any(fnmatchcase(name, expression) for expression in self._of(way))

    def _of(self, way: str) -> list[str]:
        """With what actions are made of."""
        ways = self.ways
        acts = {'reply': 'execute', 'request': 'call', 'publish': 'execute', 'subscribe': 'call'}
        parts = ACTION_SERVICES if way in ('reply', 'request') else ACTION_TOPICS
        return [
            *ways[way],
            *(f'{one}/_action/{part}' for one in ways[acts[way]] for part in parts),
        ]
