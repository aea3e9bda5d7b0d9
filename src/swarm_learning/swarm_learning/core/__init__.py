# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pure part: no clock, IO, threads, rclpy or message packages."""
