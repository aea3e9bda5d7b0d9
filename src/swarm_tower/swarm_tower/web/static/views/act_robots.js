// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Buttons for robots: membership, leadership, learning, hardware. For any view to put somewhere.

import {actButton} from '../acts.js';
import {el} from '../dom.js';
import {ACT_ROBOTS as WORDS} from '../words.js';
import {makeDialog, show} from './act_dialog.js';
import {reasonField} from './act_header.js';

function memberButton(id, change, danger = false) {
  return actButton(WORDS[change], 'change_member', () => ({
    title: WORDS[`${change}Ask`](id), text: WORDS[`${change}Text`], go: WORDS[`${change}Go`],
    danger, fields: [reasonField()], body: ({reason}) => ({change, robot_id: id, reason}),
  }), {'data-act': change});
}

/** Buttons of one robot; voter: true, false, or null where it is not known. */
export function robotButtons(id, voter = null) {
  const lead = actButton(WORDS.lead, 'transfer_leadership', () => ({
    title: WORDS.leadAsk(id), text: WORDS.leadText, go: WORDS.leadGo, fields: [reasonField()],
    body: ({reason}) => ({to: id, reason}),
  }), {'data-act': 'lead'});
  const rescan = actButton(WORDS.rescan, 'rescan', () => ({
    title: WORDS.rescanAsk(id), go: WORDS.rescanGo, body: {robot: id},
  }), {'data-act': 'rescan'});
  return el('div.act-buttons-small', {}, voter === false ? null : lead,
    voter === true ? null : memberButton(id, 'promote'),
    voter === false ? null : memberButton(id, 'demote'),
    freezeButton(id), rescan, memberButton(id, 'remove', true));
}

/** For tables: one small button that opens those of a robot; make: () => its row. */
export function robotMenu(make) {
  const node = el('button.small', {type: 'button', 'aria-label': WORDS.openLabel(make().robot_id),
    'aria-haspopup': 'dialog', 'data-menu': make().robot_id}, WORDS.open);
  node.addEventListener('click', () => {
    const {robot_id: id, voter} = make();
    const close = el('button', {type: 'button', onclick: () => dialog.close()}, WORDS.close);
    const dialog = makeDialog(id, '', robotButtons(id, voter ?? null),
      el('div.act-buttons', {}, close));
    dialog.dataset.command = 'menu';
    show(dialog);
  });
  return node;
}

export function addMemberButton() {
  return actButton(WORDS.add, 'change_member', () => ({
    title: WORDS.addAsk, text: WORDS.addText, go: WORDS.addGo,
    fields: [{name: 'robot_id', label: WORDS.robot, required: true, max: 64}, reasonField()],
    body: ({robot_id, reason}) => ({change: 'add', robot_id: robot_id.trim(), reason}),
  }), {id: 'act-add-member'});
}

/** voters: () => names. */
export function transferButton(voters) {
  return actButton(WORDS.transfer, 'transfer_leadership', () => ({
    title: WORDS.transferAsk, text: WORDS.leadText, go: WORDS.leadGo,
    fields: [{name: 'to', label: WORDS.to, kind: 'select', value: '',
      options: [['', WORDS.fittest], ...voters().map((id) => [id, id])]}, reasonField()],
  }), {id: 'act-transfer'});
}

/** robot '*' = all that are heard. */
export function freezeButton(robot) {
  const all = robot === '*';
  return actButton(all ? WORDS.freezeAll : WORDS.freeze, 'freeze_learning', () => ({
    title: WORDS.freezeAsk(all ? WORDS.everyone : robot), text: WORDS.freezeText,
    go: WORDS.freezeGo,
    fields: [
      {name: 'what', label: WORDS.what, kind: 'select', value: 'stop',
        options: [['stop', WORDS.stop], ['resume', WORDS.resume]]},
      {name: 'minutes', label: WORDS.minutes, kind: 'number', value: 0, min: 0, max: 10080,
        help: WORDS.minutesHelp, when: ({what}) => what === 'stop'},
      reasonField(),
    ],
    body: ({what, minutes, reason}) => ({robot, reason, frozen: what === 'stop',
      duration_s: what === 'stop' ? Math.round(minutes * 60) : 0}),
  }), {'data-act': 'freeze'});
}

/** What concerns the swarm as a whole. */
export function swarmButtons(voters) {
  return el('div.act-buttons-small', {id: 'act-swarm'}, addMemberButton(), transferButton(voters),
    freezeButton('*'));
}

