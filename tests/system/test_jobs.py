# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What jobs promise on real robots that nobody kills: order, limits, ends, stealing, progress.

One swarm of three for all of them, one slot each; only r1 offers xz. What holds when robots die
or are cut off is in test_jobs_faults.py.
"""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from swarm_msgs import msg, srv
from swarm_msgs.action import RunJob
from system.gates import WAIT, exec_spec, gated, words

from swarm_coordinator.audit import audit, committed_entries
from swarm_coordinator.core.raft import EntryKind
from swarm_coordinator.core.replicated.command import StealJobs, decode
from swarm_coordinator.runner.process_group import TERM_GRACE_S

Make = Callable[..., Any]
Status = msg.JobStatus
WAITING, LEASED, RUNNING = Status.PHASE_SUBMITTED, Status.PHASE_LEASED, Status.PHASE_RUNNING
DONE, FAILED, EXPIRED = Status.PHASE_DONE, Status.PHASE_FAILED, Status.PHASE_EXPIRED
CANCELLED = Status.PHASE_CANCELLED
ONCE = msg.JobSpec.EFFECTS_ONCE
STOLEN = msg.JobOutcome.OUTCOME_STOLEN
NO_ROOM_BYTES = 1 << 60
PROGRAMS = ['sleep', 'sh', 'true', 'env']
MS = 1_000_000
# What a busy machine may add to a time that was promised.
MARGIN_S = 15.0
SCENES_MAX = 5


@pytest.fixture(scope='module')
def lasting(lasting_field: Make) -> Any:
    own = {'r1': {'exec_allow': [*PROGRAMS, 'xz']}}
    made = lasting_field(own=own, exec_allow=PROGRAMS, job_lease_ttl_ms=4000)
    made.ready()
    return made


@pytest.fixture
def swarm(lasting: Any) -> Iterator[Any]:
    """The swarm with nothing to do, before and after."""
    yield lasting

    def idle() -> bool:
        left = [job_id for job_id, job in lasting.jobs('r1').items() if job.phase < DONE]
        for job_id in left:
            asked_to_end(lasting, job_id)  # it may just have ended
        return not left

    lasting.until(idle, 'nothing is left to do')


def asked_to_end(made: Any, job_id: str, robot: str = 'r1') -> Any:
    request = srv.CancelJob.Request(job_id=job_id, reason='the test says so')
    return made.call(robot, srv.CancelJob, 'cancel_job', request)


def cancel(made: Any, job_id: str, robot: str) -> None:
    answer = asked_to_end(made, job_id, robot)
    assert answer.code == answer.ACCEPTED, answer.reason


@contextlib.contextmanager
def no_new_work(made: Any) -> Iterator[None]:
    """The swarm is in a mode that takes no jobs."""
    request = srv.SetOverride.Request(
        mode=msg.ModeState.MODE_MAINTENANCE, owner='test', reason='test', duration_ms=60_000
    )
    answer = made.call('r1', srv.SetOverride, 'set_override', request)
    assert answer.code == answer.ACCEPTED, answer.reason
    try:
        yield
    finally:
        request = srv.ClearOverride.Request(owner='test', reason='over')
        answer = made.call('r1', srv.ClearOverride, 'clear_override', request)
    assert answer.code == answer.ACCEPTED, answer.reason


def lives(pid: int) -> bool:
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except OSError:
        return False
    return state not in 'ZX'


# ---- how jobs end


def test_failing_job_is_tried_again_ever_later_and_then_fails_with_its_own_words(
    swarm: Any, tmp_path: Path
) -> None:
    runs = tmp_path / 'runs'
    script = 'echo run >> "$0"; echo out of paper >&2; exit 5'
    job = swarm.submit('r1', ['sh', '-c', script, str(runs)], retries=2, retry_delay_ms=300)
    failed = swarm.ended('r3', [job])[job]
    assert (failed.phase, failed.failures, failed.exit_code) == (FAILED, 3, 5)
    assert failed.reason == 'exit code 5: out of paper'
    assert words(runs) == ['run'] * 3
    told = [(one.stamp_ns, one.what) for one in swarm.explained('r2', job).story]
    failures = [stamp for stamp, what in told if 'failed:' in what]
    grants = [stamp for stamp, what in told if 'granted to' in what]
    rests_ms = [(grants[number + 1] - failures[number]) // MS for number in (0, 1)]
    assert rests_ms[0] >= 300 and rests_ms[1] >= 600, rests_ms
    swarm.until(
        lambda: any(
            one.kind == 'job_failed' and one.subject == job for one in swarm.watcher.events
        ),
        'an event says that it failed',
    )


def test_job_that_runs_beyond_its_deadline_expires_and_its_processes_end(
    swarm: Any, tmp_path: Path
) -> None:
    pids = tmp_path / 'pids'
    script = 'echo $$ >> "$0"; sleep 60 & echo $! >> "$0"; wait'
    job = swarm.submit('r1', ['sh', '-c', script, str(pids)], deadline_ms=6000)
    swarm.until(lambda: len(words(pids)) == 2, 'both processes live')
    expired = swarm.ended('r2', [job])[job]
    assert expired.phase == EXPIRED
    assert 'its deadline has passed while it was running' in expired.reason
    assert expired.changed_ns >= expired.deadline_ns == expired.submitted_ns + 6000 * MS
    swarm.until(lambda: not any(lives(int(pid)) for pid in words(pids)), 'they are gone')


def test_job_that_nobody_had_time_for_expires_without_a_run(swarm: Any, tmp_path: Path) -> None:
    with no_new_work(swarm):
        job = swarm.submit('r1', ['sh', '-c', ': > "$0"', str(tmp_path / 'ran')], deadline_ms=500)
        expired = swarm.ended('r2', [job])[job]
    assert (expired.phase, expired.attempt) == (EXPIRED, 0)
    assert not (tmp_path / 'ran').exists()


def test_jobs_of_higher_priority_are_run_first(swarm: Any, tmp_path: Path) -> None:
    order = tmp_path / 'order'
    with no_new_work(swarm):
        jobs = swarm.submit_all('r2', [
            exec_spec(['sh', '-c', f'echo {number} >> "$0"', str(order)], priority=priority,
                 requires=['exec:xz'])
            for number, priority in enumerate((0, -5, 7, 0, 7, 100))
        ])
    swarm.ended('r2', jobs)
    assert words(order) == ['5', '2', '4', '0', '3', '1'], 'and in the order of submission'


def test_cancelled_job_that_ignores_it_is_ended_with_all_that_it_started(
    swarm: Any, tmp_path: Path
) -> None:
    """Also with what left its group and its session."""
    pids = tmp_path / 'pids'
    deaf = """trap '' TERM HUP INT; echo $$ >> "$0"; while :; do sleep 1; done"""
    script = f"""trap '' TERM HUP INT
        sh -c {quoted(deaf)} "$0" &
        setsid sh -c {quoted(deaf)} "$0" &
        setsid sh -c {quoted(f'(setsid sh -c {quoted(deaf)} "$0" &) ; exit 0')} "$0" </dev/null &
        echo $$ >> "$0"; while :; do sleep 1; done"""
    job = swarm.submit('r1', ['sh', '-c', script, str(pids)])
    swarm.until(lambda: len(words(pids)) == 4, 'all four live')
    robot = swarm.reaches('r3', job, RUNNING).robot_id
    asker = next(name for name in swarm.swarm.names if name != robot)
    began_s = time.monotonic()
    cancel(swarm, job, asker)
    cancelled = swarm.ended(asker, [job])[job]
    assert (cancelled.phase, cancelled.reason) == (CANCELLED, 'the test says so')
    swarm.until(lambda: not any(lives(int(pid)) for pid in words(pids)), 'all are gone')
    took_s = time.monotonic() - began_s
    assert took_s < TERM_GRACE_S + MARGIN_S, took_s
    after = swarm.submit('r1', ['true'])
    swarm.ended('r1', [after])


def quoted(script: str) -> str:
    return "'" + script.replace("'", "'\\''") + "'"


# ---- who runs them


def test_job_that_no_robot_can_take_waits_and_it_is_said_of_each_why(
    swarm: Any, swarmctl: Make
) -> None:
    request = srv.SubmitJob.Request(spec=exec_spec(['vim']))
    answer = swarm.call('r1', srv.SubmitJob, 'submit_job', request)
    assert answer.code == answer.REFUSED and 'exec:vim' in answer.reason
    hungry = swarm.submit('r1', ['xz'], memory_bytes=NO_ROOM_BYTES)

    why = {'r1': f'needs {NO_ROOM_BYTES}', **dict.fromkeys(('r2', 'r3'), 'does not offer exec:xz')}

    def told() -> bool:
        lost = {one.robot_id: one.lost for one in swarm.explained('r2', hungry).candidates}
        return lost.keys() == why.keys() and all(why[name] in lost[name] for name in why)

    swarm.until(told, f'each robot has its reason: {why}')
    waiting = swarm.job('r3', hungry)
    assert (waiting.phase, waiting.attempt) == (WAITING, 0)
    said = swarmctl(swarm.swarm, '--robot', 'r3', 'jobs', 'explain', hungry).stdout
    assert all(name in said for name in swarm.swarm.names), said


def test_mode_that_takes_no_work_hands_back_what_has_not_begun(
    swarm: Any, tmp_path: Path
) -> None:
    """An emergency ends what runs as well; nothing is lost, and nothing runs twice at a time."""
    gate = tmp_path / 'gate'
    jobs = [swarm.submit('r1', gated(gate), requires=['exec:xz']) for _ in range(3)]
    swarm.reaches('r2', jobs[0], RUNNING)
    swarm.until(lambda: swarm.job('r2', jobs[1]).phase == LEASED, 'one waits at r1')
    request = srv.RaiseEmergency.Request(raised_by='test', reason='smoke')
    epoch = swarm.call('r2', srv.RaiseEmergency, 'raise_emergency', request).epoch
    swarm.until(
        lambda: all(swarm.job('r3', job).phase == WAITING for job in jobs), 'all are back'
    )
    assert 'handed back by r1' in '\n'.join(swarm.story('r3', jobs[1]))
    assert 'emergency' in swarm.job('r3', jobs[0]).reason
    gate.touch()
    calm(swarm, epoch)
    ended = swarm.ended('r2', jobs)
    assert {(job.phase, job.losses, job.failures) for job in ended.values()} == {(DONE, 0, 0)}


def calm(made: Any, epoch: int) -> None:
    clear = srv.ClearEmergency.Request(epoch=epoch, owner='test', reason='it was toast')
    answer = made.call('r2', srv.ClearEmergency, 'clear_emergency', clear)
    assert answer.code == answer.ACCEPTED, answer.reason


def test_same_key_at_two_robots_at_once_is_one_job(swarm: Any, tmp_path: Path) -> None:
    runs = tmp_path / 'runs'
    swarm.ended('r1', [swarm.submit(name, ['true']) for name in ('r2', 'r3')])
    for number in range(10):
        request = srv.SubmitJob.Request(
            spec=exec_spec(['sh', '-c', f'echo {number} >> "$0"', str(runs)]),
            idempotency_key=f'at-once-{tmp_path}-{number}',
        )
        asked = [
            swarm.client.call_async(srv.SubmitJob, 'submit_job', request, robot)
            for robot in ('r2', 'r3')
        ]
        swarm.until(lambda asked=asked: all(one.done() for one in asked), 'both are answered')
        answers = [one.result() for one in asked]
        assert {one.code for one in answers} == {0}, [one.reason for one in answers]
        assert len({one.job_id for one in answers}) == 1
        assert sorted(one.duplicate for one in answers) == [False, True]
        swarm.ended('r1', [answers[0].job_id])
    assert words(runs) == [str(number) for number in range(10)]


def test_idle_robots_steal_what_waits_elsewhere_and_never_what_may_run_once_only(
    swarm: Any, tmp_path: Path
) -> None:
    """A job that takes far longer than such jobs do holds up what was granted behind it. It is
    tried again where nothing was, and where another leader was elected meanwhile: what the former
    one had still to tell may be lost."""
    outcomes: list[Any] = []
    heard = swarm.client.node.create_subscription(
        msg.JobOutcomes, '/swarm/outcomes', lambda page: outcomes.extend(page.outcomes), 100
    )
    for _ in range(2):  # so that it is known how short they are
        swarm.ended('r1', swarm.submit_all('r1', [exec_spec(['env', 'true'])] * 30))
    for scene in range(SCENES_MAX):
        term = swarm.term(swarm.leader())
        slow, jobs = one_is_slow(swarm, tmp_path, scene)
        moved = {job_id: job.moves for job_id, job in jobs.items() if job.moves}
        for job_id in moved:
            said = '\n'.join(swarm.story('r3', job_id))
            assert 'stolen from' in said or 'revoked for' in said
        assert slow.job_id not in moved

        def heard_all(jobs: Any = jobs, term: int = term) -> bool:
            told = {one.job_id for one in outcomes if one.outcome != STOLEN}
            return told >= set(jobs) or swarm.term(swarm.leader()) != term

        swarm.until(heard_all, 'all outcomes are heard')
        if swarm.term(swarm.leader()) != term:
            continue
        stolen = [one for one in outcomes if one.outcome == STOLEN and one.job_id in jobs]
        assert Counter(one.job_id for one in stolen) == moved
        assert len({(one.job_id, one.attempt) for one in stolen}) == len(stolen)
        assert all(one.thief != one.victim == one.robot_id and one.thief for one in stolen)
        if slow.robot_id in {one.victim for one in stolen}:
            break
    else:
        raise AssertionError(f'not in {SCENES_MAX} scenes: what waits behind a slow job is taken')
    swarm.until(lambda: swarm.watcher.caught_up(swarm.swarm.names), 'all have caught up')
    assert_accepted_once(swarm, list(jobs))
    assert_each_move_was_decided_once(swarm, len(stolen))
    swarm.client.node.destroy_subscription(heard)


def one_is_slow(made: Any, tmp_path: Path, scene: int) -> tuple[Any, dict[str, Any]]:
    """Of many short jobs and a long one: the long one when all others have ended, and all of them
    when it has ended too."""
    gate, runs = tmp_path / f'gate{scene}', tmp_path / f'runs{scene}'
    once, *others = made.submit_all('r1', [
        exec_spec(gated(gate, shell=('env', 'sh')), effects=ONCE),
        *[exec_spec(['env', 'sh', '-c', f'sleep 0.1; echo {number} >> "$0"', str(runs)])
          for number in range(60)],
    ])
    made.ended('r2', others)
    slow = made.job('r2', once)
    gate.touch()
    jobs = made.ended('r2', [once, *others])
    assert (slow.phase, slow.moves, jobs[once].attempt) == (RUNNING, 0, 1)
    assert {job.phase for job in jobs.values()} == {DONE}
    assert sorted(map(int, words(runs))) == list(range(60)), 'and none ran twice'
    return slow, jobs


def assert_accepted_once(made: Any, jobs: list[str]) -> None:
    counts: set[int] = set()

    def on_disk() -> bool:  # that it is committed comes there with the next entries
        made.ended('r1', [made.submit('r1', ['true'])])
        accepted = audit(made.swarm.storage('r1')).accepted
        counts.clear()
        counts.update(accepted.get(job_id, 0) for job_id in jobs)
        return 0 not in counts

    made.until(on_disk, 'all are accepted, by what r1 keeps')
    assert counts == {1}


def assert_each_move_was_decided_once(made: Any, moves: int) -> None:
    """Under one token a job was asked for as often as one likes, and moved once at most."""
    asked = [
        command
        for entry in committed_entries(made.swarm.storage('r1'))
        if entry.kind is EntryKind.COMMAND
        and isinstance(command := decode(entry.data).command, StealJobs)
    ]
    tokens = {(steal.job_id, steal.token) for command in asked for steal in command.steals}
    assert moves <= len(tokens)
    if moves > 2:  # fewer may all go to one
        assert len({command.thief for command in asked}) > 1, 'more than one robot tried'


# ---- what is heard of them


def test_progress_is_heard_in_the_action_and_the_log_is_read_from_any_robot(
    swarm: Any, tmp_path: Path
) -> None:
    gate = tmp_path / 'gate'
    script = f'echo said; echo "##swarm progress 25% loading"; {WAIT}; echo more'
    swarm.client._robot = 'r3'
    action = swarm.client.action(RunJob, 'run_job')
    heard: list[Any] = []
    goal = RunJob.Goal(spec=exec_spec(['sh', '-c', script, str(gate)], requires=['exec:xz']))
    sent = action.send_goal_async(
        goal, feedback_callback=lambda told: heard.append(told.feedback.job)
    )
    swarm.until(sent.done, 'the goal is taken')
    result = sent.result().get_result_async()
    swarm.until(
        lambda: heard and (heard[-1].progress_permille, heard[-1].progress_text)
        == (250, 'loading'),
        'its progress is fed back',
    )
    job = heard[-1].job_id
    swarm.until(lambda: swarm.job('r2', job).progress_text == 'loading', 'r2 knows it too')
    now = log(swarm, 'r2', job)
    assert (now.robot_id, bytes(now.data), now.ended) == (
        'r1', b'said\n##swarm progress 25% loading\n', False
    )
    gate.touch()
    swarm.until(result.done, 'the job ends')
    assert result.result().result.job.phase == DONE
    later = log(swarm, 'r3', job, offset=now.size_bytes)
    assert (bytes(later.data), later.ended) == (b'more\n', True)
    assert log(swarm, 'r3', job, here_only=True).code == later.NOT_FOUND
    action.destroy()


def log(made: Any, robot: str, job_id: str, **fields: Any) -> Any:
    request = srv.ReadJobLog.Request(job_id=job_id, **fields)
    return made.call(robot, srv.ReadJobLog, 'read_job_log', request)


def test_robots_live_through_all_of_it(swarm: Any) -> None:
    """Of the tests before: no robot ended, and what they keep is one history."""
    assert all(process.poll() is None for process in swarm.swarm.processes.values())
    assert all(os.path.exists(swarm.swarm.storage(name)) for name in swarm.swarm.names)
    swarm.until(lambda: swarm.watcher.caught_up(swarm.swarm.names), 'all have caught up')
    for name in swarm.swarm.names:
        assert audit(swarm.swarm.storage(name)).accepted_twice == 0
