# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Policies from outside, in and out: owns the services list_policies and change_policy, and which
file holds which version. What becomes of a version is decided by its shelf.

A policy is read from and written to the disk right here: an operator asks for that now and then,
it is at most 4 MiB, and beacons do not wait for this thread.
"""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from swarm_msgs import msg, srv

from ..core.config import LearningConfig
from ..core.mode.policies import NAME, OWN, ModePolicies
from ..core.policies.lifecycle import VersionPhase
from ..core.policies.policy import Policy
from ..core.policies.practice import policy_from
from ..core.policies.shelf import Accepted, Forget, Load, Promote, Refused, Remove, RollBack
from ..core.policies.version import PolicyVersion
from ..storage.checkpoint_file import Loaded, Rejected
from ..storage.policy_files import PolicyFiles
from .learning_node import Learning

PHASES = {
    VersionPhase.SHADOW: msg.PolicyVersion.PHASE_SHADOW,
    VersionPhase.CANARY: msg.PolicyVersion.PHASE_CANARY,
    VersionPhase.ACTIVE: msg.PolicyVersion.PHASE_ACTIVE,
    VersionPhase.RETIRED: msg.PolicyVersion.PHASE_RETIRED,
    VersionPhase.ROLLED_BACK: msg.PolicyVersion.PHASE_ROLLED_BACK,
}
UINT64_MAX = 2**64 - 1


class PolicyDesk:
    """Made once beside the learner, after it. Without storage nothing can be loaded."""

    def __init__(self, node: Node, config: LearningConfig, learning: Learning) -> None:
        self._log = node.get_logger()
        self._mind = learning.core.mind
        self._files = PolicyFiles(f'{config.storage_dir}/policies') if config.storage_dir else None
        if self._mind is not None and self._files is not None:
            self._restore(self._mind.policies, self._files)
        node.create_service(srv.ListPolicies, 'list_policies', self._list)
        node.create_service(srv.ChangePolicy, 'change_policy', self._change)
        learning.watchers.append(self)

    # ---- as a watcher of the learner

    def saw_event(self, event: object) -> None:
        """Versions move by themselves, too."""
        if self._mind is not None and self._mind.policies_moved:
            self._keep()

    def saw_effect(self, effect: object) -> None:
        return

    def facts(self) -> dict[str, Any]:
        if self._mind is None:
            return {}
        return {'policies': [version_to_msg(one) for one in self._mind.policies.listed()]}

    def close(self) -> None:
        self._keep()

    # ---- services

    def _list(self, request: Any, response: Any) -> Any:
        if self._mind is not None and request.name in ('', NAME):
            response.policies = [version_to_msg(one) for one in self._mind.policies.listed()]
        return response

    def _change(self, request: Any, response: Any) -> Any:
        if self._mind is None or self._files is None:
            response.code = response.UNAVAILABLE
            response.reason = 'this learner keeps no policies: expected storage_dir to be set'
            return response
        try:
            answer = self._answer(request, self._mind.policies, self._files)
        except (ValueError, OSError) as error:
            answer = Refused(f'{type(error).__name__}: {error}'[:500])
        if isinstance(answer, Refused):
            response.code, response.reason = response.REFUSED, answer.reason
            return response
        self._keep()
        response.code = response.ACCEPTED
        response.policy = version_to_msg(answer.version)
        return response

    def _answer(
        self, request: Any, policies: ModePolicies, files: PolicyFiles
    ) -> Accepted | Refused:
        owner, reason = request.owner.strip(), request.reason.strip()
        if request.action == request.LOAD:
            return self._load(request.path, owner, reason, policies, files)
        if request.name != NAME:
            return Refused(f'name={request.name[:40]!r}: expected {NAME!r}')
        if request.action == request.PROMOTE:
            return policies.handle(Promote(request.version, owner, reason))
        if request.action == request.ROLL_BACK:
            return policies.handle(RollBack(owner, reason))
        if request.action == request.REMOVE:
            return policies.handle(Remove(request.version, owner, reason))
        return Refused(f'action={request.action}: expected LOAD, PROMOTE, ROLL_BACK or REMOVE')

    def _load(
        self, path: str, owner: str, reason: str, policies: ModePolicies, files: PolicyFiles
    ) -> Accepted | Refused:
        found = files.read_from(path)
        policy: Policy = policy_from(found.manifest, found.arrays)
        number = policies.shelf.last + 1
        sha256 = files.add(NAME, number, found.manifest, found.arrays)
        answer = policies.load(
            policy, Load(policy.kind, sha256, path[:200], owner, reason, parent=OWN))
        if isinstance(answer, Refused):
            files.remove(NAME, number)
        return answer

    # ---- files

    def _restore(self, policies: ModePolicies, files: PolicyFiles) -> None:
        state = files.load_state()
        if isinstance(state, Rejected):
            self._log.warning(f'policies: {state.reason}; kept as {state.kept_as}')
        if isinstance(state, Loaded):
            try:
                policies = ModePolicies.restored(state.content.get(NAME), 0)
            except ValueError as error:
                self._log.warning(f'policies begin anew: {error}')
            assert self._mind is not None
            self._mind.policies = policies
        for number in policies.missing():
            try:
                found = files.read(NAME, number, policies.shelf.versions[number].sha256)
                policies.bring(number, policy_from(found.manifest, found.arrays))
            except (ValueError, OSError) as error:
                self._log.warning(f'policies: {NAME}@{number} cannot be used: {error}')
                policies.lost(number, str(error)[:200])
        files.sweep({(NAME, number) for number in policies.shelf.versions})

    def _keep(self) -> None:
        """First the state that no longer names a version, then its file goes."""
        if self._mind is None or self._files is None:
            return
        policies = self._mind.policies
        moves = policies.take_moves()
        self._mind.policies_moved = False
        try:
            self._files.save_state({NAME: policies.shelf.document()})
        except (ValueError, OSError) as error:
            self._log.warning(f'policies were not written: {error}')
            return
        for move in moves:
            if isinstance(move, Forget):
                self._files.remove(NAME, move.version)
            else:
                self._log.info(f'{NAME}@{move.version} is {move.phase.label}: {move.reason}')


def version_to_msg(one: PolicyVersion) -> msg.PolicyVersion:
    mean, lower = one.reward()
    return msg.PolicyVersion(
        name=one.name, version=one.version, parent=one.parent, phase=PHASES[one.phase],
        kind=one.kind, sha256=one.sha256, decisions=min(one.decisions, UINT64_MAX),
        reward_mean=mean, reward_lower=max(-3.4e38, min(lower, 3.4e38)), source=one.source,
        reason=one.reason)
