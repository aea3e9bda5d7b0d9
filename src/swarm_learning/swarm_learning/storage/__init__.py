# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Edge to the disk: no rclpy, no message packages, no decisions."""
