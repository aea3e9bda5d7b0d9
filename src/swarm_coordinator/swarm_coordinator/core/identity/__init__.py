# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who a robot is and what it may do: certificates, revocations, and why one is refused.

Owns the formats and the rules that need no key. Refuses to know how a signature is made or
checked, where files are and what time it is; security/ does that.
"""

from swarm_coordinator.core.identity.certificate import (
    Certificate,
    Role,
    SignedCertificate,
    check,
)
from swarm_coordinator.core.identity.refusal import REASONS, IdentityRefused, Refusal
from swarm_coordinator.core.identity.revocation import RevocationList, SignedRevocations

__all__ = [
    'REASONS',
    'Certificate',
    'IdentityRefused',
    'Refusal',
    'RevocationList',
    'Role',
    'SignedCertificate',
    'SignedRevocations',
    'check',
]
