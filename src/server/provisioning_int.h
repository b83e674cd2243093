/* SPDX-License-Identifier: Apache-2.0 */
/* provisioning_int: what the files of the provisioning share. provisioning.c: machine, ways, orders;
 * provisioning_write.c: the journal and its secrets; provisioning_args.c: what a job needs beside its kind.
 */
#pragma once

#include "core/provision_run.h"
#include "server/objects.h"
#include "server/provisioning.h"

/* A profile with what it names. prov_plan_free() */
struct prov_plan {
    struct profile profile;
    struct cira_config *cira;     /* NULL: not loaded */
    struct domain *domain;        /* ACM; NULL: none fits, or the node is not known */
    char no_domain[PROV_WHY_CAP]; /* why none fits; "": not told */
};
struct provisioning {
    struct fleet_host *fh;
    struct prov_machine m;
    struct local_way *local;          /* NULL: nobody is there */
    struct list orders;               /* provisioning_orders that wait for the end, by call.node */
    struct provisioning_order *fresh; /* its word is being written down; NULL none */
    struct wall told_at;              /* the agent's facts that the machine heard of */
    struct loop_timer timer;
    bool feeding;
    struct list later;        /* struct prov_later: events that arose while one was being fed */
    struct fleet_call *write; /* the journal under way; NULL none */
    /* of the run */
    struct prov_plan plan;
    char host_name[AMT_TEXT_CAP], domain_name[AMT_HOST_CAP];
    uint8_t tls_sha256[32]; /* of the certificate that was made for it */
    char *tls_key;          /* public key of TLS_KEY, base64 DER */
};

/* --- provisioning.c --- */
struct provisioning *
provisioning_of(struct fleet_host *fh); /* made when there is none; NULL: out of memory */
struct prov_has prov_has_of(const struct fleet_host *fh);
/* ERR_STATE: an order is refused because of what is under way, or not: with what to do. */
void provisioning_refusal(const struct fleet_host *fh, const char *text, struct errinfo *ei);
/* All secrets of o's host are void here, and its firmware is not touched; o is answered when it is written.
 * false: there are none, and nothing was done. */
bool provisioning_void(struct provisioning *pv, struct provisioning_order *o);
/* o's host is given up: its secrets are void here, and o says what is left behind. Answered when written. */
void provisioning_forget(struct provisioning *pv, struct provisioning_order *o);
/* The journal under way is written, or could not be. */
void prov_journaled(struct provisioning *pv, int err);
/* Feed the machine; from inside an action it is done afterwards. Borrowed parts: a result is copied. */
void prov_feed(struct provisioning *pv, const struct prov_ev *ev);

/* --- provisioning_write.c --- */
/* Write the row of the provisioning and, with bits (enum prov_journal_bits), the host's with its secrets;
 * durably; PROV_EV_JOURNALED follows. */
void prov_write(struct provisioning *pv, unsigned bits);
/* The provisioning's row, some time soon. */
void prov_save(struct provisioning *pv);

/* --- provisioning_args.c --- */
/* All texts of one job; wiped by prov_args_fini(). */
struct prov_texts {
    struct wsc_args args;
    uint32_t arg;
    char password[SEALED_MAX];
    char *certificate, *leaf; /* owned */
    char nonce[32], signature[1400], detection[48];
};
/* ERR_CRYPTO, ERR_NOMEM, ERR_NOT_FOUND (what the profile names is gone), with a sentence. */
NODISCARD int prov_texts_make(struct provisioning *pv, enum wsc_job_kind job, uint32_t arg,
                              struct prov_texts *x, struct errinfo *ei);
void prov_texts_fini(struct prov_texts *x);
/* What the profile asks for, for this node; loads it with what it names. ERR_NOT_FOUND, ERR_INVALID. */
NODISCARD int prov_plan_load(struct provisioning *pv, const struct rps_device *dev, struct prov_spec *spec,
                             struct errinfo *ei);
void prov_plan_forget(struct provisioning *pv);
/* User and password of an account of the node; "" when there is none. Wipe it. */
NODISCARD int prov_account(const struct provisioning *pv, enum prov_cred cred, char user[HOST_USER_CAP],
                           char password[SEALED_MAX]);
