/* SPDX-License-Identifier: Apache-2.0 */
#include "wsman_testing.h"

static struct wsman_msg *request(const struct wsman_request *rq, uint64_t id) {
    struct buf b = {0};
    assert_int_equal(wsman_put_request(&b, rq, id), 0);
    struct wsman_msg *m = wt_parse(buf_slice(&b), 0, NULL);
    buf_free(&b);
    return m;
}

static void requests_of_every_operation(void **s) {
    for (int op = WSMAN_GET; op <= WSMAN_INVOKE; op++) {
        struct wsman_request rq = {.op = (enum wsman_op)op,
                                   .cls = WSMAN_CIM_BootConfigSetting,
                                   .method = "ChangeBootOrder",
                                   .enum_context = SLICE_LIT("ctx<1>")};
        struct wsman_msg *m = request(&rq, 18446744073709551615u);
        assert_int_equal(m->op, op);
        assert_int_equal(m->cls, WSMAN_CIM_BootConfigSetting);
        assert_false(m->is_response);
        wt_assert_slice(m->message_id, "18446744073709551615");
        wt_assert_slice(m->method, op == WSMAN_INVOKE ? "ChangeBootOrder" : "");
        wt_assert_slice(wsman_text(m, m->header, "To"), "/wsman");
        wt_assert_slice(wsman_text(m, m->header, "OperationTimeout"), "PT60S");
        uint32_t payload = wsman_payload(m);
        bool enumeration = op == WSMAN_ENUMERATE || op == WSMAN_PULL || op == WSMAN_RELEASE;
        assert_int_equal(payload != 0, enumeration);
        if (enumeration)
            assert_int_equal(m->nodes[payload].ns, WSMAN_NS_ENUMERATION);
        wt_assert_slice(wsman_text(m, payload, "EnumerationContext"),
                        op == WSMAN_PULL || op == WSMAN_RELEASE ? "ctx<1>" : "");
        uint64_t max = 0;
        assert_int_equal(wsman_u64(m, payload, "MaxElements", 9999, &max), op == WSMAN_PULL);
        wsman_msg_free(&m);
    }
}

static void selectors_and_references(void **s) {
    const struct wsman_selector sel[] = {{"Name", "a\"<&>'b"}, {"InstanceID", "Intel(r) AMT:x 0"}, {0}};
    struct buf body = {0};
    assert_int_equal(buf_puts(&body, "<p:X_INPUT xmlns:p=\"urn:x\"><p:Source>"), 0);
    assert_int_equal(wsman_put_epr(&body, WSMAN_CIM_ComputerSystem, sel), 0);
    assert_int_equal(buf_puts(&body, "</p:Source></p:X_INPUT>"), 0);
    struct wsman_request rq = {.op = WSMAN_INVOKE,
                               .cls = WSMAN_CIM_BootService,
                               .method = "X",
                               .selectors = sel,
                               .body = buf_slice(&body)};
    struct wsman_msg *m = request(&rq, 7);
    wt_assert_slice(wsman_selector(m, m->header, "Name"), "a\"<&>'b");
    wt_assert_slice(wsman_selector(m, m->header, "InstanceID"), "Intel(r) AMT:x 0");
    uint32_t epr = wsman_child(m, wsman_payload(m), "Source");
    wt_assert_slice(wsman_selector(m, epr, "Name"), "a\"<&>'b");
    uint32_t params = wsman_child(m, epr, "ReferenceParameters");
    wt_assert_slice(wsman_text(m, params, "ResourceURI"), WT_CIM "CIM_ComputerSystem");
    wsman_msg_free(&m);
    buf_free(&body);
}

static void texts_are_escaped(void **s) {
    struct buf b = {0};
    assert_int_equal(wsman_put_element(&b, "g", "N", SLICE_LIT("a<b>&\"c\x01\n")), 0);
    assert_int_equal(wsman_put_element(&b, NULL, "E", SLICE_EMPTY), 0);
    assert_string_equal(buf_cstr(&b), "<g:N>a&lt;b&gt;&amp;&quot;c?&#10;</g:N><E></E>");
    buf_free(&b);
}

/* A response to rq with that inner body, parsed. */
static struct wsman_msg *answer(const struct wsman_msg *rq, const char *inner) {
    struct buf b = {0};
    assert_int_equal(wsman_put_response_open(&b, rq, 0x2e4), 0);
    assert_int_equal(buf_puts(&b, inner), 0);
    assert_int_equal(wsman_put_response_close(&b), 0);
    struct wsman_msg *m = wt_parse(buf_slice(&b), 1, NULL);
    buf_free(&b);
    assert_true(m->is_response);
    assert_int_equal(m->op, rq->op);
    assert_int_equal(m->cls, rq->cls);
    assert_true(slice_eq(m->relates_to, rq->message_id));
    wt_assert_slice(m->message_id, "uuid:00000000-8086-8086-8086-0000000002E4");
    return m;
}

static void responses_read_back(void **s) {
    struct wsman_request rq = {.op = WSMAN_GET, .cls = WSMAN_CIM_Chassis};
    struct wsman_msg *q = request(&rq, 5);
    struct wsman_msg *m = answer(q, "<g:CIM_Chassis><g:Tag>T</g:Tag></g:CIM_Chassis>");
    assert_true(wsman_is_instance(m, wsman_payload(m), WSMAN_CIM_Chassis));
    wsman_msg_free(&m);
    wsman_msg_free(&q);

    rq = (struct wsman_request){.op = WSMAN_ENUMERATE, .cls = WSMAN_CIM_Chassis};
    q = request(&rq, 6);
    m = answer(q, "<g:EnumerateResponse><g:EnumerationContext>E1</g:EnumerationContext>"
                  "</g:EnumerateResponse>");
    wt_assert_slice(wsman_enum_context(m), "E1");
    wsman_msg_free(&m);
    wsman_msg_free(&q);

    rq = (struct wsman_request){.op = WSMAN_PULL, .cls = WSMAN_CIM_Chassis, .enum_context = SLICE_LIT("E1")};
    q = request(&rq, 7);
    m = answer(q, "<g:PullResponse><g:EnumerationContext>E2</g:EnumerationContext><g:Items>"
                  "<h:CIM_Chassis/><h:CIM_Card xmlns:h='" WT_CIM "CIM_Card'/></g:Items></g:PullResponse>");
    wt_assert_slice(wsman_enum_context(m), "E2");
    uint32_t item = wsman_first_instance(m);
    assert_true(wsman_is_instance(m, item, WSMAN_CIM_Chassis));
    item = m->nodes[item].next_sibling;
    wt_assert_slice(m->nodes[item].name, "CIM_Card");
    assert_int_equal(m->nodes[item].next_sibling, 0);
    wsman_msg_free(&m);
    m = answer(q, "<g:PullResponse><g:Items/><g:EndOfSequence/></g:PullResponse>");
    assert_int_equal(wsman_first_instance(m), 0);
    assert_int_equal(wsman_enum_context(m).n, 0);
    wsman_msg_free(&m);
    wsman_msg_free(&q);

    rq = (struct wsman_request){.op = WSMAN_INVOKE, .cls = WSMAN_IPS_OptInService, .method = "CancelOptIn"};
    q = request(&rq, 8);
    m = answer(q, "<g:CancelOptIn_OUTPUT><g:ReturnValue>2</g:ReturnValue></g:CancelOptIn_OUTPUT>");
    assert_int_equal(m->nodes[wsman_payload(m)].ns, WSMAN_NS_CLASS);
    wt_assert_slice(m->method, "CancelOptIn");
    wsman_msg_free(&m);
    wsman_msg_free(&q);
}

static void faults_read_back(void **s) {
    static const struct {
        const char *subcode, *local;
        enum wsman_ns ns;
    } all[] = {
        {"b:DestinationUnreachable", "DestinationUnreachable", WSMAN_NS_ADDRESSING},
        {"e:AccessDenied", "AccessDenied", WSMAN_NS_WSMAN},
        {"c:InvalidEnumerationContext", "InvalidEnumerationContext", WSMAN_NS_ENUMERATION},
    };
    struct wsman_request rq = {.op = WSMAN_GET, .cls = WSMAN_CIM_Chassis};
    struct wsman_msg *q = request(&rq, 5);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (int with = 0; with < 2; with++) {
            struct buf b = {0};
            assert_int_equal(wsman_put_fault(&b, with ? q : NULL, with, all[i].subcode, "no <route>",
                                             with ? "AMT-STATUS 36" : NULL, 1),
                             0);
            struct wsman_msg *m = wt_parse(buf_slice(&b), -1, NULL);
            assert_true(m->is_fault);
            assert_int_equal(m->fault_ns, all[i].ns);
            wt_assert_slice(m->fault_subcode, all[i].local);
            wt_assert_slice(m->fault_text, "no <route>");
            wt_assert_slice(m->fault_detail, with ? "AMT-STATUS 36" : "");
            wt_assert_slice(m->relates_to, with ? "5" : "");
            wsman_msg_free(&m);
            buf_free(&b);
        }
    wsman_msg_free(&q);
}

static void classes_have_names(void **s) {
    for (int c = 1; c < WSMAN_CLASS_COUNT; c++) {
        const char *uri = wsman_class_uri((enum wsman_class)c);
        assert_string_equal(strrchr(uri, '/') + 1, wsman_class_name((enum wsman_class)c));
        assert_int_equal(wsman_class_of_uri(slice_str(uri)), c);
        enum wsman_class got;
        assert_int_equal(wsman_ns_of_uri(slice_str(uri), &got), WSMAN_NS_CLASS);
        assert_int_equal(got, c);
    }
    assert_string_equal(wsman_class_uri(WSMAN_CLASS_NONE), "");
    assert_int_equal(wsman_class_of_uri(SLICE_EMPTY), WSMAN_CLASS_NONE);
    assert_int_equal(wsman_ns_of_uri(SLICE_LIT(WT_SOAP), NULL), WSMAN_NS_SOAP);
    assert_int_equal(wsman_ns_of_uri(SLICE_LIT("urn:x"), NULL), WSMAN_NS_OTHER);
}

UNIT_MAIN(T(requests_of_every_operation), T(selectors_and_references), T(texts_are_escaped),
          T(responses_read_back), T(faults_read_back), T(classes_have_names))
