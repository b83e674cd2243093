// SPDX-License-Identifier: Apache-2.0
// Talking to the server: JSON in and out, its problems as errors, the CSRF token of a page that signed in by cookie.
// @ts-check

export class Problem extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    super([body?.message || `the server answered ${status}`, body?.remedy].filter(Boolean).join('. '));
    this.status = status;
    this.body = body;
    this.kind = String(body?.type || '').replace('/problems/', ''); /* the error's name: docs/api.md */
  }
}

export const server = {
  csrfToken: '',
  aheadMs: 0, /* the server's clock before ours, to the second */
  signedOut: () => {},
};

/** @param {string} method @param {string} path @param {any} [body] @param {boolean} [leaving] the page may be gone before the answer
 * @returns {Promise<{json: any, headers: Headers}>} */
export async function send(method, path, body, leaving = false) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (server.csrfToken && method !== 'GET') headers['X-CSRF-Token'] = server.csrfToken;
  const answer = await fetch(path, {
    method, headers, credentials: 'same-origin', keepalive: leaving, body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text(), date = Date.parse(answer.headers.get('Date') || '');
  if (date) server.aheadMs = date - Date.now();
  let json = null;
  try { json = text ? JSON.parse(text) : null; } catch { /* a proxy's page */ }
  if (answer.status === 401 && path !== '/api/v1/authorize') server.signedOut();
  if (!answer.ok) throw new Problem(answer.status, json);
  return { json, headers: answer.headers };
}

/** send() for those who want the body alone. @param {string} method @param {string} path @param {any} [body] @param {boolean} [leaving] */
export const call = async (method, path, body, leaving) => (await send(method, path, body, leaving)).json;

/** What went wrong, as a sentence. @param {any} e */
export const sentence = (e) => (e instanceof Problem ? e.message : `The server cannot be reached: ${e?.message || e}`);
