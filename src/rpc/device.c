/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/device.h"

#include "base/text.h"
#include "rpc/amtinfo.h"
#include "rpc/dmi.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define PUT(to, from) slice_to_str(slice_str(from), to, sizeof(to))

static void put_network(struct rps_info *d, const struct amtinfo_lan *l) {
    if (!l->present)
        return;
    d->dhcp = l->lan.dhcp_enabled;
    d->static_ip = !d->dhcp;
    d->ip_sync = false;
    PUT(d->ip, l->os.address);
    PUT(d->netmask, l->os.netmask);
    PUT(d->gateway, l->os.gateway);
    PUT(d->dns1, l->os.dns1);
    PUT(d->dns2, l->os.dns2);
}

static void put_hashes(struct rps_info *d, const struct amtinfo *i) {
    for (size_t k = 0; k < i->nhashes && d->ncert_hashes < RPS_HASHES_MAX; k++) {
        const struct pthi_hash *h = &i->hashes[k];
        size_t n = pthi_alg_bytes(h->alg);
        if (!h->active || n == 0 || 2 * n >= sizeof d->cert_hashes[0])
            continue;
        text_hex(slice_of(h->hash, n), d->cert_hashes[d->ncert_hashes++]);
    }
}

static void put_info(struct rps_info *d, const struct amtinfo *i) {
    PUT(d->ver, i->amt);
    PUT(d->build, i->build);
    PUT(d->sku, i->sku);
    PUT(d->features, i->features);
    PUT(d->client, "RPC");
    d->uuid = i->uuid;
    d->current_mode = (uint8_t)i->control_mode;
    PUT(d->host_name, i->os_host_name);
    PUT(d->fqdn, *i->dns_suffix ? i->dns_suffix : i->os_dns_suffix);
    PUT(d->dns_suffix_os, i->os_dns_suffix);
    d->tls_enforced = i->wd_known && i->wd_flags & WD_TLS_LOCAL;
    d->tls_tunnel = d->tls_enforced;
    d->progress_supported = true;
    put_network(d, &i->wired);
    put_hashes(d, i);
}

static int put_account(struct rps_info *d, struct fw *f, struct errinfo *ei) {
    struct pthi_account a;
    int rc = fw_account(f, &a, ei);
    if (rc == 0) {
        PUT(d->user, a.user);
        PUT(d->password, a.password);
    }
    pthi_account_wipe(&a);
    /* an activated firmware may keep it to itself: then the server has secrets of its own */
    return rc == ERR_REFUSED && d->current_mode ? 0 : rc;
}

/* Which of many nodes with this UUID is it? */
static int check_known(const struct rps_info *d, bool any_uuid, struct errinfo *ei) {
    char text[UUID_TEXT_CAP];
    if (any_uuid || !uuid_is_placeholder(d->uuid) || !uuid_is_nil(d->smbios))
        return 0;
    err_set(ei, ERR_EXISTS, "", "the firmware's UUID is %s, which many machines share, and SMBIOS tells none",
            uuid_text(d->uuid, text));
    err_remedy(ei,
               "A server cannot tell this node from others: enrol it with pm-agent, which has an identity "
               "of its own, or have the maker set a UUID in its BIOS.");
    return ERR_EXISTS;
}

static int make_ready(const struct amtinfo *i, struct fw *f, struct errinfo *ei) {
    bool hangs = i->control_mode == 0 && i->provisioning_state == 1;
    return hangs ? fw_stop_configuration(f, ei) : 0;
}

static void put_machine(struct rps_info *d, const char *root) {
    struct dmi dmi = {0};
    if (root)
        dmi_read(&dmi, root);
    d->smbios = dmi.uuid;
}

int device_read(struct rps_info *d, const struct local *l, const struct device_opts *o, struct errinfo *ei) {
    struct amtinfo *i = calloc(1, sizeof *i);
    struct fw *f = fw_new(o->where);
    *d = (struct rps_info){0};
    int rc = i && f ? amtinfo_read(i, f, ei) : err_set(ei, ERR_NOMEM, "", "out of memory");
    if (rc == 0) {
        put_info(d, i);
        put_machine(d, o->dmi);
        rc = check_known(d, o->any_uuid, ei);
    }
    if (rc == 0)
        rc = make_ready(i, f, ei);
    if (rc == 0) {
        PUT(d->friendly_name, o->friendly_name ? o->friendly_name : "");
        d->lms_installed = local_has_lms(l, LOCAL_PORT);
        rc = put_account(d, f, ei);
    }
    fw_free(&f);
    free(i);
    return rc;
}
