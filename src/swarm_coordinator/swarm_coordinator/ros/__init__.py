# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""ROS 2 adapters: messages in, events out; effects in, messages out."""
