# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Servos: PCA9685 on I2C, Dynamixel on a serial bus."""
