/* SPDX-License-Identifier: Apache-2.0 */
/* Which of two rows says what. Pure. */
#include "server/fleet_merge.h"

#include "store/store.h"

int merge_allowed(const struct merge_side *a, const struct merge_side *b, struct errinfo *ei) {
    if (a->agent && b->agent) {
        err_set(ei, ERR_STATE, "with", "%s and %s have an agent each: two machines run there", a->row->name,
                b->row->name);
        err_remedy(ei, "Delete the host that is no longer, then its agent enrols into the other one.");
        return ERR_STATE;
    }
    if (a->live && b->live) {
        err_set(ei, ERR_STATE, "with",
                "%s and %s have a live tunnel each, of the CIRA users %s and %s: two machines are connected",
                a->row->name, b->row->name, a->row->cira_user, b->row->cira_user);
        err_remedy(ei, "Hosts of one machine have one tunnel at most: look at their peers and UUIDs.");
        return ERR_STATE;
    }
    return 0;
}

bool merge_takes_firmware(const struct merge_side *keep, const struct merge_side *gone) {
    if (keep->live || gone->live)
        return gone->live;
    if (!keep->row->cira_user[0] || !gone->row->cira_user[0])
        return gone->row->cira_user[0] != 0;
    return gone->row->link_generation > 0 &&
           (keep->row->link_generation == 0 || gone->row->link_since.us > keep->row->link_since.us);
}

void merge_move_firmware(const struct store_host *from, struct store_host *to) {
    memcpy(to->cira_user, from->cira_user, sizeof to->cira_user);
    memcpy(to->amt_user, from->amt_user, sizeof to->amt_user);
    to->cira_shared = from->cira_shared;
    to->cira_secret = from->cira_secret;
    to->amt_secret = from->amt_secret;
    to->mebx_secret = from->mebx_secret;
    to->mebx_next = from->mebx_next;
    to->seen_uuid = from->seen_uuid;
    to->control_mode = from->control_mode;
    to->has_pin = from->has_pin;
    memcpy(to->pin, from->pin, sizeof to->pin);
    to->has_info = from->has_info;
    to->info = from->info;
    to->info_at = from->info_at;
    to->amt_state = from->amt_state;
    to->amt_source = from->amt_source;
    to->amt_at = from->amt_at;
}

void merge_forget_firmware(struct store_host *to) {
    static const struct store_host none = {0};
    merge_move_firmware(&none, to);
}

static struct uuid first_uuid(struct uuid a, struct uuid b) {
    return uuid_is_nil(a) ? b : a;
}

void merge_rows(const struct store_host *keep, const struct store_host *gone, const struct store_host *named,
                bool firmware_of_gone, struct store_host *out) {
    const struct store_host *firmware = firmware_of_gone ? gone : keep,
                            *other = firmware_of_gone ? keep : gone;
    *out = *keep;
    memcpy(out->name, named->name, sizeof out->name);
    out->intent = named->intent;
    out->amt_intent = named->amt_intent;
    if (firmware_of_gone)
        merge_move_firmware(gone, out);
    out->amt_uuid = first_uuid(firmware->amt_uuid, other->amt_uuid);
    out->smbios_uuid = first_uuid(keep->smbios_uuid, gone->smbios_uuid);
    if (!out->serial[0])
        memcpy(out->serial, gone->serial, sizeof out->serial);
    if (gone->created.us < out->created.us)
        out->created = gone->created;
    out->version = (keep->version > gone->version ? keep->version : gone->version) + 1;
}
