# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What some entries did together is nothing less than what each of them did."""

from __future__ import annotations

from swarm_coordinator.core.events import Changed
from swarm_coordinator.core.replicated.applied import Applied


def test_changes_of_several_entries_are_gathered_and_the_last_index_counts() -> None:
    changed = Changed()
    changed.note(7, 70, Applied(jobs={'j1': None}, members=True))
    changed.note(8, 80, Applied(jobs={'j2': None, 'j1': None}, leases={'door': None}))
    assert (changed.index, list(changed.jobs), list(changed.leases)) == (8, ['j1', 'j2'], ['door'])
    assert changed.members and not (changed.mode or changed.services or changed.restored)


def test_another_state_may_have_changed_everything_in_it() -> None:
    changed = Changed()
    changed.note(7, 70, Applied(jobs={'gone': None}))
    changed.all(9, ['j1'], ['door'])
    assert changed.index == 9
    assert (list(changed.jobs), list(changed.leases)) == (['gone', 'j1'], ['door'])
    assert changed.restored and changed.members and changed.mode and changed.services
