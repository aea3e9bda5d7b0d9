# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What `swarmctl top` shows: owns which facts are kept and how a screen is laid out. Knows no
terminal, no clock and no messages; times are monotonic seconds.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from swarm_coordinator.cli import tables

STALE_S, LOST_S = 1.5, 5.0  # as the control tower counts
EVENTS_KEPT = 200
ROBOTS_KEPT = 512
SORTS = ('name', 'cpu', 'jobs', 'age')
SEVERITIES = ('info', 'warn', 'error')
COLOURS = {'good': '32', 'warn': '33', 'bad': '31;1', 'dim': '2', 'bold': '1'}


@dataclass(frozen=True)
class Beat:
    """A robot's last beacon; None = it does not say."""

    robot: str
    role: str
    leader: str
    term: int
    commit: int
    mode: str
    emergency: bool
    cpu: float | None
    battery: float | None
    running: int
    held: int
    queued_s: float
    arousal: float | None
    stability: float | None
    pressure: float | None
    at_s: float


@dataclass(frozen=True)
class Swarm:
    """The leader's view of the log."""

    sender: str
    leader: str
    term: int
    voters: int
    quorum: int
    voters_heard: int
    mode: str
    mode_reason: str
    overridden: bool
    emergency: str  # its reason; '' = none
    jobs: tuple[tuple[str, int], ...]
    slots: tuple[tuple[str, int], ...]
    phases: tuple[tuple[str, str], ...]
    at_s: float


@dataclass(frozen=True)
class Happened:
    """An event; `clock` as people read it."""

    clock: str
    severity: int
    kind: str
    text: str


@dataclass
class Facts:
    """All that was heard."""

    swarm_id: str
    domain: str
    beats: dict[str, Beat] = field(default_factory=dict)
    swarm: Swarm | None = None
    regime: str = ''
    alarm: bool = False
    events: deque[Happened] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))

    def hear(self, beat: Beat) -> None:
        if beat.robot in self.beats or len(self.beats) < ROBOTS_KEPT:
            self.beats[beat.robot] = beat


@dataclass
class Choice:
    """What the person at the keyboard has chosen."""

    sort: str = 'name'
    severity: int = 0
    paused: bool = False

    def key(self, key: str) -> bool:
        """Take a key; False = it means the end."""
        if key in ('q', '\x03', '\x1b'):
            return False
        if key == 's':
            self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        elif key == 'e':
            self.severity = (self.severity + 1) % len(SEVERITIES)
        elif key in ('p', ' '):
            self.paused = not self.paused
        return True


Cell = tuple[str, str]  # text, and the colour's name or ''


def state_of(age_s: float) -> Cell:
    if age_s >= LOST_S:
        return 'lost', 'bad'
    if age_s >= STALE_S:
        return 'stale', 'warn'
    return 'ok', 'good'


def leader_of(facts: Facts, now_s: float) -> Cell:
    """Who leads, as far as those agree that are heard now."""
    fresh = [one for one in facts.beats.values() if now_s - one.at_s < STALE_S]
    if not fresh:
        return 'no robot is heard', 'bad'
    term = max(one.term for one in fresh)
    named = Counter(one.leader for one in fresh if one.leader)
    if not named:
        return f'none (term {term})', 'bad'
    leader, count = named.most_common(1)[0]
    if len(named) > 1:
        views = ', '.join(f'{name} ({times})' for name, times in sorted(named.items()))
        return f'split view: {views}', 'bad'
    text = f'{leader} (term {term})'
    if count < len(fresh):
        return f'{text}, {len(fresh) - count} of {len(fresh)} know none', 'warn'
    swarm = facts.swarm
    if swarm is not None and swarm.voters and swarm.voters_heard < swarm.quorum:
        return f'{text}, no quorum', 'bad'
    return text, 'good'


def screen(
    facts: Facts, choice: Choice, now_s: float, width: int, height: int, colour: bool = True
) -> list[str]:
    """At most `height` lines of at most `width` columns (colours not counted)."""
    lines = [*_head(facts, now_s), []]
    robots = _robots(facts, choice, now_s)
    foot: list[Cell] = [(
        f'q end   s sort: {choice.sort}   e events: {SEVERITIES[choice.severity]} and worse   '
        f'p {"go on" if choice.paused else "pause"}', 'dim',
    )]
    room = max(3, height - len(lines) - 1)
    events = [one for one in facts.events if one.severity >= choice.severity]
    kept = max(4, room - min(len(events), max(3, room // 3)) - 1)
    lines += robots[:kept]
    if len(robots) > kept:
        lines[-1] = [(f'... and {len(robots) - kept + 1} more', 'dim')]
    left = height - len(lines) - 2
    if left > 0 and events:
        lines.append([])
        lines += [_event(one) for one in events[-max(0, left):]]
    lines = lines[: height - 1]
    lines.append(foot)
    return [_line(cells, width, colour) for cells in lines]


def _head(facts: Facts, now_s: float) -> list[list[Cell]]:
    leader, tone = leader_of(facts, now_s)
    first: list[Cell] = [(facts.swarm_id or 'any swarm', 'bold'), ('  leader ', 'dim'),
                         (leader, tone)]
    swarm = facts.swarm
    if swarm is None:
        where = f'ROS domain {facts.domain or "0"}'
        hint = f'no state of the swarm was heard on {where}: does a leader run there?'
        return [first, [(hint, 'warn')]]
    age_s = now_s - swarm.at_s
    first += [('  voters ', 'dim'), (f'{swarm.voters_heard}/{swarm.voters}',
               'good' if swarm.voters_heard >= swarm.quorum else 'bad')]
    mode = f'{swarm.mode}{" (override)" if swarm.overridden else ""}'
    first += [('  mode ', 'dim'), (mode, 'warn' if swarm.overridden else '')]
    counts = '  '.join(f'{name} {count}' for name, count in swarm.jobs if count) or 'none'
    second: list[Cell] = [('jobs ', 'dim'), (counts, '')]
    if facts.regime:
        second += [('  regime ', 'dim'), (facts.regime, 'bad' if facts.alarm else '')]
    if age_s >= LOST_S:
        second.append((f'  (of {tables.age(age_s)} ago)', 'warn'))
    lines = [first, second, [('why ', 'dim'), (swarm.mode_reason, 'dim')]]
    if swarm.emergency or any(one.emergency for one in facts.beats.values()):
        lines.insert(1, [(f'EMERGENCY: {swarm.emergency or "raised"}', 'bad')])
    return lines


HEADER = ('robot', 'role', 'state', 'mode', 'cpu', 'jobs', 'queue', 'battery', 'arousal',
          'stability', 'pressure', 'heard')


def _robots(facts: Facts, choice: Choice, now_s: float) -> list[list[Cell]]:
    slots = dict(facts.swarm.slots) if facts.swarm else {}
    phases = dict(facts.swarm.phases) if facts.swarm else {}
    rows = [
        _robot(beat, slots, phases, now_s) for beat in _sorted(facts, choice, now_s)
    ]
    heard = set(facts.beats)
    for name in sorted(set(phases) - heard):
        row: list[Cell] = [(name, ''), ('', ''), ('not heard', 'bad')]
        rows.append([*row, *[('-', 'dim')] * (len(HEADER) - 3)])
    widths = [
        max(len(HEADER[column]), *(len(row[column][0]) for row in rows)) if rows
        else len(HEADER[column])
        for column in range(len(HEADER))
    ]
    head: list[Cell] = [(name.ljust(widths[n]) + '  ', 'bold') for n, name in enumerate(HEADER)]
    return [head, *[
        [(text.ljust(widths[n]) + '  ', tone) for n, (text, tone) in enumerate(row)]
        for row in rows
    ]]


def _robot(
    beat: Beat, slots: dict[str, int], phases: dict[str, str], now_s: float
) -> list[Cell]:
    age_s = now_s - beat.at_s
    state = state_of(age_s)
    phase = phases.get(beat.robot, '')
    if state[0] == 'ok' and phase not in ('', 'healthy'):
        state = (phase, 'warn')
    tone = '' if age_s < LOST_S else 'dim'
    waiting = max(0, beat.held - beat.running)
    return [
        (beat.robot, 'bold' if beat.role == 'leader' else tone),
        (beat.role, tone),
        state,
        (beat.mode, tone),
        (_share(beat.cpu), 'warn' if (beat.cpu or 0) > 0.9 else tone),
        (f'{beat.running}+{waiting}/{slots.get(beat.robot, "?")}', tone),
        (tables.age(beat.queued_s) if beat.queued_s else '-', tone),
        (_share(beat.battery), 'bad' if (beat.battery or 1) < 0.2 else tone),
        *((_figure(value), tone) for value in (beat.arousal, beat.stability, beat.pressure)),
        (tables.age(age_s), state[1] if age_s >= STALE_S else tone),
    ]


def _sorted(facts: Facts, choice: Choice, now_s: float) -> Sequence[Beat]:
    beats = sorted(facts.beats.values(), key=lambda one: one.robot)
    if choice.sort == 'cpu':
        beats.sort(key=lambda one: -(one.cpu or 0.0))
    elif choice.sort == 'jobs':
        beats.sort(key=lambda one: -one.held)
    elif choice.sort == 'age':
        beats.sort(key=lambda one: one.at_s)
    return beats


def _event(one: Happened) -> list[Cell]:
    tone = ('dim', 'warn', 'bad')[min(one.severity, 2)]
    word = '' if one.severity == 0 else f'{SEVERITIES[min(one.severity, 2)]}: '
    return [(f'{one.clock}  ', 'dim'), (f'{word}{one.kind}: ', tone), (one.text, '')]


def _share(value: float | None) -> str:
    return '-' if value is None else f'{value:.0%}'


def _figure(value: float | None) -> str:
    return '-' if value is None else f'{value:.2f}'


def _line(cells: Sequence[Cell], width: int, colour: bool) -> str:
    made, left = [], width
    for text, tone in cells:
        shown = tables.cut(tables.one_line(text), left)
        left -= len(shown)
        if colour and tone:
            shown = f'\x1b[{COLOURS[tone]}m{shown}\x1b[0m'
        made.append(shown)
        if left <= 0:
            break
    return ''.join(made) if colour else ''.join(made).rstrip()
