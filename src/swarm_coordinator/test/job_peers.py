# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Processes that jobs meet in the ROS graph: `python job_peers.py talk` or `... serve`.

They print 'ready' when they are there, and live until stdin is closed or they are killed.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

READY = 'ready'
PERIOD_S = 0.01
STEP_S = 0.05


@contextlib.contextmanager
def peer(role: str, namespace: str = '/r1') -> Iterator[subprocess.Popen[str]]:
    """The process, once it is ready; killed at the end of the block."""
    with subprocess.Popen(
        [sys.executable, __file__, role, namespace],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == READY
            yield process
        finally:
            process.kill()


def talk(node: Any) -> None:
    """chat: reliable, numbered; pose: best effort; map: latched, once; blob: 100 kB each."""
    from geometry_msgs.msg import PoseStamped
    from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
    from std_msgs.msg import String, UInt8MultiArray

    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    chat = node.create_publisher(String, 'chat', 1000)  # 10 s, should a listener be held up
    pose = node.create_publisher(PoseStamped, 'pose', qos_profile_sensor_data)
    blob = node.create_publisher(UInt8MultiArray, 'blob', qos_profile_sensor_data)
    node.keep = node.create_publisher(String, 'map', latched)
    node.keep.publish(String(data='the map'))
    silent = node.create_publisher(String, 'silent', 10)
    big = UInt8MultiArray(data=os.urandom(100_000))
    count = 0

    def say() -> None:
        nonlocal count
        chat.publish(String(data=f'line {count}'))
        message = PoseStamped()
        message.header.frame_id = 'map'
        message.pose.position.x = float(count)
        pose.publish(message)
        blob.publish(big)
        count += 1
        assert silent is not None

    node.create_timer(PERIOD_S, say)


def serve(node: Any) -> None:
    from rclpy.action import ActionServer, CancelResponse, GoalResponse
    from rclpy.callback_groups import ReentrantCallbackGroup
    from std_srvs.srv import SetBool, Trigger
    from swarm_msgs.action import RunJob

    group = ReentrantCallbackGroup()

    def go(_: Any, response: Any) -> Any:
        response.success, response.message = True, 'went'
        return response

    def forever(_: Any, response: Any) -> Any:
        threading.Event().wait()
        return response

    node.keep = [
        node.create_service(Trigger, 'go', go, callback_group=group),
        node.create_service(SetBool, 'stuck', forever, callback_group=group),
    ]

    def drive(handle: Any) -> Any:
        """How it goes is in the goal: idempotency_key = its number of steps or 'abort'."""
        wish = handle.request.idempotency_key
        result = RunJob.Result(reason=bytes(handle.goal_id.uuid).hex())
        if wish == 'abort':
            handle.abort()
            return RunJob.Result(reason='no path')
        steps = int(wish or 10)
        for step in range(steps):
            if handle.is_cancel_requested:
                handle.canceled()
                print('cancelled', flush=True)
                return result
            feedback = RunJob.Feedback()
            feedback.job.progress_permille = 1000 * step // steps
            feedback.job.reason = f'step {step}'
            handle.publish_feedback(feedback)
            time.sleep(STEP_S)
        if handle.request.output_dir == 'long':
            result.reason = 'x' * 20_000
        handle.succeed()
        return result

    def judge(goal: Any) -> Any:
        return GoalResponse.REJECT if goal.output_dir == 'refuse' else GoalResponse.ACCEPT

    def cancel(handle: Any) -> Any:
        stubborn = handle.request.output_dir == 'stubborn'
        return CancelResponse.REJECT if stubborn else CancelResponse.ACCEPT

    node.keep.append(ActionServer(
        node, RunJob, 'drive', drive, goal_callback=judge, cancel_callback=cancel,
        callback_group=group,
    ))


def main() -> None:
    import rclpy
    from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor
    from rclpy.node import Node

    role, namespace = sys.argv[1:]
    rclpy.init(args=[])
    node = Node('peer', namespace=namespace)
    {'talk': talk, 'serve': serve}[role](node)
    executor = SingleThreadedExecutor() if role == 'talk' else MultiThreadedExecutor(4)
    executor.add_node(node)
    threading.Thread(target=executor.spin, daemon=True).start()
    print(READY, flush=True)
    sys.stdin.read()
    node.destroy_node()  # says goodbye, which a killed one cannot
    os._exit(0)


if __name__ == '__main__':
    main()
