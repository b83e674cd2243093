// SPDX-License-Identifier: Apache-2.0
// AMT of a node: what its firmware is, what is under way with it, and what an admin may order. Names: docs/activation.md.
// @ts-check

import { call, sentence } from './api.js';
import { button, choice, clock, make } from './dom.js';
import { brief, isOpen, provisioningNodes } from './provisioning.js';
import { REMOVALS, remove } from './removal.js';

/** @typedef {import('./ask.js').Question} Question */

/** @type {Record<string, [string, string]>} */
const STATE = { provisioned: ['■', 'good'], unprovisioned: ['□', ''], unknown: ['?', 'none'] };
const mode = (/** @type {any} */ host) => /_(ACM|CCM)$/.exec(host.amtControlMode)?.[1] || '';
const agent = (/** @type {any} */ host) => (host.oob.agent === null ? 'no agent' : host.oob.agent.here ? 'agent here' : `agent away since ${clock(host.oob.agent.seenAt)}`);

/** The state as a sign and a word, and below it the mode and the agent. @param {any} host @returns {Node[]} */
function stateNodes(host) {
  const [sign, tone] = STATE[host.oob.amt.state] || STATE.unknown;
  return [make('span', `${sign} ${host.oob.amt.state}`, `state ${tone}`), make('small', [mode(host), agent(host)].filter(Boolean).join(', '))];
}

/** The cell of the table: the state, and what is under way or has failed. @param {HTMLElement} td @param {any} host */
export function showAmt(td, host) {
  const p = host.oob.provisioning;
  td.replaceChildren(...stateNodes(host));
  if (!p || !(isOpen(p) || p.state === 'failed')) return;
  const [sign, words, tone] = brief(p);
  td.append(make('span', `${sign} ${words}`, tone), make('small', p.text, 'clamp'));
}

/** The secrets that can be changed, and what that means for the node. @type {Record<string, [string, string]>} */
export const SECRETS = {
  all: ['AMT and CIRA passwords', 'Its tunnel logs in again with the new one: power and consoles are away for a moment.'],
  amt: ['AMT password', 'It takes the old one\'s place when it has logged in.'],
  cira: ['CIRA password', 'Its tunnel logs in again with the new one: power and consoles are away for a moment.'],
};

/** @param {any} host @param {string} secret @returns {Question} */
const askRotate = (host, secret) => ({ title: `New secrets for ${host.name}?`, yes: 'Rotate',
  text: `The server makes new ones and sets them on the firmware: ${SECRETS[secret][0]}. ${SECRETS[secret][1]} Until then either of the two is tried.` });
/** @param {any} host @returns {Question} */
const askDeactivate = (host) => ({ title: `Deactivate AMT of ${host.name}?`, yes: 'Deactivate',
  text: 'Open sessions end, and the firmware is freed: power and consoles are out of reach until it is activated again.' });
/** @param {any} host @returns {Question} */
const askCancel = (host) => ({ title: `Cancel the activation of ${host.name}?`, yes: 'Cancel the activation',
  text: 'When the firmware has been set up already, that is undone: it is deactivated as soon as it can be reached.' });

/** What an admin may order now. @param {any} host @returns {Record<'activate'|'deactivate'|'rotate'|'cancel'|'remove', boolean>} */
export function allowed(host) {
  const busy = isOpen(host.oob.provisioning), up = host.oob.amt.state === 'provisioned';
  return { activate: !up && !busy, deactivate: up && !busy, rotate: up && !busy, cancel: busy, remove: true };
}

/** The part about AMT of a node's panel; update() keeps it live. */
export class AmtPanel {
  /** @param {any} host @param {{base: string, profiles: string, admin: boolean, ask: (q: Question) => Promise<boolean>, changed: (host: any) => void,
   * deleted: (left: string) => void}} use deleted: what the server says is left behind, empty: nothing */
  constructor(host, use) {
    this.host = host;
    this.use = use;
    this.removing = false;
    this.root = make('section', '', 'amt');
    this.now = make('p');
    this.way = make('div', '', 'way');
    this.note = make('p', '', 'note');
    this.note.setAttribute('role', 'status');
    this.error = make('p', '', 'error');
    this.error.setAttribute('role', 'alert');
    this.orders = make('div', '', 'orders');
    this.root.append(make('h3', 'AMT'), this.now, this.way, this.orders, this.note, this.error);
    if (use.admin) this.addOrders();
    this.update(host);
  }

  addOrders() {
    const { base } = this.use, order = (/** @type {any} */ body) => call('PATCH', base, body);
    let secret = 'all';
    const profile = choice('Profile', [], '', () => {}), secrets = choice('Secret', Object.entries(SECRETS).map(([v, [text]]) => [v, text]), secret, (v) => { secret = v; });
    this.profile = /** @type {HTMLSelectElement} */ (profile.querySelector('select'));
    const group = (/** @type {Node[]} */ ...nodes) => { const g = make('div', '', 'links'); g.append(...nodes); this.orders.append(g); return g; };
    this.groups = {
      activate: group(profile, button('Activate', () => this.act(() => order({ desiredAmtState: 'AMT_STATE_PROVISIONED', amtProfile: this.profile?.value })))),
      cancel: group(button('Cancel', () => this.cancel())),
      rotate: group(secrets, button('Rotate', () => this.ask(askRotate(this.host, secret), () => this.then('POST', ':rotate', { secret })))),
      deactivate: group(button('Deactivate', () => this.ask(askDeactivate(this.host), () => order({ desiredAmtState: 'AMT_STATE_UNPROVISIONED' })))),
      remove: group(...Object.entries(REMOVALS).map(([verb, r]) => button(r.question, () => this.remove(verb), 'danger'))),
    };
    this.fill();
  }

  async fill() {
    try {
      const { profiles } = await call('GET', this.use.profiles);
      this.profile?.replaceChildren(...profiles.map((/** @type {any} */ p) => {
        const o = /** @type {HTMLOptionElement} */ (make('option', `${p.name} (${p.controlMode.toUpperCase()})`));
        o.value = p.name;
        o.selected = p.builtIn && p.controlMode === 'ccm';
        return o;
      }));
    } catch (e) { this.error.textContent = sentence(e); }
  }

  /** @param {any} host */
  update(host) {
    this.host = host;
    this.now.replaceChildren(...stateNodes(host));
    if (host.oob.amt.observedAt) this.now.append(make('small', `told by ${host.oob.amt.source} ${clock(host.oob.amt.observedAt)}`));
    this.way.replaceChildren(...provisioningNodes(host.oob.provisioning));
    if (!this.groups) return;
    const may = allowed(host);
    for (const [what, group] of Object.entries(this.groups)) group.hidden = !may[/** @type {keyof typeof may} */ (what)];
  }

  /** An order whose answer is not the host. @param {string} method @param {string} path @param {any} [body] */
  async then(method, path, body) {
    await call(method, `${this.use.base}${path}`, body);
    return call('GET', this.use.base);
  }

  cancel() {
    const p = this.host.oob.provisioning, run = () => this.then('DELETE', '/provisioning');
    return p.goal === 'activate' && p.state !== 'waiting' ? this.ask(askCancel(this.host), run) : this.act(run);
  }

  /** @param {Question} q @param {() => Promise<any>} run */
  async ask(q, run) {
    if (await this.use.ask(q)) await this.act(run);
  }

  /** @param {string} verb of REMOVALS */
  async remove(verb) {
    await this.act(async () => {
      const begun = () => { this.removing = true; this.note.textContent = 'The server frees the firmware and waits to see it done, for 90 s at most …'; };
      const done = await remove(this.host, verb, { base: this.use.base, ask: this.use.ask, begun });
      if (!done) return this.host;
      if (verb === 'delete') { this.use.deleted(done.left); return null; }
      this.note.textContent = done.left ? `Deauthorized. Left behind: ${done.left}.` : 'Deauthorized: nothing is left behind.';
      return done.host;
    });
    this.removing = false;
  }

  /** @param {() => Promise<any>} run gives the host; null when it is gone */
  async act(run) {
    const all = /** @type {NodeListOf<HTMLButtonElement>} */ (this.orders.querySelectorAll('button'));
    const had = document.activeElement;
    this.error.textContent = this.note.textContent = '';
    for (const b of all) b.disabled = true;
    try {
      const host = await run();
      if (host) this.use.changed(host);
    } catch (e) {
      this.note.textContent = '';
      this.error.textContent = sentence(e);
    }
    for (const b of all) b.disabled = false;
    /* a button that is disabled or hidden loses the focus: back to it, or to the first that is left */
    if (had instanceof HTMLElement && this.orders.contains(had) && document.activeElement !== had)
      /** @type {HTMLElement|undefined} */ ([had, ...all].find((b) => b.offsetParent !== null))?.focus();
  }
}
