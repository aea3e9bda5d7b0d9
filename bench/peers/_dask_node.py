# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A client of Dask distributed; runs in the environment that has it.

    _dask_node.py SCHEDULER_ADDRESS
"""

import sys
from pathlib import Path

# At the end: bench/peers has files named like packages.
sys.path.append(str(Path(__file__).parent))

import _job_orders as orders  # type: ignore  # noqa: E402
from distributed import Client as DaskClient  # type: ignore  # noqa: E402
from distributed import TimeoutError as LateError  # type: ignore  # noqa: E402


def noop(number: int) -> None:
    """As _job_orders.noop; a number of its own keeps results from being shared."""


class Client:
    def __init__(self, client: DaskClient) -> None:
        self._client = client

    def one(self) -> None:
        self._client.submit(noop, 0, pure=False).result(timeout=60)

    def many(self, count: int) -> None:
        self._client.gather(self._client.map(noop, range(count), pure=False))

    def marked(self, folder: str, hold_s: float) -> None:
        self._asked = self._client.submit(orders.marked, folder, hold_s, pure=False)

    def outcome(self, timeout_s: float) -> bool:
        try:
            self._asked.result(timeout=timeout_s)
        except LateError:
            return False
        return True


if __name__ == '__main__':
    with DaskClient(sys.argv[1], set_as_default=False) as made:
        made.wait_for_workers(3, timeout=60)
        made.upload_file(orders.__file__)  # to workers that start later as well
        orders.serve(Client(made))
