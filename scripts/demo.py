#!/usr/bin/env python3
# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The main job on this machine: a swarm compresses a real tree and loses its leader on the way.

Starts robots and a tower, submits one `xz` job per file of the standard library of this Python,
kills the leader's process while they run, starts it again, and checks every result by
decompressing it. Ends with a summary; with --once it ends there, else the swarm stays up.
"""

import argparse
import hashlib
import json
import lzma
import os
import shutil
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swarm_coordinator.audit import audit, histories_agree
from swarm_coordinator.cli import tables
from swarm_coordinator.cli.client import SwarmClient, Unavailable, reader_of
from swarm_coordinator.launch_plan import SECURITY
from swarm_coordinator.local_swarm import LocalSwarm, end_as_at_ctrl_c, robot_names
from swarm_coordinator.ros.job_conversions import is_settled
from swarm_coordinator.ros.watcher import Watcher

TOKENS = 'tower_tokens.json'
FOLDER = Path('build/demo')
SUFFIXES = ('.py', '.so')
SKIPPED = frozenset(
    {'__pycache__', 'site-packages', 'dist-packages', 'test', 'tests', 'idle_test'}
)
IN_FLIGHT_PER_ROBOT = 4  # submissions that wait for the log at a time
ASK_AGAIN_S = 5.0
LEADER_S = 20.0
FAILOVER_S = 15.0
DONE_S = 600.0
DOWN_S = 3.0  # how long a killed robot stays away
OVERLAP_PER_ROBOT = 4  # jobs still under way when the next part of the batch is submitted
ATTEMPTS = 10  # per job: a job must outlive several kills
QUIET_EVENTS = frozenset({'job_reissued', 'robot_joined'})  # summed up instead of one line each
LIST_PAGE = 500
AUDIT = 'audit'  # label of the jobs by which learners check finished work when there is room


@dataclass(frozen=True)
class Item:
    """One file of the batch: where it is, where its result goes, what it must decompress to."""

    path: Path
    relative: Path
    size_bytes: int
    sha256: str


@dataclass
class Progress:
    """What is known about the batch; filled while the swarm works."""

    items: dict[str, Item] = field(default_factory=dict)  # by idempotency key
    job_of: dict[str, str] = field(default_factory=dict)  # key -> job_id
    verified: dict[str, int] = field(default_factory=dict)  # key -> bytes of the result
    wrong: dict[str, str] = field(default_factory=dict)  # key -> what is wrong


def files_of(root: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if name not in SKIPPED)
        for name in sorted(names):
            path = Path(folder) / name
            if path.suffix in SUFFIXES and path.is_file() and not path.is_symlink():
                yield path


def batch_of(root: Path) -> dict[str, Item]:
    run = f'{time.time_ns():x}'
    items = {}
    for path in files_of(root):
        data = path.read_bytes()
        relative = path.relative_to(root)
        item = Item(path, relative, len(data), hashlib.sha256(data).hexdigest())
        items[f'{run}:{relative}'[-200:]] = item
    return items


class Demo:
    """One run. `say` prints lines above the progress bar."""

    def __init__(self, swarm: LocalSwarm, client: SwarmClient, kills: int, tree: Path) -> None:
        self.swarm, self.client, self.kills = swarm, client, kills
        self.tree = tree
        self.line = tables.Live()
        self.progress = Progress()
        self.started_s = time.monotonic()
        self.watcher = Watcher(client.node, swarm.swarm_id, self._on_event)
        self.output = swarm.folder / 'out'
        self.failovers_ms: list[int] = []
        self.leaders: list[tuple[int, str]] = []  # (term, leader)
        self.dead: dict[str, float] = {}  # robot -> when to start it again
        self.reissued_seen = 0

    # ---- the stages

    def run(self) -> dict[str, Any]:
        self._wait_for_leader()
        self.progress.items = batch_of(self.tree)
        total = sum(item.size_bytes for item in self.progress.items.values())
        count, names = len(self.progress.items), self.swarm.names
        self.say(
            f'batch: {count} files, {tables.size(total)}, of {self.tree}: xz on whichever robot'
        )
        for wave in range(self.kills + 1):
            if wave:
                self._wait_until_killable()
            self._submit(self._wave(wave))
            if wave:
                self._kill_leader()
            self._work(leave=0 if wave == self.kills else OVERLAP_PER_ROBOT * len(names))
        self._wait_for_return()
        self.line.end()
        return self._summary()

    def _wait_for_leader(self) -> None:
        names = self.swarm.names
        agreed = lambda: bool(self.watcher.agreed_leader(names)) or self._ended()  # noqa: E731
        found = self._spin(agreed, LEADER_S)
        if ended := self._ended():
            raise Unavailable(f'{ended} ended: {self.swarm.last_line(ended)}')
        if not found:
            raise Unavailable(f'no leader after {LEADER_S:.0f} s; see {self.swarm.folder}/*.log')
        leader = self.watcher.agreed_leader(names)
        term = self.watcher.heard[leader].beacon.term
        self.leaders.append((term, leader))
        self.say(f'{leader} leads term {term}; all {len(names)} robots agree')

    def _ended(self) -> str:
        """A process that ended by itself; '' if none did."""
        return next(
            (name for name, one in self.swarm.processes.items() if one.poll() is not None), ''
        )

    def _wave(self, number: int) -> list[str]:
        """The batch in equal parts, one more than there are kills: each kill follows on the
        submission of a part, so that there is work in hand however quick the machine is."""
        keys = list(self.progress.items)
        parts = self.kills + 1
        return keys[len(keys) * number // parts : len(keys) * (number + 1) // parts]

    def _submit(self, keys: list[str]) -> None:
        """Each file at the next robot; an answer that does not come is asked for again, under the
        same key, so that it can never become two jobs."""
        from swarm_msgs import srv

        robots = self.swarm.names
        queue = {key: robots[n % len(robots)] for n, key in enumerate(keys)}
        waiting: dict[str, tuple[float, Any]] = {}
        end_s = time.monotonic() + DONE_S
        while queue or waiting:
            if time.monotonic() > end_s:
                raise Unavailable('the swarm takes no more jobs')
            while queue and len(waiting) < IN_FLIGHT_PER_ROBOT * len(robots):
                key = next(iter(queue))
                robot = queue.pop(key)
                request = self._request(key)
                future = self.client.call_async(srv.SubmitJob, 'submit_job', request, robot)
                waiting[key] = (time.monotonic(), future)
            self._spin(lambda: any(f.done() for _, f in waiting.values()), 0.5)
            for key, (asked_s, future) in list(waiting.items()):
                if future.done() and self._accepted(key, future.result()):
                    del waiting[key]
                elif future.done() or time.monotonic() - asked_s > ASK_AGAIN_S:
                    del waiting[key]
                    queue[key] = robots[keys.index(key) % len(robots)]
            self._show('submitted', len(self.progress.job_of))
        self.say(f'{len(self.progress.job_of)} jobs submitted, at all {len(robots)} robots')

    def _accepted(self, key: str, answer: Any) -> bool:
        """False: try again. A refusal ends the demo."""
        if answer.code == answer.REFUSED:
            raise Unavailable(f'the swarm refuses {key}: {answer.reason}')
        if answer.code == answer.ACCEPTED:
            self.progress.job_of[key] = answer.job_id
        return bool(answer.code == answer.ACCEPTED)

    def _request(self, key: str) -> Any:
        from swarm_msgs import msg, srv

        item = self.progress.items[key]
        name = item.path.name
        return srv.SubmitJob.Request(
            spec=msg.JobSpec(
                kind='exec',
                exec=[msg.ExecWork(argv=['xz', '--keep', name])],
                outputs=[f'{name}.xz'],
                attempts_max=ATTEMPTS,
                effects=msg.JobSpec.EFFECTS_NONE,
                labels=['demo'],
            ),
            input_paths=[str(item.path)],
            output_dir=str((self.output / item.relative.parent).resolve()),
            idempotency_key=key,
            expiry_ms=10_000,
        )

    def _work(self, leave: int) -> None:
        """Verify results as they come, until only `leave` of those submitted are missing."""
        end_s = time.monotonic() + DONE_S
        listed_s = 0.0
        while self._missing() > leave:
            if time.monotonic() > end_s:
                self.say(f'not done within {DONE_S:.0f} s')
                return
            self._spin(lambda: False, 0.1)
            if time.monotonic() - listed_s > 3.0:
                # The views are for people and best effort after a lost leader; this is exact.
                listed_s = time.monotonic()
                self._list()
            self._verify_arrived()
            self._restart_due()
            self._show('verified', len(self.progress.verified))

    def _missing(self) -> int:
        progress = self.progress
        return len(progress.job_of) - len(progress.verified) - len(progress.wrong)

    def _wait_until_killable(self) -> None:
        """Only a whole swarm may lose a robot: of three, two must go on."""
        end_s = time.monotonic() + LEADER_S
        while self.dead or not self.watcher.settled(self.swarm.names):
            if time.monotonic() > end_s:
                raise Unavailable(f'not all robots are back after {LEADER_S:.0f} s')
            self._spin(lambda: False, 0.1)
            self._verify_arrived()
            self._restart_due()

    def _list(self) -> None:
        """Ask a living robot for every job; what it knows of them is exact."""
        from swarm_msgs import srv

        robot = next(name for name in self.swarm.names if name in self.swarm.processes)
        after = ''
        while True:
            request = srv.ListJobs.Request(after=after, limit=LIST_PAGE)
            try:
                page = self.client.call(srv.ListJobs, 'list_jobs', request, 4.0, robot)
            except Unavailable:
                return  # it is asked again soon
            for job in page.jobs:
                self.watcher.learn(job, page.log_index)
            if len(page.jobs) < LIST_PAGE:
                return
            after = page.jobs[-1].job_id

    def _verify_arrived(self) -> None:
        jobs = self.watcher.jobs
        for key, job_id in self.progress.job_of.items():
            if key in self.progress.verified or key in self.progress.wrong:
                continue
            job = jobs.get(job_id)
            if job is None or not is_settled(job):
                continue
            if job.phase == job.PHASE_DONE:
                self._verify(key)
            else:
                self._wrong(key, f'{job_id} ended as phase {job.phase}: {job.reason}')

    def _verify(self, key: str) -> None:
        item = self.progress.items[key]
        result = self.output / item.relative.parent / f'{item.path.name}.xz'
        try:
            packed = result.read_bytes()
            digest = hashlib.sha256(lzma.decompress(packed)).hexdigest()
        except (OSError, lzma.LZMAError) as error:
            self._wrong(key, f'{result}: {error}')
            return
        if digest == item.sha256:
            self.progress.verified[key] = len(packed)
        else:
            self._wrong(key, f'{result} decompresses to something else')

    def _wrong(self, key: str, what: str) -> None:
        self.progress.wrong[key] = what
        self.say(f'WRONG: {what}')

    def _kill_leader(self) -> None:
        alive = tuple(name for name in self.swarm.names if name in self.swarm.processes)
        self._spin(lambda: bool(self.watcher.agreed_leader(alive)), LEADER_S)
        leader = self.watcher.agreed_leader(alive)
        if not leader:
            raise Unavailable(f'no leader to kill after {LEADER_S:.0f} s')
        term = self.watcher.heard[leader].beacon.term
        survivors = tuple(name for name in alive if name != leader)
        pid = self.swarm.processes[leader].pid
        killed_s = time.monotonic()
        self.swarm.kill(leader)
        self.say(f'killed {leader}, the leader of term {term} (SIGKILL, pid {pid})')
        if not self._spin(
            lambda: bool(self.watcher.agreed_leader(survivors, above_term=term)), FAILOVER_S
        ):
            raise Unavailable(f'no new leader within {FAILOVER_S:.0f} s of the kill')
        failover_ms = round((time.monotonic() - killed_s) * 1000)
        new = self.watcher.agreed_leader(survivors, above_term=term)
        new_term = self.watcher.heard[new].beacon.term
        self.failovers_ms.append(failover_ms)
        self.leaders.append((new_term, new))
        self.dead[leader] = time.monotonic() + DOWN_S
        self.say(f'{new} leads term {new_term}, known by all survivors after {failover_ms} ms')

    def _restart_due(self) -> None:
        for name, when_s in list(self.dead.items()):
            if time.monotonic() >= when_s:
                del self.dead[name]
                self.swarm.start(name)
                self.say(f'{name} is started again')

    def _wait_for_return(self) -> None:
        """Every robot is there, and has applied what is committed."""
        names = self.swarm.names
        while self.dead:
            self._spin(lambda: False, 0.1)
            self._restart_due()
        if self._spin(lambda: self.watcher.caught_up(names), LEADER_S):
            self.say(f'all {len(names)} robots are back and have caught up')

    # ---- the end

    def _summary(self) -> dict[str, Any]:
        elapsed_s = time.monotonic() - self.started_s
        names = self.swarm.names
        rejoined = self.watcher.caught_up(names)
        found = audit(self.swarm.storage(names[0]))
        difference = histories_agree(self.swarm.storage(name) for name in names)
        if difference is not None:
            self.say(f'WRONG: {difference}')
        jobs = [
            found.state.jobs[j] for j in self.progress.job_of.values() if j in found.state.jobs
        ]
        done = sum(1 for job in jobs if job.phase.value == 'done')
        items = self.progress.items
        summary = {
            'robots': len(names),
            'files': len(items),
            'bytes_in': sum(item.size_bytes for item in items.values()),
            'bytes_out': sum(self.progress.verified.values()),
            'jobs_submitted': len(self.progress.job_of),
            'jobs_done': done,
            'jobs_failed': len(jobs) - done,
            'jobs_accepted_twice': found.accepted_twice,
            'jobs_reissued': found.reissued,
            'completions_refused': found.refused,
            'verified': len(self.progress.verified),
            'leader_before': self.leaders[0][1],
            'leader_after': self.leaders[-1][1],
            'term_before': self.leaders[0][0],
            'term_after': self.leaders[-1][0],
            'kills': len(self.failovers_ms),
            'failover_ms': max(self.failovers_ms, default=0),
            'failovers_ms': self.failovers_ms,
            'rejoined': rejoined,
            'logs_agree': difference is None,
            'jobs_by_robot': {
                name: sum(1 for job in jobs if job.robot_id == name) for name in names
            },
            'elapsed_s': round(elapsed_s, 2),
        }
        summary['ok'] = self._is_ok(summary)
        return summary

    def _is_ok(self, summary: dict[str, Any]) -> bool:
        count = summary['files']
        return bool(
            count > 0
            and summary['jobs_submitted'] == count
            and summary['jobs_done'] == count
            and summary['verified'] == count
            and summary['jobs_accepted_twice'] == 0
            and summary['kills'] == self.kills
            and summary['rejoined']
            and summary['logs_agree']
        )

    # ---- the terminal

    def say(self, text: str) -> None:
        self.line.print(f'{time.monotonic() - self.started_s:7.2f}  {text}')

    def _show(self, what: str, done: int) -> None:
        leader = self.leaders[-1][1]
        self.line.show([f'{tables.bar(done, len(self.progress.items))} {what}; {leader} leads'])

    def _on_event(self, event: Any) -> None:
        if event.kind == 'job_reissued':
            self.reissued_seen += 1
        job = self.watcher.jobs.get(event.subject)
        if event.kind == 'job_expired' and job is not None and AUDIT in job.spec.labels:
            self.say(f'{event.subject}, an audit by a learner, is left out: the batch goes first')
        elif event.kind not in QUIET_EVENTS:
            self.say(f'event: {event.text}')

    def _spin(self, done: Any, timeout_s: float) -> bool:
        return self.client.spin_until(done, timeout_s)


def show(summary: dict[str, Any]) -> None:
    rows = [(key, json.dumps(value)) for key, value in summary.items()]
    print(tables.table(('summary', ''), rows))


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='demo', description=__doc__.splitlines()[0])
    parser.add_argument('--robots', type=int, default=3, help='3 to 9 (default 3)')
    parser.add_argument('--kills', type=int, default=1, help='how often the leader is killed')
    parser.add_argument('--once', action='store_true', help='end when the work is done')
    parser.add_argument(
        '--tree',
        type=Path,
        default=Path(sysconfig.get_path('stdlib')),
        help='whose files are compressed (default: the standard library of this Python)',
    )
    parser.add_argument('--folder', type=Path, default=FOLDER)
    parser.add_argument('--port', type=int, default=8080, help='of the tower; 0 = no tower')
    parser.add_argument('--security', choices=SECURITY, default='sign')
    return parser


def main() -> int:
    options = parser().parse_args()
    if not 3 <= options.robots <= 9 or not 0 <= options.kills <= 20:
        print('demo: expected 3 to 9 robots and 0 to 20 kills', file=sys.stderr)
        return 2
    if shutil.which('xz') is None:
        print('demo: xz is missing; install it with: apt-get install xz-utils', file=sys.stderr)
        return 2
    end_as_at_ctrl_c()
    folder = options.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    names = robot_names(options.robots)
    swarm = LocalSwarm(
        folder,
        names,
        {'exec_allow': ['xz'], 'security': options.security},
        own={
            'tower': {
                'parts': ['tower'],
                'tower_port': options.port,
                'tower_tokens': str(folder / TOKENS),
                'recorder_dir': str(folder / 'recorder'),
                'voters': None,
                'storage_dir': None,
                'exec_allow': None,
            }
        },
        swarm_id='demo',
    )
    try:
        with swarm:
            if options.port:
                swarm.start('tower')
            swarm.start_all()
            with SwarmClient(names[0], name='demo', reader=reader_of(swarm)) as client:
                return _run(
                    Demo(swarm, client, options.kills, options.tree.resolve()), options, folder
                )
    except Unavailable as error:
        print(f'demo: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ndemo: ended; every process is gone')
        return 130


def _token(path: Path) -> str:
    """That the tower makes when it starts."""
    end_s = time.monotonic() + LEADER_S
    while not path.exists():
        if time.monotonic() > end_s:
            raise Unavailable(f'the tower has made no {path}; see {path.parent}/tower.log')
        time.sleep(0.05)
    return str(json.loads(path.read_text())['tokens'][0]['token'])


def _run(demo: Demo, options: argparse.Namespace, folder: Path) -> int:
    domain = demo.swarm.domain.number
    print(f'{options.robots} robots on this machine, ROS domain {domain}; logs in {folder}')
    if options.port:
        token = _token(folder / TOKENS)
        print(
            f'the tower: http://127.0.0.1:{options.port}/#token={token} (without the token, which '
            f'is in {folder / TOKENS}, the page only shows)'
        )
    summary = demo.run()
    (folder / 'summary.json').write_text(json.dumps(summary, indent=2) + '\n')
    show(summary)
    print(f'{"OK" if summary["ok"] else "NOT OK"}; written to {folder / "summary.json"}')
    if not options.once:
        print(
            f'the swarm stays up until Ctrl-C; try, in another terminal:\n'
            f'  source scripts/env.sh; export ROS_DOMAIN_ID={domain} '
            'ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST '
            f'SWARM_KEYS_DIR={demo.swarm.keys_dir(demo.swarm.swarm_id)}; swarmctl status'
        )
        demo.client.spin_until(lambda: False, float('inf'))
    return 0 if summary['ok'] else 1


if __name__ == '__main__':
    sys.exit(main())
