# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Does what `work` tells it, to show how the runner deals with programs of ours."""

import json
import os
import sys
from pathlib import Path

document = json.load(sys.stdin)
work = document['work']
result = int(os.environ['SWARM_RESULT_FD'])
os.write(int(os.environ['SWARM_PROGRESS_FD']), b'progress 50% at work\n')
for name in document['outputs']:
    Path(name).write_text(' '.join(document['inputs']))
if work['result'] == 'tell':
    document['ros'] = os.environ.get('ROS_DOMAIN_ID', '')
    document['secret'] = os.environ.get('SECRET_OF_THE_ROBOT', '')
    os.write(result, json.dumps(document).encode())
elif work['result'] == 'in pieces':
    for piece in (b'[1', b',2', b',3]\n'):
        os.write(result, piece)
else:
    os.write(result, b'x' * int(work['result']))
if work['code']:
    sys.exit('no such service')
