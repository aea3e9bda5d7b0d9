# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Arguments of swarmctl, without a swarm."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from swarm_coordinator.cli.job_arguments import PHASES
from swarm_coordinator.cli.swarmctl import build_parser
from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.modes.mode import Mode


def parsed(line: str) -> argparse.Namespace:
    return build_parser().parse_args(line.split())


def leaves(parser: argparse.ArgumentParser, words: str = '') -> Iterator[tuple[str, object]]:
    """Every command with what it runs."""
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    for action in below:
        for name, inner in action.choices.items():
            yield from leaves(inner, f'{words} {name}'.strip())
    if not below:
        yield words, parser.get_default('run')


def test_every_command_is_there_and_runs_something() -> None:
    found = dict(leaves(build_parser()))
    assert {
        'status', 'robots', 'jobs submit', 'jobs list', 'jobs watch', 'jobs cancel',
        'jobs explain', 'jobs run', 'jobs logs', 'jobs retry', 'jobs routes',
        'mode', 'override set', 'override clear', 'hardware list',
    } <= set(found)
    assert all(found.values())


def test_what_follows_the_dashes_belongs_to_the_program() -> None:
    options = parsed('--json jobs submit --in a --in b --out c --key k -- tar --json -x f')
    assert options.argv == ['tar', '--json', '-x', 'f']
    assert (options.inputs, options.outputs, options.key) == (['a', 'b'], ['c'], 'k')
    assert options.json and not options.no_wait
    assert (options.attempts, options.timeout, options.effects) == (3, 0.0, 'idempotent')


def test_json_may_stand_before_and_after_a_command_about_jobs() -> None:
    assert parsed('--json jobs list').json and parsed('jobs list --json').json
    assert not parsed('jobs list').json


def test_lists_of_two_commands_are_not_the_same_list() -> None:
    first, second = parsed('jobs submit --in a -- x'), parsed('jobs submit -- x')
    assert first.inputs == ['a'] and second.inputs == []


def test_mode_is_parsed_by_name() -> None:
    options = parsed('override set MAINTENANCE --reason test --for 5')
    assert (options.mode, options.seconds, options.owner) == (Mode.MAINTENANCE, 5.0, 'operator')


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('', 'required'),
        ('fly', 'invalid choice'),
        ('jobs', 'required'),
        ('jobs submit --effects sometimes -- x', 'invalid choice'),
        ('jobs submit --timeout soon -- x', 'expected seconds'),
        ('jobs list --phase flying', 'invalid choice'),
        ('jobs logs', 'required'),
        ('jobs run', 'required'),
        ('override set turbo --reason x', 'expected one of normal, explore'),
        ('override set normal', '--reason'),
        ('status --colour', 'unrecognized'),
    ],
)
def test_wrong_arguments_end_with_2_and_say_what_is_wrong(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(line)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_phases_are_in_the_order_of_their_numbers() -> None:
    assert list(PHASES) == [phase.value for phase in JobPhase]


def test_wrong_argument_and_help_are_answered_without_ros() -> None:
    code = (
        'import sys; sys.modules["rclpy"] = None; sys.modules["swarm_msgs"] = None\n'
        'from swarm_coordinator.cli.swarmctl import main; main(sys.argv[1:])'
    )
    for arguments, expected in ((['--help'], 0), (['jobs', 'submit', '--help'], 0), (['fly'], 2)):
        ended = subprocess.run(
            [sys.executable, '-c', code, *arguments], capture_output=True, timeout=30,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}, check=False,
        )
        assert ended.returncode == expected, ended.stderr
