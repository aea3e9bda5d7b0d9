# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who may act is told by a token from a file that only its owner can read."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from swarm_tower.web.gate import ANYBODY, Gate, Role, Turned, Visitor, open_gate

ADA = Visitor('ada', Role.OPERATOR)
EVE = Visitor('eve', Role.OBSERVER)
TOKENS = {'a' * 20: ADA, 'e' * 20: EVE}


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def gate() -> tuple[Gate, Clock]:
    clock = Clock()
    return Gate(TOKENS, clock), clock


def bearer(letter: str) -> str:
    return f'Bearer {letter * 20}'


def status(call: Any, *arguments: Any) -> int:
    with pytest.raises(Turned) as turned:
        call(*arguments)
    return turned.value.status


def test_visitor_is_told_by_the_token_and_anybody_may_look() -> None:
    door, _ = gate()
    assert door.visitor(bearer('a'), 'x') == ADA
    assert door.visitor(bearer('e'), 'x') == EVE
    assert door.visitor(None, 'x') == ANYBODY
    door.admit(ADA, Role.OPERATOR)
    assert status(door.admit, EVE, Role.OPERATOR) == 403
    assert status(door.admit, ANYBODY, Role.OPERATOR) == 401


@pytest.mark.parametrize('header', ['', 'Bearer', 'Bearer x', 'Basic YTph', 'Bearer ä€', 'x' * 9])
def test_wrong_token_is_turned_away(header: str) -> None:
    assert status(gate()[0].visitor, header, 'x') == 401


def test_address_that_guesses_is_slowed_down_even_when_right_and_others_are_not() -> None:
    door, clock = gate()
    for _ in range(10):
        assert status(door.visitor, 'Bearer wrong', 'guesser') == 401
    assert status(door.visitor, bearer('a'), 'guesser') == 429
    assert door.visitor(bearer('a'), 'other') == ADA
    clock.now_s += 11.0
    assert door.visitor(bearer('a'), 'guesser') == ADA


def test_token_that_was_right_at_an_address_still_counts_while_somebody_guesses_there() -> None:
    door, _ = gate()
    assert door.visitor(bearer('a'), 'shared') == ADA
    for _ in range(10):
        assert status(door.visitor, 'Bearer wrong', 'shared') == 401
    assert door.visitor(bearer('a'), 'shared') == ADA
    assert status(door.visitor, bearer('e'), 'shared') == 429  # not used there before
    assert status(door.visitor, 'Bearer ', 'fresh') == 401
    for number in range(2000):
        door.visitor(bearer('a'), f'10.0.{number}')
    assert len(door._used) <= 256


def test_those_without_a_name_are_limited_by_their_address_and_apart_is_apart() -> None:
    door, _ = gate()
    for _ in range(20):
        door.admit(ANYBODY, Role.OBSERVER, 'x')
    assert status(door.admit, ANYBODY, Role.OBSERVER, 'x') == 429
    door.admit(ANYBODY, Role.OBSERVER, 'y')
    door.admit(ANYBODY, Role.OBSERVER, 'x', 'emergency')


def test_commands_are_limited_for_each_name() -> None:
    door, clock = gate()
    for _ in range(20):
        door.admit(ADA, Role.OPERATOR)
    assert status(door.admit, ADA, Role.OPERATOR) == 429
    door.admit(Visitor('bob', Role.OPERATOR), Role.OPERATOR)
    clock.now_s += 0.6
    door.admit(ADA, Role.OPERATOR)


def test_addresses_that_are_remembered_are_bounded() -> None:
    door, _ = gate()
    for number in range(2000):
        status(door.visitor, 'Bearer wrong', f'10.0.{number}')
    assert len(door._wrong) <= 256


def test_file_is_made_once_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / 'a' / 'tokens.json'
    open_gate(str(path), Clock())
    assert path.stat().st_mode & 0o777 == 0o600
    document = path.read_text()
    [row] = json.loads(document)['tokens']
    assert row['role'] == 'operator' and len(row['token']) >= 32
    door = open_gate(str(path), Clock())
    assert path.read_text() == document and list(path.parent.iterdir()) == [path]
    assert door.visitor(f'Bearer {row["token"]}', 'x').role is Role.OPERATOR


def test_towers_that_start_together_agree_on_one_file(tmp_path: Path) -> None:
    path, made = tmp_path / 'tokens.json', []
    threads = [
        threading.Thread(target=lambda: made.append(open_gate(str(path), Clock())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tuple(one._tokens) for one in made}) == 1 and len(made) == 8


def test_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'tokens.json'
    open_gate(str(path), Clock())
    path.chmod(0o640)
    with pytest.raises(ValueError, match='chmod 600'):
        open_gate(str(path), Clock())


@pytest.mark.parametrize(('content', 'expected'), [
    ('{', 'expected JSON'),
    ('[]', 'expected {"tokens"'),
    ('{"tokens": [{}]}', 'name, role and token'),
    ('{"tokens": [{"name": "", "role": "operator", "token": "aaaaaaaaaaaaaaaaaaaa"}]}', 'name'),
    ('{"tokens": [{"name": "a", "role": "god", "token": "aaaaaaaaaaaaaaaaaaaa"}]}', 'observer'),
    ('{"tokens": [{"name": "a", "role": "operator", "token": "short"}]}', '16 to 256'),
    ('[' * 70_000, 'at most'),
    ('[' * 50_000, 'expected JSON'),
])
def test_wrong_file_is_refused_with_what_was_expected(
    tmp_path: Path, content: str, expected: str
) -> None:
    path = tmp_path / 'tokens.json'
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ValueError, match=expected):
        open_gate(str(path), Clock())
