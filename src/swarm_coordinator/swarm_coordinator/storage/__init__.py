# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot keeps on its disk: the Raft log and small durable facts. An edge: no rclpy."""
