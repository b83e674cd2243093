/* SPDX-License-Identifier: Apache-2.0 */
/* Is this machine that host? Reference protocol-redir-activation 6: UUIDs come in two byte orders, and some
 * are no identity at all. */
#include "server/directory_match.h"

#include <strings.h>

bool serial_is_placeholder(const char *serial) {
    static const char *const none[] = {"",
                                       "0",
                                       "none",
                                       "n/a",
                                       "unknown",
                                       "default string",
                                       "to be filled by o.e.m.",
                                       "to be filled by oem",
                                       "not applicable",
                                       "not specified",
                                       "system serial number",
                                       "chassis serial number",
                                       "0123456789",
                                       "123456789",
                                       "1234567890"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (strcasecmp(serial, none[i]) == 0)
            return true;
    return serial[strspn(serial, "0")] == 0 || serial[strspn(serial, "xX")] == 0;
}

static bool same_real(struct uuid a, struct uuid b) {
    return !uuid_is_placeholder(a) && uuid_same_node(a, b);
}
static bool other_real(struct uuid a, struct uuid b) {
    return !uuid_is_placeholder(a) && !uuid_is_placeholder(b) && !uuid_same_node(a, b);
}

/* Another SMBIOS UUID is another board, whatever else agrees: AMT UUIDs are cloned, serials are not unique.
 */
static bool is_another(const struct node_known *k, const struct node_ids *ids) {
    return other_real(ids->smbios, k->recorded->smbios) || other_real(ids->smbios, k->told->smbios);
}

static bool knows_uuid(const struct node_known *k, struct uuid u) {
    return same_real(u, k->recorded->smbios) || same_real(u, k->recorded->amt) ||
           same_real(u, k->told->smbios) || same_real(u, k->told->amt) || same_real(u, k->seen);
}
static bool knows_serial(const struct node_known *k, const char *serial) {
    return !serial_is_placeholder(serial) &&
           (strcasecmp(serial, k->recorded->serial) == 0 || strcasecmp(serial, k->told->serial) == 0);
}

unsigned node_fit(const struct node_known *k, const struct node_ids *ids) {
    if (is_another(k, ids))
        return 0;
    unsigned uuid = knows_uuid(k, ids->smbios) || knows_uuid(k, ids->amt) ? NODE_FIT_UUID : 0;
    return uuid + (knows_serial(k, ids->serial) ? NODE_FIT_SERIAL : 0u);
}
