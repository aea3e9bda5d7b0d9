# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How swarmctl ends: exit codes, errors and JSON, in one way for all commands."""

import json
import sys
from typing import Any

OK, FAILED, REFUSED, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 130


def say(text: str, code: int) -> int:
    print(f'swarmctl: {text}', file=sys.stderr)
    return code


def exit_code(response: Any) -> int:
    """Exit code of an answer with `code` and `reason`; says what went wrong."""
    if response.code == type(response).ACCEPTED:
        return OK
    refused = response.code == type(response).REFUSED
    return say(response.reason, REFUSED if refused else UNAVAILABLE)


def print_json(value: Any) -> int:
    print(json.dumps(value, indent=2))
    return OK
