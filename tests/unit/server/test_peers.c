/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peers.h"

#include "unit.h"

static void a_peer_holds_so_many(void **s) {
    struct peers *p = peers_new(3);
    assert_true(peers_take(p, "10.0.0.1", 2));
    assert_true(peers_take(p, "10.0.0.1", 2));
    assert_false(peers_take(p, "10.0.0.1", 2));
    assert_true(peers_take(p, "10.0.0.2", 2));
    peers_give(p, "10.0.0.1");
    assert_int_equal(peers_count(p, "10.0.0.1"), 1);
    assert_true(peers_take(p, "10.0.0.1", 2));
    assert_false(peers_take(p, "10.0.0.3", 0));
    peers_give(p, "10.0.0.9"); /* holds nothing: changes nothing */
    peers_free(&p);
}

UNIT_MAIN(T(a_peer_holds_so_many))
