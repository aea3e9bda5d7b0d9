# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults in what is kept on the disk: order, checksums, transactions, quotas."""

from __future__ import annotations

from mutation.mutant import Edit, Mutant, fault

LOG = 'storage/log_store.py'
TEST_LOG = 'storage/test_log_store.py'
TEST_SNAPSHOTS = 'storage/test_snapshots.py'
BLOBS = 'storage/blob_store.py'
TEST_BLOBS = 'storage/test_blob_store.py'

STORAGE: tuple[Mutant, ...] = (
    fault(
        'checksum of an entry does not continue that of the entry before',
        LOG,
        'zlib.crc32(header, previous)',
        'zlib.crc32(header)',
        TEST_LOG,
    ),
    fault(
        'checksum of an entry is not looked at',
        LOG,
        'if chained != crc or term < last_term',
        'if term < last_term',
        TEST_LOG,
    ),
    fault(
        'commits are not synchronised to the disk',
        LOG,
        'synchronous = FULL',
        'synchronous = NORMAL',
        TEST_LOG,
    ),
    Mutant(
        'vote and entries are not one transaction',
        LOG,
        (
            Edit("                self._database.execute('BEGIN IMMEDIATE')\n", ''),
            Edit("                self._database.execute('COMMIT')\n", ''),
        ),
        (TEST_LOG,),
    ),
    fault(
        'checksum of term and vote is not looked at',
        LOG,
        'if _hard_state_crc(term, voted_for, commit_index, self._serial) != crc:',
        'if False:',
        TEST_LOG,
    ),
    fault(
        'store goes on after a write whose outcome is not known',
        LOG,
        '                self._failure = error\n',
        '                pass\n',
        TEST_LOG,
    ),
    fault(
        'file that arrived is not verified as a whole',
        BLOBS,
        'if digest != ref.sha256:',
        'if False:',
        TEST_BLOBS,
    ),
    fault(
        'files on their way do not count against the quota',
        BLOBS,
        'shelf.used_bytes + shelf.promised_bytes - shelf.cached_bytes',
        'shelf.used_bytes - shelf.cached_bytes',
        TEST_BLOBS,
    ),
    fault(
        'acknowledged writes that are gone are not missed',
        LOG,
        'if acknowledged > self._serial:',
        'if False:',
        'storage/test_damage.py',
    ),
    fault(
        'snapshot has its name before its content is durable',
        'storage/files.py',
        '    files.sync(temporary)\n',
        '',
        TEST_SNAPSHOTS,
    ),
    fault(
        'name of a snapshot is not made durable',
        'storage/files.py',
        '    files.replace(temporary, path)\n    files.sync_folder(path.parent)\n',
        '    files.replace(temporary, path)\n',
        TEST_SNAPSHOTS,
    ),
    fault(
        'stored snapshot is read without its checksum',
        'storage/snapshot_files.py',
        'if hashlib.sha256(content).hexdigest() != sha256:',
        'if False:',
        TEST_SNAPSHOTS,
    ),
    fault(
        'log that an installed snapshot replaces stays',
        LOG,
        '            crc_before = self._drop_prefix(written, first_kept, install)\n',
        '            crc_before = self._drop_prefix(written, first_kept, False)\n',
        TEST_SNAPSHOTS,
    ),
    fault(
        'every storage has the same identity',
        'storage/schema.py',
        'Identity(new_storage_id(), incarnation=_new_count())',
        'Identity(7, incarnation=_new_count())',
        'storage/test_damage.py',
    ),
)
