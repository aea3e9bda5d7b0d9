# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Edges to the host: sysfs, udev and its events. They fetch; the core decides what it means."""
