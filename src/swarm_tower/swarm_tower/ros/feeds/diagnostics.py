# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hears /diagnostics of all nodes, says how the tower itself is, and publishes the tree where it
is asked to. Owns what the tower says of itself."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from swarm_tower.core.health_tree import ERROR, OK, WARN, Diagnoses, HealthTree
from swarm_tower.core.view import SwarmView
from swarm_tower.ros import qos
from swarm_tower.ros.diagnostic_conversions import LEVELS, STATUSES_MAX, diagnosed, status
from swarm_tower.ros.feed import STEADY, Ears

PERIOD_S = 1.0  # REP-107
DIAGNOSTICS = '/diagnostics'
AGGREGATE = '/diagnostics_agg'


def swarm_health(swarm: dict[str, Any]) -> tuple[str, str]:
    """Return level and words for what the tower hears of the swarm."""
    leader = swarm['leader']
    if leader['kind'] == 'silent':
        return ERROR, 'no robot is heard'
    if leader['kind'] in ('no_leader', 'no_quorum', 'split') or not leader['leader']:
        return ERROR, leader['text']
    level = OK if leader['kind'] == 'agreed' else WARN
    return level, f'{leader["leader"]} leads, {leader["text"]}'


class DiagnosticsFeed:
    """See feed.Feed. Only hears, so it works on recordings too."""

    def __init__(self, ears: Ears) -> None:
        self._node = ears.node
        self._known = {ears.config.robot_id} - {''}
        self._robot_ids = self._known
        self._heard = ears.listen(
            DiagnosticArray, DIAGNOSTICS, qos.OVERHEARD, lambda msg: None, self._diagnoses
        )

    def _diagnoses(self, msg: DiagnosticArray) -> Diagnoses:
        ids = self._robot_ids
        return Diagnoses(tuple(diagnosed(one, ids) for one in msg.status[:STATUSES_MAX]))

    def follow(self, robot_ids: list[str]) -> None:
        """Whose names a status may have in it."""
        self._robot_ids = self._known | set(robot_ids)

    def close(self) -> None:
        """Drop everything; never raises."""
        self._node.destroy_subscription(self._heard)


class DiagnosticsOutlet:
    """See feed.Feed. Only tells."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        node = ears.node
        self._name = node.get_fully_qualified_name()
        self._own = node.create_publisher(DiagnosticArray, DIAGNOSTICS, qos.DIAGNOSTICS)
        self._tree = None
        if ears.config.publish_aggregate:
            self._tree = node.create_publisher(DiagnosticArray, AGGREGATE, qos.DIAGNOSTICS)
        self._timer = node.create_timer(PERIOD_S, self._tick, clock=STEADY)

    def follow(self, robot_ids: list[str]) -> None:
        """Nothing of single robots is heard here."""

    def close(self) -> None:
        """Drop everything; never raises."""
        node = self._ears.node
        node.destroy_timer(self._timer)
        node.destroy_publisher(self._own)
        if self._tree is not None:
            node.destroy_publisher(self._tree)

    def _tick(self) -> None:
        try:
            self._own.publish(self._array([*self._self_report()]))
            if self._tree is not None:
                tree = self._ears.hub.ask(_tree_of)
                self._tree.publish(self._array([status(line) for line in tree]))
        except Exception as error:
            self._ears.node.get_logger().error(
                f'diagnostics: {type(error).__name__}: {error}', throttle_duration_sec=5.0
            )

    def _array(self, statuses: list[DiagnosticStatus]) -> DiagnosticArray:
        msg = DiagnosticArray(status=statuses)
        msg.header.stamp = self._ears.node.get_clock().now().to_msg()
        return msg

    def _self_report(self) -> list[DiagnosticStatus]:
        hub = self._ears.hub
        swarm, presences = hub.ask(_heard_of)
        level, message = swarm_health(swarm)
        figures = {f'robots {word}': count for word, count in sorted(presences.items())}
        figures |= {'term': swarm['leader']['term'], 'commit index': swarm['commit_index']}
        clients, most = hub.client_count, self._ears.config.clients_max
        full = clients >= most
        return [
            self._status('swarm', level, message, figures),
            self._status(
                'page',
                WARN if full else OK,
                'no room for more browsers (clients_max)' if full else 'serving',
                {'browsers': clients, 'clients_max': most},
            ),
        ]

    def _status(
        self, task: str, level: str, message: str, figures: dict[str, Any]
    ) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=LEVELS[level],
            name=f'{self._name}: {task}',
            message=message,
            hardware_id=self._ears.config.robot_id or 'tower',
            values=[KeyValue(key=key, value=str(value)) for key, value in figures.items()],
        )


def _tree_of(view: SwarmView, now_ns: int) -> Any:
    tree = view.section(HealthTree.name)
    assert isinstance(tree, HealthTree)
    return tree.tree()


def _heard_of(view: SwarmView, now_ns: int) -> tuple[dict[str, Any], dict[str, int]]:
    picture = view.picture(now_ns)
    presences: dict[str, int] = {}
    for row in picture['robots'].values():
        presences[row['presence']] = presences.get(row['presence'], 0) + 1
    return picture['swarm'], presences
