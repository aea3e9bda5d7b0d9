# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""File names that cannot leave their folder; files kept as long as somebody needs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_coordinator.core.files.names import checked_file_name
from swarm_coordinator.core.files.references import References


@pytest.mark.parametrize(
    'name',
    ['', '/', '/etc/passwd', '..', '../a', 'a/..', 'a/../b', 'a/./b', './a', '.', 'a//b', 'a/',
     'a\\b', '..\\a', 'a\0b', 'x' * 256, 'a/' + 'ä' * 128, '/'.join(['x' * 200] * 6)],
)
def test_name_that_could_escape_or_is_too_long_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match='file name'):
        checked_file_name(name)


@pytest.mark.parametrize('name', ['a', 'a/b.txt', '...', '.hidden', 'ä' * 127, 'x' * 255, '-rf'])
def test_harmless_name_is_given_back(name: str) -> None:
    assert checked_file_name(name) == name


@settings(max_examples=300, deadline=None)
@given(name=st.text(st.sampled_from('./\\a\0~ä'), max_size=12))
def test_accepted_name_stays_below_its_folder(name: str) -> None:
    try:
        checked_file_name(name)
    except ValueError:
        return
    folder = Path('/jobs/j1').resolve()
    assert (folder / name).resolve().is_relative_to(folder)
    assert (folder / name).resolve() != folder


def test_file_is_freed_when_its_last_user_lets_go() -> None:
    subject = References()
    assert subject.keep('j1', ['a', 'b']) == []
    assert subject.keep('j2', ['b']) == []
    assert subject.keep('j1', []) == ['a']
    assert subject.needed('b') and not subject.needed('a')
    assert subject.keep('j2', ['c']) == ['b']
    assert subject.keep('j2', ['c']) == []


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from('xyz'), st.lists(st.sampled_from('abcd')))))
def test_freed_files_are_exactly_those_that_nobody_names_any_more(
    steps: list[tuple[str, list[str]]]
) -> None:
    subject, model = References(), dict[str, set[str]]()
    for job, files in steps:
        before = set().union(*model.values())
        model[job] = set(files)
        assert subject.keep(job, files) == sorted(before - set().union(*model.values()))
        subject.check_invariants()
        assert set(subject.users) == set().union(*model.values())
