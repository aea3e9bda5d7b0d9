# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about a mind that is kept and restored: as if it had never stopped, and a part that
cannot be used takes no other with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from mind_samples import CONFIG, S, kept_of, live, mind, start

from swarm_learning.core.mind_keeping import (
    SCHEMA,
    Kept,
    document_of,
    mode_config,
    parts_of,
    reputation_config,
)
from swarm_learning.core.swarm_mind import Parts, SwarmMind
from swarm_learning.storage import archive

PARTS = ('modes', 'routing', 'reputation', 'regimes')


def written(one: SwarmMind) -> Kept:
    """As it comes back from a disk."""
    found = archive.from_bytes(archive.to_bytes(*document_of(one.parts)))
    return Kept(found.manifest, found.arrays)


def said(one: SwarmMind) -> tuple[object, ...]:
    """Everything that is proposed; a standing and a route name all their figures."""
    told = one.told
    return told.decision, told.proposal, told.routes, told.standings


def same(one: Kept, other: Kept) -> None:
    assert json.dumps(one.manifest, sort_keys=True) == json.dumps(other.manifest, sort_keys=True)
    assert one.arrays.keys() == other.arrays.keys()
    for name, values in one.arrays.items():
        assert values.tobytes() == other.arrays[name].tobytes(), name


def test_a_follower_that_is_restarted_keeps_every_bit() -> None:
    made = mind()
    live(made, range(40), leads=False)
    same(written(made), kept_of(mind(40 * S, written(made))))


@pytest.mark.parametrize('stopped', [1, 17, 40])
def test_a_learner_that_was_stopped_proposes_what_it_would_have_proposed(stopped: int) -> None:
    """The table of the modes decides at another moment, since its dwell begins anew; so it is
    asked once, as a new leader. Figures of the last second are not kept: of the regime, a look
    is missing."""
    going = mind()
    live(going, range(stopped), leads=False)
    restored = mind(stopped * S, written(going))
    for one in (going, restored):
        live(one, range(stopped, stopped + 30), leads=False)
    for part in ('modes', 'routing', 'reputation'):
        assert written(going).manifest[part] == written(restored).manifest[part], part
    # A new leader: both begin to decide now.
    for one in (going, restored):
        live(one, range(stopped + 30, stopped + 31))
    assert said(going) == said(restored)
    assert said(going)[0] is not None and said(going)[2] and said(going)[3]


def test_what_was_kept_twice_is_the_same_as_what_was_kept_once() -> None:
    made = mind()
    live(made, range(50))
    once = written(made)
    again = mind(50 * S, once)
    same(written(mind(50 * S, written(again))), written(again))


def test_a_new_start_draws_another_secret_and_keeps_none() -> None:
    made = mind()
    live(made, range(20))
    kept = json.dumps(kept_of(made).manifest)
    assert start().secret.hex() not in kept and start().secret.decode() not in kept


@pytest.mark.parametrize('broken', PARTS)
@pytest.mark.parametrize('damage', [
    lambda part: 'no object', lambda part: {}, lambda part: {**part, 'schema': 99},
    lambda part: dict(list(part.items())[:1]),
])
def test_a_damaged_part_begins_anew_alone_and_is_named(
    broken: str, damage: Callable[[dict[str, Any]], object]
) -> None:
    made = mind()
    live(made, range(30))
    kept = written(made)
    hurt = Kept({**kept.manifest, broken: damage(kept.manifest[broken])}, kept.arrays)
    parts, problems = parts_of(CONFIG, start(), hurt, 30 * S)
    assert len(problems) == 1 and problems[0].startswith(f'{broken} begins anew: ')
    whole, fresh = kept.manifest, document_of(parts_of(CONFIG, start(), None, 30 * S)[0])[0]
    now = document_of(parts)[0]
    for part in PARTS:
        if part != 'modes':     # which has a clock of its own
            assert now[part] == (fresh if part == broken else whole)[part], part
    assert decisions(parts) == (0 if broken == 'modes' else decisions(made.parts))


def decisions(parts: Parts) -> int:
    return parts.modes.facts().decisions


def test_damaged_arrays_cost_the_table_of_the_modes_only() -> None:
    made = mind()
    live(made, range(30))
    kept = written(made)
    arrays = {**kept.arrays, 'values': np.full((2, 2), np.nan)}
    parts, problems = parts_of(CONFIG, start(), Kept(kept.manifest, arrays), 30 * S)
    assert [one.partition(' ')[0] for one in problems] == ['modes']
    assert document_of(parts)[0]['reputation'] == kept.manifest['reputation']
    assert parts.modes.is_trained(), 'it begins with the shipped table'


def test_a_part_that_is_not_there_yet_begins_without_a_word() -> None:
    kept = written(mind())
    older = {name: part for name, part in kept.manifest.items() if name != 'routing'}
    parts, problems = parts_of(CONFIG, start(), Kept(older, kept.arrays), S)
    assert problems == () and document_of(parts)[0]['routing']


@pytest.mark.parametrize('schema', [None, 0, SCHEMA + 1, 'one'])
def test_another_schema_is_named_and_everything_begins_anew(schema: object) -> None:
    made = mind()
    live(made, range(30))
    kept = written(made)
    parts, problems = parts_of(
        CONFIG, start(), Kept({**kept.manifest, 'schema': schema}, kept.arrays), 30 * S)
    assert problems == (f'schema: expected {SCHEMA}, got {schema!r}',)
    assert parts.reputation.robots() == () and decisions(parts) == 0


def test_a_shipped_table_that_cannot_be_used_is_named_and_the_rule_goes_on() -> None:
    bad = replace(start(), table=Kept({}, {'values': np.zeros(3)}))
    parts, problems = parts_of(CONFIG, bad, None, 0)
    assert len(problems) == 1 and 'shipped table' in problems[0]
    assert not parts.modes.is_trained()


def test_settings_of_the_learner_reach_the_parts() -> None:
    assert mode_config(replace(CONFIG, mode_dwell_s=4.0)).dwell_s == 4.0
    assert reputation_config(replace(CONFIG, audit_share=0.3)).audit_share == 0.3
    none = reputation_config(replace(CONFIG, audit_share=0.0))
    assert none.audit_share == none.audit_share_newcomer == 0.0, 'no audits are no audits'
