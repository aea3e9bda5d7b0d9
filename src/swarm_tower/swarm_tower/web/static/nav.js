// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Which view is shown: tabs in groups, the address, the title of the window, and where the focus
// goes. Owns the groups; draws no view.

import {el, setAttr, setClass, setText} from './dom.js';
import {NAV} from './words.js';

// A view that is named nowhere stands under 'more', so that one line in app.js is enough.
const GROUPS = {
  now: ['overview', 'robots', 'robot', 'live', 'sensors', 'hardware', 'diagnostics'],
  work: ['jobs', 'job', 'leases', 'services', 'files'],
  mind: ['mind', 'modes', 'regimes', 'reputation', 'routes', 'memory', 'learning'],
  history: ['events', 'elections', 'terms', 'log', 'time', 'recorder', 'recordings', 'replay'],
};

export class Nav {
  /** views: Map name -> {title, root, count?}; onRoute({name, rest}) after every change. */
  constructor(views, tabs, onRoute) {
    Object.assign(this, {views, onRoute, route: null, waiting: 0, swarm: ''});
    this.groups = groupsOf(views).map(([group, names]) => this.makeGroup(group, names));
    this.order = this.groups.flatMap((one) => one.names);
    tabs.append(el('ul.tab-groups', {}, ...this.groups.map((one) => one.node)));
    new ResizeObserver(() => {
      document.documentElement.style.setProperty('--tabs-height', `${tabs.offsetHeight}px`);
    }).observe(tabs);
    addEventListener('hashchange', () => this.read());
  }

  makeGroup(group, names) {
    const words = NAV.groups[group];
    const links = names.map((name) => {
      const view = this.views.get(name);
      view.badge = el('span.tab-count');
      view.tab = el('a', {href: `#${name}`}, NAV.short[name] ?? view.title, view.badge);
      return el('li', {}, view.tab);
    });
    const head = el('a.tab-group', {href: `#${names[0]}`}, words);
    const node = el('li', {}, head, el('ul.tab-list', {'aria-label': words}, ...links));
    return {names, head, node};
  }

  /** Show what the address says. */
  read() {
    const [name, ...rest] = unescaped(location.hash.slice(1)).split('/');
    const before = this.route?.name;
    this.route = {name: this.views.has(name) ? name : 'overview', rest: rest.join('/')};
    for (const [key, view] of this.views) {
      view.root.hidden = key !== this.route.name;
      setAttr(view.tab, 'aria-current', key === this.route.name ? 'page' : null);
    }
    for (const {names, head, node} of this.groups) {
      const here = names.includes(this.route.name);
      setClass(node, 'current', here);
      setAttr(head, 'aria-current', here ? 'true' : null);
      if (here) setAttr(head, 'href', `#${this.route.name}`); // come back to where one was
    }
    this.entitle();
    this.onRoute(this.route);
    if (before && before !== this.route.name) this.land();
  }

  /** A keyboard or a screen reader goes on in the new view, not in the middle of the old one. */
  land() {
    const root = this.views.get(this.route.name).root;
    if (!root.contains(document.activeElement)) root.focus({preventScroll: true});
    scrollTo(0, 0);
  }

  go(name) {
    if (this.views.has(name)) location.hash = name;
  }

  step(by) {
    const at = this.order.indexOf(this.route.name);
    this.go(this.order[(at + by + this.order.length) % this.order.length]);
  }

  count() {
    for (const view of this.views.values()) if (view.count) setText(view.badge, view.count());
  }

  /** The title tells view, swarm and how many alarms wait. */
  entitle(swarm = this.swarm, waiting = this.waiting) {
    Object.assign(this, {swarm, waiting});
    const {name} = this.route;
    const view = name === 'overview' ? '' : this.views.get(name).title;
    const title = NAV.title(view, swarm, waiting);
    if (document.title !== title) document.title = title;
  }
}

function groupsOf(views) {
  const named = Object.entries(GROUPS).map(([group, names]) => [group,
    names.filter((name) => views.has(name))]);
  const known = new Set(named.flatMap(([, names]) => names));
  const others = [...views.keys()].filter((name) => !known.has(name));
  return [...named, ['more', others]].filter(([, names]) => names.length);
}

function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return ''; // somebody typed a hash that is no URL text
  }
}
