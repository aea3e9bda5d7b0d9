# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The job kind `call`: one call of a ROS service or action on the robot. Owns what a valid one is.

Where it may run is decided by capability: a robot offers `call:<type>` for each interface type
that its own configuration allows. Whether the request fits the type, only that robot can tell.
"""

import json
import re
from dataclasses import dataclass
from typing import ClassVar

from swarm_coordinator.core.jobs.kinds.record_kind import checked_graph_name
from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.core.jobs.work import Work, checked_text

INTERFACE_TYPE = re.compile(r'[a-z][a-z0-9_]*/(srv|action)/[A-Z][A-Za-z0-9]*\Z')
TYPE_CHARS_MAX = 128


def checked_interface_type(name: str) -> str:
    """`name` if it reads like the type of a service or action; raises ValueError."""
    if len(name) > TYPE_CHARS_MAX or not INTERFACE_TYPE.match(name):
        raise ValueError(
            f'interface_type={name[:80]!r}: expected "package/srv/Type" or "package/action/Type"'
        )
    return name


def _no_constant(name: str) -> None:
    raise ValueError(f'{name} is not JSON: expected "NaN", "Infinity" or "-Infinity" in quotes')


def read_request(text: str) -> dict[str, object]:
    """The fields of a request; '' = none named. Raises ValueError."""
    if not text:
        return {}
    try:
        fields = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError('request: nested too deeply') from None
    except ValueError as error:
        raise ValueError(f'request is not JSON: {error}') from None
    if not isinstance(fields, dict):
        raise ValueError('request: expected a JSON object of the fields of the request or goal')
    return fields


@dataclass(frozen=True, slots=True)
class CallWork(Work):
    """`request`: JSON of the fields; those not named keep the defaults of their type. An output,
    if there is one, gets the whole response, which may be too long for the job's result."""

    kind: ClassVar[str] = 'call'
    name: str
    interface_type: str
    request: str = ''

    def check(self, inputs: tuple[FileRef, ...], outputs: tuple[str, ...]) -> None:
        checked_graph_name(self.name, 'service or action')
        checked_interface_type(self.interface_type)
        checked_text('request', self.request)
        read_request(self.request)
        if inputs:
            raise ValueError(f'{len(inputs)} inputs: a call has none')
        if len(outputs) > 1 or not all(name.endswith('.json') for name in outputs):
            raise ValueError(
                f"outputs={list(outputs)[:3]}: expected none, or one name that ends in '.json'"
            )

    def required(self) -> tuple[str, ...]:
        return (f'call:{self.interface_type}',)

    def task(self) -> str:
        return f'call:{self.interface_type}'
