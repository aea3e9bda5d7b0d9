# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What this robot does not understand because it was written by newer software.

Owns that nothing of it is taken for something else: not acknowledged when it comes, not skipped
when it is there. Who could skip an entry that others apply would have another state than they,
and nobody would notice. Refuses to know what entries mean.
"""

from collections.abc import Iterable

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.raft import (
    Append,
    Entry,
    EntryKind,
    Heartbeat,
    Message,
    PeerProtocolError,
)
from swarm_coordinator.core.replicated.command import (
    CODEC_VERSION,
    MalformedCommand,
    NewerCommand,
    decode,
)

USUAL = b'{"v":%d,' % CODEC_VERSION  # how encode() begins


class NewerLog(Exception):
    """A committed entry cannot be applied here: this robot must neither vote nor lead."""

    def __init__(self, index: int, why: str) -> None:
        super().__init__(
            f'entry {index} of the log is {why}. This robot stops, so that it does not get '
            'another state than the others; its storage is as it was'
        )
        self.index = index


def newer_in(entries: Iterable[Entry]) -> tuple[Entry, int] | None:
    """The first entry that is of a later version, and of which."""
    for entry in entries:
        if entry.kind is EntryKind.COMMAND and not entry.data.startswith(USUAL):
            try:
                decode(entry.data)
            except NewerCommand as error:
                return entry, error.version
            except MalformedCommand:
                continue  # no version knows it: every replica skips it alike
    return None


class Comprehension:
    """Whose word counts no longer, in which term: who leads with entries of a later version is
    not followed in that term, so that those who understand each other choose another leader."""

    def __init__(self) -> None:
        self._beyond: tuple[RobotId, int] | None = None

    def check(self, message: Message) -> None:
        """Raises PeerProtocolError."""
        if not isinstance(message, (Append, Heartbeat)):
            return
        if (message.sender, message.term) == self._beyond:
            raise PeerProtocolError(
                message.sender, f'leads term {message.term} with newer software'
            )
        if isinstance(message, Append) and (found := newer_in(message.entries)) is not None:
            entry, version = found
            self._beyond = message.sender, message.term
            raise PeerProtocolError(
                message.sender,
                f'entry {entry.index} is of version {version}, this software reads up to '
                f'{CODEC_VERSION}: update this robot; {message.sender} is not followed in term '
                f'{message.term}',
            )
