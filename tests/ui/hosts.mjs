// SPDX-License-Identifier: Apache-2.0
// Hosts, provisionings and a compliance report as the server tells them (docs/api.md), for tests of the pages.
// @ts-check

export const T = '2026-11-28T06:00:00Z';

/** @param {any} [more] */
export const provisioning = (more = {}) => ({ goal: 'activate', state: 'running', phase: 'setup', step: 'setup', way: 'agent', profile: 'default_ccm', controlMode: 'ccm',
  actor: 'admin', tries: 1, code: '', text: 'Setting the firmware up', remedy: '', createdAt: T, updatedAt: T, finishedAt: null, ...more });

/** @param {number} n @param {any} [oob] what is different @param {any} [more] */
export const host = (n, oob = {}, more = {}) => ({
  resourceId: `host-0000000${n}`, name: `node00${n}`, projectId: 'default', desiredPowerState: 'POWER_STATE_ON', currentPowerState: 'POWER_STATE_ON',
  powerStatus: 'Powered on', powerStatusIndicator: 'STATUS_INDICATION_IDLE', amtControlMode: 'AMT_CONTROL_MODE_CCM', ...more,
  oob: {
    link: { state: 'up', since: T, generation: 1, reason: 'logged in', peer: '192.0.2.7:49152' },
    power: { state: 'on', source: 'firmware', observedAt: T, ageMs: 800, lastKnown: { state: 'on', observedAt: T, ageMs: 800 } },
    decision: { action: 'none', reason: 'as-desired', why: 'on as desired; observed 0 s ago over link 1', at: T, nextLookAt: null },
    operation: null, nextOperation: null, findings: [], recoveryPolicy: 'keep',
    amt: { state: 'provisioned', source: 'firmware', observedAt: T, ageMs: 800 }, provisioning: null, agent: null, ...oob,
  },
});

/** @param {string} name @param {string} status @param {any} [more] */
export const complianceRow = (name, status, more = {}) => ({ host: `host-${name}`, name, vendor: 'ASRock Industrial', product: 'NUC BOX-1240P', amtState: 'provisioned', controlMode: 'ccm',
  biosSwitch: 'absent', knownBy: 'board-table', firmwareSwitch: 'unknown', canBeDisabledBy: [], compliant: false, status, exception: null, ...more });
