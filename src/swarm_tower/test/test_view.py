# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""SwarmView: what is believed, and that deltas tell exactly what a snapshot tells."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_facts import (
    MS,
    NO_JOBS,
    S,
    beacon,
    consciousness,
    event,
    job,
    member,
    mode,
    swarm_state,
)

from swarm_tower.core import facts
from swarm_tower.core.jobs import JOBS_MAX
from swarm_tower.core.view import NEW_LOG_AFTER_MS, SwarmView

Json = dict[str, Any]


def new_view() -> SwarmView:
    return SwarmView('swarm', 7, stale_after_ms=1500, lost_after_ms=5000)


def merge(state: Json, delta: Json) -> None:
    """The page's way of merging, in short."""
    for section in ('swarm', 'consciousness'):
        state[section].update(delta.get(section, {}))
    for section in ('robots', 'jobs', 'hardware'):
        for key, row in delta.get(section, {}).items():
            if row is None:
                state[section].pop(key, None)
            elif section == 'robots':
                state[section].setdefault(key, {}).update(row)
            else:
                state[section][key] = row
    state['events'] += delta.get('events', [])
    state['revision'] = delta['revision']


def picture(view: SwarmView, now_ns: int) -> Json:
    view.age(now_ns)
    view.delta(now_ns)
    return view.snapshot()


def test_vanished_robot_stays_as_stale_then_lost_with_the_time_it_was_last_heard() -> None:
    view = new_view()
    view.fold(beacon(), 10 * S + 300 * MS)
    seen = [picture(view, at)['robots']['robot_a'] for at in (11 * S, 12 * S, 16 * S)]
    assert [r['presence'] for r in seen] == ['fresh', 'stale', 'lost']
    assert seen[2]['heard_ms'] == 10_300


def test_silence_and_return_of_a_robot_are_noted_once_each() -> None:
    view = new_view()
    view.fold(beacon(), 0)
    for second in (6, 7, 8):
        view.age(second * S)
    view.fold(beacon(), 9 * S)
    kinds = [e['kind'] for e in picture(view, 9 * S)['events']]
    assert kinds == ['robot_heard', 'robot_unheard', 'robot_back']


def test_former_leader_makes_a_split_view_only_while_it_goes_on_talking() -> None:
    view = new_view()
    view.fold(beacon('robot_a', 'robot_a', term=3), 0)
    view.fold(beacon('robot_b', 'robot_b', term=4), 1200 * MS)
    view.fold(beacon('robot_c', 'robot_b', term=4), 1200 * MS)
    assert picture(view, 1300 * MS)['robots']['robot_a']['presence'] == 'fresh'
    leader = picture(view, 1300 * MS)['swarm']['leader']
    assert (leader['kind'], leader['leader']) == ('agreed', 'robot_b')
    view.fold(beacon('robot_a', 'robot_a', term=3), 1300 * MS)
    assert picture(view, 1300 * MS)['swarm']['leader']['kind'] == 'split'


def test_restart_of_a_robot_is_noted() -> None:
    view = new_view()
    view.fold(beacon(incarnation=1), 0)
    view.fold(beacon(incarnation=2), S)
    assert picture(view, S)['events'][-1]['kind'] == 'robot_restarted'


def test_state_with_a_lower_log_index_is_discarded() -> None:
    view = new_view()
    view.fold(swarm_state(20, voters_heard=3), 0)
    view.fold(swarm_state(19, voters_heard=1), S)
    view.fold(beacon(), S)
    assert picture(view, S)['swarm']['quorum']['voters_heard'] == 3


def test_log_that_began_anew_replaces_the_old_one_after_a_while() -> None:
    view = new_view()
    view.fold(swarm_state(500), 0)
    view.fold(facts.JobUpdates(500, (job(),)), 0)
    later = NEW_LOG_AFTER_MS * MS
    view.fold(swarm_state(3), later)
    shown = picture(view, later)
    assert shown['jobs'] == {} and shown['swarm']['commit_index'] == 3
    assert shown['events'][-1]['kind'] == 'log_restarted'


def test_quorum_is_counted_by_the_tower_itself_once_the_leader_is_silent() -> None:
    view = new_view()
    view.fold(swarm_state(10), 0)
    for robot_id in ('robot_a', 'robot_b', 'robot_c'):
        view.fold(beacon(robot_id), 0)
    view.fold(beacon('robot_b'), 6 * S)
    quorum = picture(view, 6 * S)['swarm']['quorum']
    assert quorum == {'voters': 3, 'quorum': 2, 'voters_heard': 1, 'source': 'tower'}


def test_member_that_was_never_heard_is_shown_as_such() -> None:
    view = new_view()
    view.fold(swarm_state(10, members=(member('robot_z', 'dead'),)), 0)
    row = picture(view, 0)['robots']['robot_z']
    assert (row['presence'], row['phase']) == ('unheard', 'dead')


def test_job_news_from_an_older_log_index_does_not_overwrite() -> None:
    view = new_view()
    view.fold(facts.JobUpdates(9, (job(phase='done'),)), 0)
    view.fold(facts.JobUpdates(5, (job(phase='running'),)), 0)
    assert picture(view, 0)['jobs']['job-1']['phase'] == 'done'


def test_complete_listing_removes_jobs_that_the_swarm_forgot_but_not_newer_ones() -> None:
    view = new_view()
    view.fold(facts.JobUpdates(5, (job('old'), job('kept'))), 0)
    view.fold(facts.JobUpdates(9, (job('new'),)), 0)
    view.fold(facts.JobListing(7, frozenset({'kept'}), complete=True), 0)
    assert set(picture(view, 0)['jobs']) == {'kept', 'new'}


def test_listing_that_is_not_complete_says_nothing_about_older_jobs() -> None:
    view = new_view()
    times = {'older': 1, 'listed': 2, 'forgotten': 3}
    view.fold(facts.JobUpdates(5, tuple(job(j, submitted_ms=t) for j, t in times.items())), 0)
    view.fold(facts.JobListing(7, frozenset({'listed'}), complete=False), 0)
    assert set(picture(view, 0)['jobs']) == {'older', 'listed'}


def counts(**more: int) -> facts.JobCounts:
    return replace(NO_JOBS, **more)


def test_every_phase_of_a_job_is_counted() -> None:
    view = new_view()
    words = ('submitted', 'leased', 'running', *sorted(facts.ENDED))
    view.fold(facts.JobUpdates(5, tuple(job(w, w) for w in words)), 0)
    assert view.held_counts() == facts.JobCounts(1, 1, 1, 1, 1, 1, 1, 1)
    assert view.held_counts().total == len(words) and view.held_counts().live == 3


def test_ended_jobs_beyond_the_bound_are_not_missed_but_live_ones_are() -> None:
    view = new_view()
    wanted = counts(done=JOBS_MAX, expired=5, running=1)
    view.fold(swarm_state(jobs=wanted), 0)
    assert view.held_counts() == replace(wanted, running=0) != view.wanted_counts()
    view.fold(facts.JobUpdates(5, (job(phase='running'),)), 0)
    assert view.held_counts() == view.wanted_counts()


def test_expired_job_that_was_missed_makes_a_difference() -> None:
    view = new_view()
    view.fold(swarm_state(jobs=counts(expired=1)), 0)
    assert view.held_counts() != view.wanted_counts()


def test_aggregate_of_a_former_leader_is_discarded_while_the_new_one_is_fresh() -> None:
    view = new_view()
    view.fold(consciousness(term=4, arousal=0.4), 0)
    view.fold(consciousness(term=3, arousal=0.3), S)
    assert picture(view, S)['consciousness']['arousal'] == 0.4
    later = NEW_LOG_AFTER_MS * MS
    view.fold(consciousness(term=1, arousal=0.1), later)
    assert picture(view, later)['consciousness']['arousal'] == 0.1


def test_mode_with_a_lower_log_index_is_discarded() -> None:
    view = new_view()
    view.fold(mode(8, mode='conserve'), 0)
    view.fold(mode(7, mode='normal'), 0)
    assert picture(view, 0)['swarm']['mode']['mode'] == 'conserve'


def test_no_more_than_64_robots_are_kept_and_only_a_lost_one_makes_room() -> None:
    view = new_view()
    for i in range(64):
        view.fold(beacon(f'r{i}'), S)
    view.fold(beacon('late'), S)
    assert 'late' not in picture(view, S)['robots']
    assert picture(view, S)['swarm']['robots_refused'] == 1
    view.fold(beacon('later'), 10 * S)
    shown = picture(view, 10 * S)['robots']
    assert 'later' in shown and 'r0' not in shown and len(shown) == 64


def test_other_swarms_are_named_but_bounded() -> None:
    view = new_view()
    for i in range(50):
        view.fold(facts.Ignored('swarm', f's{i}'), 0)
    assert len(picture(view, 0)['swarm']['ignored']['swarm']) == 8


def test_nothing_new_is_no_delta() -> None:
    view = new_view()
    view.fold(beacon(), 0)
    assert view.delta(0) is not None
    view.fold(beacon(), 100 * MS)
    assert view.delta(100 * MS) is None


def test_jobs_beyond_the_bound_drop_the_oldest_that_have_ended() -> None:
    view = new_view()
    jobs = [job(f'j{i:04}', 'done' if i else 'running', submitted_ms=i) for i in range(1002)]
    view.fold(facts.JobUpdates(5, tuple(jobs)), 0)
    view.fold(swarm_state(jobs=counts(done=1001, running=1)), 0)
    shown = picture(view, 0)
    assert len(shown['jobs']) == 1000 and shown['swarm']['jobs_dropped'] == 2
    assert 'j0000' in shown['jobs'] and 'j0001' not in shown['jobs']


IDS = st.sampled_from(['robot_a', 'robot_b', 'robot_c'])
FACTS = st.one_of(
    st.builds(lambda r, n, c: beacon(r, n, cpu_permille=c), IDS, IDS, st.integers(0, 1000)),
    st.builds(lambda i: swarm_state(i), st.integers(1, 30)),
    st.builds(
        lambda i, j, p: facts.JobUpdates(i, (job(j, p),)),
        st.integers(1, 30),
        st.sampled_from(['j1', 'j2']),
        st.sampled_from(['submitted', 'running', 'done']),
    ),
    st.builds(
        lambda i, c: facts.JobListing(i, frozenset({'j1'}), c), st.integers(1, 30), st.booleans()
    ),
    st.builds(lambda i: event(log_index=i), st.integers(0, 5)),
    st.builds(
        lambda r: facts.Inventory(r, 1, (), (), 4, 0, 'x86_64', '', ()), IDS
    ),
    st.builds(lambda t: consciousness(term=t), st.integers(1, 5)),
    st.just(facts.Ignored('swarm', 'other')),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(FACTS, st.integers(0, 4000), st.booleans()), max_size=30))
def test_deltas_add_up_to_the_snapshot(steps: list[tuple[Any, int, bool]]) -> None:
    view, now_ns = new_view(), 0
    view.delta(now_ns)
    page = json.loads(json.dumps(view.snapshot()))
    for fact, wait_ms, publish in [*steps, (facts.Ignored('swarm', 'x'), 0, True)]:
        now_ns += wait_ms * MS
        view.fold(fact, now_ns)
        view.age(now_ns)
        delta = view.delta(now_ns) if publish else None
        if delta is not None:
            merge(page, json.loads(json.dumps(delta, allow_nan=False)))
    assert page == json.loads(json.dumps(view.snapshot()))



def test_view_without_jobs_counts_nothing() -> None:
    assert new_view().held_counts() == NO_JOBS


def test_starts_of_a_robot_are_counted_without_what_names_its_disk() -> None:
    view = new_view()
    view.fold(beacon(incarnation=(0xA0128 << 20) + 3), 0)
    assert picture(view, S)['robots']['robot_a']['starts'] == 3
