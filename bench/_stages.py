# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where the time of a commit goes, from the notes of the robots that took part in it.

Owns which call ends which stage. Reads what _measured_robot.py wrote; measures nothing itself.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

STAGES = (
    'leader: until its thread takes the command',
    'leader: check, propose',
    'leader: log to disk',
    'leader: append sent',
    'append on the wire',
    'follower: until its thread takes it, and checks it',
    'follower: log to disk',
    'follower: reply sent',
    'reply on the wire',
    'leader: until its thread takes it, commit, apply, answer',
)


@dataclass(frozen=True)
class Note:
    time_ns: int
    what: str
    took_ns: int
    about: str

    @property
    def end_ns(self) -> int:
        return self.time_ns + self.took_ns


class Notes:
    """Those of one robot, in order of their beginning."""

    def __init__(self, notes: list[Note]) -> None:
        self._of: dict[str, list[Note]] = {}
        for one in sorted(notes, key=lambda note: note.time_ns):
            self._of.setdefault(one.what, []).append(one)

    @classmethod
    def read(cls, path: Path) -> Notes:
        """A line that was being written when the robot ended is left out."""
        notes = []
        for line in path.read_text().splitlines():
            try:
                notes.append(Note(*json.loads(line)))
            except ValueError:
                continue
        return cls(notes)

    def all(self, what: str) -> list[Note]:
        return self._of.get(what, [])

    def after(self, time_ns: int, what: str, about: str = '') -> Note | None:
        """The first `what` that began at this time or later, with `about` in its note."""
        notes = self.all(what)
        at = bisect.bisect_left(notes, time_ns, key=lambda note: note.time_ns)
        return next((one for one in notes[at:] if about in one.about), None)


def stages(leader: str, notes: Mapping[str, Notes]) -> list[tuple[float, ...]]:
    """Milliseconds of each of STAGES, for every command posted one after the other inside the
    leader. The follower is the one whose reply came first."""
    return [one for post in notes[leader].all('Load._post')
            if (one := _of_command(post, leader, notes)) is not None]


def _of_command(
    post: Note, leader: str, notes: Mapping[str, Notes]
) -> tuple[float, ...] | None:
    times = list(_times(post, leader, notes))
    if len(times) != len(STAGES) + 1:
        return None
    return tuple((b - a) / 1e6 for a, b in zip(times, times[1:], strict=False))


def _times(post: Note, leader: str, notes: Mapping[str, Notes]) -> Iterator[int]:
    """When each stage began; ends early where a note is missing."""
    mine = notes[leader]
    taken = mine.after(post.time_ns, 'Coordinator.handle', 'Request')
    saved = taken and mine.after(taken.end_ns, 'LogStore.save')
    sent = saved and mine.after(saved.end_ns, 'Transport.send_raft', 'Append')
    heard = sent and mine.after(sent.time_ns, 'Transport._on_raft', 'AppendReply<')
    answered = heard and mine.after(heard.time_ns, 'Load._answered')
    if not (taken and saved and sent and heard and answered):
        return
    theirs = notes.get(heard.about.partition('<')[2])
    got = theirs and theirs.after(sent.time_ns, 'Transport._on_raft', f'<{leader}')
    kept = theirs and got and theirs.after(got.time_ns, 'LogStore.save')
    reply = theirs and kept and theirs.after(kept.end_ns, 'Transport.send_raft', 'AppendReply')
    if not (got and kept and reply) or reply.time_ns > heard.time_ns:
        return
    yield from (post.time_ns, taken.time_ns, taken.end_ns, saved.end_ns, sent.end_ns,
                got.time_ns, kept.time_ns, kept.end_ns, reply.end_ns, heard.time_ns,
                answered.time_ns)
