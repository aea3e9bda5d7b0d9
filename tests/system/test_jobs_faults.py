# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What jobs promise when robots are killed, paused and cut off, and when disks fail them.

Every job here leaves a trace of each run in a file, beside what the swarm says of it.
"""

import contextlib
import hashlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from swarm_msgs import msg, srv
from system.gates import exec_spec, gated, words
from system.hosts import Hosts, HostSwarm, Lasting
from system.netns import Network, why_not

from swarm_coordinator.audit import audit
from swarm_coordinator.core.worker import STOPPED_MS
from swarm_coordinator.local_swarm import robot_names

Make = Callable[..., Any]
Status = msg.JobStatus
WAITING, LEASED, RUNNING, DONE = 0, 1, 2, 3
QUARANTINED = Status.PHASE_QUARANTINED
TTL_MS = 3000
GRACE_MS = max(TTL_MS // 4, STOPPED_MS)  # a process has its time to end
MARGIN_MS = 2000  # what a busy machine may add to that
MS = 1_000_000
NAMES = robot_names(3)
SH = ['sh', 'true', 'sleep']
SH_XZ = {'exec_allow': [*SH, 'xz']}

WHY_NOT = why_not()
needs_hosts = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


def others(made: Any, *but: str) -> tuple[str, ...]:
    return tuple(name for name in made.swarm.names if name not in but)


def assert_accepted_once(made: Any, jobs: list[str], names: tuple[str, ...]) -> None:
    """By what each of these robots keeps on its disk; and they keep the same."""
    made.until(lambda: made.watcher.caught_up(names), 'all have caught up')
    counts: list[Counter[int]] = []

    def on_disk() -> bool:  # that it is committed comes there with the next entries
        made.reaches(names[0], made.submit(names[0], ['true']), DONE)
        found = [audit(made.swarm.storage(name)).accepted for name in names]
        counts[:] = [Counter(one.get(job, 0) for job in jobs) for one in found]
        return all(0 not in one for one in counts)

    made.until(on_disk, 'all are accepted, by what robots keep')
    assert all(set(one) == {1} for one in counts), counts


def cancel(made: Any, robot: str, job: str) -> None:
    request = srv.CancelJob.Request(job_id=job, reason='test')
    assert made.call(robot, srv.CancelJob, 'cancel_job', request).code == 0


def stored(made: Any, path: Path, robot: str) -> msg.FileRef:
    """A file in the store of a robot."""
    request = srv.StoreFile.Request(path=str(path), keep=True)
    answers: list[Any] = []

    def over() -> bool:
        answers[:] = [made.call(robot, srv.StoreFile, 'store_file', request)]
        return bool(answers[0].ended)

    made.until(over, f'{path.name} is stored at {robot}')
    assert answers[0].code == 0, answers[0].reason
    return answers[0].file


# ---- robots that are killed


def test_job_of_a_killed_robot_runs_again_elsewhere_within_one_lease_and_its_grace(
    field: Make, tmp_path: Path
) -> None:
    made = field(job_lease_ttl_ms=TTL_MS, own={'r1': SH_XZ, 'r2': SH_XZ}, exec_allow=SH)
    made.ready()
    gate, runs = tmp_path / 'gate', tmp_path / 'runs'
    before = f'echo $SWARM_ATTEMPT >> {runs}'
    job = made.submit('r3', gated(gate, before=before), requires=['exec:xz'])
    victim = made.reaches('r3', job, RUNNING).robot_id
    survivors = others(made, victim)
    made.until(lambda: words(runs) == ['1'], 'it runs')
    led = victim == made.leader()
    killed_ns = time.time_ns()
    made.swarm.kill(victim)
    made.until(lambda: words(runs) == ['1', '2'], 'it runs again', 30.0)
    seconds_ms = (time.time_ns() - killed_ns) // MS
    gate.touch()
    ended = made.ended('r3', [job])[job]
    granted = [
        line.stamp_ns
        for line in made.explained('r3', job).story
        if 'attempt 2 granted' in line.what
    ]
    took_ms = (granted[0] - killed_ns) // MS
    print(f'granted again after {took_ms} ms, run again after {seconds_ms} ms')
    anew_ms = TTL_MS if led else 0  # the next leader lets every lease begin again
    assert 0 < took_ms <= anew_ms + TTL_MS + GRACE_MS + MARGIN_MS
    assert (ended.phase, ended.attempt, ended.losses) == (DONE, 2, 1)
    assert ended.robot_id in survivors and words(runs) == ['1', '2']
    made.until(
        lambda: any(
            one.kind == 'job_reissued' and one.subject == job for one in made.watcher.events
        ),
        'an event says that it runs again',
    )
    assert_accepted_once(made, [job], survivors)


def test_leader_killed_between_grant_and_start_loses_no_job(field: Make, tmp_path: Path) -> None:
    """The robot that has the grant is busy with another job, and paused meanwhile, so it cannot
    say anything of it."""
    made = field(job_lease_ttl_ms=10_000, own={'r1': SH_XZ}, exec_allow=SH)
    leader = made.ready()
    while leader == 'r1':  # r1 is the only one that can do it
        made.swarm.signal('r1', signal.SIGSTOP)
        leader = made.leader(('r2', 'r3'), above_term=made.term('r2'))
        made.swarm.signal('r1', signal.SIGCONT)
        leader = made.ready(above_term=1)
    term = made.term(leader)
    worker, runs = 'r1', tmp_path / 'runs'
    (witness,) = others(made, leader, worker)
    gate = tmp_path / 'gate'
    blocker = made.submit(witness, gated(gate), requires=['exec:xz'])
    made.reaches(witness, blocker, RUNNING)
    job = made.submit(
        witness, ['sh', '-c', 'echo run >> "$0"', str(runs)], requires=['exec:xz']
    )
    granted = made.reaches(witness, job, LEASED)
    made.swarm.signal(worker, signal.SIGSTOP)
    made.swarm.kill(leader)
    assert granted.robot_id == worker and granted.attempt == 1
    assert words(runs) == [], 'it has not begun'
    gate.touch()
    made.swarm.signal(worker, signal.SIGCONT)
    made.leader((worker, witness), above_term=term)
    ended = made.ended(witness, [blocker, job])
    assert {one.phase for one in ended.values()} == {DONE}
    assert words(runs) == ['run'] * ended[job].attempt
    assert_accepted_once(made, [blocker, job], (worker, witness))


def test_job_that_kills_its_robot_is_given_up_and_the_swarm_goes_on(
    field: Make, tmp_path: Path
) -> None:
    made = field(job_lease_ttl_ms=TTL_MS, exec_allow=SH)
    made.ready()
    runs = tmp_path / 'runs'
    script = 'echo "$PWD" >> "$0"; kill -KILL $PPID; sleep 60'
    job = made.submit('r1', ['sh', '-c', script, str(runs)], attempts_max=2)
    for attempt in (1, 2):
        dead: list[str] = []

        def one_died(dead: list[str] = dead) -> bool:
            dead[:] = [n for n, p in made.swarm.processes.items() if p.poll() is not None]
            return bool(dead)

        made.until(one_died, f'attempt {attempt} kills its robot', 40.0)
        assert len(words(runs)) == attempt and dead[0] in words(runs)[-1]
        made.swarm.processes.pop(dead[0])
        made.swarm.start(dead[0])
    made.ready()
    ended = made.ended('r2', [job])[job]
    assert (ended.phase, ended.losses, ended.attempt) == (QUARANTINED, 2, 2)
    assert '2 attempts of 2 lost' in ended.reason
    assert len({path.split('/swarm/')[1].split('/')[0] for path in words(runs)}) == 2, (
        'on another robot the second time'
    )
    made.until(
        lambda: any(one.kind == 'job_quarantined' for one in made.watcher.events), 'it is told'
    )
    after = [made.submit(name, ['true']) for name in made.swarm.names]
    assert {one.phase for one in made.ended('r1', after).values()} == {DONE}
    assert all(process.poll() is None for process in made.swarm.processes.values())


def test_same_key_before_during_and_after_a_change_of_leader_is_one_job(
    field: Make, tmp_path: Path
) -> None:
    made = field(exec_allow=SH)
    leader = made.ready()
    term = made.term(leader)
    one, other = others(made, leader)
    runs = tmp_path / 'runs'
    known = [made.submit(name, ['true']) for name in made.swarm.names]
    made.ended(leader, known)

    def request(number: int) -> srv.SubmitJob.Request:
        return srv.SubmitJob.Request(
            spec=exec_spec(['sh', '-c', f'echo {number} >> "$0"', str(runs)]),
            idempotency_key=f'key-{number}', expiry_ms=30_000,
        )

    keys = range(8)
    first = [
        made.client.call_async(srv.SubmitJob, 'submit_job', request(key), leader) for key in keys
    ]
    made.until(lambda: first[0].done(), 'the first one is answered')
    made.swarm.kill(leader)
    during = [
        made.client.call_async(srv.SubmitJob, 'submit_job', request(key), robot)
        for key in keys for robot in (one, other)
    ]
    made.leader((one, other), above_term=term)
    made.until(lambda: all(future.done() for future in during), 'all are answered', 40.0)
    after = [made.call(one, srv.SubmitJob, 'submit_job', request(key)) for key in keys]
    answers = [future.result() for future in during if future.done()]
    answers += [future.result() for future in first if future.done()]
    assert {answer.code for answer in (*answers, *after)} == {0}
    ids = {answer.job_id for answer in (*answers, *after)}
    assert len(ids) == len(keys) and all(answer.duplicate for answer in after)
    ended = made.ended(other, sorted(ids))
    assert {job.phase for job in ended.values()} == {DONE}
    counted = Counter(words(runs))
    assert set(counted) == {str(key) for key in keys}
    assert sum(counted.values()) <= sum(job.attempt for job in ended.values())
    assert made.jobs(one).keys() == ids | {*known}
    assert_accepted_once(made, sorted(ids), (one, other))


def test_a_thousand_queued_jobs_survive_the_leader_and_each_is_done_once(
    field: Make, tmp_path: Path
) -> None:
    """None can end before the leader is gone: the first ones to run wait for the gate."""
    made = field(job_slots=2, exec_allow=SH)
    leader = made.ready()
    term = made.term(leader)
    survivors = others(made, leader)
    gate = tmp_path / 'gate'
    jobs = [
        job
        for _ in range(4)
        for job in made.submit_all(survivors[0], [exec_spec(gated(gate), attempts_max=10)] * 250)
    ]
    made.swarm.kill(leader)
    new = made.leader(survivors, above_term=term)

    def unfinished() -> int:
        state = made.call(new, srv.Status, 'status', srv.Status.Request()).state
        return int(state.jobs_waiting + state.jobs_leased + state.jobs_running)

    made.until(lambda: unfinished() == 1000, 'the new leader has all of them')
    gate.touch()
    request = srv.WaitJobs.Request(job_ids=jobs, timeout_ms=100_000)
    waited = made.client.call_async(srv.WaitJobs, 'wait_jobs', request, new)
    made.until(waited.done, 'all have ended', 110.0)
    answer = waited.result()
    assert not answer.timed_out and not answer.unknown
    assert Counter(job.phase for job in answer.jobs) == {DONE: 1000}
    assert {job.job_id for job in answer.jobs} == set(jobs)
    assert_accepted_once(made, jobs, survivors)


def test_job_waits_for_the_only_robot_that_can_do_it_and_it_is_said_why(
    field: Make, tmp_path: Path
) -> None:
    made = field(job_lease_ttl_ms=TTL_MS, own={'r3': SH_XZ}, exec_allow=SH)
    made.ready()
    made.swarm.kill('r3')
    job = made.submit('r1', ['true'], requires=['exec:xz'])

    def lost(robot: str) -> dict[str, str]:
        return {one.robot_id: one.lost for one in made.explained(robot, job).candidates}

    why = {'r1': 'does not offer exec:xz', 'r2': 'does not offer exec:xz', 'r3': 'is dead'}
    for name in ('r1', 'r2'):
        made.until(lambda name=name: lost(name) == why, f'{name} says why: {why}', 40.0)
    leader = made.leader(('r1', 'r2'))
    waiting = made.job(leader, job)
    assert waiting.phase == WAITING and waiting.reason
    made.swarm.start('r3')
    assert made.ended('r1', [job], 40.0)[job].robot_id == 'r3'


def test_pipeline_goes_on_when_one_of_its_two_robots_is_killed_midway(
    field: Make, tmp_path: Path
) -> None:
    """r3 asks for it and works on nothing; the halves run side by side on r1 and r2."""
    made = field(job_lease_ttl_ms=TTL_MS, own={'r3': {'job_slots': 0}}, exec_allow=SH)
    made.ready()
    source, out = tmp_path / 'source', tmp_path / 'out'
    source.write_text('b\na\nd\nc\n')
    gate, runs = tmp_path / 'gate', tmp_path / 'runs'

    def stage(name: str, argv: list[str], output: str, *feeds: tuple[str, str]) -> msg.JobStage:
        return msg.JobStage(
            name=name, spec=exec_spec(argv, outputs=[output]),
            feeds=[msg.StageFeed(stage=of, output=what, name=what) for of, what in feeds],
        )

    def half(name: str, program: str) -> msg.JobStage:
        before = f'echo {name} >> {runs}'
        return stage(
            name, gated(gate, f'{program} sorted > {name}', before), name, ('sort', 'sorted')
        )

    first = stage('sort', ['sh', '-c', 'sort source > sorted'], 'sorted')
    first.spec.inputs = [stored(made, source, 'r3')]
    request = srv.SubmitJob.Request(
        spec=msg.JobSpec(kind='pipeline', outputs=['join/joined']),
        stages=[
            first, half('head', 'head -n 2'), half('tail', 'tail -n 2'),
            stage('join', ['sh', '-c', 'cat tail head > joined'], 'joined',
                  ('head', 'head'), ('tail', 'tail')),
        ],
        output_dir=str(out), idempotency_key='pipeline',
    )
    answer = made.call('r3', srv.SubmitJob, 'submit_job', request)
    assert answer.code == answer.ACCEPTED, answer.reason
    job = answer.job_id
    made.until(lambda: sorted(words(runs)) == ['head', 'tail'], 'both halves run', 40.0)
    halves = {name: made.reaches('r3', f'{job}.{name}', RUNNING) for name in ('head', 'tail')}
    assert {one.robot_id for one in halves.values()} == {'r1', 'r2'}
    half_done = made.job('r3', job)
    assert (half_done.phase, half_done.progress_text) == (RUNNING, '1 of 4 stages done')
    made.swarm.kill('r1')
    gate.touch()
    ended = made.ended('r3', [job])[job]
    assert ended.phase == DONE, ended.reason
    assert (out / 'join' / 'joined').read_text() == 'c\nd\na\nb\n'
    lost = next(name for name, one in halves.items() if one.robot_id == 'r1')
    kept = next(name for name in halves if name != lost)
    stages = {name: made.job('r3', f'{job}.{name}') for name in ('sort', lost, kept, 'join')}
    assert {one.phase for one in stages.values()} == {DONE}
    assert (stages[lost].losses, stages[kept].losses) == (1, 0)
    assert {stages[name].robot_id for name in (lost, 'join')} == {'r2'}
    assert sorted(words(runs)) == sorted(['head', 'tail', lost])
    assert_accepted_once(made, [job, *(one.job_id for one in stages.values())], ('r2', 'r3'))


# ---- files


def test_input_that_was_damaged_at_its_holder_comes_from_another_one(
    field: Make, tmp_path: Path
) -> None:
    made = field(
        files_mb_per_s_max=2, files_direct=False, own={'r2': SH_XZ}, exec_allow=SH
    )
    made.ready()
    data = tmp_path / 'data'
    data.write_bytes(random.Random(1).randbytes(12_000_000))
    sha256 = hashlib.sha256(data.read_bytes()).hexdigest()
    ref = stored(made, data, 'r1')
    stored(made, data, 'r3')
    job = made.submit(
        'r1', ['sh', '-c', 'sha256sum < data > sum'], inputs=[ref], outputs=['sum'],
        output_dir=tmp_path / 'out', requires=['exec:xz'],
    )
    listed = srv.ListFiles.Request(sha256=sha256)

    def fetching() -> int:
        files = made.call('r2', srv.ListFiles, 'list_files', listed).files
        return files[0].here_bytes if files and files[0].holder == 'r1' else 0

    made.until(lambda: fetching() > 0, 'r2 gets it from r1')
    blob = made.swarm.storage('r1') / 'blobs' / sha256[:2] / sha256
    blob.chmod(0o600)
    with open(blob, 'r+b') as file:  # in place: it is being sent
        file.seek(6_000_000)
        file.write(bytes(6_000_000))
    done = made.ended('r3', [job], 60.0)[job]
    assert (done.phase, done.robot_id, done.attempt) == (DONE, 'r2', 1), done.reason
    assert (tmp_path / 'out' / 'sum').read_text().split()[0] == sha256
    (entry,) = made.call('r2', srv.ListFiles, 'list_files', listed).files
    assert entry.here_bytes == 12_000_000
    sent = made.call('r3', srv.ListFiles, 'list_files', srv.ListFiles.Request()).sent_bytes
    assert sent >= 6_000_000, 'what was damaged came from r3'


# ---- hosts: networks that are cut, disks that are full

DISK_KB = 24 * 1024


@pytest.fixture(scope='module')
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    folder = tmp_path_factory.mktemp('hosts')
    parameters = {
        'parts': ['coordinator'], 'exec_allow': SH, 'job_lease_ttl_ms': TTL_MS,
        'job_cage': 'none',  # gates of the tests lie outside the folders of jobs
    }

    def make(stack: contextlib.ExitStack, count: int) -> Hosts:
        network = stack.enter_context(Network(NAMES))
        swarm = HostSwarm(
            folder / str(count), NAMES, parameters, swarm_id='test', network=network,
            own={'r2': SH_XZ, 'r3': SH_XZ, 'r1': {'job_slots': 0}},
        )
        network.hosts['r2'].disk(swarm.storage('r2'), DISK_KB)
        return stack.enter_context(Hosts(stack.enter_context(swarm), network))

    made = Lasting(make)
    yield made
    made.discard()


@pytest.fixture
def hosts(lasting: Lasting) -> Iterator[Hosts]:
    with lasting.lent() as made:
        yield made


@needs_hosts
def test_robot_without_room_for_an_input_leaves_the_job_to_another_one(
    hosts: Hosts, tmp_path: Path
) -> None:
    """r2 has a small disk that is full of other things; the input would fit its quota. Comes
    before what teaches the swarm that one of the two is worse."""
    data = tmp_path / 'data'
    data.write_bytes(random.Random(2).randbytes(6_000_000))
    ballast = hosts.swarm.disk('r2') / 'what_else_is_stored_here'
    ballast.write_bytes(bytes(12_000_000))
    try:
        answers = [
            hosts.call(
                'r1', 'submit_job', spec={
                    'kind': 'exec', 'requires': ['exec:xz'], 'outputs': ['sum'],
                    'exec': [{'argv': ['sh', '-c', f'sha256sum < data > sum; : {number}']}],
                }, input_paths=[str(data)], output_dir=str(tmp_path / f'out{number}'),
                idempotency_key=f'{tmp_path}-{number}',
            )
            for number in range(4)
        ]
        assert {one['code'] for one in answers} == {0}, answers
        jobs = [one['job_id'] for one in answers]
        done = hosts.job_reaches('r1', jobs, DONE, 60.0)
        assert {one['phase'] for one in done.values()} == {DONE}
        assert {one['robot_id'] for one in done.values()} == {'r3'}
        stories = [
            line['what'] for job in jobs
            for line in hosts.call('r1', 'explain', subject=0, id=job)['story']
        ]
        lost = [
            one['lost'] for job in jobs
            for one in hosts.call('r1', 'explain', subject=0, id=job)['candidates']
            if one['robot_id'] == 'r2'
        ]
        assert any('bytes' in text for text in (*stories, *lost)), (stories, lost)
        hosts.check_alive(NAMES)
        hosts.works(NAMES)
    finally:
        ballast.unlink()


@needs_hosts
@pytest.mark.parametrize('at_worker', [True, False], ids=['its own job', 'job of another'])
def test_robot_that_was_cut_off_and_finishes_late_is_refused_and_publishes_nothing(
    hosts: Hosts, tmp_path: Path, at_worker: bool
) -> None:
    """Each attempt writes its number: the one that counts is what comes back."""
    gate, out, runs = tmp_path / 'gate', tmp_path / 'out', tmp_path / 'runs'
    # One of the two that can do it is busy: the job goes to the other one.
    blocker = hosts.submit('r1', gated(tmp_path / 'blocker'), requires=['exec:xz'])
    busy = hosts.job_reaches('r1', [blocker], RUNNING)[blocker]['robot_id']
    late = 'r3' if busy == 'r2' else 'r2'
    origin = late if at_worker else 'r1'
    script = f'echo of attempt $SWARM_ATTEMPT > result; echo $SWARM_ATTEMPT >> {runs}'
    answer = hosts.call(
        origin, 'submit_job', spec={
            'kind': 'exec', 'exec': [{'argv': gated(gate, script)}], 'requires': ['exec:xz'],
            'outputs': ['result'],
        }, output_dir=str(out), idempotency_key=str(tmp_path),
    )
    assert answer['code'] == 0, answer['reason']
    job = answer['job_id']
    running = hosts.job_reaches('r1', [job], RUNNING)[job]
    assert running['robot_id'] == late
    first, second = running['attempt'], running['attempt'] + 1
    hosts.network.unplug(late)
    gate.touch()
    hosts.until(lambda: words(runs) == [f'{first}'], 'the one that is cut off finishes')
    (tmp_path / 'blocker').touch()
    both = [f'{first}', f'{second}']
    hosts.until(lambda: words(runs) == both, 'it runs again elsewhere', 60.0)
    hosts.job_reaches(busy, [job], DONE)
    hosts.network.plug(late)
    hosts.ready()
    hosts.until(lambda: hosts.jobs('r1')[job]['outputs_delivered'], 'its output comes home')
    done = hosts.jobs(late)[job]
    assert (done['attempt'], done['robot_id']) == (second, busy)
    assert (out / 'result').read_text() == f'of attempt {second}\n'
    wrong = hashlib.sha256(f'of attempt {first}\n'.encode()).hexdigest()
    right = hashlib.sha256(f'of attempt {second}\n'.encode()).hexdigest()

    def published() -> set[str]:
        files = [one for name in NAMES for one in hosts.call(name, 'list_files')['files']]
        return {one['sha256'] for one in files if one['use'] in (0, 1)}

    hosts.until(lambda: wrong not in published(), 'nobody keeps what came too late')
    assert [bytes(ref['sha256']).hex() for ref in done['outputs']] == [right]
    if at_worker:  # otherwise it knew that nobody would take it any more
        hosts.until(
            lambda: any(
                event['kind'] == 'job_result_refused' and event['subject'] == job
                for observer in hosts.observers.values()  # the leader tells it
                for event in observer.events
            ),
            'it is told that a result was refused',
        )
