/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "base/uuid.h"
#include "unit.h"

static void wire_order(void **s) { /* reference protocol-cira-wsman 1.3 */
    struct uuid raw;
    char out[UUID_TEXT_CAP];
    assert_true(text_unhex(SLICE_LIT("13aee355d2bfbb6117a088aedd7037ea"), raw.b, 16));
    assert_string_equal(uuid_text(uuid_swap(raw), out), "55e3ae13-bfd2-61bb-17a0-88aedd7037ea");
    assert_true(uuid_same_node(raw, uuid_swap(raw)));
}

static void parse_and_placeholders(void **s) {
    struct uuid u;
    assert_true(uuid_parse(SLICE_LIT("03000200-0400-0500-0006-000700080009"), &u));
    assert_true(uuid_is_placeholder(u));
    assert_true(uuid_is_placeholder(uuid_swap(u)));
    assert_true(uuid_parse(SLICE_LIT("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"), &u) && uuid_is_placeholder(u));
    assert_true(uuid_parse(SLICE_LIT("00000000000000000000000000000000"), &u) && uuid_is_nil(u));
    assert_true(uuid_parse(SLICE_LIT("5b006b9c-09bf-0000-0000-000000000000"), &u) && !uuid_is_placeholder(u));
    assert_false(uuid_parse(SLICE_LIT("5b006b9c-09bf-0000-0000-00000000000"), &u));
    assert_false(uuid_parse(SLICE_LIT("5b006b9c-09bf-0000-0000-00000000000g"), &u));
    assert_false(uuid_parse(SLICE_LIT("5b006b9c009bf-0000-0000-000000000000"), &u));
}

UNIT_MAIN(T(wire_order), T(parse_and_placeholders))
