// SPDX-License-Identifier: Apache-2.0
// What takes a node out of the server's hands: deauthorize and delete. Both free the firmware first. When that cannot be, the page says why as the
// server says it, and offers to go on without, with what then stays as it is. Source: docs/activation.md, "Orders".
// @ts-check

import { Problem, call, send } from './api.js';

/** @typedef {{method: string, path: string, question: string, yes: string, text: string}} Removal */

/** @type {Record<string, Removal>} */
export const REMOVALS = {
  deauthorize: {
    method: 'POST', path: ':deauthorize', question: 'Deauthorize', yes: 'Deauthorize',
    text: 'The firmware is freed first; then its secrets and the identity of its agent are void. The node stays in the list.',
  },
  delete: {
    method: 'DELETE', path: '', question: 'Delete', yes: 'Delete',
    text: 'The firmware is freed first; then the node, its secrets and the identity of its agent are deleted here.',
  },
};

/** Would the same order go through with force? Yes where the firmware could not be reached, did not answer in time, or refused to be freed; not where
 * something else is in the way. @param {unknown} e @param {any} host as it is after the refusal */
export function forceable(e, host) {
  if (!(e instanceof Problem)) return false;
  const p = host.oob.provisioning;
  return e.kind === 'unreachable' || e.kind === 'timeout' || (e.kind === 'state' && p !== null && p.goal === 'deactivate' && p.state === 'failed');
}

/** What stays as it was when a node is given up, in sentences. @param {any} host @param {string} verb */
export function staysBehind(host, verb) {
  const acm = host.amtControlMode.endsWith('_ACM'), ccm = host.amtControlMode.endsWith('_CCM');
  const mode = acm ? ' (admin control mode)' : ccm ? ' (client control mode)' : '';
  const free = acm ? 'unprovision it in MEBx' : `run rpc deactivate --local${ccm ? '' : ', or unprovision it in MEBx'}`;
  return [`The firmware of ${host.name} stays set up for this server${mode}: it goes on dialling, and is refused.`,
    'Its passwords are void here: this server can then neither reach it nor free it.',
    ...(host.oob.agent ? ['The identity of its agent is void: it has to enrol again.'] : []),
    ...(verb === 'delete' ? ['The node, and the exceptions that were granted to it, are no longer in any list here.'] : []),
    `To free it, someone has to go to the node: ${free}.`];
}

/** @param {any} host @param {string} verb @returns {import('./ask.js').Question} */
const firstQuestion = (host, verb) => ({ title: `${REMOVALS[verb].question} ${host.name}?`, text: REMOVALS[verb].text, yes: REMOVALS[verb].yes });

/** @param {any} host @param {string} verb @param {Problem} e @returns {import('./ask.js').Question} */
export const forceQuestion = (host, verb, e) => ({
  title: `${REMOVALS[verb].question} ${host.name} without freeing it?`,
  text: `It was not done: ${e.message}\nIf you go on by force, this is left behind:`,
  points: staysBehind(host, verb),
  check: `I know that the firmware of ${host.name} stays set up.`,
  yes: `${REMOVALS[verb].yes} by force`,
});

/** Ask, do it, and ask again where only force goes on. Null: it was not wanted. A refusal is thrown as the server said it.
 * @param {any} host @param {string} verb of REMOVALS @param {{base: string, ask: (q: import('./ask.js').Question) => Promise<boolean>, begun: () => void}} use
 * begun: called when the server is at it, which may take 90 s
 * @returns {Promise<{host: any, left: string}|null>} the host as it is then, null when it is deleted; what the server says is left behind */
export async function remove(host, verb, use) {
  const order = async (/** @type {string} */ query) => {
    use.begun();
    const { json, headers } = await send(REMOVALS[verb].method, `${use.base}${REMOVALS[verb].path}${query}`);
    return { host: json, left: headers.get('X-Left-Behind') || '' };
  };
  if (!await use.ask(firstQuestion(host, verb))) return null;
  try {
    return await order('');
  } catch (e) {
    const now = await call('GET', use.base);
    if (!(e instanceof Problem) || !forceable(e, now)) throw e;
    if (!await use.ask(forceQuestion(now, verb, e))) throw e; /* it stays on the page */
    return order('?force=true');
  }
}
