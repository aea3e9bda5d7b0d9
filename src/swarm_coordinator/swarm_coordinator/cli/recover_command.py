# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl recover: shows what a stopped robot's storage holds and, with --force, makes it the
swarm's only voter. Owns the words; storage/recovery.py does it. Needs no robot and no ROS."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from swarm_coordinator.cli.answers import FAILED, OK, REFUSED, print_json, say
from swarm_coordinator.core.raft import Membership
from swarm_coordinator.storage.faults import StorageFault
from swarm_coordinator.storage.recovery import Found, NothingToRecover, Recovered, Recovery

WARNING = """\
THIS DECLARES ONE ROBOT'S LOG TO BE THE TRUTH OF THE SWARM.
Do it only if a majority of the voters will never come back. What only they had acknowledged is
lost. Of the robots that are left, choose the one with the highest last term, then last entry.
Never do it on two robots: that makes two swarms."""


def recover(options: Namespace) -> int:
    """Exit codes: 0 recovered, 1 the storage cannot be used, 2 refused or --force is missing."""
    try:
        with Recovery(Path(options.storage_dir), options.voter) as recovery:
            found = recovery.found()
            recovered = recovery.recover() if options.force else None
    except (NothingToRecover, ValueError) as error:
        return say(str(error), REFUSED)
    except StorageFault as error:
        return say(str(error), FAILED)
    if options.json:
        print_json(as_json(found, recovered))
    else:
        print(as_text(found, recovered))
    if recovered is None:
        return say('nothing was changed; add --force to do it', REFUSED)
    return OK


def as_json(found: Found, recovered: Recovered | None) -> dict[str, Any]:
    return {
        'folder': str(found.folder),
        'robot_id': found.robot_id,
        'storage_id': found.storage_id,
        'lineage': found.lineage,
        'term': found.hard_state.term,
        'voted_for': found.hard_state.voted_for,
        'commit_index': found.hard_state.commit_index,
        'first_index': found.first_index,
        'last_index': found.last_index,
        'last_term': found.last_term,
        'snapshot_index': found.snapshot_index,
        'uncommitted': found.uncommitted,
        'has_vote': found.has_vote,
        'membership': _seats(found.membership) if found.membership else None,
        'recovered': recovered and {
            'index': recovered.index,
            'term': recovered.term,
            'lineage': recovered.lineage,
            'membership': _seats(recovered.membership),
            'backup': str(recovered.backup),
        },
    }


def _seats(membership: Membership) -> dict[str, Any]:
    return {
        'voters': [{'robot_id': robot, 'storage_id': disk} for robot, disk in membership.voters],
        'non_voters': [
            {'robot_id': robot, 'storage_id': disk} for robot, disk in membership.non_voters
        ],
    }


def as_text(found: Found, recovered: Recovered | None) -> str:
    state = found.hard_state
    lines = [
        f'{found.folder}: storage {found.storage_id:016x} of {found.robot_id}, '
        f'lineage {found.lineage}',
        f'  term {state.term}, voted for {state.voted_for or "nobody"}',
        f'  snapshot up to entry {found.snapshot_index}' if found.snapshot_index
        else '  no snapshot',
        f'  entries {found.first_index} to {found.last_index}, the last of term '
        f'{found.last_term}; up to {state.commit_index} known to be committed',
        f'  membership: {_membership_text(found.membership)}',
    ]
    if not found.has_vote:
        lines.append(
            f'  CAREFUL: {found.robot_id} has no vote there with this storage: it may lack entries'
        )
    if recovered is None:
        taken = f'{found.uncommitted} uncommitted entries would be taken as committed; '
        lines += ['', WARNING, '', f'{taken}{found.robot_id} would be the only voter.']
    else:
        lines += [
            '',
            f'RECOVERED BY FORCE: entry {recovered.index} of term {recovered.term} makes '
            f'{found.robot_id} the only voter; {found.uncommitted} uncommitted entries are taken '
            'as committed.',
            f'This is lineage {recovered.lineage}: robots of another one are ignored, and ignore '
            'this one. Empty their storage before they start again.',
            f'The files as they were: {recovered.backup}',
        ]
    return '\n'.join(lines)


def _membership_text(membership: Membership | None) -> str:
    if membership is None:
        return 'none in the log'
    voters = ', '.join(f'{robot} ({disk:016x})' for robot, disk in membership.voters)
    others = ', '.join(membership.non_voter_ids)
    return f'voters {voters}' + (f'; without a vote {others}' if others else '')
