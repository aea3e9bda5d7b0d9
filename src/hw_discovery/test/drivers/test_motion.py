# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When an actuator may move, and never faster than allowed."""

import math
import random

import pytest

from hw_discovery.drivers.motion import Joint, Motion, Timing, TrajectoryPoint

S = 1_000_000_000
MS = 1_000_000
JOINT = Joint('a', -1.0, 1.0, velocity_max=2.0, acceleration_max=10.0)
OTHER = Joint('b', -1.0, 1.0, velocity_max=2.0, acceleration_max=10.0)


@pytest.fixture
def motion() -> Motion:
    made = Motion([JOINT, OTHER])
    made.feedback([0.0, 0.0])
    return made


def to(*positions: float, after_s: float = 0.0) -> TrajectoryPoint:
    return TrajectoryPoint(positions, round(after_s * S))


def run(motion: Motion, start_ns: int, seconds: float) -> list[tuple[float | None, ...]]:
    return [motion.step(start_ns + n * 20 * MS) for n in range(1, round(seconds * 50) + 1)]


def test_nothing_moves_before_it_is_armed(motion: Motion) -> None:
    assert 'not armed' in motion.command(['a'], [to(0.5)], 0)
    assert set(run(motion, 0, 1.0)) == {(None, None)}


def test_arming_alone_moves_nothing(motion: Motion) -> None:
    assert motion.arm(0) == ''
    assert set(run(motion, 0, 1.0)) == {(None, None)}


def test_only_the_commanded_joint_moves_and_it_arrives(motion: Motion) -> None:
    motion.arm(0)
    assert motion.command(['b'], [to(0.5, after_s=1.0)], 0) == ''
    told = run(motion, 0, 1.4)
    assert all(a is None for a, _ in told) and told[-1][1] == pytest.approx(0.5, abs=1e-3)
    halfway = told[24][1]
    assert halfway is not None and 0.1 < halfway < 0.3, 'on the way at half the time'


def test_silence_disarms_and_a_late_word_does_not_wake_it(motion: Motion) -> None:
    motion.arm(0)
    motion.command(['a'], [to(0.5)], 0)
    assert motion.step(500 * MS)[0] is not None
    assert motion.step(501 * MS) == (None, None) and not motion.is_armed
    assert 'no command came' in motion.command(['a'], [to(0.6)], 502 * MS)


def test_silence_is_counted_from_the_end_of_a_trajectory(motion: Motion) -> None:
    motion.arm(0)
    motion.command(['a'], [to(0.5, after_s=5.0)], 0)
    run(motion, 0, 5.4)
    assert motion.is_armed
    motion.step(5 * S + 501 * MS)
    assert not motion.is_armed


def test_armed_and_never_commanded_it_disarms_too(motion: Motion) -> None:
    motion.arm(0)
    motion.step(10 * S + 1)
    assert not motion.is_armed


@pytest.mark.parametrize('stop', ['disarm', 'emergency', 'silence'])
def test_after_any_stop_arming_again_resumes_nothing(motion: Motion, stop: str) -> None:
    motion.arm(0)
    motion.command(['a'], [to(1.0, after_s=4.0)], 0)
    run(motion, 0, 1.0)
    if stop == 'disarm':
        motion.disarm('asked')
    elif stop == 'emergency':
        motion.set_emergency(True)
        assert motion.arm(S) == 'the emergency stop is on'
        motion.set_emergency(False)
        assert not motion.is_armed, 'its end arms nothing'
    else:
        motion.step(60 * S)
    assert motion.arm(61 * S) == ''
    assert set(run(motion, 61 * S, 1.0)) == {(None, None)}


def test_a_closed_one_is_never_armed_again(motion: Motion) -> None:
    motion.arm(0)
    motion.close()
    assert not motion.is_armed and motion.arm(1) == 'the driver is closing'


@pytest.mark.parametrize(('names', 'points', 'words'), [
    (['x'], [to(0.0)], 'different joints of a, b'), ([], [to()], 'given: none'),
    (['a', 'a'], [to(0.0, 0.0)], 'different joints'), (['a'], [], '1 to 1000 points'),
    (['a'], [to(0.0)] * 2, 'times that grow'), (['a'], [to(0.0, after_s=-1.0)], 'times that grow'),
    (['a'], [to(0.0, after_s=61.0)], 'up to 60 s'), (['a'], [to(1.01)], 'expected -1 to 1'),
    (['a'], [to(math.nan)], 'given: nan'), (['a'], [to(math.inf)], 'given: inf'),
    (['a'], [to(0.0, 0.0)], 'expected 1 positions')])
def test_a_command_that_makes_no_sense_is_refused_with_what_would(
    motion: Motion, names: list[str], points: list[TrajectoryPoint], words: str,
) -> None:
    motion.arm(0)
    motion.command(['a'], [to(0.1)], 0)
    assert words in motion.command(names, points, 0)
    assert run(motion, 0, 0.4)[-1][0] == pytest.approx(0.1, abs=1e-2), 'the last good one holds'


def test_a_command_that_comes_a_second_late_is_refused(motion: Motion) -> None:
    motion.arm(0)
    assert 'away from now' in motion.command(['a'], [to(0.1)], 5 * S, sent_ns=3 * S)
    assert motion.command(['a'], [to(0.1)], 5 * S, sent_ns=5 * S - 100 * MS) == ''


@pytest.mark.parametrize('seed', range(30))
def test_whatever_is_commanded_limits_of_place_speed_and_acceleration_hold(seed: int) -> None:
    rng = random.Random(seed)
    motion = Motion([JOINT], Timing(command_ns=99 * S))
    motion.feedback([rng.uniform(-1, 1)])
    motion.arm(0)
    last: float | None = None
    speed, now = 0.0, 0
    for _ in range(400):
        if rng.random() < 0.1:
            assert motion.command(['a'], [to(rng.uniform(-1, 1), after_s=rng.uniform(0, .5))],
                                  now) == ''
        now += 20 * MS
        (position,) = motion.step(now)
        if position is None:
            continue
        assert -1.0 <= position <= 1.0
        if last is not None:
            moved = (position - last) / 0.02
            assert abs(moved) <= 2.0 + 1e-6
            assert abs(moved - speed) <= 2 * 10.0 * 0.02 + 1e-6, 'a stop may take its last cycle'
            speed = moved
        last = position


def test_a_joint_is_never_carried_far_past_its_goal() -> None:
    motion = Motion([JOINT], Timing(command_ns=S))
    motion.feedback([-1.0])
    motion.arm(0)
    motion.command(['a'], [to(0.5)], 0)
    told = [p for (p,) in run(motion, 0, 0.98) if p is not None]
    assert max(told) <= 0.5 + 0.005
    motion.command(['a'], [to(0.5)], S)
    assert run(motion, S, 0.9)[-1][0] == pytest.approx(0.5, abs=1e-6)


def test_a_late_cycle_is_no_long_stride(motion: Motion) -> None:
    motion.arm(0)
    motion.command(['a'], [to(1.0, after_s=3.0)], 0)
    motion.step(20 * MS)
    (position, _) = motion.step(2 * S)
    assert position is not None and position <= 2.0 * 0.1 + 0.01


def test_limits_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match='minimum < maximum'):
        Joint('a', 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match='above 0'):
        Joint('a', 0.0, 1.0, 0.0, 1.0)
    assert Motion([]).arm(0) == 'no joints are configured'
