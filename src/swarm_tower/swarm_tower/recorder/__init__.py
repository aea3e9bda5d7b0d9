# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The flight recorder: files of what was heard, and reading them. Knows no rclpy and no web."""
