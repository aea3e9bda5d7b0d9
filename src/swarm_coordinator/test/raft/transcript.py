# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The language of the interaction scripts in testdata/: cores, their disks and what is under way.

Owns the commands and how what happened is written down. Refuses to know what is right: a person
reads the diff. Messages wait until `deliver`; disks write at once unless `stall`ed.

    peers r1 r2 r3 [leader=r1] [term=4] [outsiders=r4,r5]   start robots; outsiders are no founders
    tick r1 20 | tick all 5          a robot's clock
    rounds 3                         each: a heartbeat period for all, then deliver everything
    campaign r1                      tick r1 until it asks for votes; others do not move
    deliver [r1->r2] [KIND] [first=N] [reversed] [twice] [shown]
    drop [r1->r2] [KIND] [first=N]   without words: everything, silently
    wait r1 r2 [ticks=10]            these hear nobody for so long, and do not campaign
    elect r1                         campaign, and deliver what is said of votes until then
    cut r1->r2 r2->r1 | isolate r1 | heal
    propose r1 TEXT [times=N] [bytes=N]
    add r1 r4 | claim r1 r4 | promote r1 r4 | demote r1 r4 | remove r1 r4 | admit r1
                                     r1 proposes a change; admit: what the policy says
    compact r1 [keep=N]              | transfer r1 r2 | read r1 ID
    stall r1 | resume r1             the disk of r1 hangs: it does no work
    crash r1 | restart r1 | wipe r1  wipe: crash, and a new disk
    recover r1                       an operator makes a crashed robot the only voter
    show [r1 ...] | log r1 | progress r1
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from raft.raft_bench import TIMING

from swarm_coordinator.core.raft import (
    AddNonVoter,
    Append,
    AppendReply,
    Change,
    Claim,
    Demote,
    Entry,
    EntryKind,
    HardState,
    Heartbeat,
    HeartbeatReply,
    Membership,
    Message,
    PeerProtocolError,
    Promote,
    RaftCore,
    Refused,
    Remove,
    RobotId,
    Role,
    Snapshot,
    SnapshotChunk,
    SnapshotReply,
    Vote,
    VoteRequest,
    admissions,
)

CHANGES: dict[str, type[Change]] = {
    'add': AddNonVoter, 'claim': Claim, 'promote': Promote, 'demote': Demote, 'remove': Remove,
}


@dataclass
class Disk:
    storage_id: int = 1
    hard_state: HardState = field(default_factory=HardState)
    snapshot: Snapshot | None = None
    entries: list[Entry] = field(default_factory=list)


@dataclass
class Robot:
    name: RobotId
    disk: Disk
    core: RaftCore | None = None
    state: list[str] = field(default_factory=list)  # the state machine: what was applied
    role: Role = Role.FOLLOWER
    is_stalled: bool = False


class Script:
    def __init__(self) -> None:
        self.robots: dict[RobotId, Robot] = {}
        self._founders: tuple[RobotId, ...] = ()
        self._cut: set[tuple[RobotId, RobotId]] = set()
        self._under_way: list[tuple[RobotId, Message]] = []  # recipient, message
        self._out: list[str] = []
        self._disks_made = 1
        self._quiet = False

    def run(self, command: str) -> str:
        """One line or more, each a command; returns what happened."""
        self._out = []
        for line in command.splitlines():
            verb, *words = line.split()
            getattr(self, f'_do_{verb}')(words)
            for robot in self.robots.values():
                if robot.core is not None:
                    robot.core.check_invariants()
        return '\n'.join(self._out) or 'ok'

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._out.append(text)

    # ---- robots

    def _do_peers(self, words: list[str]) -> None:
        options, names = _options(words)
        self._founders = tuple(RobotId(name) for name in names)
        outsiders = [RobotId(name) for name in options.get('outsiders', '').split(',') if name]
        term = int(options.get('term', '1'))
        self._quiet = True
        for name in (*self._founders, *outsiders):
            self.robots[name] = Robot(name, Disk(hard_state=HardState(term - 1)))
            self._start(self.robots[name])
        if leader := options.get('leader'):
            self._do_tick(['all', '2'])
            self._do_deliver([])
            self._do_campaign([leader])
            self._do_deliver([])
            self._do_rounds(['2'])
        self._quiet = False

    def _start(self, robot: Robot) -> None:
        disk = robot.disk
        robot.state = _restored(disk.snapshot)
        robot.core = RaftCore(
            robot.name, self._founders, TIMING, random.Random(robot.name), disk.hard_state,
            disk.entries, disk.snapshot, disk.storage_id,
        )
        robot.role = robot.core.role
        self._work(robot)

    def _do_crash(self, words: list[str]) -> None:
        for name in words:
            robot = self.robots[RobotId(name)]
            robot.core, robot.is_stalled = None, False
            self._under_way = [item for item in self._under_way if item[0] != name]

    def _do_restart(self, words: list[str]) -> None:
        for name in words:
            assert self.robots[RobotId(name)].core is None, f'{name} runs'
            self._start(self.robots[RobotId(name)])

    def _do_wipe(self, words: list[str]) -> None:
        self._do_crash(words)
        for name in words:
            self._disks_made += 1
            self.robots[RobotId(name)].disk = Disk(self._disks_made)

    def _do_recover(self, words: list[str]) -> None:
        """By hand, as an operator's tool would: a new term whose only voter is this disk."""
        (name,) = words
        robot = self.robots[RobotId(name)]
        assert robot.core is None, f'{name} runs'
        disk = robot.disk
        term = disk.hard_state.term + 1
        index = disk.entries[-1].index + 1
        alone = Membership(((robot.name, disk.storage_id),))
        disk.entries.append(Entry(index, term, EntryKind.MEMBERSHIP, 0, alone.encode()))
        disk.hard_state = HardState(term, None, disk.hard_state.commit_index)

    def _do_stall(self, words: list[str]) -> None:
        self.robots[RobotId(words[0])].is_stalled = True

    def _do_resume(self, words: list[str]) -> None:
        robot = self.robots[RobotId(words[0])]
        robot.is_stalled = False
        self._work(robot)

    def _work(self, robot: Robot) -> None:
        """Persist, send, apply."""
        core = robot.core
        while core and not robot.is_stalled and (ready := core.ready()):
            disk = robot.disk
            if ready.snapshot is not None:
                disk.snapshot, disk.entries = ready.snapshot, []
            disk.hard_state = ready.hard_state or disk.hard_state
            if ready.truncate_from is not None:
                disk.entries = [one for one in disk.entries if one.index < ready.truncate_from]
                self._say(f'{robot.name} cut its log from {ready.truncate_from}')
            disk.entries.extend(ready.entries)
            for message in ready.messages:
                self._send(robot.name, message)
            if ready.snapshot is not None:
                robot.state = _restored(ready.snapshot)
                self._say(f'{robot.name} installed snapshot of {ready.snapshot.index}')
            self._note_role(robot, core)
            for entry in ready.committed:
                robot.state.append(entry.data.decode())
                self._say(f'{robot.name} applied {entry.index} {_content(entry)}')
            for read in ready.read_states:
                self._say(f'{robot.name} may read {read.request_id} at {read.index}')
            core.advance(ready)

    def _note_role(self, robot: Robot, core: RaftCore) -> None:
        if core.role is not robot.role:
            self._say(
                f'{robot.name} role {_name(robot.role)} -> {_name(core.role)} '
                f'term={core.term} reason={core.role_reason.value}'
            )
            robot.role = core.role

    # ---- the network

    def _send(self, sender: RobotId, message: Message) -> None:
        to_all = message.recipient is None or isinstance(message, HeartbeatReply)
        for name in self.robots:
            wanted = name != sender and (to_all or name == message.recipient)
            is_up = self.robots[name].core is not None
            if wanted and is_up and (sender, name) not in self._cut:
                self._under_way.append((name, message))

    def _do_cut(self, words: list[str]) -> None:
        for word in words:
            sender, recipient = word.split('->')
            self._cut.add((RobotId(sender), RobotId(recipient)))

    def _do_isolate(self, words: list[str]) -> None:
        for name in words:
            for other in self.robots:
                if other != name:
                    self._cut |= {(RobotId(name), other), (other, RobotId(name))}

    def _do_heal(self, words: list[str]) -> None:
        self._cut.clear()

    def _taken(self, words: list[str]) -> list[tuple[RobotId, Message]]:
        """Remove from what is under way what the words ask for."""
        options, names = _options(words)
        limit = int(options.get('first', '0')) or len(self._under_way)
        link = next((name.split('->') for name in names if '->' in name), None)
        kinds = {name for name in names if name[0].isupper()}
        taken = [
            item for item in self._under_way
            if (link is None or [item[1].sender, item[0]] == link)
            and (not kinds or type(item[1]).__name__ in kinds)
        ][:limit]
        self._under_way = [
            item for item in self._under_way if not any(item is one for one in taken)
        ]
        return taken

    def _do_drop(self, words: list[str]) -> None:
        for recipient, message in self._taken(words):
            if words:
                self._say(f'lost {_line(recipient, message)}')

    def _do_deliver(self, words: list[str]) -> None:
        """Without words: until nothing is under way."""
        for _ in range(1000):
            taken = self._taken([word for word in words if word not in MODIFIERS])
            if 'reversed' in words:
                taken.reverse()
            for recipient, message in taken:
                for _copy in range(2 if 'twice' in words else 1):
                    self._hear(recipient, message, 'shown' in words)
            if words or not self._under_way:
                return
        raise AssertionError('messages without end')

    def _hear(self, recipient: RobotId, message: Message, shown: bool = False) -> None:
        robot = self.robots[recipient]
        if shown:
            self._say(_line(recipient, message))
        if robot.core is None:
            return
        try:
            robot.core.step(message)
        except PeerProtocolError as error:
            self._say(f'{recipient} refused a message: {error}')
        self._work(robot)

    # ---- time

    def _do_tick(self, words: list[str]) -> None:
        names = list(self.robots) if words[0] == 'all' else [RobotId(words[0])]
        for _ in range(int(words[1]) if len(words) > 1 else 1):
            for name in names:
                robot = self.robots[name]
                if robot.core is not None and not robot.is_stalled:
                    robot.core.tick()
                    self._work(robot)

    def _do_rounds(self, words: list[str]) -> None:
        for _ in range(int(words[0])):
            self._do_tick(['all', str(TIMING.heartbeat_ticks)])
            self._do_deliver([])

    def _do_campaign(self, words: list[str]) -> None:
        robot = self._up(words[0])
        for _ in range(2 * TIMING.election_timeout_ticks_max):
            robot.core.tick()
            self._work(robot)
            if robot.core.role in (Role.PRE_CANDIDATE, Role.CANDIDATE, Role.LEADER):
                return
        self._say(f'{robot.name} does not campaign')

    def _do_wait(self, words: list[str]) -> None:
        options, names = _options(words)
        ticks = int(options.get('ticks', str(TIMING.election_timeout_ticks_min)))
        for name in names:
            self._up(name).core.hold_elections(ticks)
            self._do_tick([name, str(ticks)])
        self._do_drop([])

    def _do_elect(self, words: list[str]) -> None:
        self._do_campaign(words)
        for kind in ('VoteRequest', 'Vote') * 2:
            self._do_deliver([kind])

    # ---- what is asked of a robot

    def _up(self, name: str) -> Robot:
        robot = self.robots[RobotId(name)]
        assert robot.core is not None, f'{name} is down'
        return robot

    def _do_propose(self, words: list[str]) -> None:
        options, (name, text) = _options(words)
        robot = self._up(name)
        data = text.encode().ljust(int(options.get('bytes', '0')), b'.')
        for _ in range(int(options.get('times', '1'))):
            answer = robot.core.propose(EntryKind.COMMAND, data, 0)
            if isinstance(answer, Refused):
                self._say(f'{name} refused: {_refusal(answer)}')
                break
            if 'times' not in options:
                self._say(f'{name} appended {answer.index} in term {answer.term}')
        self._work(robot)

    def _change(self, name: str, changes: tuple[Change, ...]) -> None:
        robot = self._up(name)
        answer = robot.core.propose_change(changes, 0)
        if isinstance(answer, Refused):
            self._say(f'{name} refused: {_refusal(answer)}')
        else:
            self._say(f'{name} appended {answer.index} {_members(robot.core.membership)}')
        self._work(robot)

    def __getattr__(self, name: str):
        """add, claim, promote, demote, remove: `VERB leader robot`."""
        kind = CHANGES.get(name.removeprefix('_do_'))
        if kind is None:
            raise AttributeError(name)

        def do(words: list[str]) -> None:
            leader, robot = words
            storage_id = self.robots[RobotId(robot)].disk.storage_id
            with_disk = kind in (AddNonVoter, Claim)
            self._change(leader, (kind(RobotId(robot), *([storage_id] * with_disk)),))

        return do

    def _do_admit(self, words: list[str]) -> None:
        changes = admissions(self._up(words[0]).core)
        if not changes:
            self._say('nothing to do')
        for change in changes:
            self._say(f'policy: {type(change).__name__} {change.robot}')
        if changes:
            self._change(words[0], changes)

    def _do_compact(self, words: list[str]) -> None:
        options, (name,) = _options(words)
        robot = self._up(name)
        snapshot = robot.core.compact(
            '\n'.join(robot.state).encode(), int(options.get('keep', '0'))
        )
        robot.disk.snapshot = snapshot
        first = robot.core.first_index
        robot.disk.entries = [entry for entry in robot.disk.entries if entry.index >= first]
        self._say(f'{name} snapshot of {snapshot.index}, log begins at {first}')

    def _do_transfer(self, words: list[str]) -> None:
        robot = self._up(words[0])
        if (refused := robot.core.transfer_to(RobotId(words[1]))) is not None:
            self._say(f'{words[0]} refused: {_refusal(refused)}')
        self._work(robot)

    def _do_read(self, words: list[str]) -> None:
        robot = self._up(words[0])
        if (refused := robot.core.read_index(int(words[1]))) is not None:
            self._say(f'{words[0]} refused: {_refusal(refused)}')
        self._work(robot)

    # ---- what can be seen

    def _do_show(self, words: list[str]) -> None:
        for name in words or self.robots:
            robot = self.robots[RobotId(name)]
            if robot.core is None:
                self._say(f'{name} down')
                continue
            core = robot.core
            self._say(
                f'{name} {_name(core.role)} term={core.term} leader={core.leader or "-"} '
                f'log={core.first_index}..{core.last_index} commit={core.commit_index} '
                f'{_members(core.membership)}'
            )

    def _do_log(self, words: list[str]) -> None:
        robot = self.robots[RobotId(words[0])]
        for entry in robot.disk.entries:
            self._say(f'{entry.index} term={entry.term} {_content(entry)}')

    def _do_progress(self, words: list[str]) -> None:
        for name in self.robots:
            seen = self._up(words[0]).core.progress_of(name)
            if seen is not None:
                near = ' caught-up' if seen.caught_up else ''
                part = f' sent={seen.sent_permille}/1000' if seen.sent_permille else ''
                self._say(
                    f'{name} {seen.phase.value} match={seen.match_index} '
                    f'next={seen.next_index} in-flight={seen.in_flight}{part}{near}'
                )


MODIFIERS = ('reversed', 'twice', 'shown')


def _options(words: list[str]) -> tuple[dict[str, str], list[str]]:
    options = dict(word.split('=', 1) for word in words if '=' in word)
    return options, [word for word in words if '=' not in word]


def _name(role: Role) -> str:
    return role.name.lower().replace('_', '-')


def _restored(snapshot: Snapshot | None) -> list[str]:
    return snapshot.data.decode().splitlines() if snapshot else []


def _refusal(refused: Refused) -> str:
    detail = f' ({refused.detail})' if refused.detail else ''
    return f'{refused.reason.value}{detail}; ask {refused.leader or "nobody"}'


def _seat(robot: RobotId, storage_id: int) -> str:
    return {0: f'{robot}?', 1: str(robot)}.get(storage_id, f'{robot}#{storage_id}')


def _members(membership: Membership) -> str:
    text = 'voters=' + ','.join(_seat(*seat) for seat in membership.voters)
    if membership.non_voters:
        text += ' non-voters=' + ','.join(_seat(*seat) for seat in membership.non_voters)
    if membership.returning:
        text += ' returning=' + ','.join(membership.returning)
    return text


def _content(entry: Entry) -> str:
    if entry.kind is EntryKind.MEMBERSHIP:
        return _members(Membership.decode(entry.data))
    if entry.kind is EntryKind.NOOP:
        return 'noop'
    return entry.data.decode().rstrip('.')


def _line(recipient: RobotId, message: Message) -> str:
    kind = type(message).__name__
    text = f'{message.sender}->{recipient} {kind} term={message.term}'
    if isinstance(message, VoteRequest):
        pre = ' pre-vote' if message.pre_vote else ''
        pre += ' leadership-transfer' if message.leadership_transfer else ''
        return f'{text}{pre} last={message.last_log_index}/{message.last_log_term}'
    if isinstance(message, Vote):
        pre = ' pre-vote' if message.pre_vote else ''
        return f'{text}{pre} {message.reason.name.lower()}'
    if isinstance(message, Append):
        indices = ','.join(str(entry.index) for entry in message.entries) or 'none'
        return (
            f'{text} prev={message.prev_index}/{message.prev_term} entries={indices} '
            f'commit={message.commit_index}'
        )
    if isinstance(message, AppendReply):
        return (
            f'{text} {message.outcome.name.lower()} match={message.match_index} '
            f'try={message.conflict_index}/{message.conflict_term}'
        )
    if isinstance(message, Heartbeat):
        return f'{text} round={message.round} commit={message.commit_index}'
    if isinstance(message, HeartbeatReply):
        return f'{text} round={message.round} match={message.match_index}'
    if isinstance(message, SnapshotChunk):
        end = message.offset_bytes + len(message.data)
        return f'{text} {message.last_index}: {message.offset_bytes}..{end}/{message.total_bytes}'
    if isinstance(message, SnapshotReply):
        reason = f' refused: {message.reason}' if message.reason else ''
        return f'{text} {message.last_index}: next={message.next_offset_bytes}{reason}'
    return text


# ---- files

COMMENT = re.compile(r'^#.*\n?', re.MULTILINE)


def blocks(path: Path) -> Iterator[tuple[str, str, str]]:
    """Comment, commands and recorded output of every block; blocks end with an empty line."""
    for block in re.split(r'\n{2,}', path.read_text().strip()):
        head, _, output = block.partition('----')
        comment = ''.join(COMMENT.findall(head))
        yield comment, COMMENT.sub('', head).strip(), output.strip()


def replayed(path: Path) -> str:
    """The file as it would be recorded now."""
    script, parts = Script(), []
    for comment, command, _ in blocks(path):
        if not command:
            parts.append(comment.strip())
            continue
        parts.append(f'{comment}{command}\n----\n{script.run(command)}')
    return '\n\n'.join(parts) + '\n'
