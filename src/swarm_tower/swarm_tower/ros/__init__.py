# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The only place of the package that imports rclpy and swarm_msgs; it decides nothing."""
