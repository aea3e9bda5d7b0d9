# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What nodes of a swarm really publish, hear, offer and ask for is allowed by their policies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sros2.allowed import Allowed

from swarm_coordinator.sros2_policy import policy_for

Make = Callable[..., Any]
NODES = {
    'robot': ('/r1', ('coordinator', 'hw_discovery', 'learning')),
    'tower': ('/tower', ('tower',)),
}
JOBS = {'/swarm/jobs', '/swarm/jobs/concealed'}
USED_LEAST = 60  # by all nodes: less, and the graph was not seen whole


def used(node: Any, name: str, namespace: str) -> dict[str, set[str]]:
    found = {
        'publish': node.get_publisher_names_and_types_by_node,
        'subscribe': node.get_subscriber_names_and_types_by_node,
        'reply': node.get_service_names_and_types_by_node,
        'request': node.get_client_names_and_types_by_node,
    }
    return {way: {one for one, _ in ask(name, namespace)} for way, ask in found.items()}


@pytest.mark.parametrize('security', ['sign', 'sign_encrypt'])
def test_policies_allow_what_nodes_use(field: Make, tmp_path: Path, security: str) -> None:
    parts = ('coordinator', 'hw_discovery', 'learning')
    made = field(count=1, start=False, parts=parts, security=security)
    swarm = made.swarm
    swarm.own = {'tower': {
        'parts': ['tower'], 'tower_port': 0, 'tower_tokens': str(tmp_path / 'tokens.json'),
        'recorder_dir': str(tmp_path / 'recorder'), 'voters': None, 'storage_dir': None,
        'exec_allow': None, 'job_cage': None,
    }}
    swarm.start_all()
    swarm.start('tower')
    node = made.client.node
    wanted = {
        (name, namespace) for namespace, names in NODES.values() for name in names
    }
    made.until(lambda: wanted <= set(node.get_node_names_and_namespaces()), 'all nodes are there')
    robot = ('coordinator', '/r1')

    refused: list[str] = []

    def whole() -> bool:
        refused.clear()
        count = 0
        try:
            for role, (namespace, names) in NODES.items():
                allowed = Allowed.of(policy_for(namespace[1:], (role,)))
                for name in names:
                    for way, each in used(node, name, namespace).items():
                        count += len(each)
                        refused.extend(
                            f'{role} {name}: {way} {one}' for one in sorted(each)
                            if not allowed.allows(way, one)
                        )
            return bool(
                count >= USED_LEAST
                and len(used(node, *robot)['reply']) >= 38  # three less without the action
                and used(node, 'tower', '/tower')['subscribe'] & JOBS
            )
        except RuntimeError:  # a node that is just being found out
            return False

    made.until(whole, 'the graph is whole')
    assert not refused, 'add to src/swarm_coordinator/swarm_coordinator/sros2'
    if security != 'sign':
        return  # who reads then has keys, and is no mere swarmctl
    operator = Allowed.of(policy_for('anna', ('operator',)))
    own = used(node, node.get_name(), '/')
    assert all(operator.allows('publish', one) for one in own['publish'])
    assert not [one for one in own['request'] if not operator.allows('request', one)]
