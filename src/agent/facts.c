/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/facts.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "rpc/amtinfo.h"
#include "rpc/dmi.h"
#include "rpc/fw.h"
#include "rpc/os.h"

#include <stdio.h>
#include <stdlib.h>

enum { OS_FILE_MAX = 16384, HASHES_TOLD_MAX = 64 };

/* What is not known is not told. */
static void kstr(struct json *j, const char *key, const char *text) {
    if (text[0])
        json_kstr(j, key, text);
}

static void kuuid(struct json *j, const char *key, struct uuid u) {
    char text[UUID_TEXT_CAP];
    if (!uuid_is_nil(u))
        json_kstr(j, key, uuid_text(u, text));
}

void facts_os(struct slice text, char *out, size_t cap) {
    out[0] = 0;
    while (text.n) {
        struct slice value = slice_trim(slice_cut(&text, '\n')), name = slice_cut(&value, '=');
        if (!slice_is(name, "PRETTY_NAME"))
            continue;
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = slice_head(slice_skip(value, 1), value.n - 2);
        text_clean(out, cap, value);
        return;
    }
}

static void put_os(struct json *j) {
    char name[OS_NAME_CAP], suffix[OS_NAME_CAP], os[64] = "", *text = NULL;
    size_t n = 0;
    if (file_read("/etc/os-release", OS_FILE_MAX, &text, &n, NULL) == 0)
        facts_os(slice_of(text, n), os, sizeof os);
    free(text);
    os_host_name(name);
    os_dns_suffix("/etc/resolv.conf", suffix);
    kstr(j, "os", os);
    kstr(j, "hostName", name);
    kstr(j, "osDnsSuffix", suffix);
}

static void put_machine(struct json *j, const char *sysfs) {
    struct dmi d;
    char root[AGENT_CONFIG_CAP + 32];
    snprintf(root, sizeof root, "%s/" DMI_DIR, sysfs);
    dmi_read(&d, root);
    kuuid(j, "smbiosUuid", d.uuid);
    kstr(j, "serial", d.serial);
    kstr(j, "vendor", d.vendor);
    kstr(j, "product", d.product);
    kstr(j, "boardVendor", d.board_vendor);
    kstr(j, "board", d.board);
    kstr(j, "biosVendor", d.bios_vendor);
    kstr(j, "biosVersion", d.bios_version);
}

static void put_mei(struct json *j, int err, const struct errinfo *ei) {
    static const struct {
        int err;
        const char *state;
    } states[] = {
        {0, "ready"}, {ERR_NOT_FOUND, "absent"}, {ERR_UNSUPPORTED, "no-client"}, {ERR_BUSY, "busy"}};
    const char *state = "error";
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (states[i].err == err)
            state = states[i].state;
    json_key(j, "mei");
    json_obj(j);
    json_kstr(j, "state", state);
    json_kstr(j, "text", err ? ei->text : "");
    json_obj_end(j);
}

static void put_ras(struct json *j, const struct pthi_ras *r) {
    json_key(j, "ras");
    json_obj(j);
    json_kstr(j, "network", amtinfo_network_text(r->network));
    json_kstr(j, "state", amtinfo_remote_text(r->state));
    json_kstr(j, "trigger", amtinfo_trigger_text(r->trigger));
    kstr(j, "mpsHost", r->mps);
    json_obj_end(j);
}

/* Whose root counts is known only when there is one. */
static void put_mps(struct json *j, const struct amt_cira *m) {
    json_key(j, "mps");
    json_obj(j);
    kstr(j, "address", m->address);
    kstr(j, "rootSha256", m->nroots == 1 ? m->roots[0] : "");
    json_obj_end(j);
}

static void put_hashes(struct json *j, const struct amtinfo *i) {
    enum { SHA384_BYTES = 48 };
    char hex[2 * PTHI_HASH_BYTES + 1];
    json_key(j, "rootHashes");
    json_arr(j);
    for (size_t k = 0, told = 0; k < i->nhashes && told < HASHES_TOLD_MAX; k++) {
        const struct pthi_hash *h = &i->hashes[k];
        size_t bytes = pthi_alg_bytes(h->alg);
        if (!h->active || bytes == 0 || bytes > SHA384_BYTES)
            continue;
        json_str(j, text_hex(slice_of(h->hash, bytes), hex));
        told++;
    }
    json_arr_end(j);
}

static void put_firmware(struct json *j, struct fw *f, const char *where) {
    struct errinfo ei = {0};
    struct amtinfo *i = calloc(1, sizeof *i);
    int err = i ? amtinfo_read(i, f, &ei) : err_set(&ei, ERR_NOMEM, "", "out of memory");
    put_mei(j, err, &ei);
    if (err == 0) {
        kuuid(j, "amtUuid", i->uuid);
        kstr(j, "firmwareVersion", i->amt);
        kstr(j, "sku", i->sku);
        if (i->control_mode <= 2)
            json_kint(j, "controlMode", i->control_mode);
        json_kint(j, "provisioningState", i->provisioning_state & 0xff);
        kstr(j, "powerPolicy", i->power_policy);
        kstr(j, "dnsSuffix", i->dns_suffix);
        if (i->ras_known)
            put_ras(j, &i->ras);
        amtinfo_read_mps(i, f, where);
        if (i->mps_known)
            put_mps(j, &i->mps);
        json_kstr(j, "firmwareSwitch",
                  !i->wd_known                          ? "unknown"
                  : i->wd_flags & WD_TRANSITION_ALLOWED ? "present"
                                                        : "absent");
        put_hashes(j, i);
    }
    free(i);
}

void facts_read(const struct agent_config *c, struct fw *f, struct serial *serial, struct buf *out) {
    struct json j = json_of(out);
    serial_find(serial, c->sysfs);
    serial_ask(serial, c->systemctl);
    json_obj(&j);
    json_kstr(&j, "agentVersion", OUTBAND_VERSION);
    put_os(&j);
    put_machine(&j, c->sysfs);
    put_firmware(&j, f, c->mei[0] ? c->mei : NULL);
    json_key(&j, "serialConsole");
    json_obj(&j);
    json_kstr(&j, "tty", serial->tty);
    json_kbool(&j, "getty", serial->getty);
    json_kbool(&j, "enabled", serial->enabled);
    json_kstr(&j, "text", serial->text);
    json_obj_end(&j);
    json_obj_end(&j);
}

int facts_control_mode(struct fw *f) {
    uint32_t mode;
    return fw_number(f, PTHI_CMD_CONTROL_MODE, &mode, NULL) == 0 && mode <= 2 ? (int)mode : -1;
}
