// SPDX-License-Identifier: Apache-2.0
// AMT of a node: what its firmware is, what is under way with it, and what an admin may order. Names: docs/activation.md.
// @ts-check

import { call, sentence } from './api.js';
import { button, clock, make } from './dom.js';

/** @type {Record<string, [string, string]>} */
const STATE = { provisioned: ['■', 'good'], unprovisioned: ['□', ''], unknown: ['?', 'none'] };
const ENDED = ['done', 'failed', 'cancelled'];

/** @param {any} host */
export const underWay = (host) => host.oob.provisioning !== null && !ENDED.includes(host.oob.provisioning.state);
const mode = (/** @type {any} */ host) => /_(ACM|CCM)$/.exec(host.amtControlMode)?.[1] || '';
const agent = (/** @type {any} */ host) => (host.oob.agent === null ? 'no agent' : host.oob.agent.here ? 'agent here' : `agent away since ${clock(host.oob.agent.seenAt)}`);

/** The state as a sign and a word, and below it the mode and the agent. @param {any} host @returns {Node[]} */
function stateNodes(host) {
  const [sign, tone] = STATE[host.oob.amt.state] || STATE.unknown;
  return [make('span', `${sign} ${host.oob.amt.state}`, `state ${tone}`), make('small', [mode(host), agent(host)].filter(Boolean).join(', '))];
}

/** @param {any} p */
const progress = (p) => `${p.goal}: ${ENDED.includes(p.state) ? p.state : p.phase || p.state}`;

/** The cell of the table. @param {HTMLElement} td @param {any} host */
export function showAmt(td, host) {
  const p = host.oob.provisioning;
  td.replaceChildren(...stateNodes(host));
  if (p && (underWay(host) || p.state === 'failed'))
    td.append(make('span', progress(p), p.state === 'failed' ? 'bad' : 'warn'), make('small', p.text, 'clamp'));
}

/** What is asked before it is done. @type {Record<string, {question: string, text: string, yes: string}>} */
export const ASK_AMT = {
  deactivate: { question: 'Deactivate AMT of', text: 'Open sessions end, and the firmware is freed: power and consoles are out of reach until it is activated again.', yes: 'Deactivate' },
  deauthorize: {
    question: 'Deauthorize', yes: 'Deauthorize',
    text: 'The firmware is freed, its secrets and the identity of its agent are void. The node stays in the list.',
  },
};

/** The part about AMT of a node's panel; update() keeps it live. */
export class AmtPanel {
  /** @param {any} host @param {{base: string, profiles: string, admin: boolean, confirm: (host: any, verb: string) => Promise<boolean>, changed: (host: any) => void}} use */
  constructor(host, use) {
    this.use = use;
    this.root = make('section', '', 'amt');
    this.now = make('p');
    this.way = make('p', '', 'way');
    this.way.setAttribute('aria-live', 'polite');
    this.error = make('p', '', 'error');
    this.error.setAttribute('role', 'alert');
    this.profile = /** @type {HTMLSelectElement} */ (make('select'));
    this.profile.setAttribute('aria-label', 'Profile');
    const order = (/** @type {any} */ body) => call('PATCH', use.base, body);
    this.activate = button('Activate', () => this.act(() => order({ desiredAmtState: 'AMT_STATE_PROVISIONED', amtProfile: this.profile.value })));
    this.deactivate = button('Deactivate', () => this.ask('deactivate', () => order({ desiredAmtState: 'AMT_STATE_UNPROVISIONED' })));
    this.deauthorize = button('Deauthorize', () => this.ask('deauthorize', () => call('POST', `${use.base}:deauthorize`)), 'danger');
    this.cancel = button('Cancel', () => this.act(async () => { await call('DELETE', `${use.base}/provisioning`); return call('GET', use.base); }));
    this.buttons = make('p', '', 'links');
    this.root.append(make('h3', 'AMT'), this.now, this.way, this.buttons, this.error);
    if (use.admin) {
      this.buttons.append(this.profile, this.activate, this.deactivate, this.cancel, this.deauthorize);
      this.fill();
    }
    this.update(host);
  }

  async fill() {
    try {
      const { profiles } = await call('GET', this.use.profiles);
      this.profile.replaceChildren(...profiles.map((/** @type {any} */ p) => {
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
    const p = host.oob.provisioning, busy = underWay(host), up = host.oob.amt.state === 'provisioned';
    this.now.replaceChildren(...stateNodes(host));
    if (host.oob.amt.observedAt) this.now.append(make('small', `told by ${host.oob.amt.source} ${clock(host.oob.amt.observedAt)}`));
    this.way.replaceChildren();
    if (p) this.way.append(make('span', progress(p), p.state === 'failed' ? 'bad' : busy ? 'warn' : 'none'), make('small', [p.text, p.remedy].filter(Boolean).join('. ')));
    this.profile.hidden = this.activate.hidden = up || busy;
    this.deactivate.hidden = !up || busy;
    this.cancel.hidden = !busy;
    this.deauthorize.hidden = busy;
  }

  /** @param {string} verb @param {() => Promise<any>} run */
  async ask(verb, run) {
    if (await this.use.confirm(this.host, verb)) await this.act(run);
  }

  /** @param {() => Promise<any>} run gives the host */
  async act(run) {
    const all = /** @type {NodeListOf<HTMLButtonElement>} */ (this.buttons.querySelectorAll('button'));
    this.error.textContent = '';
    for (const b of all) b.disabled = true;
    try { this.use.changed(await run()); } catch (e) { this.error.textContent = sentence(e); }
    for (const b of all) b.disabled = false;
  }
}
