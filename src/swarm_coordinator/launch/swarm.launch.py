# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Starts one robot of the swarm; what is started is decided in swarm_coordinator/launch_plan.py.

    ros2 launch swarm_coordinator swarm.launch.py voters:=alpha,beta,gamma
"""

import os
import shutil
import socket
from pathlib import Path
from typing import List

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from swarm_coordinator import launch_plan


def typed(value):
    """Keep launch from guessing a type: a robot called `on` is no boolean."""
    if isinstance(value, tuple):
        return ParameterValue(list(value), value_type=List[str])
    return ParameterValue(value, value_type=type(value))


def node(process: launch_plan.ProcessPlan) -> Node:
    parameters = [{name: typed(value) for name, value in process.parameters}]
    if process.params_file:
        parameters.insert(0, process.params_file)
    return Node(
        package=process.package,
        executable=process.executable,
        exec_name=process.label,
        parameters=parameters,
        ros_arguments=list(process.ros_arguments),
        respawn=process.respawn,
        respawn_delay=process.respawn_delay_s,
        output='screen',
    )


def tool(plan: launch_plan.ToolPlan):
    """rviz or rqt, or a line that says how to get it. Closing it does not end the swarm."""
    program = shutil.which(plan.program)
    if program is None:
        return LogInfo(msg=plan.missing(os.environ.get('ROS_DISTRO', '')))
    # Resolved, because it may have been reached through a link from elsewhere.
    file = Path(__file__).resolve().parent.parent / plan.file
    return ExecuteProcess(
        cmd=[program, *plan.arguments, str(file)], name=plan.program, output='screen'
    )


def give_up_on_wrong_input(event, context):
    if event.returncode == launch_plan.EXIT_WRONG_INPUT and isinstance(event.action, Node):
        # Raising ends the launch with exit code 1; asking it to shut down would end it with 0.
        raise ValueError(f'{event.process_name} refused its input; it says above what is wrong')


def start(context: LaunchContext):
    given = {
        argument.name: LaunchConfiguration(argument.name).perform(context)
        for argument in launch_plan.ARGUMENTS
    }
    processes = launch_plan.plan(given, socket.gethostname(), str(Path.home()))
    return [*map(node, processes), *map(tool, launch_plan.tools(given))]


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(
            argument.name,
            default_value=argument.default,
            description=argument.description,
            choices=list(argument.choices) or None,
        )
        for argument in launch_plan.ARGUMENTS
    ]
    return LaunchDescription([
        *declared,
        RegisterEventHandler(OnProcessExit(on_exit=give_up_on_wrong_input)),
        OpaqueFunction(function=start),
    ])
