# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A resource never serves a holder again once a later one was there, whatever crashes."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarm_coordinator import fencing
from swarm_coordinator.fencing import (
    Accepted,
    FencedResource,
    FenceUnreadable,
    StaleToken,
    StaleTokenError,
)


@pytest.fixture
def dock(tmp_path: Path) -> FencedResource:
    return FencedResource('dock', tmp_path / 'dock.token')


def test_lower_token_is_refused_with_the_evidence(dock: FencedResource) -> None:
    assert dock.present(7) == Accepted('dock', 7)
    assert dock.present(6) == StaleToken('dock', presented=6, highest=7)
    assert 'token 6 is refused, a later holder came with 7' in str(dock.present(6))


def test_same_token_is_accepted_again_without_a_write(dock: FencedResource) -> None:
    dock.present(7)
    before = dock.path.stat()
    assert dock.present(7) == Accepted('dock', 7)
    assert dock.path.stat().st_ino == before.st_ino


def test_highest_token_is_remembered_over_a_restart(dock: FencedResource) -> None:
    dock.present(7)
    again = FencedResource('dock', dock.path)
    assert again.highest == 7
    assert isinstance(again.present(6), StaleToken)


def test_resource_that_nobody_used_accepts_any_token(dock: FencedResource) -> None:
    assert dock.highest == 0
    assert dock.present(1) == Accepted('dock', 1)


def test_require_raises_what_cannot_be_overlooked(dock: FencedResource) -> None:
    dock.require(5)
    with pytest.raises(StaleTokenError) as error:
        dock.require(4)
    assert error.value.refusal == StaleToken('dock', 4, 5)


@pytest.mark.parametrize('token', [0, -1, True, 1.0, '7', None, 2**63])
def test_what_is_no_token_is_refused_and_changes_nothing(
    dock: FencedResource, token: Any
) -> None:
    with pytest.raises(ValueError, match='expected an integer from 1'):
        dock.present(token)
    assert dock.highest == 0


@pytest.mark.parametrize(
    'data',
    [b'', b'7', b'{}', b'[' * 5000, b'{"v": 1, "resource": "dock", "token": 0}',
     b'{"v": 1, "resource": "dock", "token": true}', b'{"v": 2, "resource": "dock", "token": 7}',
     b'{"v": 1, "resource": "lift", "token": 7}', b'\xff\xfe', b'x' * 5000],
)
def test_damaged_file_lets_nobody_in(dock: FencedResource, data: bytes) -> None:
    dock.path.write_bytes(data)
    with pytest.raises(FenceUnreadable):
        dock.present(99)
    assert dock.path.read_bytes() == data


@settings(max_examples=100, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.binary(max_size=100))
def test_garbage_in_the_file_raises_nothing_but_fence_unreadable(
    dock: FencedResource, data: bytes
) -> None:
    dock.path.write_bytes(data)
    with pytest.raises(FenceUnreadable):
        dock.present(1)


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_token_that_could_not_be_written_is_not_accepted(
    dock: FencedResource, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    dock.present(7)

    def fails(*_: Any) -> None:
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patched:
        patched.setattr(fencing.os, step, fails)
        with pytest.raises(OSError, match='No space'):
            dock.present(9)
    assert dock.highest == 7
    assert dock.present(8) == Accepted('dock', 8)


def test_name_is_changed_only_after_the_bytes_are_on_the_disk(
    dock: FencedResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        steps.append('folder' if os.path.isdir(f'/proc/self/fd/{descriptor}') else 'file')
        fsync(descriptor)

    def noted_replace(source: Any, target: Any) -> None:
        assert json.loads(Path(source).read_text())['token'] == 7
        steps.append('name')
        replace(source, target)

    monkeypatch.setattr(fencing.os, 'fsync', noted_fsync)
    monkeypatch.setattr(fencing.os, 'replace', noted_replace)
    dock.present(7)
    assert steps == ['file', 'name', 'folder']


def test_part_that_a_crash_left_is_no_token(dock: FencedResource) -> None:
    dock.present(7)
    dock.path.with_name('dock.token.part').write_text('{"v": 1, "resource": "dock", "tok')
    assert dock.highest == 7
    assert dock.present(8) == Accepted('dock', 8)


def accepted_in_order(path: Path, seed: int, out: list[int]) -> None:
    """What one user was let in with; several of them use one path at a time."""
    resource, rng = FencedResource('dock', path), random.Random(seed)
    for token in (rng.randint(1, 60) for _ in range(40)):
        if isinstance(resource.present(token), Accepted):
            out.append(token)


def test_threads_on_one_path_never_see_tokens_go_back(tmp_path: Path) -> None:
    path = tmp_path / 'dock.token'
    outs: list[list[int]] = [[] for _ in range(4)]
    threads = [
        threading.Thread(target=accepted_in_order, args=(path, seed, out))
        for seed, out in enumerate(outs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(out == sorted(out) for out in outs)
    assert FencedResource('dock', path).highest == max(max(out, default=0) for out in outs)


def present_all(path: Path, tokens: list[int]) -> None:
    for token in tokens:
        FencedResource('dock', path).present(token)


def test_processes_on_one_path_keep_the_highest(tmp_path: Path) -> None:
    path = tmp_path / 'dock.token'
    context = multiprocessing.get_context('fork')
    processes = [
        context.Process(target=present_all, args=(path, list(range(start, 40, 2))))
        for start in (1, 2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert FencedResource('dock', path).highest == 39
