# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages of elections as facts; the senders must have been checked."""

from __future__ import annotations

from swarm_msgs.msg import SwarmState, Vote, VoteRequest

from swarm_tower.core import votes
from swarm_tower.ros.conversions import clip, word, words

REASONS = words(Vote, 'REASON_')


def vote_asked(msg: VoteRequest) -> votes.VoteAsked:
    """Take a request."""
    return votes.VoteAsked(
        candidate=msg.envelope.sender,
        term=msg.term,
        pre_vote=msg.pre_vote,
        last_log_index=msg.last_log_index,
        last_log_term=msg.last_log_term,
        transfer=msg.leadership_transfer,
    )


def vote_given(msg: Vote) -> votes.VoteGiven:
    """Take an answer."""
    return votes.VoteGiven(
        voter=msg.envelope.sender,
        candidate=clip(msg.envelope.recipient, 64),
        term=msg.term,
        pre_vote=msg.pre_vote,
        granted=msg.granted,
        reason=word(REASONS, msg.reason),
    )


def term_led(msg: SwarmState) -> votes.TermLed:
    """Take who leads from a swarm state."""
    return votes.TermLed(term=msg.term, leader=clip(msg.leader, 64))
