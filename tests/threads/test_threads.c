/* SPDX-License-Identifier: Apache-2.0 */
/* A server on three loops, its nodes on another thread, and everything asked of it at once. The race detector
 * and the leak detector are what looks; the assertions only see that it has all happened. */
#include "threads.h"

enum { STIR_MS = 2500 };

static void stir(bool tls) {
    static struct rig r;
    unsigned commands = 0, scans = 0, created = 0, deleted = 0, events = 0, visits = 0, objects = 0,
             enrolled = 0;
    rig_open(&r, tls);
    rig_stir(&r, STIR_MS);
    for (unsigned i = 0; i < SHARDS; i++) {
        const struct driver *d = &r.drivers[i];
        commands += d->commands;
        scans += d->scans;
        created += d->created;
        deleted += d->deleted;
        events += d->events;
        visits += d->visits;
        objects += d->objects;
        enrolled += d->enrolled;
    }
    print_message("%u commands, %u scans, %u hosts created, %u deleted, %u events, %u viewers, %u changes of "
                  "objects, %u enrolled\n",
                  commands, scans, created, deleted, events, visits, objects, enrolled);
    rig_close(&r);
    unsigned opened = atomic_load(&r.opened);
    print_message("%u sessions open, %llu bytes seen\n", opened, (unsigned long long)r.seen);
    assert_true(visits && opened && r.seen);
    assert_true(commands > 20 && scans > 5 && created > 5 && deleted > 5 && events > 20);
    assert_true(objects > 5 && enrolled > 5);
}

static void plain(void **s) {
    stir(false);
}
static void tls(void **s) {
    stir(true);
}

UNIT_MAIN(T(plain), T(tls))
