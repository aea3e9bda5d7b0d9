# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What commands about learned files do."""

from swarm_coordinator.core.registry.models import MODELS_MAX, Model, refused_model
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import RecordModel
from swarm_coordinator.core.replicated.event_log import INFO, Notable
from swarm_coordinator.core.replicated.rules import rule
from swarm_coordinator.core.replicated.state import ReplicatedState


@rule(RecordModel)
def _record(command: RecordModel, state: ReplicatedState, done: Applied) -> None:
    done.refused = _refused(command, state)
    if done.refused:
        return
    known = state.models.get(command.name)
    if known is not None and known.version != command.expected_version:
        done.duplicate = True  # asked again: see _refused
        return
    version = 1 if known is None else known.version + 1
    state.models[command.name] = Model(
        command.name, version, command.sha256, command.size_bytes, command.holder,
        command.summary, state.applied_index, state.stamp_ns,
    )
    done.notable.append(
        Notable(
            'model_recorded', INFO, command.name,
            f'{command.name} has version {version}: {command.summary or "no summary"}',
            attributes=(('sha256', command.sha256), ('holder', command.holder)),
        )
    )


def _refused(command: RecordModel, state: ReplicatedState) -> str:
    problem = refused_model(
        command.name, command.sha256, command.size_bytes, command.holder, command.summary
    )
    if problem:
        return problem
    if command.holder not in state.members:
        return f'holder={command.holder[:80]!r}: no robot of this swarm has that name'
    known = state.models.get(command.name)
    version = 0 if known is None else known.version
    repeated = known is not None and known.sha256 == command.sha256
    if command.expected_version != version and not (
        repeated and command.expected_version == version - 1
    ):
        return (
            f'{command.name} has version {version}, not {command.expected_version}: '
            'somebody else recorded it meanwhile'
        )
    if known is None and len(state.models) >= MODELS_MAX:
        return f'{MODELS_MAX} learned files are recorded already'
    return ''
