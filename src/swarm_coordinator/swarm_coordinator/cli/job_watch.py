# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Following jobs on a terminal until they have ended: owns what is drawn and when.

On a terminal a bar for each job that is under way is redrawn in place; elsewhere there is a line
for each change.
"""

import shutil
from collections import Counter
from collections.abc import Sequence
from typing import Any

from swarm_msgs import msg

from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import FAILED, OK, print_json, say
from swarm_coordinator.cli.job_choice import all_jobs
from swarm_coordinator.cli.job_text import (
    ending,
    has_ended,
    job_facts,
    name_of,
    phase_of,
    progress_line,
)
from swarm_coordinator.ros.job_conversions import is_settled
from swarm_coordinator.ros.topics import TOPICS

BARS_MAX = 12
CHUNK = 500  # job ids in one question
LOOK_AGAIN_S = 1.0  # updates come as messages; looking now and then covers a lost leader


def follow(client: Any, job_ids: Sequence[str], as_json: bool) -> int:
    """Until all have ended. Exit code: were they all done?"""
    changed = [True]
    topic = TOPICS['/swarm/jobs']
    client.node.create_subscription(
        msg.JobUpdates, topic.name, lambda _: changed.__setitem__(0, True), topic.qos
    )
    screen = Screen(quiet=as_json)
    jobs: dict[str, Any] = {}
    waiting = list(job_ids)
    try:
        while True:
            changed[0] = False
            missing = _look(client, waiting, jobs)
            if missing:
                return say(f'no such job: {", ".join(missing[:10])}', FAILED)
            waiting = [job_id for job_id in waiting if not is_settled(jobs[job_id])]
            screen.update([jobs[job_id] for job_id in job_ids])
            if not waiting:
                break
            client.spin_until(lambda: changed[0], LOOK_AGAIN_S)
    finally:
        screen.end()
    ended = [jobs[job_id] for job_id in job_ids]
    if as_json:
        print_json([job_facts(job) for job in ended])
    elif len(ended) > 1:
        print(summary(ended))
    return OK if all(job.phase == job.PHASE_DONE for job in ended) else FAILED


def _look(client: Any, waiting: Sequence[str], jobs: dict[str, Any]) -> list[str]:
    """Take in how these are; returns those that are not known."""
    for start in range(0, len(waiting), CHUNK):
        for job in all_jobs(client, waiting[start : start + CHUNK]):
            jobs[job.job_id] = job
    return [job_id for job_id in waiting if job_id not in jobs]


def summary(jobs: Sequence[Any]) -> str:
    """'12 jobs: 10 done, 2 failed; 4 robots, 12.30 s of work', and where to read why."""
    counts = Counter(phase_of(job) for job in jobs)
    said = ', '.join(f'{count} {phase}' for phase, count in counts.most_common())
    robots = len({job.robot_id for job in jobs if job.robot_id})
    run_ms = sum(job.run_ms for job in jobs)
    text = f'{len(jobs)} jobs: {said}; {robots} robot{"s" * (robots != 1)}'
    text += f', {tables.duration(run_ms)} of work' if run_ms else ''
    bad = [job for job in jobs if has_ended(job) and job.phase != job.PHASE_DONE]
    if bad:
        text += f'\nwhy: swarmctl jobs explain {bad[0].job_id}, swarmctl jobs logs --stderr '
        text += bad[0].job_id
    return text


class Screen:
    """What people see of the jobs that are followed."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._live = tables.Live()
        self._told: dict[str, tuple[str, str, int]] = {}  # phase, robot, tenths

    def update(self, jobs: Sequence[Any]) -> None:
        if self._quiet:
            return
        for job in jobs:
            self._tell(job)
        self._live.show(bars(jobs))

    def _tell(self, job: Any) -> None:
        """A line that stays: for each that ended, and elsewhere than on a terminal each change."""
        if is_settled(job):
            now = (phase_of(job), '', 0)
            text = ending(job)
        else:
            if self._live.is_live or phase_of(job) not in ('running', 'submitted'):
                return
            now = (phase_of(job), job.robot_id, job.progress_permille // 100)
            text = changed_line(job)
            if now[0] == 'submitted' and job.job_id not in self._told:
                self._told[job.job_id] = now  # that it was submitted is no news
        if self._told.get(job.job_id) != now:
            self._told[job.job_id] = now
            self._live.print(text)

    def end(self) -> None:
        self._live.end()


def changed_line(job: Any) -> str:
    """'r1-7-1 running on r2, 40 % copying'."""
    text = f'{job.job_id} {phase_of(job)}' + (f' on {job.robot_id}' if job.robot_id else '')
    if phase_of(job) == 'running' and (job.progress_permille or job.progress_text):
        text += f', {job.progress_permille // 10} % {job.progress_text}'.rstrip()
    if phase_of(job) == 'submitted' and job.reason:
        text += f' again: {job.reason}'
    return tables.one_line(text)


def bars(jobs: Sequence[Any], lines_max: int = 0) -> list[str]:
    """A bar for each that is under way, as many as there is room for, and one for all."""
    room = lines_max or min(BARS_MAX, shutil.get_terminal_size().lines - 3)
    open_jobs = [job for job in jobs if not is_settled(job)]
    under_way = [job for job in open_jobs if job.phase == job.PHASE_RUNNING]
    others = [job for job in open_jobs if job.phase != job.PHASE_RUNNING]
    shown = [*under_way, *others][: max(1, room)]
    width = max((len(name_of(job) or job.job_id) for job in shown), default=0)
    lines = [progress_line(job, width) for job in shown]
    if len(open_jobs) > len(shown):
        lines.append(f'... and {len(open_jobs) - len(shown)} more')
    if len(jobs) > 1:
        ended = len(jobs) - len(open_jobs)
        lines.append(f'{tables.bar(ended, len(jobs))} ended, {len(under_way)} running')
    return lines
