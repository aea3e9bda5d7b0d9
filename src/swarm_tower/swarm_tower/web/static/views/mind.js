// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// The swarm's mind: how it has felt, which mode it would choose and why, what it has learned.

import {el, panel} from '../dom.js';
import {COURSE as WORDS} from '../words.js';
import {robotSignals} from './consciousness.js';
import {memoryForm} from './mind_memory.js';
import {choicePanel, policyPanel} from './mind_policy.js';
import {modelTable, reputationTable, routeTable} from './mind_tables.js';
import {coursePanel, regimePanel} from './mind_course.js';

export function makeMind(root) {
  const signals = panel(WORDS.signals, 'mind-signals');
  const parts = [coursePanel(), regimePanel(), choicePanel(), policyPanel(), reputationTable(),
    routeTable(), memoryForm(), modelTable()];
  const [course, regime, choice, policy, ...rest] = parts.map((part) => part.box);
  root.append(el('div.mind-grid', {}, el('div.stack', {}, course, signals), regime),
    el('div.mind-grid.unequal', {}, choice, policy), ...rest);
  return [...parts, robotSignals(signals)];
}
