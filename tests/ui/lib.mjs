// SPDX-License-Identifier: Apache-2.0
// What several tests of the pages need.
// @ts-check
import zlib from 'node:zlib';

/** Numbers in [0, 1) that are the same in every run (mulberry32). @param {number} seed */
export function numbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Each piece deflated into one stream and flushed. @param {Uint8Array[]} pieces @param {zlib.ZlibOptions} opts @param {boolean} raw
 * @returns {Promise<Buffer[]>} */
export async function flushed(pieces, opts, raw) {
  const z = raw ? zlib.createDeflateRaw(opts) : zlib.createDeflate(opts);
  const out = [];
  /** @type {Buffer[]} */
  let got = [];
  z.on('data', (b) => got.push(b));
  for (const p of pieces) {
    z.write(p);
    await new Promise((done) => z.flush(zlib.constants.Z_SYNC_FLUSH, () => done(0)));
    while (z.readableLength) await new Promise((done) => setImmediate(done));
    out.push(Buffer.concat(got));
    got = [];
  }
  return out;
}
