# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Why a driver cannot go on. Knows no ROS."""


class DriverFault(Exception):
    """The device does not do what it should; the message is for people."""


class DeviceGone(DriverFault):
    """The device was unplugged, or its kernel driver went."""
