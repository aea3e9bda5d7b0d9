# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Orders to a client of a job system, one line of JSON each on its standard input and output.

    {"do": "one", "count": n}               n jobs, one after the other: milliseconds of each,
                                            and when each began, in ns of the monotonic clock
    {"do": "many", "count": n}              n jobs at once: seconds until the last result is here
    {"do": "marked", "folder": f, "hold_s": s}   submit one job that notes its runs in a folder
    {"do": "outcome", "timeout_s": s}       wait for its result: whether it came
    {"do": "at", "server": name}            ask this server from now on, where there are several

Runs in the environments of the peers and in ours; uses the standard library only.
"""

import json
import os
import sys
import time
from typing import IO, Any, Protocol


class Client(Protocol):
    def one(self) -> None:
        """Submit a job that does nothing, and return with its result."""

    def many(self, count: int) -> None: ...

    def marked(self, folder: str, hold_s: float) -> None: ...

    def outcome(self, timeout_s: float) -> bool: ...

    def at(self, server: str) -> None:
        """Only of systems that any of several servers answers for."""


def noop() -> None:
    """The job that is measured."""


def marked(folder: str, hold_s: float) -> None:
    """A line per run in folder/runs. Only the first one takes long: who runs it is killed."""
    runs = os.path.join(folder, 'runs')
    is_first = not os.path.exists(runs)
    with open(runs, 'a') as file:
        file.write(f'{os.getpid()}\n')
    if is_first:
        time.sleep(hold_s)


def obey(client: Client, order: dict[str, Any]) -> dict[str, Any]:
    what = order['do']
    if what == 'one':
        began_ns, took_ms = [], []
        for _ in range(order['count']):
            began_ns.append(time.monotonic_ns())
            took_ms.append(_took_ms(client.one))
        return {'took_ms': took_ms, 'began_ns': began_ns}
    if what == 'many':
        return {'seconds': _took_ms(lambda: client.many(order['count'])) / 1000}
    if what == 'marked':
        client.marked(order['folder'], order['hold_s'])
        return {}
    if what == 'outcome':
        return {'came': client.outcome(order['timeout_s'])}
    if what == 'at':
        client.at(order['server'])
        return {}
    raise ValueError(f'do={what!r}: expected one, many, marked, outcome or at')


def _took_ms(call: Any) -> float:
    began = time.monotonic()
    call()
    return (time.monotonic() - began) * 1000


def serve(client: Client, orders: IO[str] = sys.stdin, answers: IO[str] = sys.stdout) -> None:
    """Says {} when ready, then obeys until the orders end."""
    _say(answers, {})
    for line in orders:
        _say(answers, obey(client, json.loads(line)))


def _say(answers: IO[str], what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + '\n')
    answers.flush()
