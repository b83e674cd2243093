// SPDX-License-Identifier: Apache-2.0
// Findings: what is wrong with a node, and what to do about it; the gravest first.
// @ts-check

import { make } from './dom.js';

/** @typedef {{id: string, severity: string, sentence: string, remedy: string}} Finding */

/** A sign and a word; colour only repeats them. In the order of gravity. @type {Record<string, [string, string]>} */
const SEVERITY = { error: ['✖', 'bad'], warning: ['!', 'warn'], info: ['i', 'none'] };
const GRAVITY = Object.keys(SEVERITY);
const look = (/** @type {Finding} */ f) => SEVERITY[f.severity] || SEVERITY.info;
const rank = (/** @type {Finding} */ f) => { const n = GRAVITY.indexOf(f.severity); return n < 0 ? GRAVITY.length : n; };

/** @param {Finding[]} findings */
export const byGravity = (findings) => [...findings].sort((a, b) => rank(a) - rank(b));

/** The gravest in a line, cut to three: the whole is behind the node's name. @param {Finding[]} findings @returns {Node[]} */
export function findingBrief(findings) {
  const [f] = byGravity(findings);
  if (!f) return [];
  const [sign, tone] = look(f), nodes = [make('span', `${sign} ${f.sentence}`, `clamp ${tone}`)];
  return findings.length > 1 ? [...nodes, make('small', `and ${findings.length - 1} more`)] : nodes;
}

/** One with all that is known of it. @param {Finding} f */
export function findingNode(f) {
  const [sign, tone] = look(f), box = make('div', '', 'finding');
  box.append(make('span', `${sign} ${f.severity}: ${f.id}`, tone), make('p', `${f.sentence.replace(/\.$/, '')}.`));
  if (f.remedy) {
    const p = make('p', '', 'remedy');
    p.append(make('b', 'What to do: '), f.remedy);
    box.append(p);
  }
  return box;
}
