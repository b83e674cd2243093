/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pthi.h"
#include "unit.h"

static uint8_t mem[PTHI_MSG_MAX], body_mem[PTHI_MSG_MAX];

static struct slice request(enum pthi_cmd cmd, struct slice data) {
    struct wr w = wr_of(mem, sizeof mem);
    pthi_put_request(&w, cmd, data);
    return wr_done(&w);
}
static struct slice response(enum pthi_cmd cmd, uint32_t status, struct slice data) {
    struct pthi_request rq;
    struct slice q = request(cmd, SLICE_EMPTY);
    assert_int_equal(pthi_get_request(q, &rq), 0);
    struct wr w = wr_of(mem, sizeof mem);
    pthi_put_response(&w, rq.command, status, data);
    return wr_done(&w);
}

static void requests_of_the_reference(void **s) {
    struct slice m = request(PTHI_CMD_CONTROL_MODE, SLICE_EMPTY);
    assert_true(slice_eq(m, SLICE_LIT("\1\1\0\0\x6b\0\0\4\0\0\0\0")));
    struct pthi_request rq;
    assert_int_equal(pthi_get_request(m, &rq), 0);
    assert_int_equal(rq.cmd, PTHI_CMD_CONTROL_MODE);
    assert_int_equal(rq.status, 0);
    m = request(PTHI_CMD_UNPROVISION, SLICE_LIT("\0\0\0\0"));
    assert_true(slice_eq(m, SLICE_LIT("\1\1\0\0\x10\0\0\4\4\0\0\0\0\0\0\0")));
}

static void a_firmware_reads_requests(void **s) {
    static const struct {
        struct slice msg;
        int err;
        enum pthi_cmd cmd;
        uint32_t status;
    } all[] = {
        {SLICE_LIT(""), ERR_PROTO, PTHI_CMD_COUNT, 0},
        {SLICE_LIT("\1\1\0\0\x6b\0\0\4\0\0\0"), ERR_PROTO, PTHI_CMD_COUNT, 0},
        {SLICE_LIT("\2\1\0\0\x6b\0\0\4\0\0\0\0"), ERR_PROTO, PTHI_CMD_COUNT, 0},
        {SLICE_LIT("\1\1\0\0\x6b\0\x80\4\0\0\0\0"), ERR_PROTO, PTHI_CMD_COUNT, 0}, /* an answer */
        {SLICE_LIT("\1\1\0\0\x6b\0\0\4\1\0\0\0"), 0, PTHI_CMD_CONTROL_MODE, PTHI_STATUS_BAD_LENGTH},
        {SLICE_LIT("\1\1\0\0\x6b\0\0\4\1\0\0\0x"), 0, PTHI_CMD_CONTROL_MODE, PTHI_STATUS_BAD_LENGTH},
        {SLICE_LIT("\1\1\0\0\x10\0\0\4\0\0\0\0"), 0, PTHI_CMD_UNPROVISION, PTHI_STATUS_BAD_LENGTH},
        {SLICE_LIT("\1\1\0\0\xee\0\0\4\0\0\0\0"), 0, PTHI_CMD_COUNT, PTHI_STATUS_INVALID_PARAMETER},
        {SLICE_LIT("\1\1\0\0\xff\xff\xff\x7f\xff\xff\xff\xff"), ERR_PROTO, PTHI_CMD_COUNT, 0},
        {SLICE_LIT("\1\1\0\0\x6b\0\0\4\xff\xff\xff\xff"), 0, PTHI_CMD_CONTROL_MODE, PTHI_STATUS_BAD_LENGTH},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct pthi_request rq;
        assert_int_equal(pthi_get_request(all[i].msg, &rq), all[i].err);
        if (all[i].err)
            continue;
        assert_int_equal(rq.cmd, all[i].cmd);
        assert_int_equal(rq.status, all[i].status);
    }
}

static int answered(struct slice msg, uint32_t *v, uint32_t *status, struct errinfo *ei) {
    struct slice data;
    int r = pthi_get_response(msg, PTHI_CMD_CONTROL_MODE, &data, status, ei);
    if (r == 0)
        assert_true(pthi_get_u32(data, v));
    return r;
}

/* echo, version, length, status, as the reference lists them */
static void every_check_of_an_answer(void **s) {
    struct errinfo ei = {0};
    uint32_t v = 9, status;
    assert_int_equal(answered(SLICE_LIT("\1\1\0\0\x6b\0\x80\4\x08\0\0\0\0\0\0\0\2\0\0\0"), &v, &status, &ei),
                     0);
    assert_int_equal(v, 2);
    /* slack behind it */
    assert_int_equal(
        answered(SLICE_LIT("\1\1\0\0\x6b\0\x80\4\x08\0\0\0\0\0\0\0\1\0\0\0\0\0\0"), &v, &status, &ei), 0);
    assert_int_equal(v, 1);
    static const struct slice bad[] = {
        SLICE_LIT(""),
        SLICE_LIT("\1\1\0\0\x6b\0\x80\4\x08\0\0\0"),
        SLICE_LIT("\1\2\0\0\x6b\0\x80\4\x08\0\0\0\0\0\0\0\2\0\0\0"),
        SLICE_LIT("\1\1\0\0\x6b\0\0\4\x08\0\0\0\0\0\0\0\2\0\0\0"),   /* not a response */
        SLICE_LIT("\1\1\0\0\x5c\0\x80\4\x08\0\0\0\0\0\0\0\2\0\0\0"), /* of another command */
        SLICE_LIT("\1\1\0\0\x6b\0\x80\4\x09\0\0\0\0\0\0\0\2\0\0\0"), /* longer than what came */
        SLICE_LIT("\1\1\0\0\x6b\0\x80\4\3\0\0\0\0\0\0\0\2\0\0\0"),   /* no room for a status */
        SLICE_LIT("\1\1\0\0\x6b\0\x80\4\7\0\0\0\0\0\0\0\2\0\0\0"),   /* too little data */
        SLICE_LIT("\1\1\0\0\x6b\0\x80\4\xff\xff\xff\xff\0\0\0\0\2\0\0\0"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ei = (struct errinfo){0};
        assert_int_equal(answered(bad[i], &v, &status, &ei), ERR_PROTO);
        assert_non_null(strstr(ei.text, "read the control mode"));
    }
    assert_int_equal(answered(SLICE_LIT("\1\1\0\0\x6b\0\x80\4\4\0\0\0\x10\0\0\0"), &v, &status, &ei),
                     ERR_REFUSED);
    assert_int_equal(status, PTHI_STATUS_NOT_PERMITTED);
    assert_string_equal(ei.text,
                        "the firmware refused to read the control mode: not permitted (status 0x10)");
    assert_string_equal(pthi_status_text(0x7777), "a status that is not in our table");
}

static void versions(struct pthi_versions *v) {
    *v = (struct pthi_versions){.bios = "BCHSW370.86A.0021",
                                .n = 3,
                                .all = {{"AMT", "16.1.25"}, {"Sku", "16392"}, {"Build Number", "2124"}}};
}

/* A value is put, read back and put again; the answer is cut at every length. */
#define ROUND(cmd, type, put, get, value)                                                                    \
    do {                                                                                                     \
        struct type in = value, out, cut;                                                                    \
        struct wr w = wr_of(body_mem, sizeof body_mem);                                                      \
        put(&w, &in);                                                                                        \
        struct slice body = wr_done(&w), data;                                                               \
        struct slice msg = response(cmd, 0, body);                                                           \
        assert_int_equal(pthi_get_response(msg, cmd, &data, NULL, NULL), 0);                                 \
        memset(&out, 0, sizeof out);                                                                         \
        assert_true(get(data, &out));                                                                        \
        w = wr_of(body_mem, sizeof body_mem);                                                                \
        put(&w, &out);                                                                                       \
        assert_true(slice_eq(wr_done(&w), data));                                                            \
        size_t least = data.n - ((cmd) == PTHI_CMD_LOCAL_ACCOUNT ? 2 : 0);                                   \
        for (size_t n = 0; n < data.n; n++)                                                                  \
            assert_true(get(slice_head(data, n), &cut) == (n >= least));                                     \
        for (size_t n = 0; n < msg.n; n++)                                                                   \
            assert_int_equal(pthi_get_response(slice_head(msg, n), cmd, &data, NULL, NULL), ERR_PROTO);      \
    } while (0)
#define VALUE(...)                                                                                           \
    { __VA_ARGS__ }

static void round_trips_and_truncations(void **s) {
    ROUND(PTHI_CMD_MAC_ADDRESSES, pthi_macs, pthi_put_macs, pthi_get_macs,
          VALUE({1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}));
    ROUND(PTHI_CMD_HASH_HANDLES, pthi_handles, pthi_put_handles, pthi_get_handles,
          VALUE(3, {1, 7, 0x80000001}));
    ROUND(PTHI_CMD_HASH_ENTRY, pthi_hash, pthi_put_hash, pthi_get_hash,
          VALUE(true, true, {0xe7, 0x68, 0x56}, PTHI_ALG_SHA256, "Go Daddy Class 2 CA"));
    ROUND(PTHI_CMD_RAS_STATUS, pthi_ras, pthi_put_ras, pthi_get_ras, VALUE(2, 2, 1, "mps.example.com"));
    ROUND(PTHI_CMD_LAN_SETTINGS, pthi_lan, pthi_put_lan, pthi_get_lan,
          VALUE(true, true, true, 0xC0A80102, 2, {0x88, 0xae, 0xdd, 0x70, 0x37, 0xea}));
    ROUND(PTHI_CMD_FEATURES_STATE, pthi_feature_state, pthi_put_feature, pthi_get_feature,
          VALUE(PTHI_FEATURE_REDIRECTION, 3));
    ROUND(PTHI_CMD_FEATURES_STATE, pthi_feature_state, pthi_put_feature, pthi_get_feature,
          VALUE(PTHI_FEATURE_KVM, 2));
    ROUND(PTHI_CMD_FQDN, pthi_fqdn, pthi_put_fqdn, pthi_get_fqdn, VALUE(true, "node-7.example.com"));
    ROUND(PTHI_CMD_LOCAL_ACCOUNT, pthi_account, pthi_put_account, pthi_get_account,
          VALUE("$$OsAdmin", "0123456789abcdefghijklmnopqrstuvw"));
    ROUND(PTHI_CMD_START_CONFIGURATION, pthi_started, pthi_put_started, pthi_get_started,
          VALUE(PTHI_ALG_SHA384, {1, 2, 3}));
    struct pthi_versions v;
    versions(&v);
    ROUND(PTHI_CMD_CODE_VERSIONS, pthi_versions, pthi_put_versions, pthi_get_versions, v);
    assert_string_equal(pthi_version_of(&v, "Sku"), "16392");
    assert_null(pthi_version_of(&v, "Nothing"));
}

static void uuids_are_printed_order(void **s) {
    struct uuid u, back;
    assert_true(uuid_parse(SLICE_LIT("55e3ae13-bfd2-61bb-17a0-88aedd7037ea"), &u));
    struct wr w = wr_of(body_mem, sizeof body_mem);
    pthi_put_uuid(&w, u);
    assert_memory_equal(body_mem, "\x13\xae\xe3\x55\xd2\xbf\xbb\x61\x17\xa0", 10);
    assert_true(pthi_get_uuid(wr_done(&w), &back));
    assert_true(uuid_eq(u, back));
    assert_false(pthi_get_uuid(slice_of(body_mem, 15), &back));
}

static void texts_are_cleaned(void **s) {
    char out[PTHI_TEXT_CAP];
    assert_true(pthi_get_text(SLICE_LIT("\x0b\0example.com"), out));
    assert_string_equal(out, "example.com");
    assert_true(pthi_get_text(SLICE_LIT("\x06\0a\x1b[2J\xff"), out));
    assert_string_equal(out, "a?[2J?");
    assert_true(pthi_get_text(SLICE_LIT("\x08\0"
                                        "a.b\0c.d\0"),
                              out)); /* a list */
    assert_string_equal(out, "a.b,c.d");
    assert_true(pthi_get_text(SLICE_LIT("\0\0"), out));
    assert_string_equal(out, "");
    assert_false(pthi_get_text(SLICE_LIT("\2\0a"), out));
    assert_false(pthi_get_text(SLICE_LIT("\2"), out));
    uint8_t is_long[2 + 1000] = {0xe8, 0x03};
    memset(is_long + 2, 'x', 1000);
    assert_true(pthi_get_text(slice_of(is_long, sizeof is_long), out));
    assert_int_equal(strlen(out), PTHI_TEXT_CAP - 1);
}

static void limits_of_lists(void **s) {
    struct pthi_handles h = {.n = PTHI_HASHES_MAX}, back;
    struct wr w = wr_of(body_mem, sizeof body_mem);
    pthi_put_handles(&w, &h);
    assert_true(pthi_get_handles(wr_done(&w), &back));
    body_mem[0]++;
    assert_false(pthi_get_handles(slice_of(body_mem, sizeof body_mem), &back));
    struct pthi_versions v = {.n = PTHI_VERSIONS_MAX}, vback;
    w = wr_of(body_mem, sizeof body_mem);
    pthi_put_versions(&w, &v);
    assert_true(pthi_get_versions(wr_done(&w), &vback));
    body_mem[PTHI_BIOS_BYTES]++;
    assert_false(pthi_get_versions(slice_of(body_mem, sizeof body_mem), &vback));
    body_mem[PTHI_BIOS_BYTES]--;
    body_mem[PTHI_BIOS_BYTES + 4] = 21; /* a name longer than its field */
    assert_false(pthi_get_versions(slice_of(body_mem, sizeof body_mem), &vback));
}

static void both_lengths_of_a_start(void **s) {
    struct pthi_start in = {.alg = PTHI_ALG_SHA256, .hash = {1, 2}, .host_vpn = true, .suffixes_n = 3}, out;
    memcpy(in.suffixes, "a.b", 3);
    struct wr w = wr_of(body_mem, sizeof body_mem);
    pthi_put_start(&w, &in);
    struct slice data = wr_done(&w);
    assert_int_equal(data.n, 390);
    assert_true(pthi_get_start(data, &out));
    assert_memory_equal(&in, &out, sizeof in);
    /* the older clients' form: host VPN as u32 */
    uint8_t wide[393] = {0};
    memcpy(wide, data.p, 66);
    memcpy(wide + 69, data.p + 66, 324);
    assert_true(pthi_get_start(slice_of(wide, 393), &out));
    assert_memory_equal(&in, &out, sizeof in);
    assert_false(pthi_get_start(slice_of(wide, 391), &out));
    assert_false(pthi_get_start(slice_of(wide, 389), &out));
    struct pthi_request rq;
    struct slice m = request(PTHI_CMD_START_CONFIGURATION, data);
    assert_int_equal(pthi_get_request(m, &rq), 0);
    assert_int_equal(rq.status, 0);
}

static void the_account_is_wiped(void **s) {
    struct pthi_account a = {"$$OsAdmin", "secret"}, zero = {0};
    pthi_account_wipe(&a);
    assert_memory_equal(&a, &zero, sizeof a);
    uint8_t none[68] = {0};
    assert_false(pthi_get_account(slice_of(none, sizeof none), &a)); /* a user without a name */
}

static void the_watchdog_client(void **s) {
    struct wr w = wr_of(mem, sizeof mem);
    struct wd_request rq;
    uint8_t flags;
    uint32_t status;
    wd_put_state_request(&w);
    assert_true(slice_eq(wr_done(&w), SLICE_LIT("\5\2\x51\x10")));
    assert_int_equal(wd_get_request(wr_done(&w), &rq), 0);
    assert_false(rq.set);
    w = wr_of(mem, sizeof mem);
    wd_put_enable_request(&w, true);
    assert_true(slice_eq(wr_done(&w), SLICE_LIT("\5\3\x53\x10\1")));
    assert_int_equal(wd_get_request(wr_done(&w), &rq), 0);
    assert_true(rq.set && rq.enable);
    assert_int_equal(wd_get_request(SLICE_LIT("\5\3\x53\x10\2"), &rq), ERR_PROTO);
    assert_int_equal(wd_get_request(SLICE_LIT("\5\3\x53\x10"), &rq), ERR_PROTO);
    assert_int_equal(wd_get_request(SLICE_LIT(""), &rq), ERR_PROTO);
    w = wr_of(mem, sizeof mem);
    wd_put_state(&w, WD_AMT_ENABLED | WD_TLS_LOCAL);
    assert_true(wd_get_state(wr_done(&w), &flags));
    assert_int_equal(flags, 0x42);
    assert_false(wd_get_state(slice_of(mem, 4), &flags));
    w = wr_of(mem, sizeof mem);
    wd_put_enable_status(&w, 0x10);
    assert_true(wd_get_enable_status(wr_done(&w), &status));
    assert_int_equal(status, 0x10);
    assert_false(wd_get_enable_status(slice_of(mem, 7), &status));
}

UNIT_MAIN(T(requests_of_the_reference), T(a_firmware_reads_requests), T(every_check_of_an_answer),
          T(round_trips_and_truncations), T(uuids_are_printed_order), T(texts_are_cleaned),
          T(limits_of_lists), T(both_lengths_of_a_start), T(the_account_is_wiped), T(the_watchdog_client))
