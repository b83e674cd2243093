/* SPDX-License-Identifier: Apache-2.0 */
#include "http/now.h"
#include "mei_rig.h"
#include "net/pki.h"
#include "rpc/amtinfo.h"
#include "rpc/local_wsman.h"
#include "rpc/mei.h"
#include "unit.h"

#include <jansson.h>

static struct mei_rig rig;
static struct amtinfo info;
static struct errinfo ei;

static int setup(void **s) {
    mei_rig_init(&rig);
    ei = (struct errinfo){0};
    return 0;
}
static int teardown(void **s) {
    mei_rig_stop(&rig);
    tls_ctx_unref(&rig.tls);
    return 0;
}

static int read_info(void) {
    mei_rig_start(&rig);
    struct fw *f = fw_new(rig.where);
    int rc = amtinfo_read(&info, f, &ei);
    fw_free(&f);
    return rc;
}

static void a_firmware_is_read(void **s) {
    assert_int_equal(read_info(), 0);
    assert_string_equal(info.amt, "16.1.25");
    assert_string_equal(info.build, "2124");
    assert_string_equal(info.features, "AMT Pro Corporate");
    assert_string_equal(info.dns_suffix, "example.com");
    assert_true(uuid_eq(info.uuid, rig.uuid));
    assert_true(info.wired.present);
    assert_false(info.wireless.present); /* told by a status */
    assert_int_equal(info.nhashes, 2);
    assert_true(info.wd_known && info.wd_flags & WD_AMT_ENABLED);
}

#define NOT_LET_IN                                                                                           \
    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"Digest:A\", nonce=\"n\", "                \
    "qop=\"auth\"\r\nContent-Length: 0\r\n\r\n"

/* The local account is not let in, or there is nothing to ask: the rest is told all the same. */
static void what_local_wsman_denies_stays_unknown(void **s) {
    rig.control_mode = 2;
    rig.answers[0] = NOT_LET_IN;
    rig.nanswers = 1;
    mei_rig_start(&rig);
    struct fw *f = fw_new(rig.where);
    struct amt_cira cira;
    assert_int_equal(amtinfo_read(&info, f, &ei), 0);
    assert_int_equal(local_wsman_cira(rig.where, f, &cira, &ei), ERR_AUTH);
    amtinfo_read_mps(&info, f, rig.where);
    assert_false(info.mps_known);
    fw_free(&f);
}

static void json_has_the_names_that_are_known(void **s) {
    assert_int_equal(read_info(), 0);
    struct buf out = {0};
    amtinfo_json(&info, &out);
    json_t *j = json_loads(buf_cstr(&out), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    static const char *const names[] = {"amt",
                                        "buildNumber",
                                        "sku",
                                        "features",
                                        "uuid",
                                        "controlMode",
                                        "provisioningState",
                                        "operationalState",
                                        "dnsSuffix",
                                        "dnsSuffixOS",
                                        "hostnameOS",
                                        "ras",
                                        "wiredAdapter",
                                        "certificateHashes",
                                        "heciAvailable"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(json_object_get(j, names[i]));
    assert_string_equal(json_string_value(json_object_get(j, "uuid")),
                        "55e3ae13-bfd2-61bb-17a0-88aedd7037ea");
    assert_string_equal(json_string_value(json_object_get(j, "controlMode")), "pre-provisioning state");
    json_t *wired = json_object_get(j, "wiredAdapter");
    assert_string_equal(json_string_value(json_object_get(wired, "ipAddress")), "192.168.1.2");
    assert_string_equal(json_string_value(json_object_get(wired, "macAddress")), "02:ae:dd:70:37:ea");
    json_t *hash = json_object_get(json_object_get(j, "certificateHashes"), "Root One");
    assert_int_equal(strlen(json_string_value(json_object_get(hash, "hash"))), 64);
    assert_string_equal(json_string_value(json_object_get(hash, "algorithm")), "SHA256");
    assert_null(strstr(buf_cstr(&out), "secret"));
    json_decref(j);
    buf_free(&out);
    amtinfo_text(&info, &out);
    assert_non_null(strstr(buf_cstr(&out), "control mode               pre-provisioning state\n"));
    assert_null(strstr(buf_cstr(&out), "secret"));
    buf_free(&out);
}

static void what_is_not_told_stays_empty(void **s) {
    static const enum pthi_cmd optional[] = {PTHI_CMD_RAS_STATUS, PTHI_CMD_DNS_SUFFIX, PTHI_CMD_LAN_SETTINGS,
                                             PTHI_CMD_HASH_HANDLES, PTHI_CMD_PROVISIONING_STATE};
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
        rig.status[optional[i]] = PTHI_STATUS_NOT_PERMITTED;
    rig.no_wd = true;
    assert_int_equal(read_info(), 0);
    assert_false(info.ras_known || info.wd_known || info.wired.present);
    assert_int_equal(info.nhashes, 0);
    assert_string_equal(info.dns_suffix, "");
}

static void a_refused_version_is_an_error(void **s) {
    rig.status[PTHI_CMD_CODE_VERSIONS] = PTHI_STATUS_NOT_READY;
    assert_int_equal(read_info(), ERR_REFUSED);
    assert_non_null(strstr(ei.text, "the firmware is not ready"));
}

static void an_answer_to_something_else(void **s) {
    rig.odd[PTHI_CMD_UUID] = true;
    assert_int_equal(read_info(), ERR_PROTO);
    assert_non_null(strstr(ei.text, "it echoes another command"));
}

static void no_amt_in_the_engine(void **s) {
    rig.no_pthi = true;
    assert_int_equal(read_info(), ERR_UNSUPPORTED);
    assert_non_null(strstr(ei.remedy, "BIOS"));
}

static void a_reset_under_a_question(void **s) {
    rig.hang_up_after = 2; /* it is asked again, on a new connection */
    assert_int_equal(read_info(), 0);
    assert_true(uuid_eq(info.uuid, rig.uuid));
}

static void long_messages_are_refused(void **s) {
    rig.message_max = MEI_MESSAGE_MAX + 1;
    assert_int_equal(read_info(), ERR_PROTO);
}

static void messages_of_a_small_engine(void **s) {
    rig.message_max = 64; /* the versions are longer */
    assert_int_equal(read_info(), ERR_PROTO);
    assert_non_null(strstr(ei.text, "longer than it announced"));
}

/* A certificate that the firmware made itself. */
static struct tls_ctx *own_tls(void) {
    struct buf key = {0}, cert = {0};
    assert_int_equal(pki_make_key(PKI_P256, &key, &ei), 0);
    assert_int_equal(pki_make_root(buf_slice(&key), "AMT RCFG", now_wall(), 30, &cert, &ei), 0);
    struct tls_ctx *c = tls_server_ctx(buf_slice(&cert), buf_slice(&key), TLS_MODERN, &ei);
    assert_non_null(c);
    buf_free(&key);
    buf_free(&cert);
    return c;
}

static int ask_wsman(void) {
    struct amt_cira cira;
    struct fw *f = fw_new(rig.where);
    int rc = local_wsman_cira(rig.where, f, &cira, &ei);
    fw_free(&f);
    return rc;
}

/* The firmware's own answer comes through TLS when its local ports want that. */
static void local_wsman_goes_through_tls(void **s) {
    rig.control_mode = 2;
    rig.answers[0] = NOT_LET_IN;
    rig.nanswers = 1;
    rig.tls = own_tls();
    rig.wd_flags |= WD_TLS_LOCAL;
    mei_rig_start(&rig);
    assert_int_equal(ask_wsman(), ERR_AUTH);
    assert_true(rig.heard.len > 0);
    assert_null(memmem(rig.heard.mem, rig.heard.len, "POST", 4)); /* nothing goes in the clear */
}

static void no_tls_where_it_is_due(void **s) {
    rig.echo = true;
    rig.wd_flags |= WD_TLS_LOCAL;
    mei_rig_start(&rig);
    assert_int_equal(ask_wsman(), ERR_TLS);
    assert_non_null(strstr(ei.text, "TLS with the firmware"));
}

#define EACH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
UNIT_MAIN(EACH(a_firmware_is_read), EACH(what_local_wsman_denies_stays_unknown),
          EACH(local_wsman_goes_through_tls), EACH(no_tls_where_it_is_due),
          EACH(json_has_the_names_that_are_known), EACH(what_is_not_told_stays_empty),
          EACH(a_refused_version_is_an_error), EACH(an_answer_to_something_else), EACH(no_amt_in_the_engine),
          EACH(a_reset_under_a_question), EACH(long_messages_are_refused), EACH(messages_of_a_small_engine))
