/* SPDX-License-Identifier: Apache-2.0 */
/* settings: every setting of outbandd in one table: from it come the struct, the parser, `outbandd config`
 * and docs/settings.md. Later sources win: defaults, INI file, environment, command line. Plain value; the
 * owner is who embeds it; not changed while others read it (a reload makes a new one). */
#pragma once

#include "base/buf.h"
#include "core/host.h"
#include "proto/apf.h"
#include "store/store.h"

enum { SETTING_TEXT_CAP = 256 };

/* Members get their unit: DURATION m_ms (milliseconds), SIZE m_bytes; the others are m.
 * live: SIGHUP takes it over; else it needs a restart. Rows:
 *   DURATION, SIZE, COUNT(member, name, default, least, most, live, doc)
 *   BOOL, TEXT, ADDRESS(member, name, default, live, doc); an address is "host:port", or "" where that is the
 * default CHOICE(member, name, default, words with | between them, live, doc); the member is the word's index
 */
#define SETTING_TABLE(DURATION, SIZE, COUNT, BOOL, TEXT, ADDRESS, CHOICE)                                    \
    TEXT(data_dir, "data.dir", "/var/lib/outband", false,                                                    \
         "Directory of the database, keys and certificates")                                                 \
    ADDRESS(https_listen, "https.listen", ":8443", false,                                                    \
            "Where the REST API, event stream and web console listen. Port 0 picks one")                     \
    ADDRESS(cira_listen, "cira.listen", ":4433", false, "Where AMT devices open their CIRA tunnels")         \
    BOOL(cira_proxy_protocol, "cira.proxy_protocol", "false", false,                                         \
         "Expect a PROXY protocol header (v1 or v2) before TLS, as a load balancer sends it")                \
    ADDRESS(cira_legacy_listen, "cira.legacy_listen", "", false,                                             \
            "Second CIRA listener that also allows TLS 1.0 and 1.1, for old firmware. Empty: none")          \
    COUNT(cira_handshakes_max, "cira.handshakes_max", "256", 1, 20000, false,                                \
          "Connections per loop that may be in the TLS handshake or not logged in at once; more wait "       \
          "unaccepted")                                                                                      \
    DURATION(cira_auth_timeout, "cira.auth_timeout", "10s", "1s", "5m", false,                               \
             "A device that has not logged in after this time is disconnected")                              \
    SIZE(cira_preauth, "cira.preauth_bytes", "8192", 1024, 1 << 20, true,                                    \
         "Bytes taken from a device before it has logged in")                                                \
    COUNT(cira_tunnels_per_peer, "cira.tunnels_per_peer", "0", 0, 1000000, true,                             \
          "Connections from one IP address at once. 0: no limit, because a site may be behind one address")  \
    DURATION(cira_keepalive, "cira.keepalive", "30s", "5s", "10m", true,                                     \
             "Keepalive interval that devices are asked for")                                                \
    TEXT(cira_public_address, "cira.public_address", "", true,                                               \
         "HOST or HOST:PORT that nodes dial for their CIRA tunnels. Empty: the first name of the server "    \
         "certificate and the port of cira.listen")                                                          \
    BOOL(activate_anonymous, "activate.anonymous", "false", true,                                            \
         "Let clients of the activation protocol in that show no key, for hosts that are in the list and "   \
         "wanted provisioned")                                                                               \
    DURATION(activate_silence, "activate.silence", "60s", "5s", "10m", true,                                 \
             "A client of /activate without a sign of life, or without the answer that is due, is given up " \
             "after this time")                                                                              \
    COUNT(activate_clients_max, "activate.clients_max", "500", 1, 20000, true,                               \
          "Clients of /activate at once, per loop")                                                          \
    COUNT(agent_certificate_days, "agent.certificate_days", "30", 1, 825, true,                              \
          "Days that an agent's certificate is valid; it renews it after two thirds of them")                \
    DURATION(agent_heartbeat, "agent.heartbeat", "30s", "5s", "10m", true,                                   \
             "How often an agent asks for orders; unheard for three of them, it counts as gone")             \
    COUNT(enrol_keys_max, "enrol.keys_max", "1000", 1, 100000, true, "Enrolment keys of one project")        \
    CHOICE(tls_leaf_key, "tls.leaf_key", "rsa-2048", "rsa-2048|rsa-3072|p-256", false,                       \
           "Key of new server certificates. Old firmware knows RSA only")                                    \
    TEXT(tls_hostname, "tls.hostname", "", true,                                                             \
         "Name or IP address in the server certificate. Empty: the one given at `outbandd init`")            \
    COUNT(loops, "loops", "0", 0, 64, false, "Loop threads. 0: one a core")                                  \
    DURATION(link_quiet, "link.quiet", "20s", "1s", "10m", true,                                             \
             "Silence of a device before the server asks whether it lives")                                  \
    DURATION(link_probe, "link.probe", "5s", "500ms", "1m", true, "How long each answer may take")           \
    COUNT(link_probes, "link.probes", "4", 1, 20, true, "Unanswered questions until the link is down")       \
    DURATION(power_poll_interval, "power.poll_interval", "25s", "1s", "1h", true,                            \
             "Pause between power reads of a node that is as desired")                                       \
    DURATION(power_poll_doubt, "power.poll_doubt", "10s", "1s", "1h", true,                                  \
             "Pause between power reads of any other node")                                                  \
    DURATION(                                                                                                \
        power_fresh, "power.fresh", "60s", "2s", "2h", true,                                                 \
        "An older observation is stale: nothing is decided on it. Must be longer than power.poll_interval")  \
    DURATION(power_confirm_interval, "power.confirm_interval", "1s", "100ms", "1m", true,                    \
             "Pause between the two reads that confirm a mismatch")                                          \
    DURATION(power_read_timeout, "power.read_timeout", "15s", "1s", "2m", true,                              \
             "How long a power read of the poll may take")                                                   \
    DURATION(power_command_read_timeout, "power.command_read_timeout", "5s", "1s", "2m", true,               \
             "How long a power read for an operator's command may take")                                     \
    DURATION(power_operation_deadline, "power.operation_deadline", "5m", "10s", "1d", true,                  \
             "Deadline of an operation that names none")                                                     \
    DURATION(power_settle, "power.settle", "2s", "0s", "5m", true,                                           \
             "Least time between two power requests to a node")                                              \
    COUNT(recovery_attempts, "recovery.attempts", "5", 1, 100, true,                                         \
          "Attempts to bring a node back, then recovery is held and a finding is raised")                    \
    DURATION(recovery_backoff_first, "recovery.backoff_first", "10s", "1s", "1h", true,                      \
             "Pause after the first attempt; doubles")                                                       \
    DURATION(session_ticket, "session.ticket_lifetime", "30s", "5s", "5m", true,                             \
             "A ticket for a session's stream is valid for this time, and once")                             \
    DURATION(session_resume, "session.resume", "2m", "5s", "1h", true,                                       \
             "An interrupted session may be resumed for this time")                                          \
    DURATION(session_kvm_idle, "session.kvm_idle", "30m", "0s", "1d", true,                                  \
             "A KVM session without input is ended after this time. 0: never")                               \
    DURATION(session_idle_warning, "session.idle_warning", "60s", "1s", "1h", true,                          \
             "The viewer is warned this long before")                                                        \
    DURATION(recovery_backoff_max, "recovery.backoff_max", "10m", "1s", "1d", true,                          \
             "Longest pause between attempts")                                                               \
    COUNT(wsman_in_flight, "wsman.in_flight", "3", 1, 8, true, "Requests to one device at once")             \
    COUNT(wsman_burst, "wsman.burst", "8", 1, 100, true, "Requests to one device at once after a rest")      \
    DURATION(wsman_refill, "wsman.refill", "250ms", "1ms", "1m", true, "… and one more each this long")      \
    CHOICE(wsman_port_policy, "wsman.port_policy", "auto", "auto|tls|plain", true,                           \
           "Port of the device inside the tunnel: 16993 (tls), 16992 (plain), or the plain one where the "   \
           "device forwards it, else TLS (auto)")                                                            \
    COUNT(apf_channels_max, "apf.channels_max", "8", 1, 64, true,                                            \
          "Channels in one tunnel. AMT itself has 8")                                                        \
    SIZE(apf_window, "apf.window", "32KiB", 1024, 16 << 20, true, "Receive window of a channel")             \
    SIZE(http_body_max, "http.body_max", "16MiB", 1024, 1 << 30, true, "Largest request body")               \
    COUNT(http_connections_max, "http.connections_max", "4000", 1, 20000, true,                              \
          "HTTPS connections per loop")                                                                      \
    SIZE(http_header_max, "http.header_max", "16KiB", 1024, 1 << 20, true, "Largest request head")           \
    DURATION(http_idle_timeout, "http.idle_timeout", "60s", "1s", "1h", true,                                \
             "An idle HTTPS connection is closed after this time")                                           \
    COUNT(events_ring, "events.ring", "10000", 16, 1000000, false,                                           \
          "Events kept in memory for clients that resume")                                                   \
    COUNT(events_keep, "events.keep", "1000000", 1000, 100000000, false, "Events kept in the database")      \
    COUNT(events_subscribers_max, "events.subscribers_max", "1000", 1, 20000, true, "Open event streams")    \
    COUNT(quarantine_max, "quarantine.max", "1000", 1, 100000, true, "Unknown devices remembered")           \
    DURATION(quarantine_expire, "quarantine.expire", "24h", "1m", "30d", true,                               \
             "An unknown device is forgotten after this time")                                               \
    COUNT(login_attempts_per_minute, "login.attempts_per_minute", "10", 1, 10000, true,                      \
          "Failed logins of one user or address in a minute before more are refused")                        \
    DURATION(token_lifetime, "token.lifetime", "1h", "1m", "30d", true, "A token is valid for this time")    \
    DURATION(store_flush, "store.flush", "200ms", "1ms", "10s", false,                                       \
             "How long observations and events may gather before they are written. Intents and operations "  \
             "never wait")                                                                                   \
    SIZE(store_reserve, "store.reserve", "16MiB", 0, 1LL << 40, false,                                       \
         "Disk space kept free: with less, new intents are refused")                                         \
    CHOICE(log_level, "log.level", "info", "debug|info|warn|error", true, "Least level of log lines")        \
    CHOICE(log_format, "log.format", "text", "text|json", true, "Format of log lines on stderr")

enum setting_leaf_key { LEAF_KEY_RSA_2048, LEAF_KEY_RSA_3072, LEAF_KEY_P_256 };
enum setting_port_policy { PORT_POLICY_AUTO, PORT_POLICY_TLS, PORT_POLICY_PLAIN };
enum setting_log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
/* log_level is an enum log_level */

#define SETTING_ANY(m, ...) SETTING_##m,
enum setting {
    SETTING_TABLE(SETTING_ANY, SETTING_ANY, SETTING_ANY, SETTING_ANY, SETTING_ANY, SETTING_ANY, SETTING_ANY)
        SETTING_COUNT
};
#undef SETTING_ANY

enum setting_origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

struct settings {
#define SETTING_MS(m, ...)    uint32_t m##_ms;
#define SETTING_BYTES(m, ...) uint64_t m##_bytes;
#define SETTING_U32(m, ...)   uint32_t m;
#define SETTING_BOOL(m, ...)  bool m;
#define SETTING_TEXT(m, ...)  char m[SETTING_TEXT_CAP];
    SETTING_TABLE(SETTING_MS, SETTING_BYTES, SETTING_U32, SETTING_BOOL, SETTING_TEXT, SETTING_TEXT,
                  SETTING_U32)
#undef SETTING_MS
#undef SETTING_BYTES
#undef SETTING_U32
#undef SETTING_BOOL
#undef SETTING_TEXT
    struct {
        enum setting_origin from;
        unsigned line; /* of the file */
    } origin[SETTING_COUNT];
    char file[SETTING_TEXT_CAP]; /* the last INI file read; "" none */
};

void settings_defaults(struct settings *s);
/* name = value, from a flag or for tests. ERR_NOT_FOUND: no such setting; ERR_INVALID: what is accepted
 * instead. */
NODISCARD int settings_set(struct settings *s, const char *name, const char *value, enum setting_origin from,
                           struct errinfo *ei);
/* An INI text: "[section]" and "name = value", or "section.name = value"; ';' and '#' begin comments. path:
 * for messages. Errors name file, line, setting and what is accepted: ERR_SYNTAX, ERR_NOT_FOUND, ERR_INVALID,
 * ERR_EXISTS (twice). */
NODISCARD int settings_read_ini(struct settings *s, const char *path, struct slice text, struct errinfo *ei);
/* The same from a file of at most 1 MiB; ERR_IO, too. */
NODISCARD int settings_read_file(struct settings *s, const char *path, struct errinfo *ei);
/* OUTBAND_POWER_POLL_INTERVAL=10s and so on; env as environ. A variable that begins like a setting
 * (OUTBAND_POWER_…) and is none is refused; other OUTBAND_… are left to others. */
NODISCARD int settings_read_env(struct settings *s, char *const *env, struct errinfo *ei);
/* Do the settings fit each other? After all sources. ERR_INVALID. */
NODISCARD int settings_check(const struct settings *s, struct errinfo *ei);

enum { PUBLIC_HOST_CAP = 254 };
/* cira.public_address taken apart; host "" when it is empty, port 0 when it names none. ERR_INVALID. */
NODISCARD int settings_public_address(const struct settings *s, char host[PUBLIC_HOST_CAP], uint16_t *port,
                                      struct errinfo *ei);

/* Value as it may be written in a file; appended. */
void settings_put_value(const struct settings *s, enum setting k, struct buf *out);
const char *settings_name(enum setting k);
/* `outbandd config`: every setting with value and origin. */
void settings_print(const struct settings *s, struct buf *out);
/* docs/settings.md */
void settings_print_docs(struct buf *out);
/* Names of settings that differ and need a restart, comma-separated, appended. How many. */
size_t settings_need_restart(const struct settings *now, const struct settings *next, struct buf *names);

/* The rules of the rooms below, from the settings; what has no setting keeps its default. */
void settings_host_policy(const struct settings *s, struct host_policy *p);
void settings_wsc_limits(const struct settings *s, struct wsc_limits *l);
void settings_apf_limits(const struct settings *s, struct apf_limits *l);
/* path points into s. */
void settings_store_opts(const struct settings *s, struct store_opts *o);
