/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "unit.h"

static void rfc3339_round_trips(void **s) {
    static const char *const good[] = {"1970-01-01T00:00:01.000Z", "2000-02-29T23:59:59.999Z",
                                       "2026-11-22T14:02:11.482Z", "2100-03-01T00:00:00.000Z"};
    for (int i = 0; i < 4; i++) {
        struct wall t;
        char out[WALL_TEXT_CAP];
        assert_true(wall_parse(good[i], &t));
        assert_string_equal(wall_rfc3339(t, out), good[i]);
    }
    struct wall a, b;
    assert_true(wall_parse("2026-11-22T14:02:11+02:00", &a) && wall_parse("2026-11-22T12:02:11Z", &b));
    assert_int_equal(a.us, b.us);
    static const char *const bad[] = {"",
                                      "2026-11-22",
                                      "2026-13-22T14:02:11Z",
                                      "2026-02-30T14:02:11Z",
                                      "2026-11-22T24:02:11Z",
                                      "2026-11-22T14:02:11",
                                      "2026-11-22T14:02:11.Z",
                                      "2026-11-22T14:02:11+0200",
                                      "2026-11-22T14:02:11Zx"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(wall_parse(bad[i], &a));
}

static void durations_read_well(void **s) {
    char out[WALL_TEXT_CAP];
    assert_string_equal(duration_text(4200, out), "4 s");
    assert_string_equal(duration_text(200000, out), "3 min 20 s");
    assert_string_equal(duration_text(7500000, out), "2 h 5 min");
    assert_string_equal(duration_text(-5, out), "0 s");
}

static void mono_saturates(void **s) {
    assert_true(mono_is_never(mono_add_ms(MONO_NEVER, 5)));
    assert_true(mono_is_never(mono_add_ms(MONO_NEVER, -5)));
    assert_int_equal(mono_add_ms((struct mono){7000}, -5).us, 2000);
    assert_int_equal(mono_ms_between((struct mono){1000}, (struct mono){5500}), 4);
}

UNIT_MAIN(T(rfc3339_round_trips), T(durations_read_well), T(mono_saturates))
