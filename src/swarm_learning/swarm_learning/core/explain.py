# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Why the learner says what it says, in sentences for people: owns which sentences answer which
question; refuses to know who asks.
"""

from __future__ import annotations

from collections.abc import Callable

from .learner import Learner
from .mode.view import ModeDecision
from .swarm_mind import SwarmMind

ROUTES_TOLD_MAX = 20


def explained(learner: Learner, subject: str, what: str, now_ns: int) -> list[str]:
    """Raises ValueError for a subject that there is not, LookupError with a sentence for what is
    not known."""
    if subject not in SUBJECTS:
        raise ValueError(f'subject={subject[:40]!r}')
    if subject == 'affect':
        return list(learner.reasons())
    if learner.mind is None:
        raise LookupError('this learner knows only its own robot')
    return SUBJECTS[subject](learner.mind, learner, what, now_ns)


def _mode(mind: SwarmMind, learner: Learner, what: str, now_ns: int) -> list[str]:
    facts = mind.parts.modes.facts()
    lines = [f'{facts.decisions} decisions, {facts.explored} of them to learn; '
             f'mean reward of the last ones {facts.reward_mean:.3f}; '
             f'{100 * facts.epsilon:.0f} % are tried in order to learn']
    if learner.freezing.frozen:
        lines.append(learner.freezing.told())
    recorded = learner.checkpoint
    if recorded is not None:
        lines.append(f'the log has version {recorded.version} of the table, '
                     f'{recorded.sha256[:12]} at {recorded.holder}')
    if not learner.leads(now_ns):
        return [*lines, 'this robot does not lead: it proposes nothing']
    decision = mind.told.decision
    if decision is None:
        proposal = mind.told.proposal
        rule = 'nothing' if proposal is None else f'{proposal.mode.value}: {proposal.reason}'
        return [*lines, f'the rule proposes {rule}']
    return [*lines, *_decision(decision)]


def _decision(decision: ModeDecision) -> list[str]:
    return [
        f'proposes {decision.mode.value} ({decision.confidence:.0%}): {decision.reason}',
        f'in the situation: {decision.state}',
        *(f'{one.mode.value}: worth {one.value:.3f} after {one.visits} decisions'
          + (f'; not now: {one.masked}' if one.masked else '')
          for one in decision.values),
    ]


def _route(mind: SwarmMind, learner: Learner, what: str, now_ns: int) -> list[str]:
    stamp_ns = mind.stamp_ns(now_ns)
    if not what:
        routes = mind.parts.routing.estimates(stamp_ns)[:ROUTES_TOLD_MAX]
        if not routes:
            raise LookupError('no job has ended on any route yet')
        return [
            f'{one.task} on {one.robot_id}{"/" + one.unit if one.unit else ""}: '
            f'{one.cost_ms / 1000:.2f} s ({one.backlog_ms / 1000:.2f} s wait + '
            f'{one.work_ms / 1000:.2f} s work) / ({one.success:.0%} x {one.quality:.2f}), '
            f'{one.samples} runs' + (f'; kept out: {one.reason}' if one.ejected else '')
            for one in routes
        ]
    robots = mind.parts.reputation.robots()
    for task, robot, unit in _readings(what):
        known = any(key[:2] == (task, robot) for key in mind.parts.routing.table.keys)
        if known or robot in robots:
            return list(mind.parts.routing.explain(task, robot, unit, stamp_ns))
    raise LookupError(f'no route {what[:80]!r} is known: expected TASK/ROBOT or TASK/ROBOT/UNIT')


def _readings(what: str) -> list[tuple[str, str, str]]:
    """A task may have slashes of its own: the last parts are robot and unit."""
    parts = what.split('/')
    found = []
    if len(parts) >= 2:
        found.append(('/'.join(parts[:-1]), parts[-1], ''))
    if len(parts) >= 3:
        found.append(('/'.join(parts[:-2]), parts[-2], parts[-1]))
    return found


def _reputation(mind: SwarmMind, learner: Learner, what: str, now_ns: int) -> list[str]:
    reputation = mind.parts.reputation
    if what:
        if what not in reputation.robots():
            known = ', '.join(reputation.robots()) or 'nobody'
            raise LookupError(f'nothing is known of {what[:80]!r}; known are {known}')
        return list(reputation.explain(what))
    table = reputation.table()
    if not table:
        raise LookupError('no attempt at a job has been judged yet')
    looked, in_vain = learner.audits
    return [
        *(f'{one.robot_id}: {one.lower_bound:.2f} at least, {one.mean:.2f} expected, '
          f'{one.receipts:.1f} receipts of {one.raters} robots; {one.reason}' for one in table),
        *([f'this robot looked again at {looked} jobs, and in vain at {in_vain}']
          if looked or in_vain else []),
    ]


def _regime(mind: SwarmMind, learner: Learner, what: str, now_ns: int) -> list[str]:
    view = mind.regime
    if view is None:
        raise LookupError('too little was seen of the swarm to infer a regime')
    alarm = ', alarm' if view.alarm else ''
    return [
        f'{view.regime.label} ({view.confidence:.0%}{alarm}): {view.reason}',
        *(f'{name} {value:.2f}' for name, value in view.features),
        f'distance {view.distance:.2f} to what is known, limit {view.limit:.2f}; {view.model}',
    ]


Explain = Callable[[SwarmMind, Learner, str, int], list[str]]


def _nothing(mind: SwarmMind, learner: Learner, what: str, now_ns: int) -> list[str]:
    return list(learner.reasons())


SUBJECTS: dict[str, Explain] = {
    'affect': _nothing,
    'mode': _mode,
    'route': _route,
    'reputation': _reputation,
    'regime': _regime,
}
