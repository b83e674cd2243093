/* SPDX-License-Identifier: Apache-2.0 */
#include "server/quarantine.h"

#include "unit.h"

#include <stdlib.h>

static const struct wall start = {1700000000000000};

static enum quarantine_answer knock(struct quarantine *q, const char *user, uint8_t u, const char *peer,
                                    int64_t at_ms) {
    static uint64_t ids;
    struct quarantine_knock k = {.user = slice_str(user),
                                 .uuid = {{u}},
                                 .peer = peer,
                                 .peer_addr = peer,
                                 .reason = "no host has this CIRA user",
                                 .at = wall_add_ms(start, at_ms),
                                 .random = ++ids};
    return quarantine_note(q, &k);
}

static void knocks_are_counted(void **s) {
    struct quarantine *q = quarantine_new(&QUARANTINE_LIMITS_DEFAULT, NULL);
    assert_int_equal(knock(q, "dev1", 1, "10.0.0.1", 0), QUARANTINE_NEW);
    assert_int_equal(knock(q, "dev1", 1, "10.0.0.2", 5), QUARANTINE_KNOWN);
    assert_int_equal(knock(q, "dev1", 2, "10.0.0.1", 6), QUARANTINE_NEW); /* another machine */
    size_t n;
    struct store_quarantine *v = quarantine_list(q, wall_add_ms(start, 10), &n);
    assert_int_equal(n, 2);
    assert_int_equal(v[1].count, 2);
    assert_string_equal(v[1].peer, "10.0.0.2");
    assert_int_equal(v[1].first_seen.us, start.us);
    assert_int_equal(v[1].last_seen.us, start.us + 5000);
    char id[24];
    memcpy(id, v[1].id, sizeof id);
    free(v);
    struct store_quarantine e;
    assert_int_equal(quarantine_get(q, id, &e), 0);
    assert_int_equal(quarantine_forget(q, id), 0);
    assert_int_equal(quarantine_get(q, id, &e), ERR_NOT_FOUND);
    assert_int_equal(quarantine_forget(q, id), ERR_NOT_FOUND);
    assert_int_equal(knock(q, "dev1", 1, "10.0.0.1", 20), QUARANTINE_NEW);
    quarantine_free(&q);
}

static void a_hostile_name_is_cleaned(void **s) {
    struct quarantine *q = quarantine_new(&QUARANTINE_LIMITS_DEFAULT, NULL);
    assert_int_equal(knock(q, "<b>\x01\xff", 1, "10.0.0.1", 0), QUARANTINE_NEW);
    size_t n;
    struct store_quarantine *v = quarantine_list(q, start, &n);
    assert_int_equal(n, 1);
    assert_string_equal(v[0].user, "<b>\?\?");
    free(v);
    quarantine_free(&q);
}

static void the_list_is_bounded_and_denied_ones_stay(void **s) {
    struct quarantine_limits lim = QUARANTINE_LIMITS_DEFAULT;
    lim.entries_max = 3;
    lim.per_peer_max = 1000;
    struct quarantine *q = quarantine_new(&lim, NULL);
    assert_int_equal(knock(q, "bad", 1, "10.0.0.1", 0), QUARANTINE_NEW);
    size_t n;
    struct store_quarantine *v = quarantine_list(q, start, &n);
    assert_int_equal(quarantine_deny(q, v[0].id), 0);
    free(v);
    for (int i = 0; i < 50; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        assert_int_equal(knock(q, user, 1, "10.0.0.1", i + 1), QUARANTINE_NEW);
        assert_true(quarantine_count(q) <= 3);
    }
    assert_true(quarantine_denied(q, SLICE_LIT("bad"), (struct uuid){{1}}));
    assert_false(quarantine_denied(q, SLICE_LIT("bad"), (struct uuid){{2}}));
    assert_int_equal(knock(q, "bad", 1, "10.0.0.1", 100), QUARANTINE_DENIED_SILENTLY);
    /* the one seen for longest ago went first */
    assert_int_equal(knock(q, "u49", 1, "10.0.0.1", 101), QUARANTINE_KNOWN);
    assert_int_equal(knock(q, "u0", 1, "10.0.0.1", 102), QUARANTINE_NEW);
    quarantine_free(&q);
}

static void a_peer_makes_few_new_entries(void **s) {
    struct quarantine_limits lim = QUARANTINE_LIMITS_DEFAULT;
    lim.per_peer_max = 2;
    struct quarantine *q = quarantine_new(&lim, NULL);
    assert_int_equal(knock(q, "a", 1, "10.0.0.1", 0), QUARANTINE_NEW);
    assert_int_equal(knock(q, "b", 1, "10.0.0.1", 1), QUARANTINE_NEW);
    assert_int_equal(knock(q, "c", 1, "10.0.0.1", 2), QUARANTINE_NOT_KEPT);
    assert_int_equal(knock(q, "b", 1, "10.0.0.1", 3), QUARANTINE_KNOWN); /* known ones still count */
    assert_int_equal(knock(q, "c", 1, "10.9.9.9", 4), QUARANTINE_NEW);
    assert_int_equal(knock(q, "d", 1, "10.0.0.1", lim.window_ms), QUARANTINE_NEW);
    assert_int_equal(quarantine_count(q), 4);
    quarantine_free(&q);
}

static void entries_expire(void **s) {
    struct quarantine_limits lim = QUARANTINE_LIMITS_DEFAULT;
    lim.expire_s = 10;
    struct quarantine *q = quarantine_new(&lim, NULL);
    assert_int_equal(knock(q, "a", 1, "10.0.0.1", 0), QUARANTINE_NEW);
    assert_int_equal(knock(q, "b", 1, "10.0.0.1", 8000), QUARANTINE_NEW);
    size_t n;
    struct store_quarantine *v = quarantine_list(q, wall_add_ms(start, 10000), &n);
    assert_int_equal(n, 1);
    assert_string_equal(v[0].user, "b");
    free(v);
    assert_null(quarantine_list(q, wall_add_ms(start, 99000), &n));
    assert_int_equal(n, 0);
    quarantine_free(&q);
}

UNIT_MAIN(T(knocks_are_counted), T(a_hostile_name_is_cleaned), T(the_list_is_bounded_and_denied_ones_stay),
          T(a_peer_makes_few_new_entries), T(entries_expire))
