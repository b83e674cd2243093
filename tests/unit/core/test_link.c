/* SPDX-License-Identifier: Apache-2.0 */
#include "core/link.h"
#include "unit.h"

static struct mono at(int64_t ms) {
    return (struct mono){ms * 1000};
}
static const struct wall wall = {1};

/* Silent from `from` on: when is it given up? */
static int64_t silent_until_dead(struct link *l, const struct link_policy *p, int *asked) {
    for (int i = 0; i < 100; i++) {
        struct mono due = link_deadline(l, p);
        assert_false(mono_is_never(due));
        enum link_verdict v = link_check(l, p, due, wall);
        if (v == LINK_ASK)
            ++*asked;
        if (v == LINK_DEAD)
            return due.us / 1000;
    }
    fail();
    return 0;
}

static void silence_is_noticed_within_45_s(void **s) {
    struct link_policy p = LINK_POLICY_DEFAULT;
    struct link l = {.asked = MONO_NEVER};
    int asked = 0;
    link_set_state(&l, LINK_UP, LINK_WHY_LOGIN, wall);
    link_heard(&l, at(1000));
    int64_t dead = silent_until_dead(&l, &p, &asked);
    assert_in_range(dead - 1000, 1, 45000);
    assert_int_equal(asked, p.probes);
    assert_int_equal(l.state, LINK_SUSPECT);
}

static void asked_by_an_operator_it_is_noticed_sooner(void **s) {
    struct link_policy p = LINK_POLICY_DEFAULT;
    struct link l = {.asked = MONO_NEVER};
    int asked = 0;
    link_set_state(&l, LINK_UP, LINK_WHY_LOGIN, wall);
    link_heard(&l, at(1000));
    assert_int_equal(link_ask_now(&l, at(2000), wall), LINK_ASK);
    assert_int_equal(link_ask_now(&l, at(2100), wall), LINK_KEEP); /* one question at a time */
    link_check(&l, &p, at(7000), wall);
    assert_int_equal(l.state, LINK_SUSPECT); /* 5 s after the question */
    assert_in_range(silent_until_dead(&l, &p, &asked), 1, 25000);
}

static void an_answer_brings_it_back(void **s) {
    struct link_policy p = LINK_POLICY_DEFAULT;
    struct link l = {.asked = MONO_NEVER};
    link_set_state(&l, LINK_UP, LINK_WHY_LOGIN, wall);
    link_heard(&l, at(0));
    assert_int_equal(link_check(&l, &p, at(20000), wall), LINK_ASK);
    assert_int_equal(link_check(&l, &p, at(25000), wall), LINK_ASK);
    assert_int_equal(l.state, LINK_SUSPECT);
    link_heard(&l, at(26000));
    assert_true(link_deadline(&l, &p).us <= 26000 * 1000);
    assert_int_equal(link_check(&l, &p, at(26000), wall), LINK_RECOVERED);
    assert_int_equal(l.state, LINK_UP);
    assert_int_equal(link_check(&l, &p, at(30000), wall), LINK_KEEP);
    assert_int_equal(link_deadline(&l, &p).us, 46000 * 1000);
}

static void a_talking_peer_is_never_asked(void **s) {
    struct link_policy p = LINK_POLICY_DEFAULT;
    struct link l = {.asked = MONO_NEVER};
    link_set_state(&l, LINK_UP, LINK_WHY_LOGIN, wall);
    for (int t = 0; t < 1000; t++) {
        link_heard(&l, at(t * 1000));
        assert_int_equal(link_check(&l, &p, at(t * 1000 + 500), wall), LINK_KEEP);
    }
}

UNIT_MAIN(T(silence_is_noticed_within_45_s), T(asked_by_an_operator_it_is_noticed_sooner),
          T(an_answer_brings_it_back), T(a_talking_peer_is_never_asked))
