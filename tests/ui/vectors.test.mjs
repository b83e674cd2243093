// SPDX-License-Identifier: Apache-2.0
// tests/vectors/rfb: what every RFB decoder of ours makes of the same streams.
// @ts-check
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { FORMATS } from '../../ui/pixels.js';
import { numbers } from './lib.mjs';
import { Viewer } from './rfb_server.mjs';

const DIR = new URL('../vectors/rfb/', import.meta.url);
const vectors = readdirSync(DIR).filter((f) => f.endsWith('.json')).map((f) => JSON.parse(readFileSync(new URL(f, DIR), 'utf8')));

/** The picture as one RAW rectangle would carry it. @param {Uint32Array} pixels @param {string} name */
function hash(pixels, name) {
  const { bytes, low, high } = FORMATS[name], wire = new Map();
  for (let v = 0; v < (bytes === 2 ? 65536 : name === 'grey4' ? 16 : 256); v++) wire.set((low[v & 255] | (bytes === 2 ? high[v >> 8] : 0)) >>> 0, v);
  const out = Buffer.alloc(pixels.length * bytes);
  pixels.forEach((p, i) => { const v = wire.get(p) ?? 0; if (bytes === 2) out.writeUInt16LE(v, 2 * i); else out[i] = v; });
  return crypto.createHash('sha256').update(out).digest('hex');
}

test('there are vectors', () => assert.ok(vectors.length >= 18));

for (const v of vectors.filter((x) => x.updates))
  test(`${v.name}: ${v.about}`, () => {
    const stream = Buffer.from(v.stream, 'hex'), rnd = numbers(stream.length);
    const cuts = [() => 1, ...[7, 200, 3000, 100000].map((most) => () => 1 + Math.floor(rnd() * most))];
    for (const cut of [() => stream.length, ...cuts]) {
      const viewer = new Viewer({ colours: v.format });
      let from = 0;
      for (const u of v.updates) {
        viewer.feed(stream.subarray(from, u.endBytes), cut);
        from = u.endBytes;
        assert.equal(viewer.ended, '');
        assert.deepEqual([viewer.rfb.width, viewer.rfb.height], [u.width, u.height]);
        assert.equal(hash(viewer.pixels, v.format), u.sha256, `after ${u.endBytes} bytes`);
      }
      assert.ok(viewer.frames.length >= v.updates.length);
      assert.equal(viewer.rfb.zlibErrors, 0);
    }
  });

for (const v of vectors.filter((x) => x.streams))
  for (const s of v.streams)
    test(`${v.name}: ${s.name}`, () => {
      const viewer = new Viewer({ colours: v.format }).feed(Buffer.from(s.stream, 'hex'), () => 1);
      /* a viewer gives up but for compression: that it switches off, and asks for the whole picture */
      if (/deflate|without bytes/.test(s.name)) assert.deepEqual([viewer.rfb.zlib, viewer.rfb.zlibErrors], ['broken', 1]);
      else assert.notEqual(viewer.ended, '');
    });
