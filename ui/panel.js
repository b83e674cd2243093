// SPDX-License-Identifier: Apache-2.0
// The panel of a node: why it is as it is, its AMT, what was found, what has happened. It is live while it is open.
// @ts-check

import { AmtPanel } from './amt.js';
import { call, sentence } from './api.js';
import { ask } from './ask.js';
import { $, calmly, dialog, make, section } from './dom.js';
import { byGravity, findingNode } from './findings.js';

/** @typedef {{base: string, profiles: string, admin: boolean, links: Node[], changed: (host: any) => void}} Use
 * base: the host's address; links: to its consoles; changed: an order has changed it */

export class Panel {
  constructor() {
    /** @type {AmtPanel|null} of the node that is shown */ this.amt = null;
    /** @type {Use|null} */ this.use = null;
    this.readSoon = calmly(() => this.read(), 1000);
    dialog('detail').addEventListener('close', () => { this.amt = this.use = null; });
  }

  /** The id of the node that is shown; empty: none is. */
  get shows() { return this.amt?.host.resourceId || ''; }

  /** @param {any} host @param {Use} use */
  open(host, use) {
    this.use = use;
    $('detail-title').textContent = host.name;
    this.why = make('p');
    this.findings = make('section', '', 'findings');
    this.past = make('section');
    const links = make('p', '', 'links');
    links.append(...use.links);
    this.amt = new AmtPanel(host, { ...use, ask, changed: (now) => { use.changed(now); this.update(now); }, deleted: (left) => this.gone(host.name, left) });
    $('detail-body').replaceChildren(this.why, links, this.amt.root, this.findings, this.past);
    this.update(host);
    if (!dialog('detail').open) dialog('detail').showModal();
    return this.read();
  }

  /** @param {any} host as it is now */
  update(host) {
    if (host.resourceId !== this.shows) return;
    this.amt?.update(host);
    this.why?.replaceChildren(host.oob.decision.why);
    this.findings?.replaceChildren(...section('Findings', byGravity(host.oob.findings).map(findingNode)));
  }

  /** Something happened to the node that is shown. @param {any} host null: the event does not tell */
  event(host) {
    if (host) this.update(host);
    this.readSoon();
  }

  /** Evidence and history. */
  async read() {
    const { use, amt, past } = this;
    if (!use || !amt || !past || amt.removing) return;
    try {
      const [why, history] = await Promise.all([call('GET', `${use.base}/explain`), call('GET', `${use.base}/history?pageSize=20`)]);
      const events = history.events.reverse().map((/** @type {any} */ e) => {
        const s = make('span');
        s.append(make('time', new Date(e.at).toLocaleString([], { hour12: false })), e.text);
        return s;
      });
      past.replaceChildren(...section('Evidence', why.evidence.map((/** @type {string} */ t) => make('span', t))), ...section('History', events));
    } catch (e) { past.replaceChildren(make('p', sentence(e), 'error')); }
  }

  /** Somebody deleted it; what an order of this panel leaves behind, it says itself. @param {string} name */
  deleted(name) {
    if (!this.amt?.removing) this.gone(name, '');
  }

  /** @param {string} name @param {string} left */
  gone(name, left) {
    this.amt = this.use = null;
    const p = make('p', `${name} is deleted.`, 'note');
    p.setAttribute('role', 'status');
    $('detail-body').replaceChildren(p);
    if (left) $('detail-body').append(make('p', `Left behind: ${left}.`, 'warn'));
    /** @type {HTMLElement|null} */ (dialog('detail').querySelector('.detail-head button'))?.focus();
  }
}
