/* SPDX-License-Identifier: Apache-2.0 */
/* api: the handlers of the route table, and the bodies they take. Each answers its request; see request.h. */
#pragma once

#include "server/router.h"

/* api_auth.c, api_users.c */
void api_authorize(struct request *r);
void api_session(struct request *r);
void api_logout(struct request *r);
void api_users_list(struct request *r);
void api_user_create(struct request *r);
void api_user_delete(struct request *r);
void api_user_password(struct request *r);
extern const struct schema SCHEMA_AUTHORIZE, SCHEMA_USER, SCHEMA_PASSWORD;

/* api_list.c */
void api_hosts_list(struct request *r);
/* api_hosts.c */
void api_hosts_summary(struct request *r);
void api_findings(struct request *r);
void api_host_get(struct request *r);
void api_host_explain(struct request *r);
void api_host_findings(struct request *r);
void api_host_history(struct request *r);
void api_host_look(struct request *r);
/* api_create.c, api_patch.c */
void api_host_create(struct request *r);
void api_hosts_import(struct request *r);
void api_host_patch(struct request *r);
void api_host_delete(struct request *r);
extern const struct schema SCHEMA_HOST_CREATE, SCHEMA_HOST_PATCH;

/* api_provisioning.c */
void api_provisioning_get(struct request *r);
void api_provisioning_cancel(struct request *r);
void api_host_rotate(struct request *r);
void api_hosts_rotate(struct request *r);
void api_host_deauthorize(struct request *r);
extern const struct schema SCHEMA_ROTATE, SCHEMA_ROTATE_MANY;

/* api_compliance.c */
void api_compliance(struct request *r);
/* api_merge.c */
void api_host_merge(struct request *r);
void api_host_split(struct request *r);
extern const struct schema SCHEMA_MERGE, SCHEMA_SPLIT;

/* api_ops.c */
void api_op_create(struct request *r);
void api_ops_list(struct request *r);
void api_host_ops_list(struct request *r);
void api_op_get(struct request *r);
void api_op_cancel(struct request *r);
extern const struct schema SCHEMA_OPERATION;

/* api_sessions.c, api_stream.c */
void api_session_start(struct request *r);
void api_sessions_list(struct request *r);
void api_session_get(struct request *r);
void api_session_ticket(struct request *r);
void api_session_stop(struct request *r);
void api_consent_get(struct request *r);
void api_consent_request(struct request *r);
void api_consent_code(struct request *r);
void api_consent_cancel(struct request *r);
void api_session_stream(struct request *r);
void api_activate(struct request *r);
void api_webrelay(struct request *r);
extern const struct schema SCHEMA_SESSION, SCHEMA_CONSENT_CODE;

/* api_objects.c; schemas: objectbody.h */
void api_objects_list(struct request *r);
void api_object_get(struct request *r);
void api_object_create(struct request *r);
void api_object_change(struct request *r);
void api_object_delete(struct request *r);
void api_object_revoke(struct request *r);

/* api_quarantine.c */
void api_quarantine_list(struct request *r);
void api_quarantine_adopt(struct request *r);
void api_quarantine_deny(struct request *r);
void api_quarantine_forget(struct request *r);
extern const struct schema SCHEMA_ADOPT;

/* api_admin.c */
void api_audit_list(struct request *r);
void api_audit_verify(struct request *r);

/* api_agent.c */
void api_agent_enrol(struct request *r);
void api_agent_renew(struct request *r);
void api_agent_report(struct request *r);
void api_agent_heartbeat(struct request *r);
void api_agent_shutdown(struct request *r);
void api_agent_progress(struct request *r);
void api_agent_result(struct request *r);
void api_agent_revoke(struct request *r);
extern const struct schema SCHEMA_AGENT_ENROL, SCHEMA_AGENT_RENEW, SCHEMA_AGENT_REPORT,
    SCHEMA_AGENT_HEARTBEAT, SCHEMA_AGENT_SHUTDOWN, SCHEMA_AGENT_PROGRESS, SCHEMA_AGENT_RESULT;

/* events.c, health.c, page.c */
void api_events(struct request *r);
void api_healthz(struct request *r);
void api_readyz(struct request *r);
void api_metrics(struct request *r);
void api_openapi(struct request *r);
void api_orchestrator(struct request *r);
void api_project(struct request *r);
void api_page(struct request *r);
