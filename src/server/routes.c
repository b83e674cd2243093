/* SPDX-License-Identifier: Apache-2.0 */
/* routes: the table. A pattern with a verb (":look") comes before the one without. Roles: docs/api.md. */
#include "server/api.h"

#include "server/objectbody.h"

#define HOSTS "/v1/projects/{project}/compute/hosts"
#define HOST  HOSTS "/{host}"
#define OPS   "/v1/projects/{project}/compute/operations"

#define LIST_QUERY (QBIT(FILTER) | QBIT(ORDER_BY) | QBIT(PAGE_SIZE) | QBIT(OFFSET))
#define PAGE_QUERY (QBIT(PAGE_SIZE) | QBIT(AFTER))

/* R(method, pattern, role, scope, handler, status, doc, more members) */
#define R(m, p, ro, sc, fn, st, d, ...)                                                                      \
    {                                                                                                        \
        .method = m, .pattern = p, .role = ROLE_##ro, .scope = SCOPE_##sc, .handle = fn, .status = st,       \
        .doc = d, __VA_ARGS__                                                                                \
    }

/* The five routes of a kind of object. path: of the list; new: schema of a new one, change: of a change */
#define OBJECTS(path, K, reader, word, text, new, change)                                                    \
    R("GET", path, reader, PROJECT, api_objects_list, 200, "All " text "s.", .arg = OBJECT_##K),             \
        R("POST", path, ADMIN, PROJECT, api_object_create, 201, "A new " text ".", .body = &(new),           \
          .action = word ".create", .arg = OBJECT_##K),                                                      \
        R("GET", path "/{name}", reader, PROJECT, api_object_get, 200, "One " text ".", .arg = OBJECT_##K),  \
        R("PATCH", path "/{name}", ADMIN, PROJECT, api_object_change, 200, "Change it.", .body = &(change),  \
          .action = word ".change", .arg = OBJECT_##K),                                                      \
        R("DELETE", path "/{name}", ADMIN, PROJECT, api_object_delete, 204, "Delete it.",                    \
          .action = word ".delete", .arg = OBJECT_##K)
#define AMT_PATH "/v1/projects/{project}/amt"
#define KEYS     "/v1/projects/{project}/enrolmentkeys"

const struct route ROUTES[] = {
    /* the busiest first */
    R("GET", HOSTS "/summary", VIEWER, PROJECT, api_hosts_summary, 200, "Counts of hosts by state."),
    R("GET", HOST, VIEWER, PROJECT, api_host_get, 200, "One host."),
    R("GET", HOSTS, VIEWER, PROJECT, api_hosts_list, 200, "Hosts, filtered, ordered, by pages.",
      .query = LIST_QUERY),
    R("POST", HOSTS ":import", ADMIN, PROJECT, api_hosts_import, 201, "Hosts from a CSV file, all or none.",
      .media = "text/csv", .query = QBIT(DRY_RUN), .action = "host.import"),
    R("POST", HOSTS ":rotate", ADMIN, PROJECT, api_hosts_rotate, 202,
      "New secrets for all nodes that match, in two phases.", .body = &SCHEMA_ROTATE_MANY,
      .action = "host.rotate"),
    R("POST", HOSTS, ADMIN, PROJECT, api_host_create, 201, "A new host.", .body = &SCHEMA_HOST_CREATE,
      .query = QBIT(DRY_RUN), .action = "host.create"),
    R("POST", HOST ":look", VIEWER, PROJECT, api_host_look, 202, "Read the power state now."),
    R("PATCH", HOST, OPERATOR, PROJECT, api_host_patch, 200,
      "Change a host. Identity and secrets want the role admin.", .body = &SCHEMA_HOST_PATCH,
      .action = "host.change"),
    R("DELETE", HOST, ADMIN, PROJECT, api_host_delete, 204, "Deactivate a node, then remove the host.",
      .query = QBIT(FORCE), .action = "host.delete"),
    R("POST", HOST ":deauthorize", ADMIN, PROJECT, api_host_deauthorize, 200,
      "Deactivate a node and void its secrets and its agent's identity.", .query = QBIT(FORCE),
      .action = "host.deauthorize"),
    R("POST", HOST ":rotate", ADMIN, PROJECT, api_host_rotate, 202, "New secrets for a node, in two phases.",
      .body = &SCHEMA_ROTATE, .action = "host.rotate"),
    R("GET", HOST "/provisioning", VIEWER, PROJECT, api_provisioning_get, 200,
      "What is under way with the node's firmware, or came last."),
    R("DELETE", HOST "/provisioning", ADMIN, PROJECT, api_provisioning_cancel, 200,
      "Cancel it; what was done is undone.", .action = "provisioning.cancel"),
    R("POST", HOST ":merge", ADMIN, PROJECT, api_host_merge, 200,
      "Two hosts are one machine: they become one host.", .body = &SCHEMA_MERGE, .action = "host.merge"),
    R("POST", HOST ":split", ADMIN, PROJECT, api_host_split, 201,
      "One host is two machines: a new host takes some of its aliases.", .body = &SCHEMA_SPLIT,
      .action = "host.split"),
    R("GET", HOST "/explain", VIEWER, PROJECT, api_host_explain, 200,
      "Why the host is as it is, and what is done about it."),
    R("GET", HOST "/findings", VIEWER, PROJECT, api_host_findings, 200, "What is wrong with the host."),
    R("GET", HOST "/history", VIEWER, PROJECT, api_host_history, 200, "Events of the host, newest last.",
      .query = PAGE_QUERY),
    R("POST", HOST "/operations", OPERATOR, PROJECT, api_op_create, 202, "Start a power operation.",
      .body = &SCHEMA_OPERATION, .action = "operation.create"),
    R("GET", HOST "/operations", VIEWER, PROJECT, api_host_ops_list, 200,
      "Operations of the host, newest first.", .query = PAGE_QUERY | QBIT(STATE)),
    R("GET", HOST "/sessions", VIEWER, PROJECT, api_sessions_list, 200,
      "KVM, SOL and IDE-R sessions of the host."),
    R("POST", HOST "/sessions", OPERATOR, PROJECT, api_session_start, 201, "Start a session.",
      .body = &SCHEMA_SESSION, .action = "session.start"),
    R("GET", HOST "/sessions/{session}", VIEWER, PROJECT, api_session_get, 200, "One session."),
    R("DELETE", HOST "/sessions/{session}", OPERATOR, PROJECT, api_session_stop, 204, "End a session.",
      .action = "session.stop"),
    R("POST", HOST "/sessions/{session}/ticket", OPERATOR, PROJECT, api_session_ticket, 201,
      "A ticket for one stream of the session.", .action = "session.ticket"),
    R("GET", HOST "/sessions/{session}/stream", NONE, OPEN, api_session_stream, 101,
      "The session's bytes: a WebSocket, authenticated by its ticket.", .action = "session.open"),
    R("GET", HOST "/consent", OPERATOR, PROJECT, api_consent_get, 200,
      "User consent, read from the firmware."),
    R("POST", HOST "/consent:request", OPERATOR, PROJECT, api_consent_request, 200,
      "Ask the firmware to show a code.", .action = "consent.request"),
    R("POST", HOST "/consent", OPERATOR, PROJECT, api_consent_code, 200, "Enter the code.",
      .body = &SCHEMA_CONSENT_CODE, .action = "consent.code"),
    R("DELETE", HOST "/consent", OPERATOR, PROJECT, api_consent_cancel, 200, "Cancel the consent.",
      .action = "consent.cancel"),
    R("GET", "/v1/projects/{project}/compute/findings", VIEWER, PROJECT, api_findings, 200,
      "What is wrong with all hosts."),
    R("GET", "/v1/projects/{project}/compute/compliance", VIEWER, PROJECT, api_compliance, 200,
      "Which nodes can have AMT switched off, by what, and the exceptions."),
    R("GET", OPS, VIEWER, PROJECT, api_ops_list, 200, "Operations, newest first.",
      .query = PAGE_QUERY | QBIT(STATE) | QBIT(HOST)),
    R("GET", OPS "/{operation}", VIEWER, PROJECT, api_op_get, 200, "One operation."),
    R("DELETE", OPS "/{operation}", OPERATOR, PROJECT, api_op_cancel, 200, "Cancel an operation.",
      .action = "operation.cancel"),
    OBJECTS(AMT_PATH "/profiles", PROFILE, VIEWER, "profile", "profile", SCHEMA_PROFILE,
            SCHEMA_PROFILE_CHANGE),
    OBJECTS(AMT_PATH "/ciraconfigs", CIRA, VIEWER, "ciraconfig", "CIRA configuration", SCHEMA_CIRACONFIG,
            SCHEMA_CIRACONFIG_CHANGE),
    OBJECTS(AMT_PATH "/domains", DOMAIN, VIEWER, "domain", "domain", SCHEMA_DOMAIN, SCHEMA_DOMAIN_CHANGE),
    OBJECTS("/v1/projects/{project}/exceptions", EXCEPTION, VIEWER, "exception", "exception",
            SCHEMA_EXCEPTION, SCHEMA_EXCEPTION_CHANGE),
    R("GET", KEYS, ADMIN, PROJECT, api_objects_list, 200, "All enrolment keys.", .arg = OBJECT_ENROL),
    R("POST", KEYS, ADMIN, PROJECT, api_object_create, 201, "A new enrolment key, shown this once.",
      .body = &SCHEMA_ENROLMENT_KEY, .action = "enrolmentkey.create", .arg = OBJECT_ENROL),
    R("POST", KEYS "/{name}:revoke", ADMIN, PROJECT, api_object_revoke, 200,
      "Let nobody in with it any more.", .action = "enrolmentkey.revoke", .arg = OBJECT_ENROL),
    R("GET", KEYS "/{name}", ADMIN, PROJECT, api_object_get, 200, "One enrolment key.", .arg = OBJECT_ENROL),
    R("DELETE", KEYS "/{name}", ADMIN, PROJECT, api_object_delete, 204, "Delete it.",
      .action = "enrolmentkey.delete", .arg = OBJECT_ENROL),
    R("GET", "/v1/projects/{project}", VIEWER, PROJECT, api_project, 200, "One project."),
    R("GET", "/v1/orchestrator", VIEWER, OWN, api_orchestrator, 200, "Version and features."),
    R("GET", "/v1/events", VIEWER, OWN, api_events, 200, "Server-sent events, resumable.",
      .query = QBIT(HOST) | QBIT(KIND) | QBIT(AFTER)),

    R("POST", "/v1/agent/enrol", NONE, OPEN, api_agent_enrol, 201,
      "Enrol a node's agent by an enrolment key: gives its certificate.", .body = &SCHEMA_AGENT_ENROL),
    R("POST", "/v1/agent/renew", NONE, AGENT, api_agent_renew, 200, "A new certificate.",
      .body = &SCHEMA_AGENT_RENEW),
    R("POST", "/v1/agent/report", NONE, AGENT, api_agent_report, 200, "Facts of the node.",
      .body = &SCHEMA_AGENT_REPORT),
    R("POST", "/v1/agent/heartbeat", NONE, AGENT, api_agent_heartbeat, 200,
      "The agent is there; waits for orders.", .body = &SCHEMA_AGENT_HEARTBEAT),
    R("POST", "/v1/agent/shutdown", NONE, AGENT, api_agent_shutdown, 204,
      "The operating system goes down on purpose.", .body = &SCHEMA_AGENT_SHUTDOWN),
    R("POST", "/v1/agent/progress", NONE, AGENT, api_agent_progress, 204, "How far an order is.",
      .body = &SCHEMA_AGENT_PROGRESS),
    R("POST", "/v1/agent/result", NONE, AGENT, api_agent_result, 204, "What came of an order.",
      .body = &SCHEMA_AGENT_RESULT),
    R("DELETE", HOST "/agent", ADMIN, PROJECT, api_agent_revoke, 200,
      "Revoke the agent's identity; it may be enrolled again.", .action = "agent.revoke"),

    R("POST", "/api/v1/authorize", NONE, OPEN, api_authorize, 200, "Sign in.", .body = &SCHEMA_AUTHORIZE),
    R("GET", "/api/v1/session", VIEWER, SELF, api_session, 200, "Who is signed in."),
    R("POST", "/api/v1/logout", VIEWER, SELF, api_logout, 204, "End the sign-in.", .action = "user.logout"),
    R("GET", "/api/v1/users", ADMIN, ALL, api_users_list, 200, "Users."),
    R("POST", "/api/v1/users", ADMIN, ALL, api_user_create, 201, "A new user.", .body = &SCHEMA_USER,
      .action = "user.create"),
    R("DELETE", "/api/v1/users/{user}", ADMIN, ALL, api_user_delete, 204,
      "Remove a user and end its sign-ins.", .action = "user.delete"),
    R("PUT", "/api/v1/users/{user}/password", VIEWER, SELF, api_user_password, 204,
      "A new password; ends the user's sign-ins. Of others: admin.", .body = &SCHEMA_PASSWORD,
      .action = "user.password"),
    R("GET", "/api/v1/quarantine", ADMIN, ALL, api_quarantine_list, 200, "Refused CIRA logins."),
    R("POST", "/api/v1/quarantine/{entry}:adopt", ADMIN, ALL, api_quarantine_adopt, 201,
      "Make a host of a refused login.", .body = &SCHEMA_ADOPT, .action = "quarantine.adopt"),
    R("POST", "/api/v1/quarantine/{entry}:deny", ADMIN, ALL, api_quarantine_deny, 204,
      "Refuse it silently from now on.", .action = "quarantine.deny"),
    R("DELETE", "/api/v1/quarantine/{entry}", ADMIN, ALL, api_quarantine_forget, 204, "Forget it.",
      .action = "quarantine.forget"),
    R("GET", "/api/v1/audit", ADMIN, ALL, api_audit_list, 200, "Who did what, oldest first.",
      .query = PAGE_QUERY),
    R("GET", "/api/v1/audit:verify", ADMIN, ALL, api_audit_verify, 200, "Check the hash chain."),

    R("GET", "/relay/webrelay.ashx", NONE, OPEN, api_webrelay, 101,
      "The stream for clients of the public MPS, authenticated by its ticket.",
      .query = QBIT(RELAY_P) | QBIT(HOST) | QBIT(RELAY_PORT) | QBIT(RELAY_TLS) | QBIT(RELAY_TLS1) |
               QBIT(RELAY_MODE),
      .action = "session.open"),

    R("GET", "/activate", NONE, OPEN, api_activate, 101,
      "The RPS protocol, for clients at the nodes: an agent's certificate, an enrolment key or an admin's "
      "token.",
      .action = "activate.open"),

    R("GET", "/healthz", NONE, OPEN, api_healthz, 200, "Alive."),
    R("GET", "/readyz", NONE, OPEN, api_readyz, 200, "Able to serve.", .query = QBIT(VERBOSE)),
    R("GET", "/metrics", VIEWER, LOCAL, api_metrics, 200, "Prometheus metrics."),
    R("GET", "/openapi.json", NONE, OPEN, api_openapi, 200, "This table."),
    R("GET", "/", NONE, OPEN, api_page, 200, "The page.", .query = QUERY_ANY),
    R("GET", "/ui/{file}", NONE, OPEN, api_page, 200, "Its parts.", .query = QUERY_ANY),
};
const size_t ROUTES_COUNT = sizeof ROUTES / sizeof *ROUTES;
