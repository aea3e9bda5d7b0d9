# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where the time of a job that does nothing goes: by stage, by process, by function.

    python -m bench._job_load [--kind python|exec] [--jobs N] [--singles N] [--top N]

Three robots; jobs one after the other for the stages, then N at once for processor time and
functions. The functions are sampled from outside (py-spy, where the environment of the peers has
it) in a run of its own, so that it does not count in the other figures. Prints; writes nothing.
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import json
import statistics
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench._job_robots import Robots, robots
from bench.peers._queues import ENVIRONMENT
from bench.table import percentile

PY_SPY = ENVIRONMENT / 'bin' / 'py-spy'
SAMPLES_PER_S = 250
STAGES = (
    ('asked', 'client to leader: the request'),
    ('submitted', 'submission into the log'),
    ('granted', 'grant into the log'),
    ('taken', "the worker's copy of the log has it"),
    ('start', 'files, slot: until its process is asked for'),
    ('end', 'run'),
    ('completed', 'report into the log'),
    ('came', 'leader to client: the result'),
)
JobNote = tuple[int, str, str]  # time_ns, what, job


def read_notes(file: Path) -> list[JobNote]:
    """A line that was being written when the robot ended is left out."""
    notes = []
    for line in file.read_text().splitlines():
        with contextlib.suppress(ValueError):
            time_ns, what, job = json.loads(line)
            notes.append((time_ns, what, job))
    return sorted(notes)


def stages_of(
    leader: str, notes: Mapping[str, list[JobNote]], began_ns: Sequence[int],
    came_ns: Sequence[int],
) -> list[tuple[float, ...]]:
    """Milliseconds of each of STAGES, for every job that was submitted alone."""
    first: dict[tuple[str, str], int] = {}  # (what, job) -> when, at the leader or the worker
    taken: dict[str, int] = {}
    for name, of in notes.items():
        here = {job for _, what, job in of if what == 'start'}
        for time_ns, what, job in of:
            if what in ('start', 'end') or (name == leader and what != 'asked'):
                first.setdefault((what, job), time_ns)
            if what == 'granted' and job in here:
                taken.setdefault(job, time_ns)
    asked = [time_ns for time_ns, what, _ in notes[leader] if what == 'asked']
    submitted = sorted((t, job) for (what, job), t in first.items() if what == 'submitted')
    found = []
    for began, came in zip(began_ns, came_ns, strict=True):
        at = bisect.bisect_left(submitted, (began, ''))
        if at == len(submitted) or submitted[at][0] > came:
            continue
        job = submitted[at][1]
        times = [began, _after(asked, began), submitted[at][0], first.get(('granted', job)),
                 taken.get(job), first.get(('start', job)), first.get(('end', job)),
                 first.get(('completed', job)), came]
        known = [one for one in times if one is not None]
        if len(known) == len(times):
            found.append(tuple((b - a) / 1e6 for a, b in zip(known, known[1:], strict=False)))
    return found


def _after(times: Sequence[int], limit: int) -> int | None:
    at = bisect.bisect_left(times, limit)
    return times[at] if at < len(times) else None


# ---- functions


@dataclass(frozen=True)
class Share:
    """Of all samples of a process: in this function itself, and in it or what it calls."""

    function: str
    own: float
    whole: float


def shares(folded: Iterable[str]) -> tuple[list[Share], int]:
    """By own time, and the number of samples. `folded`: stacks as py-spy writes them."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    total = 0
    for line in folded:
        stack, _, count = line.rpartition(' ')
        frames = [_function(frame) for frame in stack.split(';')]
        total += int(count)
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    return [
        Share(function, own[function] / total, count / total)
        for function, count in sorted(whole.items(), key=lambda one: -own[one[0]])
    ], total


def _function(frame: str) -> str:
    """'name (folder/file.py:12)' without its line."""
    name, _, place = frame.rpartition(' (')
    return f'{name} ({place.partition(":")[0].rstrip(")")})' if name else frame


@contextlib.contextmanager
def sampled(pids: Mapping[str, int], into: Path) -> Iterator[None]:
    """py-spy beside each process, until the end of the block."""
    spies = [
        subprocess.Popen(
            [str(PY_SPY), 'record', '--pid', str(pid), '--rate', str(SAMPLES_PER_S), '--format',
             'raw', '--output', str(into / name), '--duration', '600', '--nonblocking'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for name, pid in pids.items()
    ]
    try:
        yield
    finally:
        for spy in spies:
            spy.send_signal(2)  # as Ctrl-C: it writes what it has
        for spy in spies:
            spy.wait()


# ---- running


def main() -> None:
    parser = argparse.ArgumentParser(description='Where the time of a job goes.')
    parser.add_argument('--kind', choices=('python', 'exec'), default='python')
    parser.add_argument('--jobs', type=int, default=1000)
    parser.add_argument('--singles', type=int, default=100)
    parser.add_argument('--top', type=int, default=10)
    options = parser.parse_args()
    with robots(noted=True) as swarm:
        one = swarm.client_of(options.kind)
        one.start_all()
        try:
            one.settle()
            asked = one.ask(do='one', count=options.singles)
            _print_many(one, options.jobs)
            if PY_SPY.exists():
                _print_functions(one, options.jobs, options.top)
            leader = one.watched.leader()
        finally:
            one.close()
        one.watched.swarm.stop_all()
        notes = {n: read_notes(p) for n, p in _notes(one).items()}
        came = [began + int(ms * 1e6) for began, ms in
                zip(asked['began_ns'], asked['took_ms'], strict=True)]
        _print_stages(asked['took_ms'], stages_of(leader, notes, asked['began_ns'], came))


def _notes(one: Robots) -> dict[str, Path]:
    return {name: one.watched.swarm.folder / f'{name}.jobs' for name in one.watched.swarm.names}


def _role(one: Robots) -> Callable[[str], str]:
    leader = one.watched.leader()
    return lambda name: f'{name}, {"leader" if name == leader else "follower"}'


def _cpu_s(one: Robots) -> dict[str, float]:
    """Of each robot process, of what runs below each, and of the client."""
    found: dict[str, float] = {}
    for name, process in one.watched.swarm.processes.items():
        mother = psutil.Process(process.pid)
        times = mother.cpu_times()
        found[name] = times.user + times.system
        below = [child.cpu_times() for child in mother.children(recursive=True)]
        ended = times.children_user + times.children_system
        found[f'{name}: below it'] = sum(t.user + t.system for t in below) + ended
    assert one.client is not None
    times = psutil.Process(one.client.process.pid).cpu_times()
    found['client'] = times.user + times.system
    return found


def _print_many(one: Robots, jobs: int) -> None:
    one.ask(do='many', count=min(jobs, 256))
    pids = {name: process.pid for name, process in one.watched.swarm.processes.items()}
    threads = {name: _threads(pid) for name, pid in pids.items()} if PY_SPY.exists() else {}
    before = _cpu_s(one)
    seconds = one.ask(do='many', count=jobs)['seconds']
    after = _cpu_s(one)
    threads_after = {name: _threads(pids[name]) for name in threads}
    print(f'\n{jobs} jobs at once: {jobs / seconds:.0f} jobs/s')
    for name, end_s in after.items():
        spent = end_s - before.get(name, 0.0)
        print(f'  {name:16} {spent * 1000 / jobs:6.3f} ms of processor a job, '
              f'{spent / seconds * 100:3.0f} % of a core')
    role = _role(one)
    for name, earlier in threads.items():
        _print_threads(earlier, threads_after[name], jobs, role(name))


def _threads(pid: int) -> dict[str, float]:
    """Processor seconds of the threads of a process by name; those of DDS have none in Python."""
    said = subprocess.run([str(PY_SPY), 'dump', '--json', '--pid', str(pid)],
                          capture_output=True, text=True)
    names = {one['os_thread_id']: one['thread_name'] for one in json.loads(said.stdout or '[]')}
    found: Counter[str] = Counter()
    for thread in psutil.Process(pid).threads():
        name = names.get(thread.id) or 'DDS and others without Python'
        found[name] += thread.user_time + thread.system_time  # type: ignore[assignment]
    return dict(found)


def _print_threads(
    before: Mapping[str, float], after: Mapping[str, float], jobs: int, role: str
) -> None:
    print(f'\n{role}: processor a job by thread')
    spent = {name: (end - before.get(name, 0.0)) * 1e6 / jobs for name, end in after.items()}
    for name, us in sorted(spent.items(), key=lambda one: -one[1]):
        if us >= 1:
            print(f'    {us:6.0f} us  {name}')


def _print_functions(one: Robots, jobs: int, top: int) -> None:
    role = _role(one)
    pids = {name: process.pid for name, process in one.watched.swarm.processes.items()}
    with tempfile.TemporaryDirectory() as folder:
        before = _cpu_s(one)
        with sampled(pids, Path(folder)):
            one.ask(do='many', count=jobs)
        after = _cpu_s(one)
        for name in pids:
            file = Path(folder) / name
            if not file.exists() or not (text := file.read_text()).strip():
                print(f'{role(name)}: not sampled')
                continue
            found, total = shares(text.splitlines())
            us = (after[name] - before[name]) * 1e6 / jobs
            print(f'\n{role(name)}: {us:.0f} us of processor a job while sampled, '
                  f'{total} samples')
            _print_shares('by own time', found[:top], us, lambda s: s.own)
            inclusive = sorted(found, key=lambda s: -s.whole)
            _print_shares('with what they call', inclusive[: 3 * top], us, lambda s: s.whole)


def _print_shares(
    title: str, found: Sequence[Share], us: float, of: Callable[[Share], float]
) -> None:
    print(f'  {title}:')
    for share in found:
        print(f'    {of(share) * 100:5.1f} %  {of(share) * us:6.0f} us  {share.function}')


def _print_stages(took_ms: Sequence[float], parts: Sequence[tuple[float, ...]]) -> None:
    print(f'\none job after the other: p50 {statistics.median(took_ms):.1f} ms, '
          f'p99 {percentile(took_ms, 99):.1f} ms, {len(took_ms)} jobs')
    if not parts:
        print('  no job was noted from end to end')
        return
    for number, (_, stage) in enumerate(STAGES):
        of = [one[number] for one in parts]
        print(f'  {statistics.median(of):6.2f} ms (p99 {percentile(of, 99):6.2f})  {stage}')


if __name__ == '__main__':
    main()
