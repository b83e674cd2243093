/* SPDX-License-Identifier: Apache-2.0 */
#include "server/agent_facts.h"

#include "base/text.h"

#include <jansson.h>

enum { TEXT_IN_MAX = 1024, HASHES_MAX = 64, HASH_TEXT_MAX = 96 };

/* F(kind, JSON name, member of struct agent_facts), by the object they stand in */
#define FACTS_TOP(F)                                                                                         \
    F(TEXT, "agentVersion", agent_version)                                                                   \
    F(TEXT, "os", os)                                                                                        \
    F(TEXT, "hostName", host_name)                                                                           \
    F(UUID, "smbiosUuid", smbios_uuid)                                                                       \
    F(UUID, "amtUuid", amt_uuid)                                                                             \
    F(TEXT, "serial", serial)                                                                                \
    F(TEXT, "vendor", vendor)                                                                                \
    F(TEXT, "product", product)                                                                              \
    F(TEXT, "boardVendor", board_vendor)                                                                     \
    F(TEXT, "board", board)                                                                                  \
    F(TEXT, "biosVendor", bios_vendor)                                                                       \
    F(TEXT, "biosVersion", bios_version)                                                                     \
    F(TEXT, "firmwareVersion", firmware_version)                                                             \
    F(TEXT, "sku", sku)                                                                                      \
    F(MODE, "controlMode", control_mode)                                                                     \
    F(BYTE, "provisioningState", provisioning_state)                                                         \
    F(TEXT, "powerPolicy", power_policy)                                                                     \
    F(TEXT, "dnsSuffix", dns_suffix)                                                                         \
    F(TEXT, "osDnsSuffix", os_dns_suffix)                                                                    \
    F(SWITCH, "biosSwitch", bios_switch)                                                                     \
    F(SWITCH, "firmwareSwitch", firmware_switch)
#define FACTS_MEI(F) F(MEI, "state", mei) F(TEXT, "text", mei_text)
#define FACTS_RAS(F)                                                                                         \
    F(TEXT, "network", ras_network)                                                                          \
    F(TEXT, "state", ras_state) F(TEXT, "trigger", ras_trigger) F(TEXT, "mpsHost", ras_mps_host)
#define FACTS_MPS(F) F(TEXT, "address", mps_address) F(TEXT, "rootSha256", mps_root)
#define FACTS_SERIAL(F)                                                                                      \
    F(TEXT, "tty", tty) F(FLAG, "getty", getty) F(FLAG, "enabled", getty_enabled) F(TEXT, "text", tty_text)

/* --- the schema --- */
static const char *const MEI_VALUES[] = {
#define M(sym, word) word,
    AGENT_MEI_TABLE(M)
#undef M
        NULL};
static const char *const SWITCH_VALUES[] = {
#define W(sym, word) word,
    AGENT_SWITCH_TABLE(W)
#undef W
        NULL};

#define FIELD_OF_TEXT         FIELD_TEXT, .max = TEXT_IN_MAX
#define FIELD_OF_UUID         FIELD_UUID, .min = 0
#define FIELD_OF_MODE         FIELD_NUMBER, .nullable = true, .max = 2
#define FIELD_OF_BYTE         FIELD_NUMBER, .nullable = true, .max = 255
#define FIELD_OF_FLAG         FIELD_FLAG, .nullable = true
#define FIELD_OF_MEI          FIELD_ENUM, .values = MEI_VALUES
#define FIELD_OF_SWITCH       FIELD_ENUM, .values = SWITCH_VALUES
#define F(kind, json, member) {json, FIELD_OF_##kind},
static const struct field MEI_FIELDS[] = {FACTS_MEI(F){0}};
static const struct schema SCHEMA_MEI = {"AgentMei", MEI_FIELDS};
static const struct field RAS_FIELDS[] = {FACTS_RAS(F){0}};
static const struct schema SCHEMA_RAS = {"AgentRas", RAS_FIELDS};
static const struct field MPS_FIELDS[] = {FACTS_MPS(F){0}};
static const struct schema SCHEMA_MPS = {"AgentMps", MPS_FIELDS};
static const struct field SERIAL_FIELDS[] = {FACTS_SERIAL(F){0}};
static const struct schema SCHEMA_SERIAL = {"AgentSerialConsole", SERIAL_FIELDS};
static const struct field FACTS_FIELDS[] = {
    FACTS_TOP(F){"mei", FIELD_OBJECT, .object = &SCHEMA_MEI},
    {"ras", FIELD_OBJECT, .object = &SCHEMA_RAS},
    {"mps", FIELD_OBJECT, .object = &SCHEMA_MPS},
    {"serialConsole", FIELD_OBJECT, .object = &SCHEMA_SERIAL},
    {"rootHashes", FIELD_TEXTS, .max = HASH_TEXT_MAX, .items = HASHES_MAX},
    {0}};
#undef F
const struct schema SCHEMA_AGENT_FACTS = {"AgentFacts", FACTS_FIELDS};

/* --- the rows --- */
enum fact_kind { FACT_TEXT, FACT_UUID, FACT_MODE, FACT_BYTE, FACT_FLAG, FACT_MEI, FACT_SWITCH };
struct fact {
    const char *json;
    enum fact_kind kind;
    uint16_t at, cap;
};
#define F(kind, json, member)                                                                                \
    {json, FACT_##kind, (uint16_t)offsetof(struct agent_facts, member),                                      \
     (uint16_t)sizeof(((struct agent_facts *)0)->member)},
static const struct fact TOP[] = {FACTS_TOP(F){0}}, MEI[] = {FACTS_MEI(F){0}}, RAS[] = {FACTS_RAS(F){0}},
                         MPS[] = {FACTS_MPS(F){0}}, SERIAL[] = {FACTS_SERIAL(F){0}};
#undef F
static const struct {
    const char *json; /* NULL: the object itself */
    const struct fact *facts;
} GROUPS[] = {{NULL, TOP}, {"mei", MEI}, {"ras", RAS}, {"mps", MPS}, {"serialConsole", SERIAL}};
enum { GROUP_COUNT = sizeof GROUPS / sizeof *GROUPS };

static unsigned word_of(const char *const *words, const char *text) {
    for (unsigned i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return 0;
}

enum amt_control_mode agent_control_mode(int64_t n) {
    static const enum amt_control_mode modes[] = {AMT_MODE_NONE, AMT_MODE_CCM, AMT_MODE_ACM};
    return n >= 0 && n <= 2 ? modes[n] : AMT_MODE_UNKNOWN;
}

/* --- reading --- */

static void cut_spaces(char *text) {
    text[slice_trim(slice_str(text)).n] = 0; /* it begins with none */
}

static void read_fact(const struct json_t *o, const struct fact *f, void *at) {
    const char *text = body_text(o, f->json, "");
    switch (f->kind) {
    case FACT_TEXT:
        text_clean(at, f->cap, slice_trim(slice_str(text)));
        cut_spaces(at); /* where a long one was cut */
        break;
    case FACT_UUID:
        if (!uuid_parse(slice_str(text), at))
            *(struct uuid *)at = (struct uuid){0};
        break;
    case FACT_MODE:
        *(enum amt_control_mode *)at = agent_control_mode(body_number(o, f->json, -1));
        break;
    case FACT_BYTE:
        *(uint8_t *)at = (uint8_t)body_number(o, f->json, 0);
        break;
    case FACT_FLAG:
        *(bool *)at = body_flag(o, f->json, false);
        break;
    case FACT_MEI:
        *(enum agent_mei *)at = (enum agent_mei)word_of(MEI_VALUES, text);
        break;
    case FACT_SWITCH:
        *(enum agent_switch *)at = (enum agent_switch)word_of(SWITCH_VALUES, text);
        break;
    }
}

void agent_facts_read(const struct json_t *o, struct agent_facts *out) {
    *out = (struct agent_facts){0};
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        const struct json_t *in = GROUPS[g].json ? body_object(o, GROUPS[g].json) : o;
        for (const struct fact *f = GROUPS[g].facts; f->json; f++)
            read_fact(in, f, (char *)out + f->at);
    }
}

int agent_facts_parse(struct slice text, struct agent_facts *out, struct errinfo *ei) {
    struct json_t *o;
    int r = schema_parse(&SCHEMA_AGENT_FACTS, text, &o, ei);
    if (r < 0)
        return r;
    agent_facts_read(o, out);
    json_decref(o);
    return 0;
}

/* --- writing --- */

static void put_fact(struct json *j, const struct fact *f, const void *at) {
    char uuid[UUID_TEXT_CAP];
    json_key(j, f->json);
    switch (f->kind) {
    case FACT_TEXT:
        json_str(j, at);
        break;
    case FACT_UUID:
        json_str(j, uuid_is_nil(*(const struct uuid *)at) ? "" : uuid_text(*(const struct uuid *)at, uuid));
        break;
    case FACT_MODE: {
        enum amt_control_mode m = *(const enum amt_control_mode *)at;
        if (m == AMT_MODE_UNKNOWN)
            json_nil(j);
        else
            json_int(j, m == AMT_MODE_NONE ? 0 : m == AMT_MODE_CCM ? 1 : 2);
        break;
    }
    case FACT_BYTE:
        json_int(j, *(const uint8_t *)at);
        break;
    case FACT_FLAG:
        json_bool(j, *(const bool *)at);
        break;
    case FACT_MEI:
        json_str(j, agent_mei_text(*(const enum agent_mei *)at));
        break;
    case FACT_SWITCH:
        json_str(j, agent_switch_text(*(const enum agent_switch *)at));
        break;
    }
}

static void put_facts(struct json *j, const struct fact *rows, const struct agent_facts *f) {
    for (const struct fact *row = rows; row->json; row++)
        put_fact(j, row, (const char *)f + row->at);
}

void agent_facts_put_serial(struct json *j, const struct agent_facts *f) {
    put_facts(j, SERIAL, f);
}

void agent_facts_put(struct json *j, const struct agent_facts *f) {
    put_facts(j, TOP, f);
    for (size_t g = 1; g < GROUP_COUNT; g++) {
        if (GROUPS[g].facts == SERIAL)
            continue;
        json_key(j, GROUPS[g].json);
        json_obj(j);
        put_facts(j, GROUPS[g].facts, f);
        json_obj_end(j);
    }
}
