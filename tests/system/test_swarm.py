# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the swarm promises, with real robot processes: elections, jobs, losses, restarts."""

import json
import lzma
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swarm_msgs import msg, srv
from system.stalls import assert_kept, stalls

from swarm_coordinator.audit import audit, committed_entries, histories_agree
from swarm_coordinator.ros.topics import TOPICS

Make = Callable[..., Any]
RUNNING, DONE = msg.JobStatus.PHASE_RUNNING, msg.JobStatus.PHASE_DONE
ROUNDS_MAX = 10


def make_files(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    paths = []
    for number in range(count):
        path = folder / f'file{number}.txt'
        path.write_bytes(b''.join(b'%d line of file %d\n' % (i, number) for i in range(3000)))
        paths.append(path)
    return paths


def submit_all(made: Any, paths: list[Path], out: Path, robots: tuple[str, ...]) -> list[str]:
    return [
        made.submit(
            robots[number % len(robots)],
            ['xz', '--keep', path.name],
            outputs=[f'{path.name}.xz'],
            input_paths=[path],
            output_dir=out,
            attempts_max=10,
        )
        for number, path in enumerate(paths)
    ]


def assert_results(paths: list[Path], out: Path) -> None:
    for path in paths:
        assert lzma.decompress((out / f'{path.name}.xz').read_bytes()) == path.read_bytes()


def assert_one_history(made: Any, names: tuple[str, ...]) -> None:
    """No job was accepted twice, and the robots' logs agree as far as both go."""
    assert histories_agree(made.swarm.storage(name) for name in names) is None
    assert all(committed_entries(made.swarm.storage(name)) for name in names)
    for name in names:
        assert audit(made.swarm.storage(name)).accepted_twice == 0


def test_robots_started_in_any_order_agree_on_a_leader_and_votes_are_seen(
    field: Make, swarmctl: Make
) -> None:
    made = field(start=False)
    votes: list[Any] = []
    made.client.node.create_subscription(
        msg.Vote, '/swarm/vote', votes.append, TOPICS['/swarm/vote'].qos,
    )
    made.swarm.start('r3')
    made.until(lambda: 'r3' in made.watcher.heard, 'r3 beats')
    assert made.watcher.agreed_leader(('r3',)) == '', 'one voter of three cannot lead'
    made.swarm.start('r1')
    first = made.leader(('r1', 'r3'))
    awaited = lambda: made.call(  # noqa: E731
        first, srv.Status, 'status', srv.Status.Request()
    ).state.awaited_voter_ids
    made.until(lambda: awaited() == ['r2'], 'the vote of the other one counts')
    said = swarmctl(made.swarm, '--robot', first, 'status')
    assert 'never came: r2' in said.stdout
    said = swarmctl(made.swarm, '--robot', first, 'members', 'list')
    assert 'r2     yes   never came' in said.stdout, said
    stalled = stalls(made.swarm)
    first = made.leader(('r1', 'r3'))
    term = made.term(first)
    made.swarm.start('r2')
    assert_kept(made, first, term, stalled)  # a late robot follows the leader that is there
    made.until(lambda: awaited() == [], 'the vote of r2 counts')
    to = 'r2' if made.leader() != 'r2' else first
    votes.clear()
    request = srv.TransferLeadership.Request(to=to)
    assert made.call(first, srv.TransferLeadership, 'transfer_leadership', request).leader == to
    made.until(
        lambda: any(one.granted and one.envelope.sender != to for one in votes),
        f'a vote for {to} is seen')


def test_job_submitted_anywhere_runs_and_its_output_comes_back(
    field: Make, tmp_path: Path
) -> None:
    made = field()
    made.ready()
    took_part: set[str] = set()
    for number in range(ROUNDS_MAX):
        paths, out = make_files(tmp_path / f'in{number}', 6), tmp_path / f'out{number}'
        ended = made.ended('r2', submit_all(made, paths, out, made.swarm.names))
        assert {job.phase for job in ended.values()} == {DONE}
        assert_results(paths, out)
        assert {job.origin for job in ended.values()} == {'r1', 'r2', 'r3'}
        took_part |= {job.robot_id for job in ended.values()}
        if len(took_part) == 3:
            break
    assert len(took_part) == 3, 'all robots took part'


def test_killed_leader_is_replaced_and_no_job_is_lost_or_accepted_twice(
    field: Make, tmp_path: Path
) -> None:
    made = field()
    made.ready()
    paths = make_files(tmp_path / 'in', 24)
    jobs = submit_all(made, paths, tmp_path / 'out', made.swarm.names)
    leader = made.leader()
    term = made.term(leader)
    made.swarm.kill(leader)
    survivors = tuple(name for name in made.swarm.names if name != leader)
    new = made.leader(survivors, above_term=term)
    assert new in survivors
    made.swarm.start(leader)
    ended = made.ended(new, jobs)
    assert {job.phase for job in ended.values()} == {DONE}
    assert_results(paths, tmp_path / 'out')
    made.until(lambda: made.watcher.caught_up(made.swarm.names), 'all have caught up')
    assert_one_history(made, made.swarm.names)


def test_job_of_a_killed_follower_is_run_again_elsewhere(field: Make, tmp_path: Path) -> None:
    made = field(job_lease_ttl_ms=2000)
    leader, over = made.ready(), tmp_path / 'over'
    work = ['sh', '-c', f'until [ -e {over} ]; do sleep 0.1; done']
    jobs = [made.submit(leader, work) for _ in range(3)]
    running = lambda: {  # noqa: E731
        job.robot_id for job in made.jobs(leader).values() if job.phase == RUNNING
    }
    made.until(lambda: running() == set(made.swarm.names), 'every robot runs one')
    victim = next(name for name in made.swarm.names if name != leader)
    made.swarm.kill(victim)
    made.until(lambda: victim not in running(), 'its job is taken from it')
    over.touch()
    ended = made.ended(leader, jobs)
    assert {job.phase for job in ended.values()} == {DONE}
    assert victim not in {job.robot_id for job in ended.values()}
    # A job that was only moved has another attempt too.
    lost = [line for job in jobs for line in made.story(leader, job) if 'no word from' in line]
    assert len(lost) == 1 and f'no word from {victim}' in lost[0], lost
    made.until(
        lambda: any(event.kind == 'robot_dead' for event in made.watcher.events),
        'an event says that it is dead',
    )


def test_paused_leader_steps_down_when_it_wakes_and_histories_agree(field: Make) -> None:
    made = field()
    made.ready()
    stalled = stalls(made.swarm)
    leader = made.leader()
    term = made.term(leader)
    survivors = tuple(name for name in made.swarm.names if name != leader)
    made.swarm.signal(leader, signal.SIGSTOP)
    new = made.leader(survivors, above_term=term)
    settled = made.term(new)
    job = made.submit(new, ['true'])
    assert made.ended(new, [job])[job].phase == DONE
    paused_at = made.watcher.heard[leader].at_s
    made.until(  # ten of the longest election timeouts
        lambda: made.watcher.heard[new].at_s - paused_at > 10.0, 'ten timeouts pass'
    )
    made.swarm.signal(leader, signal.SIGCONT)
    assert_kept(made, new, settled, stalled + 1)  # who wakes up says that it was held up, follows
    made.until(lambda: made.watcher.caught_up(made.swarm.names), 'the woken one catches up')
    assert job in made.jobs(leader)
    assert_one_history(made, made.swarm.names)


def test_whole_swarm_restarts_with_everything_it_knew(field: Make) -> None:
    made = field()
    leader = made.ready()
    job = made.submit('r1', ['true'], labels=['before'])
    made.ended(leader, [job])
    term = made.term(made.leader())
    # Its answer is in the log of a quorum at least; all robots are asked to end together.
    assert set(made.swarm.stop_all().values()) == {0}
    made.swarm.start_all()
    again = made.ready(above_term=term)
    assert made.jobs(again)[job].phase == DONE
    other = made.submit(again, ['true'])
    assert made.ended(again, [other])[other].phase == DONE


def test_without_a_quorum_nothing_is_accepted_and_the_client_is_told(
    field: Make, swarmctl: Make
) -> None:
    made = field()
    leader = made.ready()
    for name in made.swarm.names:
        if name != leader:
            made.swarm.kill(name)
    made.until(
        lambda: made.watcher.heard[leader].beacon.leader == '', 'the leader steps down alone'
    )
    answer = swarmctl(made.swarm, '--robot', leader, 'jobs', 'submit', '--', 'true')
    assert answer.returncode == 3, answer.stderr
    assert 'too few voters' in answer.stderr


def test_cancelled_job_stops_running(field: Make, swarmctl: Make) -> None:
    made = field(count=1)
    made.ready()
    job = made.submit('r1', ['sleep', '60'])
    made.until(lambda: made.jobs('r1')[job].phase == 2, 'it runs')
    assert swarmctl(made.swarm, 'jobs', 'cancel', job).returncode == 0
    assert made.ended('r1', [job])[job].phase == msg.JobStatus.PHASE_CANCELLED
    after = made.submit('r1', ['true'])
    assert made.ended('r1', [after])[after].phase == DONE, 'its slot is free again'


def test_robot_that_is_no_voter_follows_and_works(field: Make) -> None:
    made = field(count=4)  # voters: r1 r2 r3
    leader = made.ready()
    assert leader != 'r4'
    made.until(lambda: made.watcher.caught_up(made.swarm.names), 'r4 has the log')
    took_part: set[str] = set()
    for _ in range(ROUNDS_MAX):
        ended = made.ended('r4', [made.submit('r4', ['sleep', '1']) for _ in range(8)])
        took_part |= {job.robot_id for job in ended.values()}
        if 'r4' in took_part:
            break
    assert 'r4' in took_part


def test_another_swarm_in_the_same_domain_is_ignored(field: Make, swarmctl: Make) -> None:
    made = field()
    made.swarm.own = {'r9': {'swarm_id': 'other', 'voters': ['r9'], 'robot_id': 'r9'}}
    made.swarm.start('r9')
    made.ready()
    keys = str(made.swarm.keys_dir('other'))
    told: dict[str, Any] = {}

    def leads() -> bool:
        said = swarmctl(made.swarm, '--robot', 'r9', '--keys', keys, '--json', 'status')
        told.update(json.loads(said.stdout or '{}'))
        return told.get('leader') == 'r9'

    made.until(leads, 'r9 leads its own swarm')
    assert told['swarm'] == 'other'
    robots = made.call('r1', srv.Status, 'status', srv.Status.Request()).state.robots
    assert [one.robot_id for one in robots] == ['r1', 'r2', 'r3']
