# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Services of a robot about the learned files that the swarm has agreed on: checks requests, turns
them into commands, answers when the log has them. Their bytes are for file_services.py.
"""

from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from swarm_msgs import msg, srv

from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.replicated.command import INTEGER_MAX, RecordModel
from swarm_coordinator.ros import conversions
from swarm_coordinator.ros.clients import Clients
from swarm_coordinator.ros.deferred import serve
from swarm_coordinator.ros.requests import answer_code


class ModelServices:
    """Made once per coordinator node. Callbacks are coroutines in the node's executor."""

    def __init__(self, node: Node, clients: Clients, group: CallbackGroup) -> None:
        self._clients = clients
        serve(node, srv.RecordModel, 'record_model', self._record, group)
        serve(node, srv.ListModels, 'list_models', self._list, group)

    async def _record(self, request: Any, response: Any) -> Any:
        command = RecordModel(
            name=request.name,
            sha256=request.sha256,
            size_bytes=min(request.size_bytes, INTEGER_MAX),
            holder=RobotId(request.holder),
            summary=request.summary,
            expected_version=min(request.expected_version, INTEGER_MAX),
        )
        answer = await self._clients.request(command, request.expiry_ms)
        response.code, response.reason = answer_code(answer, srv.RecordModel.Response)
        found = await self._clients.look(lambda core: _models(core, request.name))
        response.model = found[0] if found else msg.ModelRef(name=request.name)
        return response

    async def _list(self, request: Any, response: Any) -> Any:
        response.models = await self._clients.look(lambda core: _models(core, request.name))
        return response


def _models(core: Coordinator, name: str) -> list[msg.ModelRef]:
    models = core.state.models
    return [conversions.model_to_msg(one) for one in models.values() if name in ('', one.name)]
