/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "server/agent_facts.h"
#include "unit.h"

static const char whole[] =
    "{\"agentVersion\":\"0.1.0\",\"os\":\"Debian 12\",\"hostName\":\"n1\","
    "\"smbiosUuid\":\"55e3ae13-bfd2-61bb-17a0-88aedd7037ea\",\"amtUuid\":\"\",\"serial\":\"PF-1\","
    "\"vendor\":\"V\",\"product\":\"P\",\"boardVendor\":\"BV\",\"board\":\"B\",\"biosVendor\":\"BI\","
    "\"biosVersion\":\"1.2\",\"firmwareVersion\":\"16.1.25\",\"sku\":\"16392\",\"controlMode\":2,"
    "\"provisioningState\":2,\"powerPolicy\":\"Mobile: ON in S0\",\"dnsSuffix\":\"a.example\","
    "\"osDnsSuffix\":\"b.example\",\"biosSwitch\":\"absent\",\"firmwareSwitch\":\"present\","
    "\"mei\":{\"state\":\"ready\",\"text\":\"\"},"
    "\"ras\":{\"network\":\"outside\",\"state\":\"connected\",\"trigger\":\"periodic\",\"mpsHost\":\"mps\"},"
    "\"mps\":{\"address\":\"mps\",\"rootSha256\":\"ab\"}";
#define SERIAL "\"tty\":\"ttyS4\",\"getty\":true,\"enabled\":false,\"text\":\"t\""

static void there_and_back(void **s) {
    struct agent_facts f;
    struct errinfo ei = {0};
    char text[2048];
    snprintf(text, sizeof text, "%s,\"serialConsole\":{" SERIAL "},\"rootHashes\":[\"aa\",\"bb\"]}", whole);
    if (agent_facts_parse(slice_str(text), &f, &ei))
        fail_msg("%s", ei.text);
    assert_int_equal(f.control_mode, AMT_MODE_ACM);
    assert_int_equal(f.mei, AGENT_MEI_READY);
    assert_int_equal(f.bios_switch, AGENT_SWITCH_ABSENT);
    assert_string_equal(f.tty, "ttyS4");
    assert_true(f.getty);
    struct buf out = {0};
    struct json j = json_of(&out);
    json_obj(&j);
    agent_facts_put(&j, &f);
    json_obj_end(&j);
    snprintf(text, sizeof text, "%s}", whole);
    assert_string_equal(buf_cstr(&out), text);
    buf_clear(&out);
    j = json_of(&out);
    json_obj(&j);
    agent_facts_put_serial(&j, &f);
    json_obj_end(&j);
    assert_string_equal(buf_cstr(&out), "{" SERIAL "}");
    buf_free(&out);
}

static void what_is_not_told_is_unknown(void **s) {
    struct agent_facts f;
    struct errinfo ei = {0};
    assert_int_equal(agent_facts_parse(SLICE_LIT("{\"controlMode\":null}"), &f, &ei), 0);
    assert_int_equal(f.control_mode, AMT_MODE_UNKNOWN);
    assert_int_equal(f.mei, AGENT_MEI_UNKNOWN);
    assert_true(uuid_is_nil(f.smbios_uuid));
    assert_string_equal(f.tty, "");
}

static void hostile_facts_are_refused_or_cleaned(void **s) {
    static const struct {
        const char *text, *field;
    } refused[] = {{"{\"rogue\":1}", "rogue"},
                   {"{\"ras\":{\"rogue\":1}}", "ras.rogue"},
                   {"{\"controlMode\":3}", "controlMode"},
                   {"{\"controlMode\":\"2\"}", "controlMode"},
                   {"{\"os\":7}", "os"},
                   {"{\"mei\":{\"state\":\"fine\"}}", "mei.state"},
                   {"{\"smbiosUuid\":\"x\"}", "smbiosUuid"},
                   {"{\"rootHashes\":\"aa\"}", "rootHashes"},
                   {"{\"rootHashes\":[1]}", "rootHashes"}};
    struct agent_facts f;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct errinfo ei = {0};
        assert_int_equal(agent_facts_parse(slice_str(refused[i].text), &f, &ei), ERR_INVALID);
        assert_string_equal(ei.field, refused[i].field);
    }
    struct errinfo ei = {0};
    struct buf many = {0};
    buf_puts(&many, "{\"rootHashes\":[\"a\"");
    for (int i = 0; i < 64; i++)
        buf_puts(&many, ",\"a\"");
    buf_puts(&many, "]}");
    assert_int_equal(agent_facts_parse(buf_slice(&many), &f, &ei), ERR_INVALID);
    buf_free(&many);
    /* a mark that turns the direction of writing, and a text longer than its place */
    assert_int_equal(
        agent_facts_parse(SLICE_LIT("{\"os\":\"a\\u202eb\",\"serial\":\"0123456789012345678901234567"
                                    "89012345678901234567890123456789012345678901234567890\"}"),
                          &f, &ei),
        0);
    assert_string_equal(f.os, "a?b");
    assert_int_equal(strlen(f.serial), AGENT_TEXT_CAP - 1);
}

UNIT_MAIN(T(there_and_back), T(what_is_not_told_is_unknown), T(hostile_facts_are_refused_or_cleaned))
