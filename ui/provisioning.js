// SPDX-License-Identifier: Apache-2.0
// What is under way with a node's firmware, or how it ended, to read. Goals, states and phases: docs/activation.md.
// @ts-check

import { clock, make, when } from './dom.js';

/** @typedef {{goal: string, state: string, phase: string, step: string, way: string, profile: string, controlMode: string, actor: string, tries: number,
 * code: string, text: string, remedy: string, createdAt: string, updatedAt: string, finishedAt: string|null}} Provisioning */

/** The end of one: sign and tone. @type {Record<string, [string, string]>} */
const ENDED = { done: ['✔', 'good'], failed: ['✖', 'bad'], cancelled: ['–', 'none'] };

/** The phases of a goal in the order in which they come. @type {Record<string, string[]>} */
const PHASES = {
  activate: ['preflight', 'setup', 'secrets', 'clean', 'network', 'cira', 'features', 'clock', 'tls', 'connect'],
  deactivate: ['preflight', 'unprovision', 'release'],
  'rotate-amt': ['preflight', 'secrets'],
  'rotate-cira': ['preflight', 'cira', 'connect'],
  'rotate-all': ['preflight', 'secrets', 'cira', 'connect'],
};

/** @param {Provisioning|null} p */
export const isOpen = (p) => p !== null && !(p.state in ENDED);

/** In few words: sign, words, tone. @param {Provisioning} p @returns {[string, string, string]} */
export function brief(p) {
  const [sign, tone] = ENDED[p.state] || [p.state === 'waiting' ? '◷' : '▶', 'warn'];
  return [sign, `${p.goal}: ${isOpen(p) && p.state !== 'waiting' && p.phase ? p.phase : p.state}`, tone];
}

/** Each phase and where it stands; none when it is over without a fault. @param {Provisioning} p @returns {[string, 'behind'|'now'|'failed'|'ahead'][]} */
export function phases(p) {
  const all = PHASES[p.goal] || [];
  /* fresh secrets are written down before the firmware is told anything: that is still its preparation */
  const at = all.indexOf(p.step === 'store' ? 'preflight' : p.phase);
  if (!isOpen(p) && p.state !== 'failed') return [];
  return all.map((name, i) => [name, i < at ? 'behind' : i > at ? 'ahead' : p.state === 'failed' ? 'failed' : 'now']);
}

/** Who ordered it, how it goes and since when. @param {Provisioning} p */
export function circumstances(p) {
  const by = { agent: 'by the agent', tunnel: 'by the tunnel' };
  return [p.actor && `ordered by ${p.actor} ${clock(p.createdAt)}`, p.goal === 'activate' && p.profile && `profile ${p.profile}`,
    isOpen(p) && by[/** @type {keyof by} */ (p.way)], p.tries > 1 && `try ${p.tries}`, p.finishedAt && `ended ${when(p.finishedAt)}`].filter(Boolean).join(', ');
}

const WORDS = { behind: 'done', now: 'under way', failed: 'failed', ahead: '' };
const SIGNS = { behind: '✔', now: '▶', failed: '✖', ahead: '·' };
/** @param {Provisioning} p */
function phaseList(p) {
  const ol = make('ol', '', 'phases');
  ol.setAttribute('aria-label', `Phases of ${p.goal}`);
  ol.append(...phases(p).map(([name, where]) => {
    const li = make('li', `${SIGNS[where]} ${name}`, where);
    if (where === 'now') li.setAttribute('aria-current', 'step');
    if (WORDS[where]) li.append(make('span', ` ${WORDS[where]}`, 'unseen'));
    return li;
  }));
  return ol;
}

/** All of it, for the node's panel. @param {Provisioning|null} p @returns {Node[]} */
export function provisioningNodes(p) {
  if (!p) return [];
  const [sign, words, tone] = brief(p), nodes = [make('p', `${sign} ${words}`, `state ${tone}`)];
  if (phases(p).length) nodes.push(phaseList(p));
  if (p.text) nodes.push(make('p', p.text, 'text'));
  if (p.remedy) {
    const remedy = make('p', '', 'remedy');
    remedy.append(make('b', 'What to do: '), p.remedy);
    nodes.push(remedy);
  }
  return [...nodes, make('small', circumstances(p))];
}
