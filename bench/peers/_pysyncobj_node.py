# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One PySyncObj node; runs in the environment that has it, knows nothing of this project.

    _pysyncobj_node.py CONTROL_PORT OWN_ADDRESS OTHERS HEARTBEAT_MS ELECTION_MS_MIN ELECTION_MS_MAX

Takes one question per connection on 127.0.0.1:CONTROL_PORT: `put` is answered with `done` when a
new entry is committed and applied here, else `failed`; `status` with the leader's address, how
much has been applied and to how many others it is connected.
"""

import asyncio
import sys

from pysyncobj import SyncObj, SyncObjConf, replicated  # type: ignore


class Counter(SyncObj):  # type: ignore
    def __init__(
        self, own: str, others: list[str], heartbeat_ms: int, election_ms_min: int,
        election_ms_max: int,
    ) -> None:
        super().__init__(
            own,
            others,
            SyncObjConf(
                appendEntriesPeriod=heartbeat_ms / 1000,
                raftMinTimeout=election_ms_min / 1000,
                raftMaxTimeout=election_ms_max / 1000,
                # Its defaults (5 s, 3.5 s) cut the idle connections between followers, and then
                # about doubled the failover measured here: it runs without that.
                connectionRetryTime=0.2,
                connectionTimeout=3600.0,
            ),
        )
        self.count = 0

    @replicated  # type: ignore
    def add(self) -> None:
        self.count += 1


async def answer(
    counter: Counter, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    question = (await reader.readline()).decode().strip()
    if question == 'put':
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()

        def told(_: object, error: int) -> None:
            loop.call_soon_threadsafe(done.set_result, error)

        counter.add(callback=told)
        said = 'failed' if await done else 'done'
    else:
        status = counter.getStatus()
        links = [status[key] for key in status if key.startswith('partner_node_status_server_')]
        connected = sum(link == 2 for link in links)
        said = f'{status["leader"]} {status["last_applied"]} {connected}'
    writer.write(said.encode() + b'\n')
    await writer.drain()
    writer.close()


async def serve(port: int, counter: Counter) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: answer(counter, reader, writer), '127.0.0.1', port
    )
    await server.serve_forever()


if __name__ == '__main__':
    control, own, others = int(sys.argv[1]), sys.argv[2], sys.argv[3].split(',')
    asyncio.run(serve(control, Counter(own, others, *map(int, sys.argv[4:7]))))
