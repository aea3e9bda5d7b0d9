# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One robot process: composes the parts that are installed and asked for, and spins them.

The only place that knows several packages, and it knows them by entry point (group
`swarm.parts`): a package that is missing is a feature switched off. A part has `node_name`,
`config_type` (a frozen dataclass, whose fields are the node's parameters) and
`create(node, config)`, which returns something with `close()`.

Exit codes: 0 ended as asked, 2 wrong input (said on stderr), 1 anything else.
"""

import dataclasses
import importlib.metadata
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rclpy
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.context import Context
from rclpy.executors import (
    Executor,
    ExternalShutdownException,
    ShutdownException,
    SingleThreadedExecutor,
)
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from swarm_coordinator.core.ids import RobotId, checked_name, robot_id_from
from swarm_coordinator.launch_plan import SECURITY
from swarm_coordinator.leaving import Leaving
from swarm_coordinator.ros.frugal import frugal_dds, without_generator
from swarm_coordinator.storage.faults import StorageFault

if TYPE_CHECKING:
    from swarm_coordinator.ros.protection import Protection

PART_GROUP = 'swarm.parts'
PARTS_DEFAULT = ('coordinator', 'hw_discovery', 'learning')
FLOAT_WHOLE_MAX = 1 << 53  # whole numbers up to here are floats too
SPIN_S = 1.0  # bounds how late a stop is seen if its wake-up is lost
EXECUTOR_TEST_S = 1.0
DISCOVERY = 'ROS_AUTOMATIC_DISCOVERY_RANGE'
BUILT_IN = frozenset({'use_sim_time', 'start_type_description_service'})
LEAVE_S = 10.0  # to take leave of DDS; chosen without data


@dataclasses.dataclass(frozen=True)
class RobotConfig:
    """Parameters of the process itself."""

    robot_id: str = ''
    swarm_id: str = 'swarm'
    parts: tuple[str, ...] = ()  # empty = those of PARTS_DEFAULT that are installed
    # 'off' = messages are neither signed nor checked; 'sign_encrypt' = they are encrypted too
    security: str = 'sign'
    keys_dir: str = ''  # empty = ~/.ros/swarm/keys/<swarm_id>
    policy_file: str = ''  # who may ask for what; empty = the shipped policy/default.yaml

    def __post_init__(self) -> None:
        if self.security not in SECURITY:
            raise ValueError(
                f'security={self.security!r}: expected one of {", ".join(SECURITY)}'
            )


def default_robot_id() -> str:
    return robot_id_from(socket.gethostname())


@contextmanager
def quiet_context(args: list[str] | None) -> Iterator[Context]:
    """A context that hears nobody, for nodes that live a moment.

    A node that was destroyed while DDS matched its endpoints with those of peers ended the process
    with SIGSEGV, or hung it, about once in 70 starts beside four others.
    """
    before = os.environ.get(DISCOVERY)
    os.environ[DISCOVERY] = 'OFF'
    context = Context()
    try:
        rclpy.init(args=args, context=context, signal_handler_options=SignalHandlerOptions.NO)
    finally:
        if before is None:
            del os.environ[DISCOVERY]
        else:
            os.environ[DISCOVERY] = before
    try:
        yield context
    finally:
        context.try_shutdown()


def overrides_of(name: str, namespace: str, context: Context) -> dict[str, Any]:
    """What the command line and parameter files set for a node of this name."""
    node = Node(
        name,
        context=context,
        namespace=namespace,
        automatically_declare_parameters_from_overrides=True,
        start_parameter_services=False,
        enable_rosout=False,
    )
    try:
        values = {key: one.value for key, one in node.get_parameters_by_prefix('').items()}
    finally:
        node.destroy_node()
    return {key: value for key, value in values.items() if key not in BUILT_IN}


def configured(config_type: type, given: dict[str, Any]) -> Any:
    """A config of `config_type` from `given`; unknown keys are left to the caller.

    Raises ValueError that names the parameter and what was expected.
    """
    values = {}
    for field in dataclasses.fields(config_type):
        if field.name in given:
            values[field.name] = _fitting(field, given[field.name])
    return config_type(**values)


def _fitting(field: 'dataclasses.Field[Any]', value: Any) -> Any:
    default = field.default
    if isinstance(default, tuple):
        if isinstance(value, str) or not hasattr(value, '__iter__'):
            raise ValueError(f'{field.name}={value!r}: expected a list of strings')
        items = tuple(value)
        if not all(isinstance(item, str) for item in items):
            raise ValueError(f'{field.name}={list(items)!r}: expected a list of strings')
        return tuple(item for item in items if item)
    if isinstance(default, float) and type(value) is int and abs(value) <= FLOAT_WHOLE_MAX:
        return float(value)
    if type(value) is not type(default):
        raise ValueError(
            f'{field.name}={value!r}: expected {type(default).__name__}, '
            f'got {type(value).__name__}'
        )
    return value


def declare(node: Node, config: Any) -> None:
    """Make the configuration visible as read-only parameters of the node."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        descriptor = ParameterDescriptor(
            description=field.metadata.get('help', ''), read_only=True, **_range(field)
        )
        if isinstance(value, tuple):
            value = list(value)
        node.declare_parameter(field.name, value, descriptor, ignore_override=True)


def _range(field: 'dataclasses.Field[Any]') -> dict[str, Any]:
    """What `low` and `high` in the metadata of a number say, as a descriptor has it."""
    low, high = field.metadata.get('low'), field.metadata.get('high')
    if low is None or high is None:
        return {}
    if isinstance(field.default, int):
        return {'integer_range': [IntegerRange(from_value=low, to_value=high)]}
    return {'floating_point_range': [FloatingPointRange(from_value=low, to_value=high)]}


def load_parts(names: Sequence[str]) -> dict[str, Any]:
    """The asked parts by name, or the usual ones that are installed. Raises ValueError for one
    that was asked for and is not installed."""
    found = {
        point.name: point for point in importlib.metadata.entry_points(group=PART_GROUP)
    }
    names = names or [name for name in PARTS_DEFAULT if name in found]
    parts = {}
    for name in names:
        if name not in found:
            installed = ', '.join(sorted(found)) or 'none'
            raise ValueError(f'parts: {name!r} is not installed; installed are: {installed}')
        parts[name] = found[name].load()
    return parts


def _process_config(quiet: Context) -> RobotConfig:
    given = overrides_of('robot', '/', quiet)
    names = {field.name for field in dataclasses.fields(RobotConfig)}
    if given.get('security') is False:
        given['security'] = 'off'  # which YAML takes for a boolean
    config = configured(RobotConfig, {k: v for k, v in given.items() if k in names})
    robot_id = config.robot_id or default_robot_id()
    checked_name(robot_id, 'robot_id')
    return dataclasses.replace(config, robot_id=robot_id)


def best_executor_type(quiet: Context) -> Callable[[], Executor]:
    """The events executor where it works, which halves the processor time of a robot; it is told
    by a timer that has to fire. Otherwise the single-threaded one."""
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:
        return SingleThreadedExecutor
    executor = EventsExecutor(context=quiet)
    node = Node(
        'executor_test', context=quiet, enable_rosout=False, start_parameter_services=False
    )
    fired = threading.Event()
    node.create_timer(0.001, fired.set)
    executor.add_node(node)
    end_s = time.monotonic() + EXECUTOR_TEST_S
    while not fired.is_set() and time.monotonic() < end_s:
        executor.spin_once(timeout_sec=0.05)
    executor.remove_node(node)
    node.destroy_node()
    executor.shutdown()
    return EventsExecutor if fired.is_set() else SingleThreadedExecutor


def _protection(config: RobotConfig) -> 'Protection | None':
    """Loaded only where it is wanted: cryptography takes about 14 MB and 0.2 s."""
    if config.security == 'off':
        return None
    from swarm_coordinator.ros.protection import Protection

    return Protection(
        config.keys_dir, config.swarm_id, RobotId(config.robot_id), config.security,
        policy_file=config.policy_file,
    )


def _node(part: Any, namespace: str, protection: 'Protection | None') -> Node:
    """A part that acts on what it is told is `addressed`: it hears only what is meant for it."""
    if protection is None:
        return Node(part.node_name, namespace=namespace)
    return protection.node(part.node_name, namespace, getattr(part, 'addressed', False))


class Robot:
    """The nodes of one process. Raises ValueError or StorageFault where it cannot be made.

    `given`: what was set for the node of each part, by the part's name.
    """

    def __init__(
        self,
        config: RobotConfig,
        parts: dict[str, Any],
        given: dict[str, dict[str, Any]],
        executor_type: Callable[[], Executor],
    ) -> None:
        self._made: list[tuple[Node, Any]] = []
        self._nodes: list[Node] = []
        self._spinner: threading.Thread | None = None
        self._stopping = False
        self._failed = False
        namespace = f'/{config.robot_id}'
        self._executor_type = executor_type
        self._refuse_unknown(parts, given)
        configs = {
            name: configured(
                part.config_type, {'robot_id': config.robot_id, **given[name]}
            )
            for name, part in parts.items()
        }
        protection = _protection(config)
        try:
            for name, part in parts.items():
                node = _node(part, namespace, protection)
                if protection is not None and not self._nodes:
                    protection.attach(node)
                self._nodes.append(node)
                declare(node, configs[name])
                self._made.append((node, part.create(node, configs[name])))
        except BaseException:
            self.close()
            raise

    def _refuse_unknown(self, parts: dict[str, Any], given: dict[str, dict[str, Any]]) -> None:
        known = {field.name for field in dataclasses.fields(RobotConfig)}
        for part in parts.values():
            known |= {field.name for field in dataclasses.fields(part.config_type)}
        unknown = sorted({key for values in given.values() for key in values} - known)
        if unknown:
            raise ValueError(
                f'unknown parameter {", ".join(unknown)}: expected one of '
                f'{", ".join(sorted(known))}'
            )

    def spin(self, stop: threading.Event) -> int:
        """Until `stop` is set, by a signal or by a part's halt; returns the exit code.

        The main thread only waits: Python takes signals there at once, which it would not do
        inside the executor's wait.
        """
        for _, made in self._made:
            if hasattr(made, 'on_halt'):
                made.on_halt(stop.set)
        self._executor = executor = self._executor_type()
        for node in self._nodes:
            executor.add_node(node)
        self._spinner = threading.Thread(target=self._spin, args=(stop,), name='executor')
        self._spinner.start()
        stop.wait()
        for _, made in self._made:
            halt = getattr(made, 'halted', None)
            if halt is not None:
                print(f'robot: {halt.reason}', file=sys.stderr, flush=True)
                return int(halt.exit_code)
        return 1 if self._failed else 0

    def _spin(self, stop: threading.Event) -> None:
        # Not spin(): that of the events executor never runs a callback in some releases.
        try:
            while not self._stopping:
                self._executor.spin_once(timeout_sec=SPIN_S)
        except (ExternalShutdownException, ShutdownException):
            pass
        except Exception:  # a robot that hears nothing must not look alive
            traceback.print_exc()
            self._failed = True
        stop.set()

    def close_parts(self) -> None:
        """While everything they publish through is still there."""
        while self._made:
            self._made.pop()[1].close()

    def close(self) -> None:
        self.close_parts()
        self._stopping = True
        if self._spinner is not None:
            self._executor.create_task(lambda: None)  # wakes it
            self._spinner.join()
            self._executor.shutdown()
        for node in self._nodes:
            node.destroy_node()


def main(args: list[str] | None = None) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    # A send to a peer whose cable was pulled waits for its address for seconds (3 s a time seen
    # with 5 robots, 6 s with shared memory besides): a beacon that is lost costs less.
    os.environ.setdefault('FASTDDS_BUILTIN_TRANSPORTS', 'DEFAULT?non_blocking=true')
    without_generator()
    robot, code = None, 2
    try:
        with frugal_dds(), quiet_context(args) as quiet:
            config = _process_config(quiet)
            parts = load_parts(config.parts)
            given = {
                name: overrides_of(part.node_name, f'/{config.robot_id}', quiet)
                for name, part in parts.items()
            }
            executor_type = best_executor_type(quiet)
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        robot = Robot(config, parts, given, executor_type)
        code = robot.spin(stop)
    except (ValueError, StorageFault, OSError) as error:
        print(f'robot: {error}', file=sys.stderr, flush=True)
    finally:
        if robot is not None:
            robot.close_parts()
        sys.stdout.flush()
        with Leaving(code, LEAVE_S):  # what is to be kept is kept
            if robot is not None:
                robot.close()
            rclpy.try_shutdown()
    return code


if __name__ == '__main__':
    sys.exit(main())
