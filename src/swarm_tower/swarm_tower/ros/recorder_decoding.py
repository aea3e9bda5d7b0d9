# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Recorded bytes to facts, by the very conversions and feeds of the live tower: a feed that only
listens also works on a recording. Owns what a recording's definitions must be to be understood.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import Any, cast

from swarm_tower.config import TowerConfig
from swarm_tower.core.facts import ROBOT_ID, Fact, Ignored
from swarm_tower.recorder.mcap_reading import Recorded, Schema
from swarm_tower.ros.cdr import message_of
from swarm_tower.ros.feed import Ears, Feed
from swarm_tower.ros.feeds import FEEDS
from swarm_tower.ros.recorder_schemas import message_type, schema_of
from swarm_tower.ros.tower import from_sender, listen_to_robot, listen_to_swarm

LOG = logging.getLogger('swarm_tower.recorder')
OWN = re.compile(r'/([^/]+)/.+')
NOTES_MAX = 6
ROBOTS_MAX = 256
Heard = tuple[Any, Callable[[Any], Ignored | None], Callable[[Any], Fact]]


class _NoNode:
    """In the place of a node: a feed may drop its subscriptions, and can do nothing else."""

    def destroy_subscription(self, subscription: Any) -> bool:
        return True


class _Pot:
    """In the place of a hub: takes what a feed folds by itself."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def fold(self, facts: Iterable[Fact]) -> None:
        self.facts.extend(facts)


class FactDecoder:
    """See travel.Decoder."""

    def __init__(self, config: TowerConfig) -> None:
        self.notes: list[str] = []
        self._heard: dict[str, list[Heard]] = {}  # several feeds may hear one topic
        self._robots: list[str] = []
        self._kinds: dict[tuple[str, str], Any] = {}
        self._pot = _Pot()
        sender = from_sender(config.swarm_id)
        listen_to_swarm(self._listen, sender)
        ears = Ears(
            cast(Any, _NoNode()), config, cast(Any, self._pot), cast(Any, self._listen),
            sender,
        )
        self._feeds = [feed for kind in FEEDS if (feed := self._made(kind, ears)) is not None]

    def facts(self, message: Recorded) -> Iterable[Fact]:
        """Return what a message tells."""
        topic = message.channel.topic
        self._follow(topic)
        heard = self._heard.get(topic)
        if heard is None or not self._understood(message, heard[0][0]):
            return ()
        found: list[Fact] = []
        try:
            msg = message_of(message.data, heard[0][0])
            for _, check, convert in heard:
                ignored = check(msg)
                found.append(convert(msg) if ignored is None else ignored)
        except Exception as error:
            self._note(f'a message of {topic} is left out: {type(error).__name__}: {error}')
            return ()
        found.extend(self._pot.facts)
        self._pot.facts = []
        return found

    def _made(self, kind: type[Feed], ears: Ears) -> Feed | None:
        try:
            return kind(ears)
        except Exception as error:
            LOG.info('%s does not work on recordings: %s', kind.__name__, error)
            return None

    def _listen(self, kind: Any, topic: str, _: Any, check: Any, convert: Any) -> Any:
        self._heard.setdefault(topic, []).append((kind, check, convert))
        return topic

    def _follow(self, topic: str) -> None:
        """A robot that has topics of its own is worth the subscriptions of all feeds."""
        match = OWN.fullmatch(topic)
        if match is None or topic in self._heard or len(self._robots) >= ROBOTS_MAX:
            return
        robot_id = match.group(1)
        if robot_id in self._robots or robot_id == 'swarm' or not ROBOT_ID.match(robot_id):
            return
        self._robots.append(robot_id)
        listen_to_robot(self._listen, robot_id)
        for feed in self._feeds:
            try:
                feed.follow(list(self._robots))
            except Exception as error:
                LOG.info('%s does not work on recordings: %s', type(feed).__name__, error)

    def _understood(self, message: Recorded, kind: Any) -> bool:
        """Bytes of another definition would be read as nonsense, so they are not read."""
        schema = message.channel.schema or Schema('', '', b'')
        key = (message.channel.topic, f'{schema.name} {hash(schema.text)}')
        if key not in self._kinds:
            self._kinds[key] = self._same(schema, message.channel.encoding, kind)
            if not self._kinds[key]:
                self._note(
                    f'{message.channel.topic} is left out: its messages ({schema.name[:80]}) '
                    'were recorded by another version of the software'
                )
        return bool(self._kinds[key])

    def _same(self, schema: Schema, encoding: str, kind: Any) -> bool:
        if encoding != 'cdr' or schema.encoding != 'ros2msg':
            return False
        try:
            if message_type(schema.name) is not kind:
                return False
        except KeyError:
            return False
        try:
            return _bare(schema.text) == _bare(schema_of(schema.name))
        except KeyError:
            return True  # no .msg files here: nothing to compare with

    def _note(self, text: str) -> None:
        if text not in self.notes and len(self.notes) < NOTES_MAX:
            self.notes.append(text)


def _bare(text: bytes) -> list[str]:
    """A definition without comments and spacing."""
    lines = text.decode('utf-8', 'replace').split('\n')
    bare = (' '.join(line.partition('#')[0].split()) for line in lines)
    return [line for line in bare if line]
