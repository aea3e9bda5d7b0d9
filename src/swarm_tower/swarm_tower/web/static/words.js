// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What the page says, a table for each part. A translation is another file like this one. Words
// only: nothing here looks at the picture.

import {bytes, clock, count, dateTime, plain, span} from './format.js';

export const NAV = {
  short: {leases: 'Leases', log: 'Elections', mind: 'Mind'}, // of titles that are long for a tab
  groups: {now: 'Now', work: 'Work', mind: 'Mind', history: 'History', more: 'More'},
  title: (view, swarm, waiting) => `${waiting ? `(${waiting}) ` : ''}${view ? `${view} · ` : ''}`
    + `${swarm ? `${swarm} · ` : ''}swarm tower`,
};

export const KEYS = {
  title: 'Keyboard', open: 'Keyboard', close: 'Close', on: 'Single keys work',
  help: 'Keys do nothing while you type in a field.', what: 'Key', does: 'What it does',

  go: (title) => `Go to ${title}`,
  filter: 'Search in this view', next: 'Next view', previous: 'Previous view',
  stop: 'Ask for the emergency stop (always works)', this: 'Show these keys',
  back: 'Close what is open',
};

export const HEADER = {
  recording: 'recording', asOf: (at) => `not live: as of ${at}`,
  leader: 'Leader', term: 'Term', commit: 'Commit', quorum: 'Quorum', mode: 'Mode', link: 'Link',
  about: (domain) => `control tower · ROS domain ${domain}`,
  verdicts: {
    split: 'no quorum / split view', no_leader: 'no leader', silent: 'no robot heard',
  },
  noQuorum: (leader) => `${leader} · no quorum`,
  logIndex: 'log index', noVoters: 'voters not known yet',
  voters: (source, needed) => `${needed} needed; as ${source} hears them`,
  noMode: 'no mode heard yet', noReason: 'no reason given',
  overridden: (mode) => `${plain(mode)} · override`,
  override: (mode, left) => `by ${mode.override_owner}: ${mode.override_reason}${left}; `
    + `policy would choose ${plain(mode.policy_mode)}`,
  left: (ms) => (ms > 0 ? `, ${span(ms)} left` : ', time is over'),
  down: 'tower not reached', connecting: 'connecting', noData: 'no data', silent: 'robots silent',
  live: 'live',
  since: (ms, at) => `since ${span(ms)}, retrying${at ? `; all below is of ${at}` : ''}`,
  dropped: (n) => ` · ${count(n, 'update')} dropped: this browser reads too slowly`,
  nothing: 'nothing heard yet', young: 'data < 1.5 s old',
  age: (ms) => `data ${span(ms)} old`,
};

export const BANNER = {
  dismiss: 'Dismiss',
  down: (ms, at) => `The tower has not been reached for ${span(ms)}; what is shown is of ${at}.`,
  downChecks: (host) => ['The page tries again by itself.',
    `is the tower's process running, and does it still serve ${host}?`,
    'the swarm itself needs no tower: it goes on'],
  restarted: (at) => `The tower was started anew and this page is connected again (${at}).`,
  restartedChecks: ['It shows what it has heard since; events of before are in the log of the '
    + 'robots and in recordings.'],
  anew: (at) => `The swarm was set up anew (${at}): its log begins again.`,
  anewChecks: (text) => [text, 'Jobs and modes of the old log are no longer shown.'],
  unsafe: (names) => `Security is off: ${names} believe whoever speaks on this network.`,
  unsafeChecks: ['start every robot with security:=sign, the default',
    'robots of several machines need keys of one authority: swarmctl keys'],
  split: 'Split view: the robots heard do not agree on a leader.',
  says: (leader, rows) => `${leader || 'nobody'} is named by ${rows}`,
  sayer: (r) => `${r.robot_id} (${plain(r.role)}, term ${r.term})`,
  noQuorum: (leader, text) => `No quorum: ${text}.`,
  noQuorumChecks: ['Nothing can be agreed on: jobs wait, and orders are rejected or not '
    + 'answered.', 'Robots go on with what they hold.'],
  noLeader: (text) => `No leader: ${text}.`,
  noLeaderChecks: ['An election takes about a second; if this stays, too few voters hear each '
    + 'other.'],
  unheard: (leader, text) => `The leader ${leader} is not heard here: ${text}.`,
  unheardChecks: ['Is it down (a new one is elected within seconds), or is only the tower cut '
    + 'off from it?'],
  protocol: 'Messages of another protocol version are ignored.',
  protocolCheck: (versions) => `versions heard: ${versions}`,
  names: 'Robots with an impossible name are ignored.',
  namesCheck: (names) => `names heard: ${names}`,
  override: (mode, left) => `Override in force: ${plain(mode.mode)}, by ${mode.override_owner}`
    + `${left}.`,
  overrideChecks: (mode) => [mode.override_reason || 'no reason given',
    `the policy would choose ${plain(mode.policy_mode)}`],
  alarms: (n) => `${count(n, 'alarm')} not acknowledged.`,
  alarmsLink: 'Show on the overview',
  stale: (names) => `Not heard for a moment: ${names}.`,
  silentMoment: (ms) => `No robot heard for ${span(ms)} …`,
  listening: (where) => `Listening for robots ${where} …`,
  where: (domain, swarm) => `on ROS domain ${domain} of swarm '${swarm}'`,
  silent: (where, ms) => `No robot heard ${where} for ${span(ms)}.`,
  others: (names) => `other swarms are heard here: ${names}; is one of them meant? `
    + 'Then set swarm_id of the tower.',
  swarmId: 'swarm_id: is it the same for the robots and the tower?',
  domain: (domain) => `ROS_DOMAIN_ID: do the robots use ${domain} too?`,
  rmw: (name) => `RMW_IMPLEMENTATION: the tower uses ${name}; robots with another one may not be `
    + 'heard',
  range: (name) => (name ? `ROS_AUTOMATIC_DISCOVERY_RANGE is ${name} for the tower`
    + (name === 'LOCALHOST' ? ': it hears robots on its own machine only'
      : name === 'OFF' ? ': it looks for nobody' : '; LOCALHOST reaches one machine only')
    : 'ROS_AUTOMATIC_DISCOVERY_RANGE: LOCALHOST reaches robots on this machine only'),
  network: 'are the robots running, and does the network let multicast through?',
};

export const ALARMS = {
  title: 'Alarms', none: 'No alarm.',
  noneSeen: (n) => `No alarm that waits for you; ${n} acknowledged here.`,
  notYet: 'Not known: no robot is heard.', seen: 'Acknowledge', seenAll: 'Acknowledge all',
  seenLabel: (text) => `Acknowledge: ${text}`,
  help: 'Acknowledging is kept in this browser; it changes nothing in the swarm.',
  isSeen: 'acknowledged', ongoing: 'now', past: 'was', show: 'Show acknowledged',
  hide: 'Hide acknowledged',
  emergency: (row) => `Emergency stop by ${row.raised_by || 'unknown'}`
    + `${row.reason ? `: ${row.reason}` : ''}`,
  lost: (id, at) => `${id} lost: last heard ${clock(at)}`,
  no_quorum: (v) => `No quorum: ${v.text}`,
  split: (v) => `Split view: ${v.text}`,
  unheard: (v) => `Leader not heard: ${v.text}`,
  no_leader: (v) => `No leader: ${v.text}`,
  silent: 'No robot is heard any more',
  regime: (name, now) => `Regime alarm: ${plain(name || 'several looks agree on a bad one')}`
    + (now === name ? '' : `; now ${plain(now)}, not yet called off`),
  event: (e, times) => `${plain(e.kind)}: ${e.text}${times > 1 ? ` (${times} times)` : ''}`,
  spoken: (texts) => `Alarm. ${texts.slice(0, 3).join('. ')}`
    + (texts.length > 3 ? `. And ${count(texts.length - 3, 'more alarm')}` : ''),
};

export const OVERVIEW = {
  organism: 'Organism', jobs: 'Jobs', signals: 'Swarm consciousness', robots: 'Robots',
  events: 'Latest events', allJobs: 'all jobs', eachRobot: 'each robot', allEvents: 'all events',
};

export const ORGANISM = {
  none: 'robots appear here as soon as they are heard', waiting: 'waiting',
  list: 'The same as a list',
  legend: ['line: names this robot as its leader', 'crown: leads', 'triangle: stale',
    'cross: lost'],
  leads: 'leads', follows: (leader) => `names ${leader}`, namesNobody: 'names nobody',
  was: (leader) => `last named ${leader || 'nobody'}`,
  presence: {fresh: 'live', stale: 'stale', lost: 'lost', unheard: 'never heard'},
  running: (n) => `${n} running`,
  describe: (robots, leader, waiting) => `Swarm: ${robots || 'no robots'}. Leader: `
    + `${leader || 'nobody'}. ${waiting} jobs wait.`,
};

export const DIAGNOSTICS = {
  title: 'Diagnostics of all robots', filter: 'Filter diagnostics',
  filterHint: 'robot, task, message  ( / )', onlyBad: 'only what is not ok',
  none: 'Nothing heard on /diagnostics. Robots publish it once a second: is one running?',
  noneFit: 'Nothing fits.', other: 'other nodes', hardwareId: 'hardware_id', name: 'name',
  last: (said, message) => `no longer heard; last ${plain(said)}: ${message}`,
  since: (age) => `for ${age}`,
};

export const ROBOTS = {
  title: 'Robots', none: 'No robot heard yet.', hardware: 'this robot from close by',
  columns: {
    robot: ['Robot', ''], heard: ['Heard', 'by this tower'],
    phase: ['Phase', 'as the swarm has agreed in its log'],
    health: ['Health', 'the worst of what it says on /diagnostics'],
    faults: ['Faults', 'refused, malformed or late messages since it started'],
    role: ['Role', ''],
    voter: ['Voter', ''], starts: ['Starts', 'how often it has started'],
    term: ['Term', ''], applied: ['Applied', 'log index'],
    mode: ['Acts under', 'the mode of the swarm, or a more cautious one of its own'],
    battery: ['Battery', 'charge'],
    cpu: ['CPU', 'busy share of all cores'], jobs: ['Jobs', 'running / held (slots)'],
    signals: ['Signals', 'arousal, curiosity, confidence, stability, pressure'],
  },
  filter: 'Filter robots', filterHint: 'name, role, phase  ( / )',
  sort: 'Sort by', sorts: {name: 'name', trouble: 'trouble first', health: 'least healthy first',
    faults: 'most faults first', busy: 'busiest first', charge: 'emptiest first'},
  health: (level, task) => (level === 'ok' ? level : `${level}: ${task}`),
  noHealth: 'nothing heard of this robot on /diagnostics',
  shown: (shown, all) => (shown === all ? count(all, 'robot') : `${shown} of ${all} robots`),
  live: 'live', never: 'never heard',
  last: (presence, at, ms) => `${presence}, last ${at} (${span(ms)} ago)`,
  notMember: 'not a member', was: (role) => `was ${plain(role)}`,
  leads: 'leads the swarm', yes: 'yes', no: 'no', noLearner: 'no learner heard',
};

export const ACTS = {
  unreached: 'the tower was not reached; it may have happened all the same',
  late: 'no answer in time; it may have happened all the same',
  unknown: (why) => `${why}; it may have happened all the same`,
  wrongToken: 'Wrong token: the tower does not know it.',
  noAnswer: 'The tower was not reached; the token was not tried.',
  noJson: 'an answer that is no JSON',
};

export const PIECES = {
  why: 'Why?', asking: 'Asking …', by: (robot) => `answered by ${robot}`,
  from: (who, term, age) => `from ${who}, term ${term}, heard ${age} ago`,
  silent: (who) => `; ${who} is not heard any more, so this may be old`,
  itsSender: 'its sender',
};

export const PLOT = {none: 'no figures yet', failed: 'the plot could not be loaded'};

export const TRAVEL = {
  label: 'Time travel', open: 'Go back in time …', recording: 'Recording', live: 'Back to live',
  play: 'Play', pause: 'Pause', slider: 'Time of the recording', speed: 'Speed', back: '−10 s',
  on: '+10 s', backTitle: '10 seconds back', onTitle: '10 seconds on',
  of: (at, age) => `as of ${at}${age}`, ago: (ms) => `, ${span(ms)} ago`,
  replay: 'A recording only: no swarm is behind this page.',
  past: 'Not live: all below is of that time.',
  wrong: (why) => `Not shown: ${why}.`,
};

export const ACT_DIALOG = {
  cancel: 'Cancel', close: 'Close', go: 'Do it', again: 'Try again',
  pending: 'Asked; waiting for the swarm to answer …',
  rejected: (why) => `Rejected, nothing was done: ${why}`,
  unknown: (why) => `Not known: ${why}.`,
  readOnly: 'This page is read-only: it has no token.',
  observer: (name) => `The token of ${name} only shows; to act, another one is needed.`,
  how: 'Open the link with #token= that was printed where the swarm was started, or paste a '
    + 'token of the tower.',
  file: (file) => `Tokens are in ${file} on the machine of the tower.`,
  token: 'Token', use: 'Use this token', forget: 'Forget the token',
  title: 'Token needed', you: (name, role) => `You act as ${name} (${role}).`,
  locked: 'read-only: needs a token',
  past: 'The page shows the past; this acts on the swarm as it is now.',
};

export const ACT_HEADER = {
  stop: 'STOP', stopTitle: (key) => `Emergency stop of all robots (key ${key})`,
  stopAsk: 'Emergency stop of all robots?',
  stopText: 'Running jobs are ended and none is started until an operator clears it. This is a '
    + 'stop by software over a network; it replaces no safety-rated emergency stop.',
  stopGo: 'Stop all robots now', stopReason: 'stopped from the page of the tower',
  reason: 'Reason', reasonHelp: 'Goes into the log of the swarm.',
  clearStop: 'Clear the emergency …', clearStopAsk: 'Clear the emergency?',
  clearStopText: (row) => `It was raised by ${row.raised_by || 'unknown'}: `
    + `${row.reason || 'no reason given'}. Robots take jobs again once the swarm has agreed.`,
  then: 'At that time: ',
  stopped: (row) => `Emergency stop (epoch ${row.epoch}), raised by ${row.raised_by || 'unknown'}`
    + `${row.reason ? `: ${row.reason}` : ''}. ${row.heard
      ? `${row.stopped} of ${row.heard} robots heard have stopped.` : 'No robot is heard.'}`,
  override: 'Override …', overrideAsk: 'Decide the mode for a time',
  overrideText: 'The swarm keeps this mode until the time is over or the override is cleared.',
  overrideGo: 'Override', mode: 'Mode', duration: 'Minutes', minutes: 'At most 10080 (a week).',
  clear: 'Clear override …', clearAsk: 'Clear the override?',
  clearText: (mode) => `The policy would choose ${plain(mode)}.`, clearGo: 'Clear',
  nobody: 'read-only', who: (name, role) => (name === role ? name : `${name} · ${role}`),
  trouble: (who) => `${who} · token not accepted`,
  whoTitle: 'Who this page acts for; give it a token',
};

export const ACT_JOBS = {
  submit: 'Submit a job …', submitAsk: 'Submit a job', submitGo: 'Submit',
  submitText: 'It runs on whichever robot suits it best; programs have to be on the allow-list '
    + 'of the robots.',
  kind: 'Kind', exec: 'a program', python: 'a Python function', argv: 'Program and arguments',
  argvHelp: 'One per line; no shell reads them.', callable: 'Function',
  callableHelp: 'module:function, as the robots’ configuration names it.', args: 'Arguments',
  argsHelp: 'JSON: a list, or an object by name; empty = none.', inputs: 'Input files',
  inputsHelp: 'Absolute paths on the machine of the asked robot, one per line.',
  outputs: 'Output files', outputsHelp: 'Names in the job’s folder that come back, one per line.',
  outputDir: 'Put outputs into', outputDirHelp: 'A folder there; empty = kept by the robots.',
  requires: 'Requires', requiresHelp: 'Capabilities, one per line; empty = any robot.',
  priority: 'Priority', priorityHelp: 'Higher goes first; 0 is usual.', labels: 'Labels',
  labelsHelp: 'One per line.', robot: 'Ask', anyRobot: 'the leader, or any robot',
  noArgv: 'Program and arguments: expected at least one line.',
  noCallable: 'Function: expected module:function.',
  badArgs: 'Arguments: expected a JSON list or object.',
  cancel: 'Cancel …', cancelAsk: (id) => `Cancel ${id}?`, cancelGo: 'Cancel the job',
  cancelText: 'Whatever it has done up to now stays done.',
  retry: 'Retry …', retryAsk: (id) => `Run ${id} again?`, retryGo: 'Run again',
  retryText: 'With all its attempts anew.',
};

export const ACT_ROBOTS = {
  open: 'Act …', openLabel: (id) => `Act on ${id}`, close: 'Close',
  add: 'Add a member …', addAsk: 'Add a member', addGo: 'Add', robot: 'Robot',
  addText: 'It follows the log of the swarm without a vote; promote it once it has caught up.',
  promote: 'Promote to voter …', promoteAsk: (id) => `Let ${id} vote?`, promoteGo: 'Promote',
  promoteText: 'Refused until it has caught up with the log.',
  demote: 'Take its vote …', demoteAsk: (id) => `Take the vote of ${id}?`, demoteGo: 'Demote',
  demoteText: 'It goes on following and working. Fewer voters bear fewer losses.',
  remove: 'Remove …', removeAsk: (id) => `Remove ${id} from the swarm?`, removeGo: 'Remove',
  removeText: 'Its jobs go to others. A removed robot has to be added again to come back.',
  lead: 'Let it lead …', leadAsk: (id) => `Let ${id} lead?`, leadGo: 'Hand over',
  leadText: 'The old leader goes on where the other does not take over in time.',
  transfer: 'Hand over leadership …', transferAsk: 'Hand over leadership', to: 'To',
  fittest: 'the fittest voter', freeze: 'Freeze learning …',
  freezeAll: 'Freeze learning everywhere …',
  freezeAsk: (who) => `Learning of ${who}`, everyone: 'all robots that are heard',
  freezeText: 'What was learned goes on being used while learning stands still.',
  freezeGo: 'Do it', what: 'Learning', stop: 'stands still', resume: 'goes on', minutes: 'Minutes',
  minutesHelp: 'Then it goes on by itself; 0 = until it is told.',
  rescan: 'Look for hardware …', rescanAsk: (id) => `Have ${id} look for its hardware anew?`,
  rescanGo: 'Look',
};

export const ACT_TRAY = {
  label: 'What was asked for', hide: 'Hide', again: 'Ask again',
  states: {pending: 'pending', committed: 'committed', rejected: 'rejected', unknown: 'not known'},
};

export const EVENTS = {
  title: 'Events', pause: 'Pause', goOn: 'Go on', export: 'Export as JSON lines',
  search: 'Filter events by text', place: 'kind, subject, text  ( / )', kinds: 'all kinds',
  kind: 'Kind', severity: 'Least severity', subject: 'Subject', subjects: 'all subjects',
  since: 'Time', always: 'all that is kept',
  none: 'Nothing has happened since the tower started listening.',
  noFit: 'No event fits the filters.',
  link: (seq) => `link to event ${seq}`,
  gone: (seq) => `Event ${seq} is not (or no longer) known to this page.`,
  one: (seq) => `Event ${seq} is marked.`,
  lastMinute: 'last minute', lastHour: 'last hour', allSeverities: 'all severities',
  warningsAndErrors: 'warnings and errors', errorsOnly: 'errors only',
  some: (rows, all, waiting) => `${rows} shown of ${all}`
    + (waiting ? `; ${count(waiting, 'new one')} wait` : ''),
  entry: (index) => `log ${index}`, seenBy: (robot) => `seen by ${robot}`,
  cause: (id) => ` · because of ${id}`,
};

export const FILES = {
  title: 'Files', robot: 'Robot', use: 'Use', sha: 'SHA-256 begins with', asking: 'Asking …',
  none: 'This robot has stored no file that fits.', nobody: 'No robot is heard.', every: 'any use',
  more: 'Next page', first: 'First page', unnamed: 'unnamed',
  shown: (shown, all, robot) => `${shown} of ${all} shown, longest unused first; from ${robot}`,
  needed: 'a job needs it', coming: 'on its way', name: 'Name', size: 'Size', here: 'Here',
  unusedFor: 'Unused for', from: 'From', cached: 'Cached, nobody needs it',
  free: 'Free on the disk', damaged: 'Set aside as damaged', sent: 'Sent since the start',
  received: 'Received',
  share: (used, all) => `${used} of ${all}`,
};

export const HARDWARE = {
  how: 'How was it identified, and what was ruled out?', robot: 'Robot',
  noRobot: 'No robot heard yet, so there is no hardware to show.', board: 'Board',
  machine: 'Machine', cpuCores: 'CPU cores', memory: 'Memory', devices: 'Devices',
  revision: 'Revision', noDevice: 'This robot found no device.', modelUnknown: 'model unknown',
  computeUnits: 'Compute units', notLooked: 'Could not be looked at',
  unnamedDevice: 'unnamed device', serial: 'Serial', driver: 'Driver', path: 'Path',
  partOf: 'Part of', couldBe: 'Could be', kind: 'Kind', state: 'State', heldBy: 'Held by',
  topics: 'Topics', frame: 'Frame', capabilities: 'Capabilities', attached: 'Attached',
  noEvidence: 'no evidence given',
  none: (id) => `No inventory heard from ${id} on /${id}/hardware/inventory; does it run `
    + 'hw_discovery?',
  cores: (n) => count(n, 'core'), evidence: (n) => `${count(n, 'piece')} of evidence`,
  unknown: 'unknown',
};

export const JOB = {
  choose: 'Choose a job to see its story.', close: 'Close',
  audit: 'An audit: a learner has finished work of another robot done again, to check it. It comes '
    + 'after all other work, and is left out where there is no room for it before its deadline. '
    + 'No work is lost by that.',
  unknown: (id) => `Job ${id} is not known here. It may be older than what is kept.`,
  story: 'Story', asking: 'Asking for the story …', noStory: 'Nothing is told of it.',
  routing: 'Why there',
  noRouting: 'No routing decision is kept: it was never granted, or long ago.', chosen: 'chosen',
  outputs: 'Outputs', noOutputs: 'none yet', facts: 'All facts', log: 'What it wrote',
  cancel: 'Cancel', retry: 'Run again', reason: 'Why?',
  cancelTitle: (id) => `Cancel ${id}?`, retryTitle: (id) => `Run ${id} again?`,
  later: (ms) => `${span(ms)} later`, entry: (index) => `log ${index}`,
  route: 'Route', success: 'Success', cost: 'Cost', whyNot: 'Why not', wait: 'Wait', work: 'Work',
  transfer: 'Transfer', closeLabel: 'Close the detail', robot: 'Robot',
  computeUnit: 'Compute unit', notChosen: 'not chosen', attempt: 'Attempt',
  losses: 'Lost with their robot', failed: 'Failed', stolen: 'Stolen',
  fencingToken: 'Fencing token', noToken: 'never granted', exitCode: 'Exit code',
  progress: 'Progress', noProgress: 'none reported', result: 'Result', runTime: 'Run time',
  kind: 'Kind', stageOf: 'Stage of', noPipeline: 'no pipeline', deadline: 'Deadline',
  waitsUntil: 'Waits until', noWait: 'it does not', command: 'Command', origin: 'Origin',
  delivered: ', has the outputs', effects: 'Effects', priority: 'Priority',
  defaultTimeout: "the robot's default", requires: 'Requires',
  noNeeds: 'nothing special', labels: 'Labels', submitted: 'Submitted', phaseSince: 'Phase since',
  knownBy: 'Known by',
  signal: (n) => `ended by signal ${n}`,
  ofAtMost: (n, most) => `${n} of at most ${most}`,
  retried: (n, times) => `${n}, tried again ${times} times at most`,
  moves: (n) => (n ? `${n} times` : 'never'),
  timeout: 'Time-out', none: 'none', empty: 'empty', index: (n) => `log index ${n}`,
};

export const JOB_LOG = {
  stream: 'Stream', follow: 'Follow', following: 'Following', reading: 'Reading …',
  never: 'It has not been granted to a robot, so nothing has been written.',
  nothing: 'Nothing was written.', nothingYet: 'Nothing has been written yet.',
  cut: 'The beginning is left out here.', dropped: (n) => `${bytes(n)} in the middle were dropped.`,
  size: (n, robot, attempt) => `${n ? bytes(n) : 'empty'}, attempt ${attempt} on ${robot}`,
  ended: 'ended', open: 'more may come', label: 'What the job wrote',
};

export const QUEUES = {
  title: 'Queues', nobody: 'not granted yet', none: 'nothing waits', unknown: 'no reason told',
  some: (n) => `of the ${n} jobs known here`, all: '',
  robot: 'Robot', heard: 'Heard', running: 'Running', runningHelp: 'of its slots',
  granted: 'Granted', grantedHelp: 'and not begun', oldest: 'Oldest',
  oldestHelp: 'that has not begun', work: 'Work', workHelp: 'predicted, in what it holds',
  because: 'Waiting because',
};

export const LEASES = {
  leases: 'Leases', services: 'Services', asking: 'Asking …', noLeases: 'Nobody holds a resource.',
  noServices: 'No service is registered that fits.', filter: 'Filter by resource or holder',
  name: 'Name', where: 'Conditions, as in floor >= 2',
  find: 'Find', by: (a, when) => `${a.found} found; log index ${a.log_index} on ${a.answered_by}, `
    + `asked ${when} ago`,
  left: (ms) => `${span(ms)} left`, over: 'over', life: 'as long as its robot lives',
  resource: 'Resource', holder: 'Holder', through: 'Through', token: 'Token',
  tokenHelp: 'fencing: rises with every grant', granted: 'Granted', ends: 'Ends',
  waiting: 'Waiting', robot: 'Robot', interface: 'Interface', address: 'Address',
  metadata: 'Metadata', until: 'Until', log: 'Log', notRos: 'none of ROS',
};

export const LOG = {
  sights: 'Who sees whom', log: 'Log positions', terms: 'Terms and votes',
  asking: 'Asking every robot …',
  howSights: 'Each row is what one robot says: whom it names as leader, and how long ago it heard '
    + 'each of the others.',
  noRobots: 'No robot is heard, so nobody can be asked.',
  howLog: 'Behind is counted from the highest commit index among the robots that answered.',
  howTerms: 'What this tower overheard since it started. Votes that were lost on the way to the '
    + 'tower are missing here, though not in the swarm.',
  noTerms: 'No election and no leader heard yet.', never: 'never', self: 'itself',
  silent: 'no answer', nobody: 'nobody', unasked: 'not heard', yes: 'yes', no: 'no',
  unknownLeader: 'no leader is known of it', transfer: 'asked for by the old leader',
  began: (at) => `first heard ${at}`, took: (ms) => `, leader known ${span(ms)} later`,
  pre: 'Only asked whether', real: 'Votes', none: 'no vote heard', firstKept: 'First kept',
  last: 'Last', commit: 'Commit', applied: 'Applied', behind: 'Behind', write: 'Slowest write',
  writeHelp: 'p99, measured at its start', lineage: 'Lineage', lineageHelp: 'forced recoveries',
  vote: 'Vote', robot: 'Robot', role: 'Role', names: 'Names', term: 'Term', voters: 'Voters',
  named: (leader, term) => `${leader} in term ${term}`,
  all: (said) => `all name ${said}`, differ: (said) => `they disagree: ${said.join('; ')}`,
  noAnswer: (n) => `; ${count(n, 'robot')} gave no answer`, heard: (id) => `heard ${id}`,
  of: (n, all) => `${n} of ${all}`, notBehind: 'none', led: (leader) => `${leader} led`,
  title: (term) => `Term ${term}`, lastEntry: (index, term) => ` (log ${index}, of term ${term})`,
};

export const COURSE = {
  course: 'Swarm consciousness over time', signals: 'Signals of each robot',
  noCourse: 'No aggregate heard yet; it comes from the learner of the leader on '
    + '/swarm/consciousness. Does the leader run swarm_learning?',
  regime: 'Regime',
  noRegime: 'No regime heard yet; the learner of the leader tells it on /swarm/regime.',
  alarm: 'alarm: several looks agree on a bad regime', strip: 'Regimes since the tower listens',
  whyRegime: 'Why this regime?',
  worst: (robot) => `; least stable: ${robot}`,
  model: 'Model', distance: 'Distance',
  from: (robots, spread) => `from ${count(robots, 'robot')}, spread ${spread}`,
  limit: (distance, limit) => `${distance} of at most ${limit} standard deviations`,
  lasted: (ms, alarm) => `${alarm ? ', alarm' : ''}, for ${span(ms)}`,
};

export const MEMORY = {
  title: 'Memory', window: 'Window', whose: 'Whose', channels: 'Figures', kind: 'Kind of event',
  ask: 'Ask the memory', all: 'the whole swarm', asking: 'Asking …',
  idle: 'The memory keeps summaries of what the robots have lived through. Choose a window and ask.',
  nothing: 'The memory has nothing in this window.',
  channelsHelp: 'all; or names with commas between', kindHelp: 'any',
  said: (a) => `${count(a.events, 'event')} in ${count(a.blocks, 'summary', 'summaries')} of `
    + `${a.robots.join(', ') || 'nobody'}, from ${dateTime(a.begin_ms)} to ${dateTime(a.end_ms)}`
    + `${a.edge_ms ? ` (edges rounded by up to ${span(a.edge_ms)})` : ''}; answered by `
    + `${a.answered_by}`,
  figures: 'Figures', counted: 'Counted', remarkable: 'What stood out', why: 'What is kept here?',
  lastHour: 'last hour', lastDay: 'last day', lastWeek: 'last week', figure: 'Figure',
  values: 'Values', mean: 'Mean', deviation: 'Deviation', least: 'Least', median: 'Median',
  most: 'Most',
};

export const POLICY = {
  choice: 'Choice of the mode',
  noChoice: 'No choice heard yet; the learner of the leader tells it on /swarm/policy.',
  proposes: 'It proposes only: what is in force is decided through the log.',
  explored: 'chosen to learn, not as the best', frozen: 'frozen: it does not learn',
  may: 'may be chosen', masked: (reason) => `masked: ${reason}`, best: 'chosen',
  second: 'runner-up', whyMode: 'Why this mode?', table: 'Learned values',
  inForce: 'Mode in force',
  noTable: 'No table heard yet. A learner that follows rules only has none.',
  noFigures: 'The table came without figures: their number does not fit its modes.',
  hint: 'Rows: situations. Columns: modes that could be chosen. Marked is the best of each row; '
    + 'striped was never tried. Arrow keys move, the details stand below.',
  none: 'Choose a cell to read it.', now: 'now', mode: 'Mode', expected: 'Expected',
  visits: 'Visits', allowed: 'May it be chosen?', situation: 'Situation', decidedBy: 'Decided by',
  decisions: 'Decisions', exploresNow: 'Explores now', reward: 'Reward',
  rewardCourse: 'Reward of the decisions', rewardCurves: ['average of the last 100', 'last'],
  changesOfMode: 'Changes of mode', checkpoint: 'Checkpoint', noCheckpoint: 'none recorded yet',
  decided: (n, explored) => `${n}, ${explored} of them to learn`,
  rewards: (mean, last) => `${mean} on average, ${last} last`,
  changes: (n) => `${n} in 100 decisions`, otherBest: 'best',
  value: (mode, action, value, visits) => `${mode} in force → ${action}: value ${value}, `
    + `${visits ? count(visits, 'visit') : 'never tried'}`,
};

export const LEARNED = {
  reputation: 'Reputation', routes: 'Routes', models: 'Learned files',
  noReputation: 'No reputation heard yet; the learner of the leader tells it on '
    + '/swarm/reputation.',
  noRoutes: 'No route has been learned yet; the learner of the leader tells them on '
    + '/swarm/route_costs once jobs have ended.',
  noModels: 'The swarm has recorded no learned file in its log yet.',
  audits: (list) => `Audits asked for: ${list.join('; ')}`, noAudits: 'No audit is asked for.',
  newcomer: 'newcomer: a fair start', lead: 'may lead', notLead: 'not preferred as leader',
  open: 'open', ejected: 'kept away', filter: 'Filter routes by task or robot',
  shown: (shown, told) => `${shown} shown of ${count(told, 'route')}`,
  mean: 'Mean', meanHelp: 'belief in its work', atLeast: 'At least',
  leastHelp: 'mean less one standard deviation; what is used', forAgainst: 'For / against',
  receiptsHelp: 'weighted receipts', believed: 'Believed',
  believedHelp: 'how far its own judgements count', stealsHelp: 'helpful / useless',
  receipts: 'Receipts', steals: 'Steals', standing: 'Standing', task: 'Task', robot: 'Robot',
  unit: 'Unit', cost: 'Cost', costHelp: 'what is compared; lower is better', work: 'Work',
  wait: 'Wait', waitHelp: 'backlog', success: 'Success', quality: 'Quality',
  qualityHelp: 'from reputation', seen: 'Seen', state: 'State', why: 'Why', name: 'Name',
  version: 'Version', what: 'What', size: 'Size', heldBy: 'Held by', log: 'Log',
  recorded: 'Recorded', wholeRobot: 'whole robot', priorOnly: 'prior only',
  raters: (receipts, robots) => `${receipts} of ${count(robots, 'robot')}`,
};

export const RECORDINGS = {
  recorder: 'Flight recorder', kept: 'Saved', ring: 'Running record',
  off: 'This tower records nothing. Set its parameter recorder_dir to a folder.',
  replay: (name) => `This page replays ${name}; nothing is recorded.`,
  asking: 'Asking the tower …', unreached: (why) => `Not known: ${why}.`,
  save: (s) => `Save the last ${s} s …`, saveTitle: 'Save what was recorded',
  saveText: (s) => `Copies the last ${s} s into a file that stays.`,
  saveGo: 'Save', reason: 'Reason', reasonHelp: 'Goes into its name and its description.',
  noneKept: (s) => `Nothing has been saved. The last ${s} s are saved by an event of severity `
    + 'error, an alarm of the regime, an emergency stop, or by hand.',
  noneRing: 'Nothing has been recorded yet.',
  columns: ['Recording', 'Begins', 'Length', 'Size', 'Messages', 'Reason', ''],
  show: 'Show', download: 'Download', alarm: 'alarm', hand: 'by', open: 'still written',
  how: 'A downloaded file opens in Foxglove, Lichtblick, PlotJuggler and ros2 bag, and with '
    + 'swarm_replay FILE on this page.',
  lost: (n) => `${count(n, 'message')} lost`, unknown: (n) => `${n} of unknown types`,
  written: (n, folder) => `${count(n, 'message')} written into ${folder}`,
  room: (ring, kept) => `room for ${ring} and ${kept} of saved ones`,
};

export const ROBOT = {
  all: 'All robots', unknown: (id) => `No robot ${id} is known here. It is shown once it has been `
    + 'heard or is a member.',
  closer: 'The tower listens to this robot closely while this page is open.',
  lost: 'This robot is not heard; what follows is what it said last, or nothing.',
  mind: 'Local consciousness', noMind: 'No learner heard on this robot (/consciousness).',
  whyMind: 'Why these figures?', reasons: 'What weighs most', state: 'What it knows of itself',
  noState: 'Nothing heard on /local_state yet.', sensors: 'Sensors',
  noTopics: 'No topic of this robot carries figures of a known kind yet.', jobs: 'Jobs',
  noJobs: 'No job is or was here, as far as is known.', learned: 'Learned of it',
  noLearned: 'Nothing has been learned of this robot yet.',
  hardware: 'Hardware', noHardware: (id) => `No inventory heard from ${id} on `
    + `/${id}/hardware/inventory; does it run hw_discovery?`,
  frozen: (why_) => `frozen: ${why_ || 'no reason given'}`, learns: 'learns',
  job: 'Job', phase: 'Phase', attempt: 'Attempt', what: 'What', since: 'Since', task: 'Task',
  unit: 'Unit', cost: 'Cost', success: 'Success', quality: 'Quality', seen: 'Seen', role: 'Role',
  voter: 'Voter', mode: 'Mode', namesAsLeader: 'Names as leader', term: 'Term', applied: 'Applied',
  slots: 'Slots', starts: 'Starts', lastHeard: 'Last heard', memoryUsed: 'Memory used',
  diskFree: 'Disk free', battery: 'Battery', noGauge: 'no gauge, or stale', workHeld: 'Work held',
  jobsDone: 'Jobs done', jobsFailed: 'Jobs failed', faultsSeen: 'Faults seen',
  leaderChanges: 'Leader changes', worstDelay: 'Worst delay', slowestWrite: 'Slowest write',
  wholeRobot: 'whole robot', priorOnly: 'prior only', reputation: 'Reputation', because: 'Because',
  receipts: 'Receipts', steals: 'Steals', itsLearner: 'Its learner', learnedFrom: 'Learned from',
  dropped: 'Dropped', memory: 'Memory', timeOfATick: 'Time of a tick', checkpoint: 'Checkpoint',
  policies: 'Policies',
  heard: (ms) => `heard ${span(ms)} ago; counted since it started`,
  counted: (held, shown, all) => `${count(held, 'job')} held now; ${shown} shown of ${all} that `
    + 'are known here',
  unknownFigure: 'unknown', cpu: 'CPU',
  memoryOf: (events, blocks) => `${count(events, 'event')} in `
    + `${count(blocks, 'summary', 'summaries')}`,
  away: (task) => `${task} (kept away)`,
  reputed: (mean, least) => `${mean}, at least ${least}`,
  raters: (receipts, robots) => `${receipts} of ${count(robots, 'robot')}`,
  stealing: (helpful, useless) => `${helpful} helpful, ${useless} useless`,
  tick: (mean, most) => `${mean} µs, ${most} µs at most`, empty: 'empty', none: 'none',
};

export const ROBOT_LIVE = {
  judged: 'As the robot judges them', silent: 'silent', rate: (hz) => `${hz} Hz`,
  values: 'Last values', curves: 'Curves of', single: 'all figures', diagnostics: 'Diagnostics',
  none: 'Nothing heard of this robot on /diagnostics. Is it published with its id as hardware_id?',
  device: 'Device', state: 'State', rateHead: 'Rate', lastReading: 'Last reading', why: 'Why',
  noneYet: 'none yet', noNumber: 'no number',
};

export const API = {
  old: (error) => `${error}; shown is what was said before`,
  notRecorded: 'not part of a recording; go back to live to ask for it',
  late: 'the tower did not answer in time', unreached: 'the tower was not reached',
  noJson: 'an answer that is no JSON',
};

export const CONSCIOUSNESS = {
  arousal: 'how strongly the swarm is driven', stability: '1 = no faults, steady load',
  pressure: 'waiting work against capacity',
  none: "No aggregate heard yet; it comes from the leader's learner.",
  noRobot: 'No robot heard yet.', robot: 'Robot',
  worst: (robot) => `; least stable: ${robot}`,
  from: (robots, spread, worst, sender, ms) => `from ${count(robots, 'robot')}, spread ${spread}`
    + `${worst}; computed by ${sender}, heard ${span(ms)} ago`,
};

export const JOBS = {
  title: 'Jobs', detail: 'Job in detail', noneHeard: 'No job heard of yet.',
  none: 'No job in the swarm.', filterHint: 'id, robot, kind, label, reason  ( / )',
  filterText: 'Filter jobs by text', filterPhase: 'Filter jobs by phase', allPhases: 'all phases',
  nothingYet: 'no job heard yet; submit one with the swarm command', phase: 'Phase',
  robot: 'Robot', attempt: 'Attempt', what: 'What', runTime: 'Run time', submitted: 'Submitted',
  job: 'Job',
  ended: (n, all) => `${n} of ${count(all, 'job')} ended`,
  audit: (what) => `audit: ${what}`,
  droppedAudits: (n) => `${n} expired ${n === 1 ? 'one is an audit' : 'ones are audits'}, checks by `
    + 'the learners that come after all other work: left out, no work was lost.',
  newest: (shown, all) => `newest ${shown} of ${all}`,
  shown: (shown, all, dropped) => `${shown} shown, ${all} known`
    + (dropped ? `; ${dropped} older ones are not kept here` : ''),
};

export const VIEWS = {
  overview: 'Overview', robots: 'Robots', jobs: 'Jobs', mind: 'Swarm mind',
  log: 'Elections and log', leases: 'Leases and services', files: 'Files', events: 'Events',
  hardware: 'Hardware', diagnostics: 'Diagnostics',
  recordings: 'Recordings',
};
