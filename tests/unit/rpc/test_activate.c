/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the RPS protocol between a scripted server and a scripted engine. */
#include "../cli/scripted.h"
#include "mei_rig.h"
#include "proto/rps.h"
#include "rpc/activate.h"
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

static struct mei_rig rig;
static struct scripted *server;
static struct activate_opts opts;
static struct activate_end end;
static struct errinfo ei;
static struct rps_command command;
static char url[64], said[2048];

#define REQUEST "POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
#define ANSWER  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static void on_say(void *ctx, const char *text) {
    size_t n = strlen(said);
    snprintf(said + n, sizeof said - n, "%s\n", text);
}

static int setup(void **s) {
    mei_rig_init(&rig);
    rig.answers[0] = ANSWER;
    rig.nanswers = 1;
    server = scripted_start(NULL, NULL);
    snprintf(url, sizeof url, "ws://127.0.0.1:%u/activate", scripted_port(server));
    command = (struct rps_command){.verb = RPS_ACTIVATE, .profile = "default_ccm"};
    opts = (struct activate_opts){.local = {.where = rig.where, .lms_host = ""},
                                  .url = url,
                                  .token = "oek-not-to-be-seen",
                                  .command = &command,
                                  .retry_ms = 1,
                                  .say = on_say};
    ei = (struct errinfo){0};
    said[0] = 0;
    return server ? 0 : -1;
}
static int teardown(void **s) {
    scripted_stop(&server);
    mei_rig_stop(&rig);
    return 0;
}

/* --- the server's pieces --- */

static void send_buf(struct peer *p, struct buf *b) {
    peer_text(p, buf_cstr(b));
    buf_free(b);
}
static void say_server(struct peer *p, enum rps_server_kind k, const char *payload) {
    struct buf b = {0};
    rps_put_server(&b, k, slice_str(payload));
    send_buf(p, &b);
}
static void say_end(struct peer *p, bool ok, const char *status) {
    struct buf b = {0};
    struct rps_outcome o = {.network = "Wired Network Configured", .has_parts = true};
    snprintf(o.status, sizeof o.status, "%s", status);
    o.parts[RPS_PART_ACTIVATION].result = ok ? RPS_RESULT_SUCCESS : RPS_RESULT_FAILURE;
    rps_put_end(&b, ok, &o);
    send_buf(p, &b);
}
/* Reads one message of the client; logs its kind and payload. */
static bool hear(struct peer *p, struct rps_from_client *m) {
    char *text = peer_next_text(p), line[512];
    *m = (struct rps_from_client){0};
    if (!text || rps_read_client(slice_str(text), m, NULL) < 0) {
        peer_log(p, "no message of the protocol");
        free(text);
        return false;
    }
    snprintf(line, sizeof line, "%s: %.*s",
             *rps_client_method(m->kind) ? rps_client_method(m->kind) : "command", (int)m->payload.len,
             (const char *)buf_slice(&m->payload).p);
    peer_log(p, line);
    free(text);
    return true;
}
static void hear_one(struct peer *p) {
    struct rps_from_client m;
    if (hear(p, &m))
        rps_from_client_free(&m);
}
static void hear_command(struct peer *p) {
    struct rps_from_client m;
    char line[1024], u[UUID_TEXT_CAP];
    if (!hear(p, &m))
        return;
    snprintf(line, sizeof line, "%s %s %s %u %s %s %u hashes %s", rps_verb_word(m.command.verb),
             m.command.profile, m.info.ver, m.info.current_mode, m.info.user, m.info.fqdn,
             m.info.ncert_hashes, m.info.ncert_hashes ? m.info.cert_hashes[0] : "");
    peer_log(p, line);
    snprintf(line, sizeof line, "SMBIOS %s", uuid_text(m.info.smbios, u));
    peer_log(p, line);
    rps_from_client_free(&m);
}

static bool logged(const char *text) {
    char *log = scripted_log(server);
    bool found = strstr(log, text) != NULL;
    if (!found)
        fprintf(stderr, "not in the log: %s\n%s\n", text, log);
    free(log);
    return found;
}
static int run(void (*play)(struct peer *p)) {
    static struct script rows[2];
    rows[0] = (struct script){
        .method = "GET", .target = "/activate", .status = 101, .play = play, .no_protocol = true};
    scripted_play(server, rows);
    mei_rig_start(&rig);
    return activate_run(&opts, &end, &ei);
}

/* --- tests --- */

static void play_whole(struct peer *p) {
    hear_command(p);
    struct buf b = {0};
    rps_put_progress(&b, "reading the realm");
    send_buf(p, &b);
    say_server(p, RPS_S_WSMAN, REQUEST);
    hear_one(p);
    say_server(p, RPS_S_HEARTBEAT_REQUEST, "");
    hear_one(p);
    say_server(p, RPS_S_WSMAN, REQUEST);
    hear_one(p);
    say_end(p, true, "Admin control mode.");
    peer_wait_close(p);
}
static void a_whole_activation(void **s) {
    assert_int_equal(run(play_whole), 0);
    assert_string_equal(end.outcome.status, "Admin control mode.");
    assert_int_equal(end.outcome.parts[RPS_PART_ACTIVATION].result, RPS_RESULT_SUCCESS);
    assert_true(logged("activate default_ccm 16.1.25 0 $$OsAdmin example.com 1 hashes e768"));
    assert_true(logged("Authorization: Bearer oek-not-to-be-seen"));
    assert_true(logged("response: "
                       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
    assert_true(logged("heartbeat_response"));
    assert_string_equal(said, "reading the realm\n");
    assert_int_equal(rig.channels, 2);
    assert_true(slice_is(buf_slice(&rig.heard), REQUEST REQUEST));
}

static void play_error(struct peer *p) {
    hear_command(p);
    say_end(p, false, "Device is in admin control mode.");
    peer_wait_close(p);
}
static void the_server_says_error(void **s) {
    opts.retries = 3;
    assert_int_equal(run(play_error), ERR_FAULT);
    assert_string_equal(ei.text, "Device is in admin control mode.");
    assert_int_equal(scripted_connections(server), 1); /* it is meant: not tried again */
}

static void play_tls(struct peer *p) {
    hear_command(p);
    struct buf b = {0};
    rps_put_port_switch(&b, 16993, 0);
    send_buf(p, &b);
    hear_one(p);
    say_server(p, RPS_S_TLS_DATA, "client hello");
    hear_one(p);
    say_server(p, RPS_S_TLS_DATA, "finished");
    hear_one(p);
    say_end(p, true, "done");
    peer_wait_close(p);
}
static void tls_bytes_go_through(void **s) {
    rig.echo = true;
    rig.wd_flags |= WD_TLS_LOCAL;
    assert_int_equal(run(play_tls), 0);
    assert_true(logged("port_switch_ack"));
    assert_true(logged("tls_data: client hello"));
    assert_true(logged("tls_data: finished"));
    assert_int_equal(rig.channels, 1); /* one connection carries the session */
}

static void play_no_answer(struct peer *p) {
    hear_command(p);
    say_server(p, RPS_S_WSMAN, REQUEST);
    hear_one(p);
    say_end(p, false, "the device does not answer");
    peer_wait_close(p);
}
static void a_firmware_that_breaks_off_is_told(void **s) {
    rig.answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel";
    assert_int_equal(run(play_no_answer), ERR_FAULT);
    assert_true(logged("connection_reset"));
    assert_non_null(strstr(said, "before its answer was whole"));
}

static unsigned plays;
static void play_breaks_twice(struct peer *p) {
    hear_command(p);
    if (++plays == 1)
        return; /* the connection breaks */
    if (plays == 2) {
        peer_close(p, 1012, "restart");
        peer_wait_close(p);
        return;
    }
    say_end(p, true, "done");
    peer_wait_close(p);
}
static void a_broken_connection_is_made_again(void **s) {
    plays = 0;
    opts.retries = 2;
    assert_int_equal(run(play_breaks_twice), 0);
    assert_int_equal(plays, 3);
    assert_non_null(strstr(said, "trying again"));
}
static void not_more_often_than_asked(void **s) {
    plays = 0;
    opts.retries = 1;
    assert_int_equal(run(play_breaks_twice), ERR_CLOSED);
    assert_int_equal(plays, 2);
}

static void play_another_took_over(struct peer *p) {
    hear_command(p);
    peer_close(p, 1008, "another connection speaks for this node");
    peer_wait_close(p);
}
static void a_close_that_is_meant(void **s) {
    opts.retries = 3;
    assert_int_equal(run(play_another_took_over), ERR_REFUSED);
    assert_non_null(strstr(ei.text, "another connection speaks for this node"));
    assert_int_equal(scripted_connections(server), 1);
}

static void play_nonsense(struct peer *p) {
    hear_command(p);
    peer_text(p, "{\"method\":\"format\",\"status\":\"ok\"}");
    peer_wait_close(p);
}
static void a_message_that_is_none(void **s) {
    assert_int_equal(run(play_nonsense), ERR_PROTO);
}
static void play_binary(struct peer *p) {
    hear_command(p);
    peer_binary(p, SLICE_LIT("\1\2"));
    peer_wait_close(p);
}
static void binary_data_are_refused(void **s) {
    assert_int_equal(run(play_binary), ERR_PROTO);
}

static void a_server_that_takes_nothing(void **s) {
    static const struct script rows[] = {
        {.method = "GET", .target = "/activate", .status = 401, .body = "{\"detail\":\"no such key\"}"}, {0}};
    scripted_play(server, rows);
    mei_rig_start(&rig);
    opts.retries = 3;
    assert_int_equal(activate_run(&opts, &end, &ei), ERR_AUTH);
    assert_non_null(strstr(ei.text, "no such key"));
    assert_non_null(strstr(ei.remedy, "--key-file"));
    assert_int_equal(scripted_connections(server), 1);
}

static void a_server_that_is_not_there(void **s) {
    mei_rig_start(&rig);
    opts.url = "ws://127.0.0.1:1/activate";
    opts.retries = 1;
    assert_int_equal(activate_run(&opts, &end, &ei), ERR_UNREACHABLE);
    assert_non_null(strstr(ei.remedy, "--url"));
    opts.url = "ws://192.0.2.1/activate";
    assert_int_equal(activate_run(&opts, &end, &ei), ERR_INVALID);
    assert_string_equal(ei.field, "url");
}

static void identities_of_many_are_refused(void **s) {
    assert_true(uuid_parse(SLICE_LIT("03000200-0400-0500-0006-000700080009"), &rig.uuid));
    assert_int_equal(run(play_whole), ERR_EXISTS);
    assert_int_equal(scripted_connections(server), 0);
}

static void but_not_when_smbios_says_which(void **s) {
    char root[] = "/tmp/outband-dmi-XXXXXX", path[64];
    assert_true(uuid_parse(SLICE_LIT("03000200-0400-0500-0006-000700080009"), &rig.uuid));
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/product_uuid", root);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("03000200-0400-0500-0006-000700080009\n", f); /* says no more than the firmware */
    fclose(f);
    opts.dmi = root;
    assert_int_equal(run(play_whole), ERR_EXISTS);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("5b006b9c-09bf-0000-0000-000000000000\n", f);
    fclose(f);
    mei_rig_stop(&rig);
    assert_int_equal(run(play_whole), 0);
    assert_true(logged("SMBIOS 5b006b9c-09bf-0000-0000-000000000000"));
    unlink(path);
    rmdir(root);
}

static void a_firmware_that_hangs_in_provisioning(void **s) {
    rig.provisioning_state = 1;
    assert_int_equal(run(play_error), ERR_FAULT);
    assert_int_equal(rig.stops, 1);
}

static void no_firmware_no_connection(void **s) {
    rig.no_pthi = true;
    assert_int_equal(run(play_whole), ERR_UNSUPPORTED);
    assert_true(end.mei);
    assert_int_equal(scripted_connections(server), 0);
}

#define EACH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
UNIT_MAIN(EACH(a_whole_activation), EACH(the_server_says_error), EACH(tls_bytes_go_through),
          EACH(a_firmware_that_breaks_off_is_told), EACH(a_broken_connection_is_made_again),
          EACH(not_more_often_than_asked), EACH(a_close_that_is_meant), EACH(a_message_that_is_none),
          EACH(binary_data_are_refused), EACH(a_server_that_takes_nothing), EACH(a_server_that_is_not_there),
          EACH(identities_of_many_are_refused), EACH(but_not_when_smbios_says_which),
          EACH(a_firmware_that_hangs_in_provisioning), EACH(no_firmware_no_connection))
