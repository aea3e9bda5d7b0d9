# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Closed-loop load on etcd's JSON gateway: so many clients, each with one put under way.

    python -m bench.peers._etcd_load PORT CLIENTS SECONDS

Prints the milliseconds that each put took, as a JSON list. One process with plain sockets: a
request costs it little beside what it costs etcd.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time

from bench.peers.etcd import put_body

ANSWER_BYTES_MAX = 1 << 16


def request() -> bytes:
    body = put_body('bench', 'x' * 100)
    head = f'POST /v3/kv/put HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n'
    return head.encode() + body


def is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b'\r\n\r\n')
    if not separator:
        return False
    if not head.startswith(b'HTTP/1.1 200'):
        raise OSError(f'etcd answered {head[:40]!r}')
    for line in head.lower().split(b'\r\n'):
        if line.startswith(b'content-length:'):
            return len(body) >= int(line[15:])
    return body.endswith(b'0\r\n\r\n')


def load(port: int, clients: int, seconds: float) -> list[float]:
    question, took = request(), []
    links = [socket.create_connection(('127.0.0.1', port)) for _ in range(clients)]
    asked = {}
    with selectors.DefaultSelector() as selector:
        end = time.monotonic() + seconds
        for one in links:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(one, selectors.EVENT_READ)
            asked[one] = (time.monotonic(), b'')
            one.sendall(question)
        while asked:
            for key, _ in selector.select():
                link = key.fileobj
                assert isinstance(link, socket.socket)
                began, heard = asked.pop(link)
                data = link.recv(ANSWER_BYTES_MAX)
                if not data:
                    raise OSError('etcd closed the connection')
                now = time.monotonic()
                if not is_whole(heard + data):
                    asked[link] = (began, heard + data)
                    continue
                took.append((now - began) * 1000)
                if now < end:
                    asked[link] = (now, b'')
                    link.sendall(question)
    for one in links:
        one.close()
    return took


if __name__ == '__main__':
    print(json.dumps(load(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
