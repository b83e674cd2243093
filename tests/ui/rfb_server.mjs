// SPDX-License-Identifier: Apache-2.0
// The server's side of RFB as bytes, for tests and the benchmark; and an operator's side that notes what it is told.
// @ts-check
import { Rfb } from '../../ui/rfb.js';

export const be16 = (/** @type {number} */ n) => [(n >> 8) & 255, n & 255];
export const be32 = (/** @type {number} */ n) => [(n >>> 24) & 255, (n >> 16) & 255, (n >> 8) & 255, n & 255];
export const ascii = (/** @type {string} */ s) => [...s].map((c) => c.charCodeAt(0));

/** @param {number} w @param {number} h @param {string} [banner] */
export const hello = (w, h, banner = 'RFB 003.008\n') => [...ascii(banner), 1, 1, ...be32(0), ...be16(w), ...be16(h),
  16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0, ...be32(17), ...ascii('Intel(r) AMT KVM\0')];
/** @param {number} x @param {number} y @param {number} w @param {number} h @param {number} encoding @param {Iterable<number>} payload */
export const rect = (x, y, w, h, encoding, payload) => [...be16(x), ...be16(y), ...be16(w), ...be16(h), ...be32(encoding), ...payload];
/** @param {number[][]} rects */
export const update = (...rects) => [0, 0, ...be16(rects.length), ...rects.flat()];
/** @param {Iterable<number>} bytes */
export const sized = (bytes) => { const b = [...bytes]; return [...be32(b.length), ...b]; };
/** A tile of a stored block. @param {number} x @param {number} y @param {number} w @param {number} h @param {number[]} p */
export const tile = (x, y, w, h, p) => rect(x, y, w, h, 16,
  sized([0, p.length & 255, p.length >> 8, ~p.length & 255, (~p.length >> 8) & 255, ...p]));
/** @param {string} text */
export const cutText = (text) => [3, 0, 0, 0, ...be32(text.length), ...ascii(text)];
export const extReply = (/** @type {number[]} */ ...v) => cutText(`\0KvmExtCmd\0${String.fromCharCode(...v)}`);

export class Viewer {
  /** @param {ConstructorParameters<typeof Rfb>[1]} [options] @param {boolean} [draws] */
  constructor(options, draws = true) {
    /** @type {number[]} */ this.sent = [];
    /** @type {number[][]} */ this.frames = [];
    this.ended = '';
    this.name = '';
    this.pixels = new Uint32Array(0);
    this.rfb = new Rfb({
      send: (b) => this.sent.push(...b),
      resize: (w, h) => (this.pixels = new Uint32Array(w * h)),
      frame: (...r) => { this.frames.push(r); if (draws) this.rfb.drawn(); },
      end: (text) => { this.ended = text; },
      open: (name) => { this.name = name; },
    }, options);
  }

  /** @param {Iterable<number>} bytes @param {() => number} [cut] */
  feed(bytes, cut) {
    const all = bytes instanceof Uint8Array ? bytes : Uint8Array.from(bytes);
    for (let i = 0, n; i < all.length; i += n) {
      n = cut ? cut() : all.length;
      this.rfb.input(all.slice(i, i + n));
    }
    return this;
  }

  /** What was sent since the last time. */
  take() {
    return this.sent.splice(0);
  }
}
