# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Evaluation worlds, baselines and training: may import gymnasium, never rclpy."""
