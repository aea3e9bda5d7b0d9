// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// The swarm as one picture: robots in a ring around the shared queue, jobs moving between them, and
// a line from each robot to the one that it names as its leader, which is the one it hears. Beside
// it the same as a list. Beacons do not tell whom else a robot hears, so nothing more is drawn.

import {el, keyed, setAttr, setClass, setText, svg} from '../dom.js';
import {plain} from '../format.js';
import {ORGANISM as WORDS} from '../words.js';

const CENTRE = {x: 280, y: 200};
const RADIUS = {x: 205, y: 118};
const ARC = 2 * Math.PI * 30;
const DOTS_MAX = 24;
const ROOM = 74; // of a robot at its full size
const NAMES_MAX = 24;
const MOVING_MAX = 12; // of more robots nothing moves by itself: it is repainted 60 times a second
const STILL = matchMedia('(prefers-reduced-motion: reduce)');

export function organism(box) {
  const links = svg('g.links');
  const dots = svg('g.dots');
  const robots = svg('g');
  const core = coreNode();
  const none = svg('text.core-label', {x: CENTRE.x, y: CENTRE.y + RADIUS.y + 30},
    WORDS.none);
  const title = svg('title');
  const picture = svg('svg.organism', {viewBox: '0 0 560 380', role: 'img'},
    title, svg('ellipse.orbit', {cx: CENTRE.x, cy: CENTRE.y, rx: RADIUS.x, ry: RADIUS.y}),
    links, dots, core, robots, none);
  const names = svg('g.names');
  picture.insertBefore(names, dots);
  const list = el('ul.organism-list');
  const asList = el('details', {id: 'organism-as-list'}, el('summary', {}, WORDS.list), list);
  box.append(picture, el('p.note.legend-line', {}, WORDS.legend.join(' · ')), asList);
  const nodes = new Map();
  const phases = new Map();
  return {
    needs: ['robots', 'swarm', 'jobs', 'consciousness', 'time'],
    render(store, now) {
      setClass(picture, 'many', store.robots.size > MOVING_MAX);
      place(store, nodes, robots, links);
      drawNaming(store, nodes, names);
      if (asList.open) keyed(list, store.robotList(), (r) => r.robot_id, () => listRow(store));
      core.update(store);
      none.style.display = store.robots.size ? 'none' : '';
      if (now.has('time') || now.has('swarm')) setText(title, describe(store));
      if (now.has('jobs')) flow(store, phases, nodes, dots);
    },
  };
}

function coreNode() {
  const count = svg('text.core-count', {x: CENTRE.x, y: CENTRE.y + 4});
  const label = svg('text.core-label', {x: CENTRE.x, y: CENTRE.y + 21});
  const mode = svg('text.core-mode', {x: CENTRE.x, y: CENTRE.y - 21});
  const breath = svg('circle.breath', {cx: CENTRE.x, cy: CENTRE.y, r: 50});
  const node = svg('g.core', {}, breath, svg('circle.body', {cx: CENTRE.x, cy: CENTRE.y, r: 46}),
    mode, count, label);
  node.update = (store) => {
    setText(count, store.swarm.jobs?.waiting ?? 0);
    setText(label, WORDS.waiting);
    setText(mode, store.swarm.mode ? plain(store.swarm.mode.mode) : '');
    const arousal = store.consciousness.arousal ?? 0.2;
    const period = `${(5 - 4 * arousal).toFixed(1)}s`;
    if (breath.style.animationDuration !== period) breath.style.animationDuration = period;
    setClass(node, 'alone', ['silent', 'split', 'no_leader'].includes(store.swarm.leader?.kind));
  };
  return node;
}

function place(store, nodes, parent, links) {
  const list = store.robotList();
  const known = new Set(list.map((r) => r.robot_id));
  for (const [id, node] of nodes) {
    if (known.has(id)) continue;
    node.remove();
    node.link.remove();
    nodes.delete(id);
  }
  list.forEach((robot, i) => {
    const angle = (i / list.length) * 2 * Math.PI - Math.PI / 2;
    if (!nodes.has(robot.robot_id)) nodes.set(robot.robot_id, robotNode(parent, links));
    nodes.get(robot.robot_id).update(robot, store, {
      x: CENTRE.x + RADIUS.x * Math.cos(angle), y: CENTRE.y + RADIUS.y * Math.sin(angle),
    }, list.length);
  });
}

function robotNode(parent, links) {
  const slots = svg('circle.slots', {r: 30, 'stroke-dasharray': `${ARC} ${ARC}`});
  const busy = svg('circle.busy', {r: 30, transform: 'rotate(-90)'});
  const crown = svg('path.crown', {d: 'M-13 -34l6 6 7-11 7 11 6-6-3 14h-20z'});
  const mark = svg('path.mark');
  const jobs = svg('text.robot-jobs', {y: 5});
  const name = svg('text.robot-name', {y: 48});
  const hint = svg('title');
  const node = svg('g.robot', {}, hint, svg('circle.ring', {r: 35}), slots, busy,
    svg('circle.body', {r: 25}), crown, jobs, mark, name);
  node.link = svg('path.link');
  parent.append(node);
  links.append(node.link);
  node.update = (robot, store, at, total) => {
    const leads = store.swarm.leader?.leader === robot.robot_id;
    const scale = Math.min(1, (2 * Math.PI * 150) / (total * ROOM));
    node.at = at;
    setAttr(node, 'transform', `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)}) scale(${scale})`);
    setAttr(node, 'class', `robot ${robot.presence}${leads ? ' leads' : ''}`);
    // the name goes to the outer side, where the link does not cross it
    setAttr(name, 'y', at.y < CENTRE.y - 20 ? (leads ? -58 : -44) : 52);
    const share = robot.job_slots && robot.presence === 'fresh' ? Math.min(1, (robot.running_jobs ?? 0) / robot.job_slots) : 0;
    setAttr(busy, 'stroke-dasharray', `${(share * ARC).toFixed(1)} ${ARC.toFixed(1)}`);
    setText(jobs, robot.presence === 'fresh' ? `${robot.running_jobs}/${robot.held_jobs}` : '');
    setAttr(mark, 'd', MARKS[robot.presence] ?? '');
    setText(name, total > NAMES_MAX ? '' : shorten(robot.robot_id));
    setText(hint, says(robot));
    setAttr(node.link, 'd', `M${CENTRE.x} ${CENTRE.y}L${at.x.toFixed(1)} ${at.y.toFixed(1)}`);
    setAttr(node.link, 'class', `link ${robot.presence}${leads ? ' leads' : ''}`);
  };
  return node;
}

const MARKS = {
  fresh: '', stale: 'M0 -11 12 9H-12z', lost: 'M-9 -9 9 9M9 -9 -9 9', unheard: 'M-8 0H8',
};

function shorten(id) {
  return id.length > 16 ? `${id.slice(0, 15)}…` : id;
}

/** A dot for every grant and every end that has just become known. */
function flow(store, phases, nodes, dots) {
  const first = phases.size === 0;
  for (const job of store.jobs.values()) {
    const before = phases.get(job.job_id);
    phases.set(job.job_id, job.phase);
    if (first || before === job.phase || STILL.matches) continue;
    const node = nodes.get(job.robot_id);
    if (!node || dots.childElementCount >= DOTS_MAX) continue;
    if (job.phase === 'leased' || (job.phase === 'running' && before !== 'leased')) {
      send(dots, CENTRE, node.at, 'out');
    } else if (job.phase === 'done') send(dots, node.at, CENTRE, 'in');
    else if (job.phase === 'failed') send(dots, node.at, CENTRE, 'bad');
  }
  for (const id of phases.keys()) if (!store.jobs.has(id)) phases.delete(id);
}

function send(dots, from, to, kind) {
  const dot = svg(`circle.dot.${kind}`, {r: 5});
  dots.append(dot);
  const at = (p) => `translate(${p.x}px, ${p.y}px)`;
  dot.animate([{transform: at(from)}, {transform: at(to)}],
    {duration: 900, easing: 'ease-in-out'}).onfinish = () => dot.remove();
}

/** Whom each robot that is heard names as its leader: several stars are a split view. */
function drawNaming(store, nodes, parent) {
  const pairs = store.robotList().filter((r) => r.presence === 'fresh' && r.leader
    && r.leader !== r.robot_id && nodes.has(r.leader) && nodes.has(r.robot_id));
  keyed(parent, pairs, (r) => r.robot_id, () => {
    const line = svg('path.naming');
    line.update = (r) => {
      const [from, to] = [nodes.get(r.robot_id).at, nodes.get(r.leader).at];
      setAttr(line, 'd', arc(from, to));
      setClass(line, 'gone', store.robots.get(r.leader).presence !== 'fresh');
    };
    return line;
  });
}

/** Bent outwards, so that it keeps clear of the queue in the middle. */
function arc(from, to) {
  const middle = {x: (from.x + to.x) / 2, y: (from.y + to.y) / 2};
  const out = {x: middle.x - CENTRE.x, y: middle.y - CENTRE.y};
  const away = Math.hypot(out.x, out.y);
  const by = away > 1 ? Math.max(0, 95 - away) / away : 0;
  const bend = by ? {x: middle.x + out.x * by, y: middle.y + out.y * by}
    : {x: middle.x + (away > 1 ? 0 : 95), y: middle.y};
  const at = (p) => `${p.x.toFixed(1)} ${p.y.toFixed(1)}`;
  return `M${at(from)}Q${at(bend)} ${at(to)}`;
}

function listRow(store) {
  const id = el('a.id');
  const words = el('span');
  const row = el('li', {}, id, ' ', words);
  row.update = (r) => {
    setAttr(id, 'href', `#robots/${encodeURIComponent(r.robot_id)}`);
    setText(id, r.robot_id);
    const leads = store.swarm.leader?.leader === r.robot_id;
    setText(words, leads ? `${WORDS.leads}, ${states(r)}` : states(r));
  };
  return row;
}

function says(robot) {
  return `${robot.robot_id}: ${states(robot)}`;
}

function states(robot) {
  const found = [WORDS.presence[robot.presence]];
  if (robot.presence === 'fresh') {
    found.push(WORDS.running(robot.running_jobs));
    if (robot.leader !== robot.robot_id) {
      found.push(robot.leader ? WORDS.follows(robot.leader) : WORDS.namesNobody);
    }
  } else if (robot.leader !== undefined) found.push(WORDS.was(robot.leader));
  return found.join(', ');
}

function describe(store) {
  const robots = store.robotList().map(says);
  return WORDS.describe(robots.join('; '), store.swarm.leader?.leader,
    store.swarm.jobs?.waiting ?? 0);
}
