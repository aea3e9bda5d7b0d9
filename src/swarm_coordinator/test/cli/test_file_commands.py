# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl files: what is asked of the robot, and how its answers are shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip('swarm_msgs')

from swarm_msgs import msg, srv  # noqa: E402

from swarm_coordinator.cli import file_commands  # noqa: E402
from swarm_coordinator.cli.swarmctl import build_parser  # noqa: E402

A, B = 'a' * 64, 'ab' + 'c' * 62


class Robot:
    """Answers with the set answers, in order; remembers what it was asked."""

    robot = 'r1'

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def call(self, kind: Any, service: str, request: Any, **_: Any) -> Any:
        self.asked.append(request)
        return self.answers.pop(0)

    def spin_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        return False


def run(robot: Robot, *words: str) -> int:
    options = build_parser().parse_args(words)
    return int(getattr(file_commands, options.run.partition('.')[2])(robot, options))


def listed(*entries: msg.FileEntry) -> srv.ListFiles.Response:
    return srv.ListFiles.Response(
        files=list(entries), matched=len(entries), used_bytes=3 << 20, quota_bytes=2 << 30,
        cached_bytes=1 << 20, free_bytes=5 << 30,
    )


def entry(sha256: str = A, use: int = msg.FileEntry.USE_CACHED, **more: Any) -> msg.FileEntry:
    return msg.FileEntry(sha256=sha256, size_bytes=2048, here_bytes=512, use=use, **more)


def test_list_shows_each_file_and_how_full_the_store_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    coming = entry(B, msg.FileEntry.USE_FETCHING, holder='r2')
    robot = Robot(listed(entry(name='map.png', unused_ms=5000), coming))
    assert run(robot, 'files', 'list', '--use', 'cached', '--use', 'fetching') == 0
    assert list(robot.asked[0].uses) == [2, 3]
    text = capsys.readouterr().out
    assert 'map.png' in text and '5.0 s' in text and 'cached' in text
    assert '25% from r2' in text
    assert '2 files; 3.0 MiB of 2.0 GiB in use, 1.0 MiB of it cached; 5.0 GiB free' in text


def test_list_as_json_has_whole_hashes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Robot(listed(entry())), '--json', 'files', 'list') == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown['quota_bytes'] == 2 << 30
    assert shown['files'][0]['sha256'] == A and shown['files'][0]['use'] == 'cached'


def test_put_asks_until_it_has_ended_and_prints_the_hash(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    ref = msg.FileRef(name='f', size_bytes=5, sha256=list(bytes.fromhex(A)))
    robot = Robot(
        srv.StoreFile.Response(done_bytes=1 << 20, total_bytes=4 << 20),
        srv.StoreFile.Response(ended=True, file=ref),
    )
    assert run(robot, 'files', 'put', 'f', '--keep') == 0
    assert robot.asked[0] == robot.asked[1] and robot.asked[0].keep
    assert robot.asked[0].path == f'{tmp_path}/f'
    assert capsys.readouterr().out == f'{A}  f  5 B\n'


def test_put_that_is_refused_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    answer = srv.StoreFile.Response(code=1, reason='no room', ended=True)
    assert run(Robot(answer), 'files', 'put', '/f') == 2
    assert 'no room' in capsys.readouterr().err


def test_get_takes_the_beginning_of_a_hash_and_says_where_the_file_came_from(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = srv.FetchFile.Response(ended=True, holder='r3', total_bytes=9)
    robot = Robot(listed(entry()), answer)
    assert run(robot, 'files', 'get', 'AAAA', '/tmp/x', '--from', 'r3') == 0
    assert robot.asked[0].sha256 == 'aaaa'
    fetch = robot.asked[1]
    assert (fetch.sha256, fetch.path, fetch.holder) == (A, '/tmp/x', 'r3')
    assert 'from r3' in capsys.readouterr().out


@pytest.mark.parametrize('entries', [(), (entry(A), entry(B))])
def test_beginning_that_names_no_single_file_is_unclear(
    entries: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(Robot(listed(*entries)), 'files', 'get', 'abcd') == 1
    assert 'expected more digits' in capsys.readouterr().err


def test_get_of_what_nobody_has_fails(capsys: pytest.CaptureFixture[str]) -> None:
    answer = srv.FetchFile.Response(code=1, reason='nobody says that they have it', ended=True)
    assert run(Robot(answer), 'files', 'get', A) == 1
    assert 'nobody' in capsys.readouterr().err


def test_interrupted_get_is_forgotten_by_the_robot() -> None:
    robot = Robot(srv.FetchFile.Response(), srv.FetchFile.Response(ended=True))

    def interrupt(*_: Any) -> bool:
        raise KeyboardInterrupt

    robot.spin_until = interrupt  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run(robot, 'files', 'get', A)
    assert robot.asked[-1].forget and robot.asked[-1].sha256 == A


def test_verify_names_what_is_damaged_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    bad = entry(A, msg.FileEntry.USE_NEEDED, name='map.png')
    answer = srv.VerifyFiles.Response(ended=True, files=3, done_bytes=4096, damaged=[bad])
    assert run(Robot(answer), 'files', 'verify') == 1
    text = capsys.readouterr().out
    assert f'damaged and set aside, fetched again: {A}  map.png' in text
    assert '3 files, 4.0 KiB read: 1 damaged' in text


def test_gc_says_what_it_freed_and_that_a_job_needs_a_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    robot = Robot(srv.CollectFiles.Response(files=2, freed_bytes=2048))
    assert run(robot, 'files', 'gc', '--keep', '500M') == 0
    assert robot.asked[0].keep_bytes == 500_000_000
    assert capsys.readouterr().out == '2 files are gone, 2.0 KiB free\n'
    refused = srv.CollectFiles.Response(code=1, reason='aaaa... is needed by a job')
    assert run(Robot(refused), 'files', 'gc', A) == 2


@pytest.mark.parametrize('words', [('get', 'xyz1'), ('get', 'abc'), ('gc', '--keep', '5T')])
def test_wrong_arguments_are_refused_before_any_robot_is_asked(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as error:
        build_parser().parse_args(['files', *words])
    assert error.value.code == 2
