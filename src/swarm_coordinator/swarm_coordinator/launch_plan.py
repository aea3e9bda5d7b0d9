# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What `ros2 launch swarm_coordinator swarm.launch.py` starts: arguments in, processes out.

Owns the arguments, their defaults and which process gets which parameter. Refuses to know the
launch system, so that all of this is tested where no `ros2 launch` is installed; the launch file
only turns the answer into actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from swarm_coordinator.config import CoordinatorConfig
from swarm_coordinator.core.ids import robot_id_from
from swarm_coordinator.core.raft import PROFILES

Value = str | bool | int | tuple[str, ...]

# Each process refuses a parameter that none of its parts knows; the names are those of the
# entry points in the group `swarm.parts`.
PART_PARAMETERS: dict[str, tuple[str, ...]] = {
    'coordinator': (
        'robot_id',
        'swarm_id',
        'voters',
        'timing_profile',
        'storage_dir',
        'exec_allow',
    ),
    'hw_discovery': ('robot_id', 'swarm_id'),
    'learning': ('robot_id', 'swarm_id', 'storage_dir'),
    'tower': (
        'robot_id',
        'swarm_id',
        'tower_host',
        'tower_port',
        'publish_aggregate',
        'recorder_dir',
        'foxglove_port',
    ),
}
# Of every process, whatever its parts.
PROCESS_PARAMETERS = ('security', 'keys_dir', 'policy_file')
# A default is left to the process, which has the same one: passed, it would win over the file
# of parameters that the person gave. These two are passed always: the learner keeps nothing
# unless it is told where, and that folder has the name of the robot in it.
PASSED_ALWAYS = ('robot_id', 'storage_dir')
# Where the parameter has another name; rqt's robot monitor reads nothing but the aggregate.
ARGUMENT_OF = {'timing_profile': 'profile', 'publish_aggregate': 'rqt'}
EXIT_WRONG_INPUT = 2  # starting it again would fail the same way
RESPAWN_DELAY_S = 2.0  # a crash loop stays readable and costs little; chosen without data
BOOLEANS = ('true', 'false')
SECURITY = ('sign', 'sign_encrypt', 'off')
LOG_LEVELS = ('debug', 'info', 'warn', 'error', 'fatal')


@dataclass(frozen=True)
class Argument:
    """One launch argument; `choices` is empty where any text is accepted."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()


ARGUMENTS: tuple[Argument, ...] = (
    Argument(
        'robot_id',
        '',
        'Name of this robot, different on each robot: a letter, then letters, digits or "_". '
        'Empty = the host name, with other characters replaced by "_".',
    ),
    Argument('swarm_id', 'swarm', 'Name of the swarm; robots of another swarm are ignored.'),
    Argument(
        'voters',
        '',
        'The robots that elect and confirm, by robot_id, separated by commas: 1, 3, 5 or 7, and '
        'the same list on each robot, e.g. voters:=alpha,beta,gamma. Empty = this robot alone.',
    ),
    Argument(
        'profile',
        'wifi',
        'Timing for the network between the robots; the same on each robot.',
        tuple(PROFILES),
    ),
    Argument(
        'storage_dir',
        '',
        'Folder of the log and the files of this robot. Empty = ~/.ros/swarm/<robot_id>.',
    ),
    Argument(
        'exec_allow',
        '',
        'Programs that jobs may run on this robot, by name, separated by commas, e.g. '
        'exec_allow:=xz,ffmpeg. Empty = none.',
    ),
    Argument(
        'security',
        'sign',
        'sign = messages between robots are signed, and others are not believed; sign_encrypt = '
        'they cannot be read by others either; off = whoever reaches the network can command the '
        'robots. The same on each robot.',
        SECURITY,
    ),
    Argument(
        'keys_dir',
        '',
        'Folder of the keys of this robot (swarmctl keys). Empty = ~/.ros/swarm/keys/<swarm_id>, '
        'where the first start makes keys for robots of this machine.',
    ),
    Argument(
        'policy_file',
        '',
        'YAML file that says who may ask this robot for what (swarmctl policy). Empty = operators '
        'may everything, robots what they need, others look and raise a stop.',
    ),
    Argument(
        'params_file',
        '',
        'YAML file with parameters of the nodes. robot_id, storage_dir and every argument that '
        'differs from its default win over it. Empty = none.',
    ),
    Argument(
        'composed',
        'true',
        'true = all parts in one process, which saves tens of MB; false = a process for each.',
        BOOLEANS,
    ),
    Argument('tower', 'false', 'Serve the web page of the swarm from this robot.', BOOLEANS),
    Argument(
        'tower_host',
        '127.0.0.1',
        'Address the page is served on. Whoever reaches it sees everything; to act, a token of '
        '~/.ros/swarm/tower_tokens.json is needed.',
    ),
    Argument('tower_port', '8080', 'TCP port of the page, 1 to 65535.'),
    Argument(
        'recorder_dir',
        '',
        'Folder in which the tower records what happens, for the page to go back in time. '
        'Empty = no recording.',
    ),
    Argument(
        'foxglove_port',
        '0',
        'TCP port of a live server of the tower for Foxglove, such as 8765; 0 = none. Needs '
        'foxglove-sdk.',
    ),
    Argument(
        'rviz',
        'false',
        'Open rviz2 with the view of the swarm; a tower somewhere in the swarm draws it.',
        BOOLEANS,
    ),
    Argument(
        'rqt',
        'false',
        'Open rqt with diagnostics, log, topics and graph; with tower:=true the tower also '
        'publishes /diagnostics_agg.',
        BOOLEANS,
    ),
    Argument('respawn', 'true', 'Start a process again after it crashed.', BOOLEANS),
    Argument('log_level', 'info', 'What is logged by all nodes.', LOG_LEVELS),
    Argument('use_sim_time', 'false', "Take the nodes' ROS time from /clock.", BOOLEANS),
)


@dataclass(frozen=True)
class ProcessPlan:
    """One process to start.

    It gets neither a node name nor a namespace from the launch system: it holds several nodes,
    which name themselves, and a remapping would rename all of them alike.
    """

    label: str
    package: str
    executable: str
    parameters: tuple[tuple[str, Value], ...]
    params_file: str
    ros_arguments: tuple[str, ...]
    respawn: bool
    respawn_delay_s: float = RESPAWN_DELAY_S


@dataclass(frozen=True)
class ToolPlan:
    """A program for a person. It may be missing, and ends without ending the swarm.

    `file` is the last of `arguments`, relative to the folder above that of the launch file: the
    same in the source and in an installed share.
    """

    program: str
    arguments: tuple[str, ...]
    file: str
    packages: tuple[str, ...]  # of apt, without ros-<distro>-

    def missing(self, distro: str) -> str:
        """What to say where the program is not installed."""
        named = [f'ros-{distro or "$ROS_DISTRO"}-{package}' for package in self.packages]
        return (
            f'{self.program} is not installed, so it is not opened; the swarm goes on. '
            f'Install it: sudo apt install {" ".join(named)}'
        )


RVIZ = ToolPlan('rviz2', ('-d',), 'rviz/swarm.rviz', ('rviz2',))
RQT = ToolPlan(
    'rqt',
    ('--perspective-file',),
    'rqt/swarm.perspective',
    ('rqt', 'rqt-common-plugins', 'rqt-robot-monitor', 'rqt-runtime-monitor'),
)


def tools(given: Mapping[str, str]) -> tuple[ToolPlan, ...]:
    """The programs to open for the launch arguments `given`. Raises ValueError as plan()."""
    arguments = _checked(given)
    return tuple(
        tool for name, tool in (('rviz', RVIZ), ('rqt', RQT)) if arguments[name] == 'true'
    )


def plan(given: Mapping[str, str], host_name: str, home: str) -> tuple[ProcessPlan, ...]:
    """The processes for the launch arguments `given` (text, as typed); a missing one is default.

    Raises ValueError with a sentence for the person who typed it.
    """
    arguments = _checked(given)
    settings = _settings(arguments, host_name, home)
    parts = ['coordinator', 'hw_discovery', 'learning']
    if arguments['tower'] == 'true':
        parts.append('tower')
    groups = [tuple(parts)] if arguments['composed'] == 'true' else [(part,) for part in parts]
    return tuple(_process(group, settings, arguments) for group in groups)


def _checked(given: Mapping[str, str]) -> dict[str, str]:
    known = {argument.name: argument for argument in ARGUMENTS}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f'unknown argument {", ".join(unknown)}: expected one of {", ".join(known)}'
        )
    arguments = {name: given.get(name, argument.default) for name, argument in known.items()}
    for name, argument in known.items():
        if argument.choices and arguments[name] not in argument.choices:
            raise ValueError(
                f'{name}:={arguments[name]}: expected one of {", ".join(argument.choices)}'
            )
    return arguments


def _settings(arguments: Mapping[str, str], host_name: str, home: str) -> dict[str, Value]:
    """The values of all parameters, by parameter name."""
    robot_id = arguments['robot_id'] or robot_id_from(host_name)
    config = CoordinatorConfig(  # raises ValueError for what the robot would refuse
        robot_id=robot_id,
        swarm_id=arguments['swarm_id'],
        voters=_names(arguments['voters']) or (robot_id,),
        timing_profile=arguments['profile'],
        storage_dir=arguments['storage_dir'] or f'{home}/.ros/swarm/{robot_id}',
        exec_allow=_names(arguments['exec_allow']),
    )
    return {
        'robot_id': config.robot_id,
        'swarm_id': config.swarm_id,
        'voters': config.voters,
        'timing_profile': config.timing_profile,
        'storage_dir': config.storage_dir,
        'exec_allow': config.exec_allow,
        'tower_host': arguments['tower_host'],
        'tower_port': _port('tower_port', arguments['tower_port']),
        'recorder_dir': arguments['recorder_dir'],
        'foxglove_port': _port('foxglove_port', arguments['foxglove_port'], low=0),
        'publish_aggregate': arguments['rqt'] == 'true',
        'security': arguments['security'],
        'keys_dir': arguments['keys_dir'],
    }


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in text.split(',')) if name)


def _port(name: str, text: str, low: int = 1) -> int:
    if not text.isascii() or not text.isdigit() or not low <= int(text[:6]) <= 65535:
        raise ValueError(f'{name}:={text[:20]}: expected a number from {low} to 65535')
    return int(text)


def _process(
    parts: tuple[str, ...], settings: Mapping[str, Value], arguments: Mapping[str, str]
) -> ProcessPlan:
    known = dict.fromkeys(name for part in parts for name in PART_PARAMETERS[part])
    known |= dict.fromkeys(PROCESS_PARAMETERS)
    parameters: dict[str, Value] = {'parts': parts}
    for name in known:
        if name in PASSED_ALWAYS or _differs(ARGUMENT_OF.get(name, name), arguments):
            parameters[name] = settings[name]
    if arguments['use_sim_time'] == 'true':
        parameters['use_sim_time'] = True
    return ProcessPlan(
        label=parts[0] if len(parts) == 1 else 'robot',
        package='swarm_coordinator',
        executable='robot',
        parameters=tuple(parameters.items()),
        params_file=arguments['params_file'],
        ros_arguments=('--log-level', arguments['log_level']),
        respawn=arguments['respawn'] == 'true',
    )


def _differs(name: str, arguments: Mapping[str, str]) -> bool:
    return any(arg.name == name and arg.default != arguments[name] for arg in ARGUMENTS)
