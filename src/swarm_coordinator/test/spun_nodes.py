# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Nodes of one process that a test spins by itself, until they are closed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor


class SpunNodes:
    """`wait_s`: how long anything may take; `step_s`: between two looks at what is waited for."""

    wait_s, step_s = 10.0, 0.05

    def __init__(self) -> None:
        rclpy.init()
        self.executor = SingleThreadedExecutor()
        self.nodes: list[Any] = []

    def add(self, node: Any) -> Any:
        self.nodes.append(node)
        self.executor.add_node(node)
        return node

    def end(self, node: Any) -> None:
        self.executor.remove_node(node)
        self.nodes.remove(node)
        node.destroy_node()

    def until(self, done: Callable[[], Any], again: Callable[[], None] = lambda: None) -> None:
        end_s = time.monotonic() + self.wait_s
        while not done():
            assert time.monotonic() < end_s, 'nothing came'
            again()
            self.executor.spin_once(timeout_sec=self.step_s)

    def ask(self, client: Any, request: Any) -> Any:
        """Call a service, and wait for its answer."""
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        return future.result()

    def close(self) -> None:
        for node in self.nodes:
            node.destroy_node()
        rclpy.shutdown()
