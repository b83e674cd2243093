/* SPDX-License-Identifier: Apache-2.0 */
#include "http_rig.h"
#include "net/pki.h"

#define HOSTS "/v1/projects/default/compute/hosts"

static void created_read_changed_deleted(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES], id[HOST_ID_CAP], path[128], etag[128], extra[160];
    struct client *c = client_open(g);
    rig_token(g, "admin", token);
    const char *body =
        "{\"name\":\"n1\",\"cira\":{\"user\":\"u1\",\"password\":\"P@ssw0rd!\"},\"amt\":{\"password\":"
        "\"P@ssw0rd!\"},\"uuid\":\"55e3ae13-bfd2-61bb-17a0-88aedd7037ea\",\"desiredPowerState\":"
        "\"POWER_STATE_ON\",\"amtControlMode\":\"AMT_CONTROL_MODE_ACM\"}";
    /* a dry run says what would be wrong, and does nothing */
    assert_int_equal(client_ask(c, token, "POST", HOSTS "?dryRun=true", NULL, body), 200);
    assert_int_equal(client_ask(c, token, "GET", HOSTS "/n1", NULL, NULL), 404);
    assert_int_equal(client_ask(c, token, "POST", HOSTS, NULL, body), 201);
    slice_to_str(slice_str(answer_text(c, "resourceId")), id, sizeof id);
    snprintf(path, sizeof path, "Location: " HOSTS "/%s", id);
    assert_non_null(strstr(c->head, path));
    assert_null(strstr(buf_cstr(&c->body), "P@ssw0rd!")); /* no secret comes back */
    assert_string_equal(answer_text(c, "desiredPowerState"), "POWER_STATE_ON");
    assert_string_equal(answer_text(c, "currentPowerState"), "POWER_STATE_UNSPECIFIED");
    assert_string_equal(answer_text(c, "oob.link.state"), "never");
    assert_int_equal(client_ask(c, token, "POST", HOSTS, NULL, body), 409);
    assert_string_equal(answer_text(c, "field"), "name");
    assert_int_equal(client_ask(c, token, "POST", HOSTS "?dryRun=true", NULL, body), 409);
    /* by id and by name, with an ETag */
    snprintf(path, sizeof path, HOSTS "/%s", id);
    assert_int_equal(client_ask(c, token, "GET", path, NULL, NULL), 200);
    const char *at = strstr(c->head, "ETag: ");
    assert_non_null(at);
    snprintf(etag, sizeof etag, "%.*s", (int)strcspn(at + 6, "\n"), at + 6);
    assert_int_equal(client_ask(c, token, "GET", HOSTS "/n1", NULL, NULL), 200);
    snprintf(extra, sizeof extra, "If-None-Match: %s\r\n", etag);
    assert_int_equal(client_ask(c, token, "GET", path, extra, NULL), 304);
    assert_int_equal(c->body.len, 0);
    /* change it */
    snprintf(extra, sizeof extra, "If-Match: %s\r\n", etag);
    assert_int_equal(client_ask(c, token, "PATCH", path, extra, "{\"name\":\"n2\",\"serialNumber\":\"S1\"}"),
                     200);
    assert_string_equal(answer_text(c, "name"), "n2");
    assert_string_equal(answer_text(c, "serialNumber"), "S1");
    assert_int_equal(client_ask(c, token, "PATCH", path, extra, "{\"name\":\"n3\"}"), 412);
    assert_int_equal(client_ask(c, token, "PATCH", path, "If-Match: \"nonsense\"\r\n", "{\"name\":\"n3\"}"),
                     412);
    assert_int_equal(client_ask(c, token, "GET", path, NULL, NULL), 200);
    assert_string_equal(answer_text(c, "name"), "n2");
    assert_int_equal(client_ask(c, token, "PATCH", path, NULL, "{\"name\":\"\"}"),
                     200); /* some clients send it */
    assert_string_equal(answer_text(c, "name"), "n2");
    assert_int_equal(client_ask(c, token, "DELETE", path, NULL, NULL), 204);
    assert_int_equal(client_ask(c, token, "GET", path, NULL, NULL), 404);
    assert_int_equal(client_ask(c, token, "DELETE", path, NULL, NULL), 404);
    client_close(&c);
    rig_free(&g);
}

/* Nothing is changed when the power part is refused. */
static void a_refused_change_changes_nothing(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES];
    struct client *c = client_open(g);
    rig_token(g, "admin", token);
    rig_host(g, "default", "n1");
    rig_host(g, "default", "n2");
    assert_int_equal(client_ask(c, token, "PATCH", HOSTS "/n1", NULL,
                                "{\"desiredPowerState\":\"POWER_STATE_RESET\",\"serialNumber\":\"S1\"}"),
                     409);
    assert_string_equal(answer_text(c, "type"), "/problems/unreachable");
    assert_non_null(strstr(answer_text(c, "message"), "Device not found/connected"));
    assert_int_equal(client_ask(c, token, "PATCH", HOSTS "/n1", NULL,
                                "{\"recoveryPolicy\":\"respect-local\",\"name\":\"n2\"}"),
                     409);
    assert_int_equal(client_ask(c, token, "PATCH", HOSTS "/n1", NULL,
                                "{\"recoveryPolicy\":\"keep\",\"holdUntil\":\"2027-01-01T00:00:00Z\"}"),
                     400);
    assert_string_equal(answer_text(c, "field"), "holdUntil");
    assert_int_equal(client_ask(c, token, "GET", HOSTS "/n1", NULL, NULL), 200);
    assert_string_equal(answer_text(c, "serialNumber"), "");
    assert_string_equal(answer_text(c, "oob.recoveryPolicy"), "keep");
    assert_int_equal(client_ask(c, token, "PATCH", HOSTS "/n1", NULL,
                                "{\"recoveryPolicy\":\"hold\",\"holdUntil\":\"2027-01-01T00:00:00Z\"}"),
                     200);
    assert_string_equal(answer_text(c, "oob.recoveryPolicy"), "hold");
    assert_string_equal(answer_text(c, "oob.holdUntil"), "2027-01-01T00:00:00.000Z");
    client_close(&c);
    rig_free(&g);
}

static void operations_of_a_host_that_is_away(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES];
    struct client *c = client_open(g);
    rig_token(g, "operator", token);
    rig_host(g, "default", "n1");
    const char *ops = HOSTS "/n1/operations";
    assert_int_equal(client_ask(c, token, "POST", ops, NULL, "{\"kind\":\"power-off\"}"), 409);
    assert_non_null(strstr(answer_text(c, "message"), "Device not found/connected"));
    assert_true(strlen(answer_text(c, "remedy")) > 10);
    assert_int_equal(client_ask(c, token, "POST", ops, NULL, "{\"kind\":\"explode\"}"), 400);
    assert_non_null(strstr(answer_text(c, "remedy"), "power-on, power-off"));
    assert_int_equal(client_ask(c, token, "POST", ops, NULL, "{\"kind\":\"reset\",\"deadlineSeconds\":0}"),
                     400);
    assert_int_equal(client_ask(c, token, "POST", ops, "Idempotency-Key: a b\r\n", "{\"kind\":\"reset\"}"),
                     400);
    assert_int_equal(client_ask(c, token, "POST", HOSTS "/n9/operations", NULL, "{\"kind\":\"reset\"}"), 404);
    assert_int_equal(client_ask(c, token, "GET", ops, NULL, NULL), 200);
    assert_string_equal(answer_text(c, "hasNext"), "false");
    const char *all = "/v1/projects/default/compute/operations";
    assert_int_equal(
        client_ask(c, token, "GET", "/v1/projects/default/compute/operations?state=odd", NULL, NULL), 400);
    assert_int_equal(
        client_ask(c, token, "GET", "/v1/projects/default/compute/operations?host=n9", NULL, NULL), 404);
    assert_int_equal(
        client_ask(c, token, "GET", "/v1/projects/default/compute/operations?after=op-0", NULL, NULL), 400);
    assert_int_equal(client_ask(c, token, "GET", all, NULL, NULL), 200);
    assert_int_equal(client_ask(c, token, "GET", "/v1/projects/default/compute/operations/op-0", NULL, NULL),
                     404);
    assert_int_equal(
        client_ask(c, token, "DELETE", "/v1/projects/default/compute/operations/op-0", NULL, NULL), 404);
    client_close(&c);
    rig_free(&g);
}

/* --- lists --- */
static void make_hosts(struct client *c, const char *token, unsigned n) {
    struct buf b = {0};
    buf_puts(&b, "Name,CiraUser,CiraPassword,AmtUser,AmtPassword,DesiredPowerState\r\n");
    for (unsigned i = 0; i < n; i++)
        buf_putf(&b, "n%03u,u%u,P@ssw0rd!,admin,P@ssw0rd!,%s\r\n", (i * 37) % n, i, i % 2 ? "on" : "off");
    assert_int_equal(
        client_ask(c, token, "POST", HOSTS ":import", "Content-Type: text/csv\r\n", buf_cstr(&b)), 201);
    buf_free(&b);
}

static void lists_are_filtered_ordered_and_paged(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES], path[256], name[16];
    struct client *c = client_open(g);
    rig_token(g, "admin", token);
    make_hosts(c, token, 50);
    rig_host(g, "other", "n000");
    /* hosts of both shards, in one order, without gap or overlap */
    for (unsigned offset = 0; offset < 50; offset += 7) {
        snprintf(path, sizeof path, HOSTS "?pageSize=7&offset=%u", offset);
        assert_int_equal(client_ask(c, token, "GET", path, NULL, NULL), 200);
        assert_string_equal(answer_text(c, "totalElements"), "50");
        assert_string_equal(answer_text(c, "hasNext"), offset + 7 < 50 ? "true" : "false");
        for (unsigned i = 0; i < 7; i++) {
            snprintf(path, sizeof path, "hosts.%u.name", i);
            snprintf(name, sizeof name, "n%03u", offset + i);
            assert_string_equal(answer_text(c, path), offset + i < 50 ? name : "");
        }
    }
    assert_int_equal(client_ask(c, token, "GET", HOSTS "?orderBy=name%20desc&pageSize=1", NULL, NULL), 200);
    assert_string_equal(answer_text(c, "hosts.0.name"), "n049");
    assert_int_equal(client_ask(c, token, "GET",
                                HOSTS "?orderBy=desiredPowerState,name%20desc&pageSize=1&offset=24", NULL,
                                NULL),
                     200);
    assert_string_equal(answer_text(c, "hosts.0.desiredPowerState"), "POWER_STATE_OFF");
    assert_int_equal(client_ask(c, token, "GET",
                                HOSTS "?filter=desiredPowerState%3DPOWER_STATE_ON&pageSize=1", NULL, NULL),
                     200);
    assert_string_equal(answer_text(c, "totalElements"), "25");
    assert_int_equal(client_ask(c, token, "GET", HOSTS "?filter=name%3D%22n017%22", NULL, NULL), 200);
    assert_string_equal(answer_text(c, "totalElements"), "1");
    assert_string_equal(answer_text(c, "hosts.0.name"), "n017");
    assert_int_equal(client_ask(c, token, "GET", HOSTS "?offset=99", NULL, NULL), 200);
    assert_string_equal(answer_text(c, "hasNext"), "false");
    assert_int_equal(client_ask(c, token, "GET", HOSTS "/summary", NULL, NULL), 200);
    assert_string_equal(answer_text(c, "total"), "50");
    assert_string_equal(answer_text(c, "link.never"), "50");
    assert_string_equal(answer_text(c, "power.unknown"), "50");
    assert_int_equal(client_ask(c, token, "GET", "/v1/projects/default/compute/findings", NULL, NULL), 200);
    assert_int_equal(client_ask(c, token, "GET", HOSTS "/n017/findings", NULL, NULL), 200);
    assert_int_equal(client_ask(c, token, "GET", HOSTS "/n017/explain", NULL, NULL), 200);
    assert_true(strlen(answer_text(c, "decision.why")) > 10);
    assert_non_null(strstr(answer_text(c, "evidence.0"), "Device not found/connected"));
    assert_int_equal(client_ask(c, token, "POST", HOSTS "/n017:look", NULL, NULL), 409);
    client_close(&c);
    rig_free(&g);
}

static void imports_are_whole_or_not_at_all(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES];
    struct client *c = client_open(g);
    rig_token(g, "admin", token);
    make_hosts(c, token, 3);
    const char *csv = "Content-Type: text/csv; charset=utf-8\r\n";
    /* the third line is wrong */
    assert_int_equal(client_ask(c, token, "POST", HOSTS ":import", csv,
                                "Name,CiraUser,CiraPassword\nx1,v1,P@ssw0rd!\nx2,v2,short\n"),
                     400);
    assert_string_equal(answer_text(c, "line"), "3");
    assert_string_equal(answer_text(c, "field"), "CiraPassword");
    assert_null(strstr(buf_cstr(&c->body), "short\""));
    /* a name is taken */
    assert_int_equal(client_ask(c, token, "POST", HOSTS ":import", csv,
                                "Name,CiraUser,CiraPassword\nx1,v1,P@ssw0rd!\nn001,v2,P@ssw0rd!\n"),
                     400);
    assert_string_equal(answer_text(c, "line"), "3");
    assert_int_equal(client_ask(c, token, "POST", HOSTS ":import?dryRun=1", csv,
                                "Name,CiraUser,CiraPassword\nx1,v1,P@ssw0rd!\n"),
                     200);
    assert_string_equal(answer_text(c, "dryRun"), "true");
    assert_int_equal(client_ask(c, token, "GET", HOSTS, NULL, NULL), 200);
    assert_string_equal(answer_text(c, "totalElements"), "3");
    client_close(&c);
    rig_free(&g);
}

static void hosts_are_merged_and_split(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES], operator[TOKEN_MAX_BYTES];
    struct client *c = client_open(g);
    rig_token(g, "admin", token);
    rig_token(g, "operator", operator);
    make_hosts(c, token, 3);
    assert_int_equal(client_ask(c, operator, "POST", HOSTS "/n001:merge", NULL, "{\"with\":\"n002\"}"), 403);
    assert_int_equal(client_ask(c, token, "POST", HOSTS "/n001:merge", NULL, "{}"), 400);
    assert_int_equal(client_ask(c, token, "POST", HOSTS "/n001:merge", NULL, "{\"with\":\"n001\"}"), 400);
    assert_string_equal(answer_text(c, "field"), "with");
    assert_int_equal(client_ask(c, token, "POST", HOSTS "/n001:merge", NULL, "{\"with\":\"n9\"}"), 404);
    assert_string_equal(answer_text(c, "field"), "with");
    assert_int_equal(client_ask(c, token, "POST", HOSTS "/n001:merge", NULL, "{\"with\":\"n002\"}"), 200);
    assert_string_equal(answer_text(c, "name"), "n001");
    assert_int_equal(client_ask(c, token, "GET", HOSTS "/n002", NULL, NULL), 404);

    const char *split = HOSTS "/n001:split";
    assert_int_equal(client_ask(c, token, "POST", split, NULL, "{\"name\":\"n5\",\"aliases\":[\"mac\"]}"),
                     400);
    assert_string_equal(answer_text(c, "field"), "aliases");
    assert_non_null(strstr(answer_text(c, "remedy"), "smbiosUuid"));
    assert_int_equal(client_ask(c, token, "POST", split, NULL, "{\"name\":\"n5\",\"aliases\":[\"serial\"]}"),
                     400);
    assert_int_equal(
        client_ask(c, token, "POST", split, NULL, "{\"name\":\"n000\",\"aliases\":[\"ciraUser\"]}"), 409);
    assert_int_equal(
        client_ask(c, token, "POST", split, NULL, "{\"name\":\"n5\",\"aliases\":[\"ciraUser\"]}"), 201);
    assert_string_equal(answer_text(c, "name"), "n5");
    assert_true(strlen(answer_text(c, "oob.aliases.ciraUser")) > 0);
    assert_non_null(strstr(c->head, "Location: " HOSTS "/host-"));
    assert_int_equal(client_ask(c, token, "GET", HOSTS "/n001", NULL, NULL), 200);
    assert_string_equal(answer_text(c, "oob.aliases.ciraUser"), "");
    client_close(&c);
    rig_free(&g);
}

static void the_compliance_report(void **s) {
    struct rig *g = rig_new();
    char token[TOKEN_MAX_BYTES];
    struct client *c = client_open(g);
    const char *path = "/v1/projects/default/compute/compliance";
    rig_token(g, "admin", token);
    rig_host(g, "default", "n1");
    rig_host(g, "other", "n2");
    assert_int_equal(client_ask(c, token, "GET", path, NULL, NULL), 200);
    assert_string_equal(answer_text(c, "totalElements"), "1");
    assert_string_equal(answer_text(c, "rows.0.name"), "n1");
    assert_string_equal(answer_text(c, "rows.0.biosSwitch"), "unknown");
    assert_string_equal(answer_text(c, "rows.0.status"), "unknown");

    struct directory_entry e;
    assert_int_equal(directory_by_name(g->app->directory, "default", "n1", &e), 0);
    struct host *h = &fleet_host_find(app_shard_of(g->app, e.id), e.id)->h;
    h->info = calloc(1, sizeof *h->info);
    snprintf(h->info->manufacturer, AMT_TEXT_CAP, "OnLogic");
    snprintf(h->info->model, AMT_TEXT_CAP, "K804");
    assert_int_equal(client_ask(c, token, "GET", path, NULL, NULL), 200);
    assert_string_equal(answer_text(c, "rows.0.biosSwitch"), "absent");
    assert_string_equal(answer_text(c, "rows.0.knownBy"), "board-table");
    assert_string_equal(answer_text(c, "rows.0.status"), "deviation");
    assert_string_equal(answer_text(c, "rows.0.compliant"), "false");

    /* what ends soon and is no host's is listed beside the hosts' findings */
    struct buf key = {0}, *pem = &g->app->cira_root_pem;
    struct wall from = loop_wall(g->loops[0]);
    buf_free(pem);
    assert_int_equal(pki_make_key(PKI_P256, &key, NULL), 0);
    assert_int_equal(pki_make_root(buf_slice(&key), "MPSRoot", from, 10, pem, NULL), 0);
    buf_free(&key);
    assert_int_equal(client_ask(c, token, "GET", "/v1/projects/default/compute/findings", NULL, NULL), 200);
    assert_non_null(strstr(buf_cstr(&c->body), "The imported root certificate of the CIRA port ends on "));
    assert_non_null(
        strstr(buf_cstr(&c->body), "\"host\":\"\",\"name\":\"cira\",\"id\":\"certificate-expiry\""));

    /* nobody is there to throw the firmware's switch */
    assert_int_equal(client_ask(c, token, "PATCH", HOSTS "/n1", NULL, "{\"amtEnabled\":false}"), 409);
    assert_non_null(strstr(answer_text(c, "message"), "has no agent"));
    assert_int_equal(
        client_ask(c, token, "PATCH", HOSTS "/n1", NULL, "{\"amtEnabled\":false,\"name\":\"n7\"}"), 400);
    assert_string_equal(answer_text(c, "field"), "amtEnabled");
    client_close(&c);
    rig_free(&g);
}

UNIT_MAIN(T(created_read_changed_deleted), T(a_refused_change_changes_nothing),
          T(operations_of_a_host_that_is_away), T(lists_are_filtered_ordered_and_paged),
          T(imports_are_whole_or_not_at_all), T(hosts_are_merged_and_split), T(the_compliance_report))
