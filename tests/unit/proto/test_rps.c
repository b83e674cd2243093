/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the RPS protocol as the public clients and server write them (reference
 * protocol-redir-activation 5.5), and what must be refused. */
#include "proto/rps.h"

#include "base/text.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#define UUID "55e3ae13-bfd2-61bb-17a0-88aedd7037ea"

static struct buf text;
static struct rps_from_client c;
static struct rps_from_server s;
static struct errinfo ei;

/* A first message: its method and the JSON of its payload. */
static void first(const char *version, const char *method, const char *payload) {
    buf_free(&text);
    buf_putf(&text,
             "{\"method\":\"%s\",\"apiKey\":\"key\",\"appVersion\":\"3.0.1\",\"protocolVersion\":\"%s\","
             "\"status\":\"ok\",\"message\":\"ok\",\"fqdn\":\"\",\"tenantId\":\"\",\"payload\":\"",
             method, version);
    text_base64(&text, slice_str(payload));
    buf_puts(&text, "\"}");
}
static int read_c(void) {
    rps_from_client_free(&c);
    ei = (struct errinfo){0};
    return rps_read_client(buf_slice(&text), &c, &ei);
}
static int read_s(void) {
    rps_from_server_free(&s);
    ei = (struct errinfo){0};
    return rps_read_server(buf_slice(&text), &s, &ei);
}
static int teardown(void **state) {
    (void)state;
    rps_from_client_free(&c);
    rps_from_server_free(&s);
    buf_free(&text);
    return 0;
}

#define SMALL "{\"client\":\"RPC\",\"ver\":\"16.1.25\",\"build\":\"2124\",\"uuid\":\"" UUID "\"}"

static int command(const char *line) {
    first("4.0.0", line, SMALL);
    return read_c();
}

/* The style of version 2: everything is text, flags are strings of the command. */
static void an_activation_of_version_2(void **state) {
    (void)state;
    first("4.0.0", "activate --profile p1",
          "{\"ver\":\"15.0.23\",\"build\":\"1706\",\"sku\":\"16392\",\"uuid\":\"" UUID "\","
          "\"username\":\"$$OsAdmin\",\"password\":\"P-xy+z/9==\",\"currentMode\":0,\"hostname\":\"node1\","
          "\"fqdn\":\"corp.example.org\",\"client\":\"RPC\",\"certHashes\":["
          "\"E7685634EFACF69ACE939A6B255B7B4FABEF42935B50A265ACB5CB6027E44E70\",\"zz\",7],"
          "\"ipConfiguration\":{\"dhcp\":true,\"ipsync\":true,\"ipAddress\":\"192.168.0.3\"},"
          "\"hostnameInfo\":{\"dnsSuffixOS\":\"lan\",\"hostname\":\"node1\"}}");
    assert_int_equal(read_c(), 0);
    assert_int_equal(c.kind, RPS_C_COMMAND);
    assert_int_equal(c.command.verb, RPS_ACTIVATE);
    assert_string_equal(c.command.profile, "p1");
    assert_string_equal(c.info.ver, "15.0.23");
    assert_string_equal(c.info.user, "$$OsAdmin");
    assert_string_equal(c.info.password, "P-xy+z/9==");
    assert_string_equal(c.info.fqdn, "corp.example.org");
    assert_string_equal(c.info.dns_suffix_os, "lan");
    assert_string_equal(c.info.ip, "192.168.0.3");
    assert_true(c.info.dhcp && c.info.ip_sync && !c.info.static_ip && !c.info.progress_supported);
    assert_int_equal(c.info.ncert_hashes, 1);
    assert_string_equal(c.info.cert_hashes[0],
                        "e7685634efacf69ace939a6b255b7b4fabef42935b50a265acb5cb6027e44e70");
    char u[UUID_TEXT_CAP];
    assert_string_equal(uuid_text(c.info.uuid, u), UUID);
    assert_true(uuid_is_nil(c.info.smbios));
}

/* The style of version 3: more members, the UUID as bytes of the firmware, numbers as numbers. */
static void an_activation_of_version_3(void **state) {
    (void)state;
    first("4.0.0", "activate --profile \\\"two words\\\" -f",
          "{\"ver\":\"19.0.5\",\"build\":2124,\"sku\":16392,\"features\":\"AMT Pro Corporate\","
          "\"uuid\":[19,174,227,85,210,191,187,97,23,160,136,174,221,112,55,234],\"username\":\"admin\","
          "\"password\":\"\",\"currentMode\":2,\"client\":\"RPC\",\"friendlyName\":\"a\\u0007b\","
          "\"hostnameInfo\":{\"hostname\":\"node3\"},\"tlsEnforced\":true,\"tlsTunnel\":true,"
          "\"lmsInstalled\":false,\"progressSupported\":true,\"unheard\":{\"of\":[1]},"
          "\"smbiosUuid\":\"5b006b9c-09bf-0000-0000-000000000000\"}");
    assert_int_equal(read_c(), 0);
    char smbios[UUID_TEXT_CAP];
    assert_string_equal(uuid_text(c.info.smbios, smbios), "5b006b9c-09bf-0000-0000-000000000000");
    assert_string_equal(c.command.profile, "two words");
    assert_true(c.command.force);
    assert_string_equal(c.info.build, "2124");
    assert_string_equal(c.info.host_name, "node3");
    assert_string_equal(c.info.friendly_name, "a?b");
    assert_int_equal(c.info.current_mode, 2);
    assert_true(c.info.tls_enforced && c.info.tls_tunnel && c.info.progress_supported);
    char u[UUID_TEXT_CAP];
    assert_string_equal(uuid_text(c.info.uuid, u), UUID);
}

static void command_lines(void **state) {
    (void)state;
    assert_int_equal(command("deactivate --password P@ss1 -f"), 0);
    assert_int_equal(c.command.verb, RPS_DEACTIVATE);
    assert_string_equal(c.command.password, "P@ss1");
    assert_true(c.command.force);
    assert_int_equal(command("maintenance -password 'a b' --synctime"), 0);
    assert_string_equal(c.command.password, "a b");
    assert_int_equal(c.command.task, RPS_TASK_SYNC_TIME);
    assert_int_equal(command("maintenance --changepassword -password x"), 0);
    assert_int_equal(c.command.task, RPS_TASK_CHANGE_PASSWORD);
    assert_string_equal(c.command.new_password, "");
    assert_string_equal(c.command.password, "x");
    assert_int_equal(command("maintenance --changepassword N3w! --password=x=y"), 0);
    assert_string_equal(c.command.new_password, "N3w!");
    assert_string_equal(c.command.password, "x=y");
    /* options of the client's own, and a value that looks like an option */
    assert_int_equal(command("activate -u wss://h/activate -n -v --profile \\\"-p\\\" stray"), 0);
    assert_string_equal(c.command.profile, "-p");
    assert_int_equal(command("maintenance --syncip stray -f"), 0);
    assert_true(c.command.force);

    assert_int_equal(command(""), ERR_UNSUPPORTED);
    assert_int_equal(command("reboot"), ERR_UNSUPPORTED);
    assert_int_equal(command("maintenance"), ERR_INVALID);
    assert_int_equal(command("maintenance --synctime --syncip"), ERR_INVALID);
    assert_string_equal(ei.field, "syncip");
    assert_int_equal(command("activate --profile \\\"open"), ERR_INVALID);
    char line[400];
    snprintf(line, sizeof line, "activate --profile %0*d", RPS_PROFILE_CAP - 1, 1);
    assert_int_equal(command(line), 0);
    snprintf(line, sizeof line, "activate --profile %0*d", RPS_PROFILE_CAP, 1);
    assert_int_equal(command(line), ERR_INVALID);
    assert_string_equal(ei.field, "profile");
    snprintf(line, sizeof line, "activate %0300d", 1);
    assert_int_equal(command(line), ERR_INVALID);
    assert_string_equal(c.command.profile, ""); /* nothing is left of what was refused */
}

static void versions(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } T[] = {{"4.0.0", true}, {"4.0.1", false},   {"4.1.0", false}, {"3.9.9", false}, {"5.0.0", false},
             {"4.0", false},  {"4.0.0.1", false}, {"", false},      {"a.b.c", false}, {"4.0.-1", false}};
    for (size_t i = 0; i < sizeof T / sizeof *T; i++)
        assert_int_equal(rps_version_ok(slice_str(T[i].text)), T[i].ok);
    first("5.0.0", "activate --profile p", SMALL);
    assert_int_equal(read_c(), ERR_UNSUPPORTED);
    assert_string_equal(ei.field, "protocolVersion");
    assert_non_null(strstr(ei.text, "5.0.0"));
}

static void payloads_that_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *payload;
        int err;
        const char *field;
    } T[] = {
        {"", ERR_SYNTAX, "payload"},
        {"[]", ERR_INVALID, "payload"},
        {"{\"ver\":\"16\",\"build\":\"1\",\"uuid\":\"" UUID "\"}", ERR_INVALID, "client"},
        {"{\"client\":\"RPC\",\"build\":\"1\",\"uuid\":\"" UUID "\"}", ERR_INVALID, "ver"},
        {"{\"client\":\"RPC\",\"ver\":\"16\",\"uuid\":\"" UUID "\"}", ERR_INVALID, "build"},
        {"{\"client\":\"RPC\",\"ver\":\"16\",\"build\":\"1\"}", ERR_INVALID, "uuid"},
        {"{\"client\":\"RPC\",\"ver\":\"16\",\"build\":\"1\",\"uuid\":\"55e3\"}", ERR_INVALID, "uuid"},
        {"{\"client\":\"RPC\",\"ver\":\"16\",\"build\":\"1\",\"uuid\":[1,2,3]}", ERR_INVALID, "uuid"},
        {"{\"client\":\"RPC\",\"ver\":\"16\",\"build\":\"1\",\"uuid\":\"" UUID "\",\"currentMode\":3}",
         ERR_INVALID, "currentMode"},
        {"{\"client\":\"RPC\",\"ver\":\"16\",\"build\":\"1\",\"uuid\":\"" UUID "\",\"currentMode\":\"x\"}",
         ERR_INVALID, "currentMode"},
        {"{\"client\":\"RPC\",\"ver\":\"16\",\"build\":\"1\",\"uuid\":\"" UUID "\",\"password\":"
         "\"0123456789012345678901234567890123456789012345678901234567890123456789012345\"}",
         ERR_INVALID, "password"},
    };
    for (size_t i = 0; i < sizeof T / sizeof *T; i++) {
        first("4.0.0", "activate --profile p", T[i].payload);
        assert_int_equal(read_c(), T[i].err);
        assert_string_equal(ei.field, T[i].field);
        assert_null(c.payload.mem);
    }
}

static void limits(void **state) {
    (void)state;
    struct buf list = {0};
    for (int n = RPS_HASHES_MAX; n <= RPS_HASHES_MAX + 1; n++) {
        buf_free(&list);
        buf_puts(&list,
                 "{\"client\":\"RPC\",\"ver\":\"16\",\"build\":\"1\",\"uuid\":\"" UUID "\",\"certHashes\":[");
        for (int i = 0; i < n; i++)
            buf_putf(&list, "%s\"%096d\"", i ? "," : "", i);
        buf_puts(&list, "]}");
        first("4.0.0", "activate --profile p", buf_cstr(&list));
        assert_int_equal(read_c(), n > RPS_HASHES_MAX ? ERR_LIMIT : 0);
    }
    /* one byte too long, and JSON all the same */
    buf_free(&text);
    buf_puts(&text, "{\"method\":\"response\",\"payload\":\"\"");
    while (text.len < RPS_MESSAGE_MAX - 1)
        buf_puts(&text, " ");
    buf_puts(&text, "}");
    assert_int_equal(read_c(), 0);
    buf_puts(&text, " ");
    assert_int_equal(read_c(), ERR_LIMIT);
    assert_int_equal(read_s(), ERR_LIMIT);
    buf_free(&list);
}

static void what_is_no_message(void **state) {
    (void)state;
    static const char *const T[] = {"",
                                    "null",
                                    "[]",
                                    "{",
                                    "\xff",
                                    "{\"method\":\"response\",\"method\":\"response\"}",
                                    "{\"method\":\"response\",\"payload\":\"*\"}",
                                    "{\"method\":\"response\",\"payload\":7}"};
    for (size_t i = 0; i < sizeof T / sizeof *T; i++) {
        buf_free(&text);
        buf_puts(&text, T[i]);
        assert_int_equal(read_c(), ERR_SYNTAX);
        assert_true(ei.text[0]);
    }
    buf_free(&text);
    buf_puts(&text, "{\"method\":7}");
    assert_int_equal(read_c(), ERR_UNSUPPORTED); /* no method, and no version: no first message */
    assert_int_equal(read_s(), ERR_UNSUPPORTED);
}

/* --- there and back --- */

static void a_command_there_and_back(void **state) {
    (void)state;
    struct rps_command want = {.verb = RPS_MAINTENANCE,
                               .task = RPS_TASK_CHANGE_PASSWORD,
                               .password = "a \"b\" \\c'",
                               .new_password = "-new one",
                               .force = true};
    struct rps_info info = {.ver = "16.1.25",
                            .build = "2124",
                            .client = "RPC",
                            .user = "$$OsAdmin",
                            .password = "secret",
                            .current_mode = 1,
                            .host_name = "n1",
                            .fqdn = "example.org",
                            .dhcp = true,
                            .ip = "10.0.0.1",
                            .progress_supported = true,
                            .ncert_hashes = 1};
    snprintf(info.cert_hashes[0], sizeof info.cert_hashes[0], "%040d", 5);
    assert_true(uuid_parse(slice_str(UUID), &info.uuid));
    buf_free(&text);
    rps_put_command(&text, &want, &info);
    assert_false(text.failed);
    assert_null(strstr(buf_cstr(&text), "secret"));
    assert_int_equal(read_c(), 0);
    assert_memory_equal(&c.command, &want, sizeof want);
    assert_memory_equal(&c.info, &info, sizeof info);
    /* plain words stay plain: the public server splits at blanks */
    want = (struct rps_command){.verb = RPS_ACTIVATE, .profile = "p1_ccm"};
    buf_free(&text);
    rps_put_command(&text, &want, &info);
    assert_non_null(strstr(buf_cstr(&text), "\"method\":\"activate --profile p1_ccm\""));
}

static void client_messages_there_and_back(void **state) {
    (void)state;
    static const struct {
        enum rps_client_kind kind;
        const char *in, *out;
    } T[] = {{RPS_C_RESPONSE, "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"},
             {RPS_C_TLS_DATA, "\x16\x03\x03", "\x16\x03\x03"},
             {RPS_C_CONNECTION_RESET, "", "connection_closed"},
             {RPS_C_PORT_SWITCH_ACK, "", "ok"},
             {RPS_C_HEARTBEAT_RESPONSE, "", ""}};
    for (size_t i = 0; i < sizeof T / sizeof *T; i++) {
        buf_free(&text);
        rps_put_client(&text, T[i].kind, slice_str(T[i].in));
        assert_int_equal(read_c(), 0);
        assert_int_equal(c.kind, T[i].kind);
        assert_string_equal(buf_cstr(&c.payload), T[i].out);
    }
}

static void server_messages_there_and_back(void **state) {
    (void)state;
    buf_free(&text);
    rps_put_server(&text, RPS_S_WSMAN, SLICE_LIT("POST /wsman HTTP/1.1\r\n"));
    assert_int_equal(read_s(), 0);
    assert_int_equal(s.kind, RPS_S_WSMAN);
    assert_string_equal(buf_cstr(&s.payload), "POST /wsman HTTP/1.1\r\n");

    buf_free(&text);
    rps_put_port_switch(&text, 16993, 5);
    assert_non_null(strstr(buf_cstr(&text), "\"payload\":\"{\\\"port\\\":\\\"16993\\\",\\\"delay\\\":5}\""));
    assert_int_equal(read_s(), 0);
    assert_int_equal(s.port, 16993);
    assert_int_equal(s.delay_s, 5);

    buf_free(&text);
    rps_put_progress(&text, "one of two");
    assert_int_equal(read_s(), 0);
    assert_string_equal(s.text, "one of two");

    buf_free(&text);
    rps_put_server(&text, RPS_S_HEARTBEAT_REQUEST, SLICE_EMPTY);
    assert_non_null(strstr(buf_cstr(&text), "\"status\":\"heartbeat\""));
    assert_int_equal(read_s(), 0);

    struct rps_outcome o = {.status = "Admin control mode.", .cira = "Configured", .has_parts = true};
    o.parts[RPS_PART_ACTIVATION].result = RPS_RESULT_SUCCESS;
    snprintf(o.parts[RPS_PART_ACTIVATION].mode, AMT_TEXT_CAP, "ACM");
    o.parts[RPS_PART_TLS].result = RPS_RESULT_FAILURE;
    snprintf(o.parts[RPS_PART_TLS].details, RPS_TEXT_CAP, "said \"no\"");
    for (int ok = 0; ok < 2; ok++) {
        buf_free(&text);
        rps_put_end(&text, ok, &o);
        assert_non_null(strstr(buf_cstr(&text), ok ? "\"status\":\"success\"" : "\"status\":\"failed\""));
        assert_int_equal(read_s(), 0);
        assert_int_equal(s.kind, ok ? RPS_S_SUCCESS : RPS_S_ERROR);
        assert_memory_equal(&s.outcome, &o, sizeof o);
    }
}

static void server_messages_of_others(void **state) {
    (void)state;
    buf_free(&text);
    buf_puts(&text, "{\"method\":\"port_switch\",\"payload\":{\"port\":16993,\"delay\":3600}}");
    assert_int_equal(read_s(), 0);
    assert_int_equal(s.delay_s, 60);
    buf_free(&text);
    buf_puts(&text, "{\"method\":\"port_switch\",\"payload\":\"{\\\"port\\\":\\\"0\\\"}\"}");
    assert_int_equal(read_s(), ERR_INVALID);
    buf_free(&text);
    buf_puts(&text, "{\"method\":\"port_switch\",\"payload\":\"no JSON\"}");
    assert_int_equal(read_s(), ERR_INVALID);
    buf_free(&text);
    buf_puts(&text, "{\"method\":\"error\",\"status\":\"failed\",\"message\":\"plain \\u001b[1mwords\"}");
    assert_int_equal(read_s(), 0);
    assert_string_equal(s.outcome.status, "plain ?[1mwords");
    buf_free(&text);
    buf_puts(&text, "{\"method\":\"dance\"}");
    assert_int_equal(read_s(), ERR_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_activation_of_version_2),
        cmocka_unit_test(an_activation_of_version_3),
        cmocka_unit_test(command_lines),
        cmocka_unit_test(versions),
        cmocka_unit_test(payloads_that_are_refused),
        cmocka_unit_test(limits),
        cmocka_unit_test(what_is_no_message),
        cmocka_unit_test(a_command_there_and_back),
        cmocka_unit_test(client_messages_there_and_back),
        cmocka_unit_test(server_messages_there_and_back),
        cmocka_unit_test(server_messages_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
