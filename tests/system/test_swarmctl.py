# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every command of swarmctl against a real robot: what it prints, in which form, how it ends."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Make = Callable[..., Any]
AT_ONCE = 4
SHOWN_S = 60.0


def test_commands_show_the_swarm_as_tables_and_as_json(
    field: Make, swarmctl: Make, tmp_path: Path
) -> None:
    made = field(count=1, parts=('coordinator', 'hw_discovery'))
    made.ready()
    swarm = made.swarm
    source = tmp_path / 'a file.txt'
    source.write_text('words ' * 5000)

    done = swarmctl(swarm, 'jobs', 'submit', '--in', str(source), '--out', 'a file.txt.xz',
                    '--label', 'mine', '--', 'xz', '--keep', 'a file.txt')
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'a file.txt.xz').stat().st_size > 0, 'put where swarmctl was called'
    job_id = done.stdout.split()[0]
    assert f'{job_id} done on r1' in done.stdout

    # Each takes a second to come to life: all at once.
    asked = {
        name: command for name, *command in (
            ('status', '--json', 'status'),
            ('status text', 'status'),
            ('robots', '--json', 'robots'),
            ('mine', '--json', 'jobs', 'list', '--label', 'mine'),
            ('failed', '--json', 'jobs', 'list', '--phase', 'failed'),
            ('story', '--json', 'jobs', 'explain', job_id),
            ('watch', 'jobs', 'watch', job_id),
            ('explain nothing', 'jobs', 'explain', 'no-such-job'),
            ('watch nothing', 'jobs', 'watch', 'no-such-job'),
            ('mode', '--json', 'mode'),
            ('hardware', '--json', 'hardware', 'list'),
        )
    }
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = dict(zip(
            asked, threads.map(lambda words: swarmctl(swarm, *words), asked.values()), strict=True
        ))

    def told(name: str) -> Any:
        assert answers[name].returncode == 0, answers[name]
        return json.loads(answers[name].stdout)

    status = told('status')
    assert (status['leader'], status['voters'], status['jobs']['done']) == ('r1', 1, 1)
    assert 'leader  r1, term 1' in answers['status text'].stdout

    (robot,) = told('robots')
    assert robot['robot'] == 'r1' and robot['role'] == 'leader' and 'exec:xz' in robot['offers']

    (job,) = told('mine')
    assert job['job_id'] == job_id and job['phase'] == 'done' and job['exit_code'] == 0
    assert [ref['name'] for ref in job['outputs']] == ['a file.txt.xz']
    assert told('failed') == []

    story = [line['what'] for line in told('story')['story']]
    assert story[0] == 'submitted at r1' and story[1].startswith('attempt 1 granted to r1: ')
    assert story[-1] == 'outputs delivered'

    assert answers['watch'].returncode == 0
    assert answers['explain nothing'].returncode == 1
    assert answers['watch nothing'].returncode == 1

    assert told('mode')['mode'] == 'normal'
    assert any(device['device'] == 'platform:cpu' for device in told('hardware'))


def test_no_robot_within_reach_is_said_with_what_to_check(field: Make, swarmctl: Make) -> None:
    made = field(count=1, start=False)
    answer = swarmctl(made.swarm, 'status')
    assert answer.returncode == 3
    assert f'ROS domain {made.swarm.domain.number}' in answer.stderr
    assert 'ROS_DOMAIN_ID' in answer.stderr


def test_override_without_a_reason_is_refused(field: Make, swarmctl: Make) -> None:
    made = field(count=1)
    made.ready()
    answer = swarmctl(made.swarm, 'override', 'set', 'defensive', '--reason', ' ')
    assert answer.returncode == 2
    assert 'needs an owner, a reason' in answer.stderr
    assert swarmctl(made.swarm, 'override', 'clear').returncode == 2, 'there is none'


def test_top_shows_a_live_swarm_and_leaves_the_terminal_as_it_was(
    field: Make, swarmctl: Make
) -> None:
    made = field(count=1)
    made.ready()

    def once() -> bool:
        shown = swarmctl(made.swarm, 'top', '--once')
        assert shown.returncode == 0, shown.stderr
        assert 'r1' in shown.stdout and '\x1b' not in shown.stdout
        return 'leader r1 (term 1)' in shown.stdout

    def agreed() -> bool:
        told = json.loads(swarmctl(made.swarm, '--json', 'top').stdout)
        assert [one['robot'] for one in told['robots']] == ['r1']
        return bool(told['agreed'])

    # A beacon that is a second old says no longer who leads.
    made.until(once, 'the leader is shown')
    made.until(agreed, 'the leader is told')

    terminal = Terminal(made.swarm, 'top')
    try:
        terminal.until('leader')
        terminal.until('r1')
        terminal.press('s')
        terminal.until('sort: cpu')
        terminal.press('q')
        assert terminal.ended() == 0
        assert terminal.text.endswith('\x1b[?25h\x1b[?1049l')
        assert terminal.settings() == terminal.before
    finally:
        terminal.close()


class Terminal:
    """swarmctl on a pseudo terminal of 120 columns."""

    def __init__(self, swarm: Any, *arguments: str) -> None:
        self.ours, self._theirs = pty.openpty()
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 120, 0, 0))
        self.text = ''
        self.before = self.settings()
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'swarm_coordinator.cli.swarmctl', *arguments],
            stdin=self._theirs, stdout=self._theirs, stderr=subprocess.STDOUT,
            env={**swarm.environment(), 'TERM': 'xterm'},
        )

    def settings(self) -> Any:
        return termios.tcgetattr(self._theirs)

    def press(self, key: str) -> None:
        os.write(self.ours, key.encode())

    def until(self, words: str) -> None:
        seen, deadline = len(self.text), time.monotonic() + SHOWN_S
        while words not in self.text[seen:]:
            assert self._read(deadline), f'{words!r} was not shown: {self.text[-500:]!r}'

    def ended(self) -> int:
        deadline = time.monotonic() + SHOWN_S
        while self._process.poll() is None:
            self._read(time.monotonic() + 0.1)
            assert time.monotonic() < deadline
        while self._read(time.monotonic() + 0.1):
            pass
        return self._process.returncode

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.ours], [], [], max(0.0, deadline - time.monotonic()))
        if ready:
            self.text += os.read(self.ours, 65536).decode(errors='replace')
        return bool(ready)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self.ours)
        os.close(self._theirs)
