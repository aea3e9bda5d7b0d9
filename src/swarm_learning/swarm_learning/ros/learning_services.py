# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Services of a robot about what its learner knows: freezing it, and asking it why. Owns requests
and answers; decides nothing.
"""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from swarm_msgs import srv

from ..core.events import FreezeAsked
from ..core.explain import SUBJECTS, explained
from .learning_node import Learning

LINES_MAX = 200
LINE_CHARS_MAX = 500


class LearningServices:
    """Made once beside the learner. Nothing here waits."""

    def __init__(self, node: Node, learning: Learning) -> None:
        self._learning = learning
        node.create_service(srv.FreezeLearning, 'freeze_learning', self._freeze)
        node.create_service(srv.ExplainLearning, 'explain_learning', self._explain)

    def _freeze(self, request: Any, response: Any) -> Any:
        asked = FreezeAsked(request.frozen, request.owner, request.reason, request.duration_ms)
        try:
            self._learning.ask(asked)
        except ValueError as error:
            response.code, response.reason = response.REFUSED, str(error)
        else:
            response.code = response.ACCEPTED
        return response

    def _explain(self, request: Any, response: Any) -> Any:
        now_ns = self._learning.now_ns()
        try:
            lines = explained(self._learning.core, request.subject, request.id, now_ns)
        except LookupError as error:
            response.found, response.reason = False, str(error.args[0])
        except ValueError as error:
            expected = ', '.join(SUBJECTS)
            response.found, response.reason = False, f'{error}; subjects are {expected}'
        else:
            response.found = True
            response.lines = [line[:LINE_CHARS_MAX] for line in lines[:LINES_MAX]]
        return response
