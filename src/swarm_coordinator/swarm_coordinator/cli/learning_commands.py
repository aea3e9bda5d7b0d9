# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of swarmctl about what robots have learned."""

import argparse
import os
import time
from typing import Any

from swarm_msgs import msg, srv

from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import FAILED, OK, exit_code, print_json, say

PHASES = ('shadow', 'canary', 'active', 'retired', 'rolled back')
ACTIONS = {'load': 0, 'promote': 1, 'rollback': 2, 'remove': 3}
QUANTILES = (0.5, 0.95)
NS = 1_000_000_000


def explain(client: Any, options: argparse.Namespace) -> int:
    request = srv.ExplainLearning.Request(subject=options.subject, id=options.id)
    answer = client.call(srv.ExplainLearning, 'explain_learning', request)
    if not answer.found:
        return say(answer.reason, FAILED)
    if options.json:
        return print_json({'lines': list(answer.lines)})
    print('\n'.join(tables.one_line(line) for line in answer.lines))
    return OK


def memory(client: Any, options: argparse.Namespace) -> int:
    now_ns = time.time_ns()
    end_ns = now_ns - round(options.until * NS)
    quantiles = options.quantile or list(QUANTILES)
    request = srv.QueryMemory.Request(
        robot_id=options.of,
        channels=options.channels,
        begin_ns=end_ns - round(options.last * NS),
        end_ns=end_ns,
        quantiles=quantiles,
        kind=options.kind,
        exemplars_max=max(0, min(options.events, 256)),
    )
    answer = client.call(srv.QueryMemory, 'query_memory', request)
    code = exit_code(answer)
    if code != OK:
        return code
    if options.json:
        return print_json(_memory_facts(answer, quantiles))
    _print_memory(answer, quantiles)
    return OK


def _memory_facts(answer: Any, quantiles: list[float]) -> dict[str, Any]:
    return {
        'begin_ns': answer.begin_ns,
        'end_ns': answer.end_ns,
        'edge_ns': answer.edge_ns,
        'events': answer.events,
        'robots': list(answer.robots),
        'figures': [
            {
                'figure': one.channel,
                'n': one.n,
                'mean': one.mean,
                'deviation': one.deviation,
                'min': one.min,
                'max': one.max,
                'quantiles': dict(zip(map(str, quantiles), one.quantiles, strict=False)),
                'quantile_error': one.quantile_error,
            }
            for one in answer.channels
        ],
        'counts': dict(zip(answer.counted, map(int, answer.counts), strict=False)),
        'exemplars': [
            {
                'stamp_ns': one.stamp_ns,
                'kind': one.kind,
                'subject': one.subject,
                'salience': round(one.salience, 3),
                'text': one.text,
            }
            for one in answer.exemplars
        ],
    }


def _print_memory(answer: Any, quantiles: list[float]) -> None:
    if not answer.events:
        print('nothing is remembered of that time')
        return
    span = tables.age((answer.end_ns - answer.begin_ns) / NS)
    print(
        f'{answer.events} events in {span}, of {", ".join(answer.robots)}; '
        f'edges to {tables.age(answer.edge_ns / NS)}'
    )
    print(tables.table(
        ('figure', 'n', 'mean', 'deviation', 'min', 'max', *(f'{q:.0%}' for q in quantiles)),
        [
            (
                one.channel, one.n,
                *(f'{value:.3g}' for value in (one.mean, one.deviation, one.min, one.max)),
                *(f'{value:.3g}' for value in one.quantiles),
                *('-' for _ in quantiles[len(one.quantiles):]),
            )
            for one in answer.channels
        ],
        flexible=('figure',),
    ))
    if answer.counted:
        rows = sorted(zip(answer.counts, answer.counted, strict=False), reverse=True)
        print('\n' + tables.table(('events', 'kind'), rows))
    for one in answer.exemplars:
        at = time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(one.stamp_ns / NS))
        print(tables.one_line(f'{at}  {one.kind}  {one.subject}: {one.text}'))


def freeze(client: Any, options: argparse.Namespace) -> int:
    return _freeze(client, options, True, options.seconds)


def resume(client: Any, options: argparse.Namespace) -> int:
    return _freeze(client, options, False, 0.0)


def _freeze(client: Any, options: argparse.Namespace, frozen: bool, seconds: float) -> int:
    request = srv.FreezeLearning.Request(
        frozen=frozen,
        owner=options.owner,
        reason=options.reason,
        duration_ms=max(0, min(round(seconds * 1000), 2**32 - 1)),
    )
    code = exit_code(client.call(srv.FreezeLearning, 'freeze_learning', request))
    if code == OK:
        print('it learns nothing more' if frozen else 'it learns again')
    return code


def policies(client: Any, options: argparse.Namespace) -> int:
    answer = client.call(
        srv.ListPolicies, 'list_policies', srv.ListPolicies.Request(name=options.name)
    )
    rows = [_policy_facts(one) for one in answer.policies]
    if options.json:
        return print_json(rows)
    print(tables.table(
        ('policy', 'phase', 'kind', 'decisions', 'reward', 'at least', 'why'),
        [
            (
                f'{row["name"]}@{row["version"]}', row['phase'], row['kind'], row['decisions'],
                f'{row["reward_mean"]:.3f}', f'{row["reward_lower"]:.3f}', row['reason'] or '-',
            )
            for row in rows
        ],
        flexible=('why',),
    ))
    return OK


def _policy_facts(one: msg.PolicyVersion) -> dict[str, Any]:
    return {
        'name': one.name,
        'version': one.version,
        'parent': one.parent or None,
        'phase': PHASES[one.phase] if one.phase < len(PHASES) else str(one.phase),
        'kind': one.kind,
        'sha256': one.sha256,
        'decisions': one.decisions,
        'reward_mean': one.reward_mean,
        'reward_lower': one.reward_lower,
        'source': one.source,
        'reason': one.reason,
    }


def policy(client: Any, options: argparse.Namespace) -> int:
    request = srv.ChangePolicy.Request(
        action=ACTIONS[options.action],
        name=getattr(options, 'name', ''),
        version=max(0, options.version),
        path=os.path.abspath(options.path) if options.path else '',
        owner=options.owner,
        reason=options.reason,
    )
    answer = client.call(srv.ChangePolicy, 'change_policy', request)
    code = exit_code(answer)
    if code == OK:
        row = _policy_facts(answer.policy)
        if options.json:
            return print_json(row)
        print(f'{row["name"]}@{row["version"]} is {row["phase"]}')
    return code


def models(client: Any, options: argparse.Namespace) -> int:
    answer = client.call(srv.ListModels, 'list_models', srv.ListModels.Request(name=options.name))
    rows = [
        {
            'name': one.name,
            'version': one.version,
            'sha256': one.sha256,
            'size_bytes': one.size_bytes,
            'holder': one.holder,
            'summary': one.summary,
            'log_index': one.log_index,
            'stamp_ns': one.stamp_ns,
        }
        for one in answer.models
    ]
    if options.json:
        return print_json(rows)
    print(tables.table(
        ('model', 'version', 'sha256', 'bytes', 'at', 'summary'),
        [
            (
                row['name'], row['version'], row['sha256'][:12], row['size_bytes'],
                row['holder'], row['summary'] or '-',
            )
            for row in rows
        ],
        flexible=('summary',),
    ))
    return OK
