/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent tells. Whatever is taken is clean, fits, prints as JSON, and reads back as the same.
 *
 * sources: src/server/agent_facts.c src/server/schema.c src/core/agent.c
 * packages: jansson
 */
#include "base/json.h"
#include "base/text.h"
#include "fuzz.h"
#include "server/agent_facts.h"

static void print(struct buf *out, const struct agent_facts *f) {
    struct json j = json_of(out);
    json_obj(&j);
    agent_facts_put(&j, f);
    json_key(&j, "serialConsole");
    json_obj(&j);
    agent_facts_put_serial(&j, f);
    json_obj_end(&j);
    json_obj_end(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct agent_facts f, again;
    struct errinfo ei = {0};
    int err = agent_facts_parse(slice_of(data, size), &f, &ei);
    fuzz_check(err ? ei.code == err && ei.text[0] : ei.code == 0);
    if (err)
        return 0;
    struct buf a = {0}, b = {0};
    print(&a, &f);
    fuzz_check(agent_facts_parse(buf_slice(&a), &again, &ei) == 0);
    print(&b, &again);
    fuzz_check(slice_eq(buf_slice(&a), buf_slice(&b)) && text_is_utf8(buf_slice(&a)));
    buf_free(&a);
    buf_free(&b);
    return 0;
}
