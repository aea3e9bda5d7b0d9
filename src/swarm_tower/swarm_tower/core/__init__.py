# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pure folding of what was heard: no clock, IO, threads, rclpy or message packages in here."""
