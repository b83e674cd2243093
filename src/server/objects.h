/* SPDX-License-Identifier: Apache-2.0 */
/* objects: the named things of projects: profiles, CIRA configurations, domains (provisioning certificates),
 * enrolment keys, exceptions. All of them in memory behind a read-write lock that is held for a look-up only;
 * changes are durable before they count. Secrets stay sealed until a getter opens one. Any thread, but where
 * a struct says from. Source: docs/activation.md */
#pragma once

#include "base/buf.h"
#include "proto/amt_setup.h"
#include "server/app.h"

struct objects;
struct json;
struct json_t;
struct evp_pkey_st; /* EVP_PKEY */

enum {
    OBJECTS_MAX = 1000,   /* of one kind in one project; enrolment keys: setting enrol.keys_max */
    DOMAIN_CHAIN_MAX = 4, /* certificates that the firmware takes; reference 5.4 */
};

/* K(symbol, word in the store, path, as people call it) */
#define OBJECT_KIND_TABLE(K)                                                                                 \
    K(PROFILE, "profile", "profiles", "profile")                                                             \
    K(CIRA, "ciraconfig", "ciraconfigs", "CIRA configuration")                                               \
    K(DOMAIN, "domain", "domains", "domain")                                                                 \
    K(ENROL, "enrolmentkey", "enrolmentkeys", "enrolment key")                                               \
    K(EXCEPTION, "exception", "exceptions", "exception")
enum object_kind {
#define K(sym, ...) OBJECT_##sym,
    OBJECT_KIND_TABLE(K)
#undef K
        OBJECT_KINDS
};
const char *object_kind_word(enum object_kind k);
const char *object_kind_path(enum object_kind k);
const char *object_kind_text(enum object_kind k);

/* NULL when out of memory. Freed with app. */
struct objects *objects_new(struct app *a);
/* All from the store, before the loops run. ERR_STORE, ERR_NOMEM. */
NODISCARD int objects_load(struct objects *o);
void objects_free(struct objects **o);

/* --- profile --- */
/* L(symbol, word) */
#define PROFILE_TLS_TABLE(L) L(NONE, "none") L(SERVER, "server")
enum profile_tls {
#define L(sym, word) PROFILE_TLS_##sym,
    PROFILE_TLS_TABLE(L)
#undef L
};
/* C(symbol, word) */
#define PROFILE_CONSENT_TABLE(C) C(NONE, "none") C(KVM, "kvm") C(ALL, "all")
enum profile_consent {
#define C(sym, word) PROFILE_CONSENT_##sym,
    PROFILE_CONSENT_TABLE(C)
#undef C
};
struct profile {
    char name[OBJECT_NAME_CAP];
    uint64_t version;                  /* 0: one of the two that are always there */
    enum amt_control_mode mode;        /* CCM or ACM */
    char domain[OBJECT_NAME_CAP];      /* of the provisioning certificate; "": the one that fits the node */
    char cira_config[OBJECT_NAME_CAP]; /* "default": this server */
    enum profile_tls tls;
    bool kvm, sol, ider;
    enum profile_consent consent;
    bool host_name_from_os, dhcp;
    char shared_password[40]; /* AMT password of all nodes of the profile; "": each its own. profile_wipe() */
};
/* By name; `<project>_ccm` and `<project>_acm` are always there. ERR_NOT_FOUND; ERR_CRYPTO: the shared
 * password is sealed by another key. */
NODISCARD int objects_profile(struct objects *o, const char *project, const char *name, struct profile *out,
                              struct errinfo *ei);
void profile_wipe(struct profile *p);

/* --- CIRA configuration --- */
struct cira_config {
    char name[OBJECT_NAME_CAP];
    char address[AMT_HOST_CAP]; /* as nodes dial it */
    uint16_t port;
    uint16_t format;                /* InfoFormat: 3 IPv4, 4 IPv6, 201 FQDN */
    char common_name[AMT_HOST_CAP]; /* of the server's certificate */
    struct buf root_base64;         /* DER of the root that nodes are to trust */
    char root_sha256[65];           /* lower-case hex, as agents and CIRA_READ tell it */
};
/* By name; `default` (and "") is this server. ERR_NOT_FOUND, ERR_CRYPTO (no usable root), ERR_NOMEM. Free
 * with cira_config_free(), also after an error. */
NODISCARD int objects_cira(struct objects *o, const char *project, const char *name, struct cira_config *out,
                           struct errinfo *ei);
void cira_config_free(struct cira_config *c);

/* --- domain: a provisioning certificate --- */
struct domain {
    char name[OBJECT_NAME_CAP], suffix[AMT_HOST_CAP];
    struct wall not_after;                /* of the certificate of the chain that ends first */
    char root_hash[3][AMT_CERT_HASH_CAP]; /* SHA-1, SHA-256, SHA-384 of the root, lower-case hex */
    struct buf chain[DOMAIN_CHAIN_MAX];   /* base64 DER, leaf first, root last */
    size_t nchain;
    struct evp_pkey_st *key; /* of the leaf */
};
/* By name. ERR_NOT_FOUND; ERR_STATE: it is expired; ERR_CRYPTO, ERR_NOMEM. *out is the caller's:
 * domain_free(). */
NODISCARD int objects_domain(struct objects *o, const char *project, const char *name, struct wall now,
                             struct domain **out, struct errinfo *ei);
/* The one for a node whose firmware knows this DNS suffix: of the suffix itself, else of its parents (never a
 * bare TLD), not expired, with a root that is among the node's trusted ones (hex of any case; n 0: not told,
 * any root will do). ERR_NOT_FOUND says which of these there was none for. Reference 5.4. */
NODISCARD int objects_domain_for(struct objects *o, const char *project, const char *dns_suffix,
                                 const char (*root_hashes)[AMT_CERT_HASH_CAP], size_t n, struct wall now,
                                 struct domain **out, struct errinfo *ei);
/* RSA PKCS#1 v1.5 over SHA-256(bytes) by the leaf's key, as base64, appended: what AdminSetup and
 * UpgradeClientToAdmin want over ConfigurationNonce and McNonce. ERR_CRYPTO, ERR_NOMEM. */
NODISCARD int domain_sign(const struct domain *d, struct slice bytes, struct buf *out);
/* Wipes the key. */
void domain_free(struct domain **d);

/* --- enrolment --- */
/* Check a key and count one use, durably. done on from. err 0: project, host_project and key_name are filled;
 * ERR_AUTH with one sentence for keys that are unknown, expired, used up or revoked; ERR_BUSY, ERR_STORE,
 * ERR_STORE_FULL. */
struct objects_enrol {
    struct loop_msg msg;
    struct shard *from;
    bool used_up_too; /* with peek: one that is good but for its uses is let pass, and used_up says so */
    bool used_up;
    bool peek; /* check only: it is not counted, and done comes at once, from inside the call */
    char project[HOST_PROJECT_CAP];      /* the key's */
    char host_project[HOST_PROJECT_CAP]; /* of new hosts */
    char key_name[OBJECT_NAME_CAP];
    int err;
    struct errinfo error;
    void (*done)(struct objects_enrol *e);
    void *ctx;
    struct objects *objects; /* private */
};
/* key is used during the call only. e lives until done was called. */
void objects_enrol(struct objects *o, struct slice key, struct objects_enrol *e);
/* The enrolment came to nothing: give the use back. */
void objects_enrol_back(struct objects *o, const char *project, const char *key_name);

/* --- exceptions --- */
struct exception {
    char name[OBJECT_NAME_CAP], reason[STORE_TEXT_CAP], approver[STORE_USER_CAP];
    struct wall until;
};
/* The exception for this control of a host that is good now. */
bool objects_exception(struct objects *o, const char *project, const char *host, const char *control,
                       struct wall now, struct exception *out);
/* A host is to be deleted: its exceptions are deleted by the same transaction. ERR_NOMEM. */
NODISCARD int objects_host_goes(struct objects *o, const char *project, const char *host,
                                struct store_txn *t);
/* It is deleted: nobody sees them any more. One that is being made or changed at this very moment stays. */
void objects_host_gone(struct objects *o, const char *project, const char *host);
/* Two hosts become one: the exceptions of the one that goes become those of the one that stays, by the same
 * transaction; one for a control that the other has an exception for is deleted. Until objects_host_moved()
 * nobody changes them. Also after an error: ERR_NOMEM. t NULL: nothing is kept. */
NODISCARD int objects_host_moves(struct objects *o, const char *project, const char *gone, const char *keep,
                                 struct wall now, struct store_txn *t);
/* It is written (ok), or it was not: all is as before. */
void objects_host_moved(struct objects *o, const char *project, const char *gone, bool ok);

/* --- for the REST door --- */
/* A copy; free with object_free(). */
struct object {
    enum object_kind kind;
    char project[HOST_PROJECT_CAP], name[OBJECT_NAME_CAP];
    uint64_t version; /* 0: built in */
    struct wall created, updated;
    char *secret;  /* sealed; NULL: none */
    uint32_t uses; /* of an enrolment key */
    bool revoked;
    struct json_t *body;
};
void object_free(struct object *x);
/* ERR_NOT_FOUND, ERR_NOMEM. Also the built-in ones. */
NODISCARD int objects_get(struct objects *o, enum object_kind k, const char *project, const char *name,
                          struct object *out, struct errinfo *ei);
/* All of a project in the order of their names, built-in ones first; the caller frees each, and the array.
 * NULL with *n 0 when there is none; ERR_NOMEM. */
NODISCARD int objects_list(struct objects *o, enum object_kind k, const char *project, struct object **out,
                           size_t *n);

enum object_change_kind { OBJECT_CREATE, OBJECT_REPLACE, OBJECT_DELETE, OBJECT_REVOKE };
/* One change; done on from, after it is on the disk. body and secret are taken (and freed) in any case. */
struct object_change {
    struct loop_msg msg;
    struct shard *from;
    enum object_change_kind what;
    enum object_kind kind;
    char project[HOST_PROJECT_CAP], name[OBJECT_NAME_CAP];
    struct json_t *body; /* CREATE, REPLACE: checked */
    char *secret;        /* sealed text; REPLACE with keep_secret: NULL */
    bool keep_secret;
    uint64_t if_version; /* 0: any; else ERR_STATE with the field If-Match */
    int err; /* ERR_EXISTS, ERR_NOT_FOUND, ERR_STATE (in use, built in), ERR_LIMIT, ERR_BUSY, ERR_STORE … */
    struct errinfo error;
    void (*done)(struct object_change *c);
    void *ctx;
    struct objects *objects; /* private, as what follows */
    struct wall now;
};
void objects_change(struct objects *o, struct object_change *c);
/* "ipv4", "ipv6" or "fqdn". */
const char *objects_address_format(const char *address);
/* Seal the secret of an object. *out is malloc()ed. ERR_LIMIT, ERR_CRYPTO, ERR_NOMEM. */
NODISCARD int objects_seal(struct objects *o, enum object_kind k, const char *project, const char *name,
                           struct slice secret, char **out, struct errinfo *ei);
