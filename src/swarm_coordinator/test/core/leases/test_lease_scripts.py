# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Transcripts of leases in scripts/*.txt: what was asked, a line of dashes, what the log answered.

RECORD=1 writes the answers anew; review them as a diff. The robots r1, r2 and r3 are registered;
every line but `wait` is one entry of the log, and the first one has index 4.

    acquire RESOURCE HOLDER@ROBOT ttl=MS [wait=MS] [key=K]     renew RESOURCE TOKEN [ttl=MS]
    release RESOURCE TOKEN      cancel RESOURCE HOLDER@ROBOT [key=K]     wait MS
    expire     extend     dead ROBOT     leave ROBOT     restart ROBOT
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from coordinator_samples import AppliedLog, log_with_robots, registration

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.apply import Applied
from swarm_coordinator.core.replicated.command import (
    AcquireLease,
    CancelWait,
    Command,
    ExpireDue,
    ExtendLeases,
    LeaveSwarm,
    MarkRobot,
    ReleaseLease,
    RenewLease,
)

SCRIPTS = sorted((Path(__file__).parent / 'scripts').glob('*.txt'))


def lives(log: AppliedLog, robot: RobotId) -> int:
    return log.state.members[robot].incarnation


def command_of(words: list[str], log: AppliedLog) -> tuple[Command, RobotId]:
    """The command and who issues it. Raises ValueError for a line that is none."""
    verb, *rest = [word for word in words if '=' not in word]
    options = dict(word.split('=') for word in words if '=' in word)
    number = {name: int(options[name]) if name in options else 0 for name in ('ttl', 'wait')}
    key, r1 = options.get('key', ''), RobotId('r1')
    if verb in ('acquire', 'cancel'):
        resource, who = rest
        holder, _, name = who.partition('@')
        robot = RobotId(name)
        if verb == 'cancel':
            return CancelWait(resource, holder, robot, key), robot
        life = lives(log, robot)
        return AcquireLease(
            resource, holder, robot, life, number['ttl'], number['wait'], key
        ), robot
    if verb in ('renew', 'release'):
        resource, token = rest[0], int(rest[1])
        if verb == 'renew':
            return RenewLease(resource, token, number['ttl']), r1
        return ReleaseLease(resource, token), r1
    if verb in ('expire', 'extend'):
        return ExpireDue(0) if verb == 'expire' else ExtendLeases(), r1
    robot = RobotId(rest[0])
    if verb == 'dead':
        return MarkRobot(robot, lives(log, robot), Liveness.DEAD), r1
    if verb == 'leave':
        return LeaveSwarm(robot, lives(log, robot)), robot
    if verb == 'restart':
        return registration(robot, lives(log, robot) + 1), robot
    raise ValueError(f'{" ".join(words)!r}: expected a command as in the text of this file')


def answer(line: str, log: AppliedLog) -> str:
    words = line.split()
    if words[0] == 'wait':
        log.wait(int(words[1]))
        return 'ok\n'
    command, robot = command_of(words, log)
    life = max(lives(log, robot), getattr(command, 'incarnation', 0))
    return said(log.do(command, by=robot, incarnation=life), log)


def said(done: Applied, log: AppliedLog) -> str:
    lines = [f'{log.state.applied_index} {done.value or "ok"}{" (again)" * done.duplicate}']
    if done.refused:
        lines = [f'{log.state.applied_index} refused: {done.refused}']
    if (lease := done.lease) is not None:
        lines.append(
            f'  {lease.phase.value}: token={lease.token} remaining_ms={lease.remaining_ms} '
            f'place={lease.place}'
        )
    lines += [f'  {one.kind}: {one.text}' for one in done.notable]
    for resource in done.leases:
        lease_now = log.state.leases.held.get(resource)
        if lease_now is None:
            lines.append(f'  now: {resource} is free')
            continue
        queue = ' '.join(f'{one.holder}@{one.robot_id}' for one in lease_now.waiters)
        lines.append(
            f'  now: {resource} token={lease_now.token} '
            f'{lease_now.holder}@{lease_now.robot_id} waiting=[{queue}]'
        )
    return '\n'.join(lines) + '\n'


def played(text: str) -> str:
    log, out = log_with_robots(), []
    for block in text.strip().split('\n\n'):
        asked = block.split('\n----')[0]
        out.append(asked)
        for line in asked.split('\n'):
            if line and not line.startswith('#'):
                out[-1] += f'\n----\n{answer(line, log)}'
    return '\n'.join(one if one.endswith('\n') else f'{one}\n' for one in out)


@pytest.mark.parametrize('script', SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_transcript(script: Path) -> None:
    text = script.read_text()
    now = played(text)
    if os.environ.get('RECORD') == '1':
        script.write_text(now)
    assert now == text, f'review with: RECORD=1 python -m pytest {__file__} && git diff'


def test_there_are_transcripts() -> None:
    assert len(SCRIPTS) >= 3
