# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults in who is believed: certificates, lists, private files, the authority."""

from __future__ import annotations

from mutation.mutant import Edit, Mutant, fault

CERTIFICATE = 'core/identity/certificate.py'
CANONICAL = 'core/identity/canonical.py'
TRUST = 'security/trust.py'
FILES = 'security/key_files.py'
ROBOT = 'security/robot_folder.py'
AUTHORITY = 'security/authority.py'
KEYRING = 'security/keyring.py'
LOCAL = 'security/local_keys.py'
REQUESTS = 'core/identity/request_door.py'
REQUEST_BYTES = 'core/identity/request_bytes.py'
POLICY = 'core/identity/policy.py'
TEST_REQUESTS = 'core/identity/test_request_door.py'
TEST_POLICY = 'core/identity/test_policy.py'
TEST_CERTIFICATE = 'core/identity/test_certificate.py'
TEST_LIST = 'core/identity/test_revocation.py'
TEST_KEYRING = 'security/test_keyring.py'
TEST_FILES = 'security/test_key_files.py'
TEST_ROBOT = 'security/test_robot_folder.py'
TEST_AUTHORITY = 'security/test_authority.py'
TEST_LOCAL = 'security/test_local_keys.py'

IDENTITY: tuple[Mutant, ...] = (
    fault(
        'an expired certificate is good',
        CERTIFICATE,
        'if not now_s <= certificate.not_after + slack_s:',
        'if now_s < 0:',
        TEST_CERTIFICATE,
    ),
    Mutant(
        'a clock that is no number passes',
        CERTIFICATE,
        (
            Edit(
                'if not now_s >= certificate.not_before - slack_s:',
                'if now_s < certificate.not_before - slack_s:',
            ),
            Edit(
                'if not now_s <= certificate.not_after + slack_s:',
                'if now_s > certificate.not_after + slack_s:',
            ),
        ),
        (TEST_CERTIFICATE,),
    ),
    fault(
        'a certificate of another swarm is good',
        CERTIFICATE,
        'if certificate.swarm_id != swarm_id:',
        'if not certificate.swarm_id:',
        TEST_CERTIFICATE,
    ),
    fault(
        'a revoked certificate is good once it has ended',
        CERTIFICATE,
        'if certificate.serial in revoked:',
        'if certificate.serial in revoked and now_s < certificate.not_after:',
        TEST_CERTIFICATE,
    ),
    fault(
        'a key with which anybody can sign is taken',
        CERTIFICATE,
        'if is_weak(self.sign_key):',
        'if self.sign_key == b"":',
        TEST_CERTIFICATE,
    ),
    fault(
        'the same certificate may be written in several ways',
        CANONICAL,
        'is_usual = write_object(fields) == data',
        'is_usual = bool(fields)',
        TEST_CERTIFICATE,
    ),
    fault(
        'the last of two fields with one name counts',
        CANONICAL,
        'if len(fields) != len(pairs):',
        'if not pairs:',
        TEST_CERTIFICATE,
    ),
    fault(
        'any signature under a trusted name is believed',
        TRUST,
        'if not signature_fits(key, signed.signature, signed.to_sign(signed.body)):',
        'if not signed.signature:',
        TEST_KEYRING,
    ),
    fault(
        'a signature of a list is not looked at',
        TRUST,
        'if key and not signature_fits(key, signature, signed.to_sign(signed.body)):',
        'if not signature:',
        TEST_KEYRING,
    ),
    fault(
        'a list may name keys that have not signed it',
        TRUST,
        'if unsigned:',
        'if unsigned and not signers:',
        TEST_KEYRING,
    ),
    fault(
        'a list needs no signature of a key that is trusted here',
        TRUST,
        'if not any(key_id(key) in signers for key in trusted):',
        'if not trusted:',
        TEST_KEYRING,
    ),
    fault(
        'an older list replaces a newer one',
        TRUST,
        'if after.number < before.number:',
        'if after.number < 0:',
        TEST_KEYRING,
    ),
    fault(
        'of two lists with one number the last one counts',
        TRUST,
        'if after.number == before.number:',
        'if after.number == 0:',
        TEST_KEYRING,
    ),
    fault(
        'who asks need not have the private key',
        TRUST,
        'if not signature_fits(request.sign_key, request.signature, '
        'request.to_sign(request.body)):',
        'if not request.signature:',
        TEST_AUTHORITY,
    ),
    fault(
        'only the group is kept from private files',
        FILES,
        'OTHERS = 0o077',
        'OTHERS = 0o070',
        TEST_FILES,
    ),
    fault(
        'a private file is readable until it is whole',
        FILES,
        'open(os.open(path, flags, 0o600), ',
        'open(os.open(path, flags, 0o644), ',
        TEST_FILES,
    ),
    fault(
        'files of another user are used',
        FILES,
        'if found.st_uid != os.geteuid():',
        'if found.st_uid < 0:',
        TEST_FILES,
    ),
    fault(
        'changes of two processes are not one after the other',
        FILES,
        'fcntl.flock(descriptor, fcntl.LOCK_EX)',
        'fcntl.flock(descriptor, fcntl.LOCK_SH)',
        TEST_FILES,
    ),
    fault(
        'the certificate is replaced before the list that it needs',
        ROBOT,
        '    if signed_list is not known:\n            write_private(folder / REVOCATIONS, '
        'signed_list.encode())\n        if papers.certificate is not None:\n            '
        'write_private(folder / CERTIFICATE, papers.certificate.encode())\n',
        '    if papers.certificate is not None:\n            '
        'write_private(folder / CERTIFICATE, papers.certificate.encode())\n        '
        'if signed_list is not known:\n            write_private(folder / REVOCATIONS, '
        'signed_list.encode())\n        if papers.certificate is not None:\n',
        TEST_ROBOT,
    ),
    fault(
        'keys that wait are forgotten when those in use are renewed',
        ROBOT,
        'kept = {_waiting_in(folder, signed)}',
        "kept = {''}",
        TEST_ROBOT,
    ),
    fault(
        'old papers replace newer ones',
        ROBOT,
        'if current is not None and certificate.not_before < current.certificate.not_before:',
        'if current is not None and certificate.not_before < 0:',
        TEST_ROBOT,
    ),
    fault(
        'papers for other keys are installed',
        ROBOT,
        '        raise IdentityRefused(refusal.reason, refusal.sentence)\n    '
        '_pair_of(folder, certificate)\n',
        '        raise IdentityRefused(refusal.reason, refusal.sentence)\n',
        TEST_ROBOT,
    ),
    fault(
        'a name in use is given to other keys',
        AUTHORITY,
        'if with_these or new_keys:',
        'if with_these is not None:',
        TEST_AUTHORITY,
    ),
    fault(
        'revoked keys get a certificate again',
        AUTHORITY,
        '        if why is not None:\n            raise',
        '        if why is not None and not why.reason:\n            raise',
        TEST_AUTHORITY,
    ),
    fault(
        'a key of the authority is retired while robots hang on it',
        AUTHORITY,
        '            if stranded:\n',
        '            if stranded and not left:\n',
        TEST_AUTHORITY,
    ),
    fault(
        'retired keys sign lists without end',
        AUTHORITY,
        'retired = held.retired[max(0, len(held.retired) - room):]',
        'retired = held.retired',
        TEST_AUTHORITY,
    ),
    fault(
        'a crash between register and list leaves the old list',
        AUTHORITY,
        '            authority._complete(register.load(folder))\n',
        '            pass\n',
        TEST_AUTHORITY,
    ),
    fault(
        'what was admitted stays so when a key of the authority is retired',
        KEYRING,
        '        self._certified = lru_cache(ADMITTED_MAX)(certified)\n',
        "        self._certified = getattr(self, '_certified', None) or "
        'lru_cache(ADMITTED_MAX)(certified)\n',
        TEST_KEYRING,
    ),
    fault(
        'a list that cannot be kept is not in force',
        KEYRING,
        '            self._use(replace(self._identity, signed_revocations=signed, '
        'revocations=found))\n            robot_folder.take_list(self.folder, signed)\n',
        '            robot_folder.take_list(self.folder, signed)\n            '
        'self._use(replace(self._identity, signed_revocations=signed, revocations=found))\n',
        TEST_KEYRING,
    ),
    fault(
        'a second authority is made beside robots that were enrolled',
        LOCAL,
        '    if enrolled:\n',
        '    if enrolled and not path:\n',
        TEST_LOCAL,
    ),
    fault(
        'a robot that waits for its papers gets keys of this machine',
        LOCAL,
        '    if asked:\n',
        '    if asked and not path:\n',
        TEST_LOCAL,
    ),
    fault(
        'a request is carried out twice',
        REQUESTS,
        'had = session.had(credential.sequence)',
        'had = False',
        TEST_REQUESTS,
    ),
    fault(
        'a request of any time is carried out',
        REQUESTS,
        'if not -CLOCKS_OFF_S <= age_s <= CLOCKS_OFF_S:',
        'if age_s != age_s:',
        TEST_REQUESTS,
    ),
    fault(
        'a request for another robot is carried out',
        REQUESTS,
        'if credential.recipient != self._robot_id:',
        "if credential.recipient == '':",
        TEST_REQUESTS,
    ),
    fault(
        'the certificate of somebody else will do',
        REQUESTS,
        'if certificate.robot_id != credential.caller:',
        'if certificate.robot_id == "":',
        TEST_REQUESTS,
    ),
    fault(
        'forged requests cost without a bound',
        REQUESTS,
        '            account.charge()\n            return caller',
        '            return caller',
        TEST_REQUESTS,
    ),
    fault(
        'a permission covers what begins with its letters',
        POLICY,
        "permission.startswith(f'{granted}.')",
        'permission.startswith(granted)',
        TEST_POLICY,
    ),
    fault(
        'a list is signed without its length',
        REQUEST_BYTES,
        '        found.append(_LENGTH.pack(len(value)))\n        for one in value:',
        '        for one in value:',
        TEST_REQUESTS,
    ),
)
