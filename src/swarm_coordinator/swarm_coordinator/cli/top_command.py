# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""`swarmctl top`: the swarm on a terminal, live. Owns the subscriptions, the keyboard, and that
the terminal is left as it was found; what is shown is decided in top_view.py.
"""

import argparse
import contextlib
import dataclasses
import os
import select
import shutil
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from typing import Any

from rclpy.qos import QoSProfile
from swarm_msgs import msg

from swarm_coordinator.cli import top_view
from swarm_coordinator.cli.answers import OK, UNAVAILABLE, print_json, say
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.ros.topics import TOPICS, latched

ONCE_S = 8.0  # discovery takes up to two seconds, on a busy machine more
UNKNOWN_PERMILLE = 65535
ROLES = ('follower', 'pre-candidate', 'candidate', 'leader', 'non-voter')
REGIMES = ('unknown', 'calm', 'panic', 'thrash', 'over-cautious')
JOB_COUNTS = ('waiting', 'leased', 'running', 'done', 'failed', 'expired', 'cancelled',
              'quarantined')
ENTER, LEAVE = '\x1b[?1049h\x1b[?25l', '\x1b[?25h\x1b[?1049l'


def top(client: Any, options: argparse.Namespace) -> int:
    facts = top_view.Facts(options.swarm, os.environ.get('ROS_DOMAIN_ID', '0'))
    _listen(client, facts)
    if options.json or options.once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _once(client, facts, options)
    choice = top_view.Choice()
    with _terminal() as read_key:
        shown_s = 0.0
        while True:
            client.spin_until(lambda: False, 0.1)
            for key in read_key():
                if not choice.key(key):
                    return OK
                shown_s = 0.0
            now_s = time.monotonic()
            if not choice.paused and now_s - shown_s >= options.period or shown_s == 0.0:
                shown_s = now_s
                _draw(facts, choice, now_s)


def _once(client: Any, facts: top_view.Facts, options: argparse.Namespace) -> int:
    client.spin_until(lambda: facts.swarm is not None and bool(facts.beats), ONCE_S)
    client.spin_until(lambda: False, 0.3)  # one more beacon of everybody
    now_s = time.monotonic()
    if options.json:
        print_json(_plain(facts, now_s))
    else:
        size = shutil.get_terminal_size((160, 50))
        lines = top_view.screen(
            facts, top_view.Choice(), now_s, max(size.columns, 80), 200, colour=False
        )
        print('\n'.join(lines[:-1]))
    if not facts.beats:
        return say(
            f'no robot was heard on ROS domain {facts.domain} within {ONCE_S:.0f} s; check '
            'ROS_DOMAIN_ID, ROS_AUTOMATIC_DISCOVERY_RANGE and that a robot runs', UNAVAILABLE,
        )
    return OK


def _plain(facts: top_view.Facts, now_s: float) -> dict[str, Any]:
    leader, tone = top_view.leader_of(facts, now_s)
    return {
        'swarm': None if facts.swarm is None else _aged(facts.swarm, now_s),
        'leader': leader,
        'agreed': tone == 'good',
        'regime': facts.regime or None,
        'robots': [
            {**_aged(one, now_s), 'state': top_view.state_of(now_s - one.at_s)[0]}
            for one in facts.beats.values()
        ],
    }


def _aged(one: Any, now_s: float) -> dict[str, Any]:
    values = dataclasses.asdict(one)
    values['age_s'] = round(now_s - values.pop('at_s'), 2)
    return {
        key: dict(value) if key in ('jobs', 'slots', 'phases') else value
        for key, value in values.items()
    }


def _draw(facts: top_view.Facts, choice: top_view.Choice, now_s: float) -> None:
    size = shutil.get_terminal_size()
    lines = top_view.screen(facts, choice, now_s, size.columns, size.lines)
    sys.stdout.write('\x1b[H' + '\x1b[K\r\n'.join(lines) + '\x1b[K\x1b[J')
    sys.stdout.flush()


@contextlib.contextmanager
def _terminal() -> Iterator[Callable[[], str]]:
    """Raw keys and a screen of our own; both as before afterwards, whatever happens."""
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)

    def read_key() -> str:
        ready, _, _ = select.select([keyboard], [], [], 0)
        return os.read(keyboard, 16).decode(errors='replace')[:1] if ready else ''

    try:
        tty.setcbreak(keyboard)
        sys.stdout.write(ENTER)
        yield read_key
    finally:
        sys.stdout.write(LEAVE)
        sys.stdout.flush()
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _listen(client: Any, facts: top_view.Facts) -> None:
    def is_ours(swarm_id: str) -> bool:
        facts.swarm_id = facts.swarm_id or swarm_id  # the first that is heard
        return swarm_id == facts.swarm_id

    def beacon(message: msg.Heartbeat) -> None:
        if is_ours(message.envelope.swarm_id):
            facts.hear(beat_of(message, time.monotonic()))

    def state(message: msg.SwarmState) -> None:
        newer = facts.swarm is None or message.term >= facts.swarm.term
        if is_ours(message.envelope.swarm_id) and newer:
            facts.swarm = swarm_of(message, time.monotonic())

    def event(message: msg.SwarmEvent) -> None:
        if is_ours(message.envelope.swarm_id):
            facts.events.append(happened(message))

    def regime(message: msg.Regime) -> None:
        if is_ours(message.envelope.swarm_id):
            known = message.regime < len(REGIMES)
            facts.regime = REGIMES[message.regime] if known else str(message.regime)
            facts.alarm = message.alarm

    for name, callback, depth in (
        ('/swarm/heartbeat', beacon, 64),
        ('/swarm/state', state, 10),
        ('/swarm/events', event, 100),
    ):
        topic = TOPICS[name]
        qos = QoSProfile(
            depth=depth, reliability=topic.qos.reliability, durability=topic.qos.durability
        )
        client.node.create_subscription(topic.kind, name, callback, qos)
    client.node.create_subscription(msg.Regime, '/swarm/regime', regime, latched())


def beat_of(message: msg.Heartbeat, at_s: float) -> top_view.Beat:
    known = message.consciousness_age_ms != message.UNKNOWN_AGE
    role = ROLES[message.role] if message.role < len(ROLES) else str(message.role)
    return top_view.Beat(
        robot=message.envelope.sender,
        role=role,
        leader=message.leader,
        term=message.term,
        commit=message.commit_index,
        mode=_mode(message.local_mode),
        emergency=message.emergency_active,
        cpu=_permille(message.cpu_load_permille),
        battery=_permille(message.battery_permille),
        running=message.running_jobs,
        held=message.held_jobs,
        queued_s=message.queued_work_ms / 1000,
        arousal=message.arousal if known else None,
        stability=message.stability if known else None,
        pressure=message.pressure if known else None,
        at_s=at_s,
    )


def swarm_of(message: msg.SwarmState, at_s: float) -> top_view.Swarm:
    return top_view.Swarm(
        sender=message.envelope.sender,
        leader=message.leader,
        term=message.term,
        voters=message.voters,
        quorum=message.quorum,
        voters_heard=message.voters_heard,
        mode=_mode(message.mode.mode),
        mode_reason=message.mode.reason,
        overridden=message.mode.overridden,
        emergency=(message.emergency_reason or 'raised') if message.emergency_active else '',
        jobs=tuple((name, getattr(message, f'jobs_{name}')) for name in JOB_COUNTS),
        slots=tuple((one.robot_id, one.job_slots) for one in message.robots),
        phases=tuple((one.robot_id, _phase(one.phase)) for one in message.robots),
        at_s=at_s,
    )


def happened(message: msg.SwarmEvent) -> top_view.Happened:
    at = time.localtime(message.stamp.sec)
    return top_view.Happened(
        time.strftime('%H:%M:%S', at), message.severity, message.kind, message.text
    )


def _mode(number: int) -> str:
    try:
        return Mode(number).label
    except ValueError:
        return str(number)


def _phase(number: int) -> str:
    try:
        return Liveness(number).name.lower()
    except ValueError:
        return str(number)


def _permille(value: int) -> float | None:
    return None if value == UNKNOWN_PERMILLE or value > 1000 else value / 1000
