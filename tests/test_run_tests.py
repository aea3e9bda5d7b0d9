# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""`make test` runs parts at the same time: nothing is left out, mixed up, lost or left behind."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / 'scripts' / 'run_tests.py'
# Runs two parts that wait until they are told to end, and say what they have seen of that.
WAITING = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location('run_tests', sys.argv[1])
tests = importlib.util.module_from_spec(spec)
sys.modules['run_tests'] = tests
spec.loader.exec_module(tests)
tests.FOLDER = Path(sys.argv[2])
part = '''
import time
try:
    print("up", flush=True)
    for _ in range(600):
        time.sleep(0.1)
except KeyboardInterrupt:
    print("cleared up", flush=True)
'''
tests.hear_signals()
tests.run([tests.Part(name, [sys.executable, '-c', part]) for name in ('a', 'b')], tests.show)
"""


@pytest.fixture
def tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location('run_tests', SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, 'run_tests', module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, 'FOLDER', tmp_path / 'said')
    return module


def run(tests: ModuleType, *programs: str) -> tuple[int, str]:
    """Parts of these programs: the exit code of the whole and what it says."""
    said: list[bytes] = []
    parts = [
        tests.Part(f'part{number}', [sys.executable, '-c', program])
        for number, program in enumerate(programs)
    ]
    code = tests.run(parts, said.append)
    return code, b''.join(said).decode()


@pytest.mark.parametrize(('codes', 'whole'), [
    ((0, 0), 0),
    ((0, 1), 1),
    ((1, 0), 1),
    ((2, 1), 2),
    ((0, 5), 0),  # -k selects tests of one part only
    ((5, 1), 1),
    ((5, 5), 5),
    ((0, -9), 1),  # killed
])
def test_whole_is_in_order_only_if_every_part_is(
    tests: ModuleType, codes: Sequence[int], whole: int
) -> None:
    assert tests.verdict(codes) == whole


def test_exit_code_of_each_part_counts(tests: ModuleType) -> None:
    assert run(tests, 'exit(0)', 'exit(3)')[0] == 3
    assert run(tests, 'exit(3)', 'exit(0)')[0] == 3


def test_output_of_parts_is_whole_and_not_mixed(tests: ModuleType) -> None:
    count = 20_000
    lines = 'for number in range({count}): print("{name}", number)'
    programs = [lines.format(count=count, name=name) for name in ('one', 'two')]
    _, text = run(tests, *programs)
    expected = [
        line
        for name in ('one', 'two')
        for line in (f'{name} {number}' for number in range(count))
    ]
    said = [line for line in text.splitlines() if line.startswith(('one ', 'two '))]
    assert said == expected


def test_what_failed_in_the_first_part_is_said_again_at_the_end(tests: ModuleType) -> None:
    _, text = run(
        tests, 'print("FAILED test_x - why")\nprint("1 failed")\nexit(1)', 'print("2 passed")'
    )
    end = text[text.index('2 passed') :]
    assert 'FAILED test_x - why' in end and '1 failed' in end and '2 passed' in end


def test_parts_run_at_the_same_time(tests: ModuleType, tmp_path: Path) -> None:
    """Each waits for a word of the other."""
    one, two = tmp_path / 'one', tmp_path / 'two'
    os.mkfifo(one)
    os.mkfifo(two)
    first = f'open({str(one)!r}, "w").write("1"); open({str(two)!r}).read()'
    second = f'open({str(one)!r}).read(); open({str(two)!r}, "w").write("2")'
    assert run(tests, first, second)[0] == 0


@pytest.fixture(params=['in front', 'in the background'])
def waiting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Two parts that wait to be ended, in a session of their own."""
    before = signal.getsignal(signal.SIGINT)
    ignored = request.param == 'in the background'
    signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, '-c', WAITING, str(SCRIPT), str(tmp_path)], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )
    signal.signal(signal.SIGINT, before)
    with process:
        yield process
        with contextlib.suppress(ProcessLookupError):  # as it should be
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_who_ends_it_ends_every_part_and_lets_it_clear_up(
    waiting: subprocess.Popen[str], number: int, tmp_path: Path
) -> None:
    process = waiting
    assert process.stdout is not None
    assert 'up' in (line.strip() for line in process.stdout), 'the first part'
    with open(tmp_path / 'b.txt') as said:
        while not said.read():
            assert process.poll() is None
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    process.wait(30.0)
    assert process.returncode != 0
    for name in ('a', 'b'):
        assert (tmp_path / f'{name}.txt').read_text().split('\n')[1:] == ['cleared up', '']


def covers(selection: Sequence[str], file: Path) -> bool:
    paths = [ROOT / one for one in selection if not one.startswith('-')]
    left_out = [ROOT / one.partition('=')[2] for one in selection if one.startswith('--ignore=')]
    return any(map(file.is_relative_to, paths)) and not any(map(file.is_relative_to, left_out))


def test_every_file_of_tests_is_in_exactly_one_part(tests: ModuleType) -> None:
    files = [
        file for path in tests.testpaths() for file in (ROOT / path).rglob('test_*.py')
    ]
    parts = tests.selections(tests.testpaths()).values()
    assert len(files) > 200
    for file in files:
        assert [covers(part, file) for part in parts].count(True) == 1, file
    for part in parts:
        assert any(covers(part, file) for file in files)


@pytest.mark.parametrize(('arguments', 'one'), [
    ([], False),
    (['-k', 'lease', '-x'], False),
    (['tests/system'], True),
    (['-k', 'lease', '--pdb'], True),
    (['-q', 'tests/test_skips.py::test_skip_stays_a_skip_where_a_person_runs_the_tests'], True),
])
def test_path_among_the_arguments_is_for_one_pytest(
    tests: ModuleType, arguments: list[str], one: bool
) -> None:
    assert tests.for_one_pytest(arguments) is one
