/* SPDX-License-Identifier: Apache-2.0 */
#include "wsman_testing.h"

/* A Get answer with prefixes and order of our own. */
#define POWER                                                                                                \
    "<?xml version='1.0'?><x:Envelope xmlns:x='" WT_SOAP "' xmlns:ad='" WT_ADDR "' xmlns:ws='" WT_WS "'>"    \
    "<x:Header><ws:ResourceURI>" WT_CIM "CIM_AssociatedPowerManagementService</ws:ResourceURI>"              \
    "<ad:MessageID>uuid:1</ad:MessageID><ad:RelatesTo> 42 </ad:RelatesTo>"                                   \
    "<ad:Action x:mustUnderstand='true'>" WT_XFER "/GetResponse</ad:Action></x:Header><x:Body>"              \
    "<q:CIM_AssociatedPowerManagementService xmlns:q='" WT_CIM "CIM_AssociatedPowerManagementService'>"      \
    "<q:AvailableRequestedPowerStates>8</q:AvailableRequestedPowerStates>"                                   \
    "<q:AvailableRequestedPowerStates>5</q:AvailableRequestedPowerStates><q:PowerState>2</q:PowerState>"     \
    "<q:Note> K\xc3\xb6ln &amp; <![CDATA[<M\xc3\xbcnchen>]]> </q:Note><q:On>true</q:On><q:Off>0</q:Off>"     \
    "<q:Odd>yes</q:Odd><q:UserOfService><ad:Address>any</ad:Address><ad:ReferenceParameters>"                \
    "<ws:ResourceURI>" WT_CIM                                                                                \
    "CIM_ComputerSystem</ws:ResourceURI><ws:SelectorSet><ws:Selector Name='A'>1</ws:Selector>"               \
    "<ws:Selector Name='Name'>ManagedSystem</ws:Selector></ws:SelectorSet></ad:ReferenceParameters>"         \
    "</q:UserOfService></q:CIM_AssociatedPowerManagementService></x:Body></x:Envelope>\n"

static void check_power(const struct wsman_msg *m) {
    assert_int_equal(m->op, WSMAN_GET);
    assert_true(m->is_response && !m->is_fault);
    assert_int_equal(m->cls, WSMAN_CIM_AssociatedPowerManagementService);
    wt_assert_slice(m->relates_to, "42");
    wt_assert_slice(m->message_id, "uuid:1");
    uint32_t i = wsman_payload(m);
    assert_true(wsman_is_instance(m, i, WSMAN_CIM_AssociatedPowerManagementService));
    assert_false(wsman_is_instance(m, i, WSMAN_CIM_Chassis));
    assert_int_equal(wsman_first_instance(m), i);
    uint32_t state = wsman_child(m, i, "AvailableRequestedPowerStates");
    wt_assert_slice(m->nodes[state].text, "8");
    state = wsman_again(m, state);
    wt_assert_slice(m->nodes[state].text, "5");
    assert_int_equal(wsman_again(m, state), 0);
    uint64_t v;
    assert_true(wsman_u64(m, i, "PowerState", 255, &v) && v == 2);
    assert_false(wsman_u64(m, i, "PowerState", 1, &v));
    assert_false(wsman_u64(m, i, "Odd", 255, &v));
    bool b = false;
    assert_true(wsman_bool(m, i, "On", &b) && b);
    assert_true(wsman_bool(m, i, "Off", &b) && !b);
    assert_false(wsman_bool(m, i, "Odd", &b));
    assert_false(wsman_bool(m, i, "Absent", &b));
    wt_assert_slice(wsman_text(m, i, "Note"), "K\xc3\xb6ln & <M\xc3\xbcnchen>");
    uint32_t epr = wsman_child(m, i, "UserOfService");
    wt_assert_slice(wsman_selector(m, epr, "Name"), "ManagedSystem");
    wt_assert_slice(wsman_selector(m, epr, "B"), "");
}

static void any_split_gives_the_same_tree(void **s) {
    for (int step = -1; step < 40; step++) {
        struct wsman_msg *m = wt_parse(SLICE_LIT(POWER), step, NULL);
        check_power(m);
        wsman_msg_free(&m);
    }
}

static void one_parser_reads_many(void **s) {
    struct wsman_parser *p = wsman_parser_new(&WSMAN_LIMITS_DEFAULT);
    for (int i = 0; i < 5; i++) {
        int err;
        struct wsman_msg *m = wt_parse_with(p, SLICE_LIT(POWER), i, &err);
        check_power(m);
        wsman_msg_free(&m);
        m = wt_parse_with(p, SLICE_LIT("<a><b></a>"), i, &err);
        assert_null(m);
        assert_int_equal(err, ERR_SYNTAX);
        assert_int_equal(wsman_feed(p, SLICE_LIT(POWER)), ERR_SYNTAX); /* sticky */
        wsman_parser_reset(p);
        assert_string_equal(wsman_parser_error(p), "");
    }
    wsman_parser_free(&p);
    wsman_parser_free(&p);
}

#define HEAD "<e:Envelope xmlns:e='" WT_SOAP "' xmlns:a='" WT_ADDR "'>"
#define TAIL "</e:Envelope>"

static void what_is_refused(void **s) {
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "no element"},
        {"   ", "no element"},
        {"<!DOCTYPE x [<!ENTITY a 'b'>]>" HEAD TAIL, "DTD"},
        {"<!DOCTYPE x SYSTEM 'http://x/'>" HEAD TAIL, "DTD"},
        {HEAD "<?php evil ?>" TAIL, "processing instruction"},
        {"<?xml-stylesheet href='x'?>" HEAD TAIL, "processing instruction"},
        {HEAD "&undefined;" TAIL, "undefined entity"},
        {HEAD "<x:y/>" TAIL, "unbound prefix"},
        {HEAD, "no element"},
        {HEAD TAIL "<more/>", "junk"},
        {HEAD "\xff" TAIL, "line 1"},
        {HEAD "&#1;" TAIL, "line 1"},
        {"<Envelope/>", "not a SOAP 1.2 envelope"},
        {"<Envelope xmlns='http://schemas.xmlsoap.org/soap/envelope/'/>", "not a SOAP 1.2 envelope"},
        {"<e:Body xmlns:e='" WT_SOAP "'/>", "not a SOAP 1.2 envelope"},
        {"HTTP/1.1 200 OK", "line 1"},
        {"<html><body>Sorry</body></html>", "not a SOAP"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        for (int step = 0; step < 2; step++) {
            int err;
            struct wsman_parser *p = wsman_parser_new(&WSMAN_LIMITS_DEFAULT);
            assert_null(wt_parse_with(p, slice_str(bad[i].text), step, &err));
            assert_int_equal(err, ERR_SYNTAX);
            if (!strstr(wsman_parser_error(p), bad[i].why))
                fail_msg("%s: %s", bad[i].text, wsman_parser_error(p));
            wsman_parser_free(&p);
        }
}

static void envelopes_without_parts(void **s) {
    struct wsman_msg *m = wt_parse(SLICE_LIT(HEAD TAIL), 0, NULL);
    assert_int_equal(m->header, 0);
    assert_int_equal(m->body, 0);
    assert_int_equal(wsman_payload(m), 0);
    assert_int_equal(m->op, WSMAN_UNKNOWN_OP);
    assert_false(m->is_response);
    wsman_msg_free(&m);
    m = wt_parse(SLICE_LIT(" \r\n" HEAD "<e:Header/><e:Body/><Body/>" TAIL), 0, NULL);
    assert_int_equal(m->header, 1);
    assert_int_equal(m->body, 2);
    assert_int_equal(wsman_payload(m), 0);
    assert_int_equal(wsman_first_instance(m), 0);
    assert_int_equal(wsman_enum_context(m).n, 0);
    wsman_msg_free(&m);
    wsman_msg_free(&m);
}

static void faults_are_read_by_namespace(void **s) {
    /* the prefix of the subcode is bound on the innermost element only, and shadows another */
    struct wsman_msg *m =
        wt_parse(SLICE_LIT("<Envelope xmlns='" WT_SOAP "' xmlns:k='urn:other'><Header/><Body><Fault><Code>"
                           "<Value>Sender</Value><Subcode><Value xmlns:k='" WT_ADDR
                           "'>\n k:DestinationUnreachable </Value></Subcode></Code><Reason>"
                           "<Text>No route</Text></Reason><Detail><x xmlns=''>why</x></Detail></Fault>"
                           "</Body></Envelope>"),
                 0, NULL);
    assert_true(m->is_fault && m->is_response);
    assert_int_equal(m->fault_ns, WSMAN_NS_ADDRESSING);
    wt_assert_slice(m->fault_subcode, "DestinationUnreachable");
    wt_assert_slice(m->fault_text, "No route");
    wt_assert_slice(m->fault_detail, "why");
    wsman_msg_free(&m);
    /* no prefix: the default namespace, where bound */
    m = wt_parse(SLICE_LIT(HEAD "<e:Body><e:Fault><e:Code><e:Subcode><e:Value xmlns='" WT_WS
                                "'>AccessDenied</e:Value></e:Subcode></e:Code></e:Fault></e:Body>" TAIL),
                 0, NULL);
    assert_int_equal(m->fault_ns, WSMAN_NS_WSMAN);
    wt_assert_slice(m->fault_subcode, "AccessDenied");
    wsman_msg_free(&m);
    /* a Fault that is not SOAP's is a payload like any other */
    m = wt_parse(SLICE_LIT(HEAD "<e:Body><Fault/></e:Body>" TAIL), 0, NULL);
    assert_false(m->is_fault);
    wsman_msg_free(&m);
}

static void header_of(const char *action, const char *relates, enum wsman_op op, bool response,
                      const char *method) {
    struct buf b = {0};
    buf_putf(&b,
             HEAD "<e:Header><a:Action>%s</a:Action>%s<w:ResourceURI xmlns:w='" WT_WS "'>" WT_AMT
                  "AMT_Unheard</w:ResourceURI></e:Header><e:Body/>" TAIL,
             action, relates);
    struct wsman_msg *m = wt_parse(buf_slice(&b), 0, NULL);
    assert_int_equal(m->op, op);
    assert_int_equal(m->is_response, response);
    wt_assert_slice(m->method, method);
    wsman_msg_free(&m);
    buf_free(&b);
}

static void actions_tell_the_operation(void **s) {
    header_of(WT_XFER "/Put", "", WSMAN_PUT, false, "");
    header_of(WT_XFER "/Get", "<a:RelatesTo>1</a:RelatesTo>", WSMAN_GET, true, "");
    header_of(WT_XFER "/DeleteResponse", "", WSMAN_DELETE, true, "");
    header_of(WT_ENUM "/PullResponse", "", WSMAN_PULL, true, "");
    header_of(WT_ENUM "/Get", "", WSMAN_UNKNOWN_OP, false, "");
    header_of(WT_CIM "CIM_BootService/SetBootConfigRole", "", WSMAN_INVOKE, false, "SetBootConfigRole");
    header_of(WT_AMT "AMT_Unheard/DoResponse", "", WSMAN_INVOKE, true, "Do");
    header_of(WT_AMT "AMT_Foreign/DoResponse", "", WSMAN_UNKNOWN_OP, true, "");
    header_of("", "", WSMAN_UNKNOWN_OP, false, "");
    header_of("/", "", WSMAN_UNKNOWN_OP, false, "");
}

/* --- limits, one by one --- */

static void limit_is(const struct wsman_limits *lim, struct buf *text, const char *why, int *errs) {
    for (int step = 0; step < 2; step++) {
        int err;
        struct wsman_parser *p = wsman_parser_new(lim);
        struct wsman_msg *m = wt_parse_with(p, buf_slice(text), step, &err);
        if (err) {
            assert_int_equal(err, ERR_LIMIT);
            assert_non_null(strstr(wsman_parser_error(p), why));
            ++*errs;
        }
        wsman_msg_free(&m);
        wsman_parser_free(&p);
    }
    buf_free(text);
}

static void repeat(struct buf *b, const char *s, size_t n) {
    while (n--)
        buf_puts(b, s);
}

static void each_limit_trips(void **s) {
    const struct wsman_limits lim = {
        .bytes_max = 4000, .depth_max = 6, .nodes_max = 20, .attributes_max = 8, .text_max = 100};
    for (size_t over = 0; over < 2; over++) {
        int errs = 0, want = over ? 2 : 0;
        struct buf b = {0};
        buf_puts(&b, HEAD);
        repeat(&b, "<d>", 5 + over);
        repeat(&b, "</d>", 5 + over);
        buf_puts(&b, TAIL);
        limit_is(&lim, &b, "nested more than 6 deep", &errs);
        assert_int_equal(errs, want);

        buf_puts(&b, HEAD);
        repeat(&b, "<d/>", 19 + over);
        buf_puts(&b, TAIL);
        limit_is(&lim, &b, "more than 20 elements", &errs);
        assert_int_equal(errs, 2 * want);

        buf_puts(&b, HEAD "<d");
        for (size_t i = 0; i < 8 + over; i++)
            buf_putf(&b, " a%zu='x'", i);
        buf_puts(&b, "/>" TAIL);
        limit_is(&lim, &b, "more than 8 attributes", &errs);
        assert_int_equal(errs, 3 * want);

        buf_puts(&b, HEAD "<d");
        for (size_t i = 0; i < 8 + over; i++)
            buf_putf(&b, " xmlns:a%zu='urn:x'", i);
        buf_puts(&b, "/>" TAIL);
        limit_is(&lim, &b, "more than 8 attributes", &errs);
        assert_int_equal(errs, 4 * want);

        buf_puts(&b, HEAD "<d Name='");
        repeat(&b, "x", 100 + over);
        buf_puts(&b, "'/>" TAIL);
        limit_is(&lim, &b, "an attribute of more than 100 bytes", &errs);
        assert_int_equal(errs, 5 * want);

        buf_puts(&b, HEAD "<d>");
        repeat(&b, "x", 100 + over);
        buf_puts(&b, "</d>" TAIL);
        limit_is(&lim, &b, "a text of more than 100 bytes", &errs);
        assert_int_equal(errs, 6 * want);

        buf_puts(&b, HEAD TAIL);
        repeat(&b, " ", 4000 - b.len + over);
        limit_is(&lim, &b, "a message of more than 4000 bytes", &errs);
        assert_int_equal(errs, 7 * want);
    }
}

/* The blanks between elements count for no limit but the document's own. */
static void indentation_is_free(void **s) {
    struct wsman_limits lim = WSMAN_LIMITS_DEFAULT;
    lim.text_max = 10;
    struct buf b = {0};
    buf_puts(&b, HEAD);
    for (int i = 0; i < 100; i++)
        buf_puts(&b, "\n                         <d>x</d>");
    buf_puts(&b, TAIL);
    int errs = 0;
    limit_is(&lim, &b, "", &errs);
    assert_int_equal(errs, 0);
}

/* A token that never ends, byte by byte: the work must not grow with its square. */
static void long_token_in_single_bytes(void **s) {
    struct wsman_parser *p = wsman_parser_new(&WSMAN_LIMITS_DEFAULT);
    assert_int_equal(wsman_feed(p, SLICE_LIT(HEAD "<d a='")), 0);
    int err = 0;
    for (size_t i = 0; i < 300000 && err == 0; i++)
        err = wsman_feed(p, SLICE_LIT("x"));
    assert_int_equal(err, ERR_LIMIT);
    wsman_parser_free(&p);
}

/* --- recorded answers --- */

static int faults;

static void check_recorded(const char *path, struct slice text) {
    int err;
    for (int step = 0; step < 2; step++) {
        struct wsman_msg *m = wt_parse(text, step, &err);
        if (!m)
            fail_msg("%s: error %d", path, err);
        const char *base = strrchr(path, '/') + 1;
        assert_true(m->header && m->body && m->resource_uri.n && m->message_id.n);
        /* "wsman/<family>/…": the class is of that family; the table knows it or says NONE */
        char family[5] = {0};
        snprintf(family, sizeof family, "/%.3s", strstr(path, "fixtures/wsman/") + 15);
        for (char *c = family; *c; c++)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
        char uri[256];
        slice_to_str(m->resource_uri, uri, sizeof uri);
        const char *cls = strrchr(uri, '/');
        assert_memory_equal(cls, family, 4);
        if (m->cls)
            assert_string_equal(cls + 1, wsman_class_name(m->cls));
        static const struct {
            const char *file;
            enum wsman_op op;
        } ops[] = {{"get.xml", WSMAN_GET},
                   {"put.xml", WSMAN_PUT},
                   {"pull.xml", WSMAN_PULL},
                   {"enumerate.xml", WSMAN_ENUMERATE},
                   {"delete.xml", WSMAN_DELETE}};
        bool named = false;
        for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
            if (strcmp(base, ops[i].file) == 0) {
                named = true;
                assert_int_equal(m->op, ops[i].op);
            }
        assert_true(named || m->op == WSMAN_INVOKE || m->op == WSMAN_PUT);
        if (m->op == WSMAN_ENUMERATE)
            assert_true(wsman_enum_context(m).n >= 30);
        if (m->op == WSMAN_PULL)
            assert_true(wsman_child(m, wsman_payload(m), "Items") != 0);
        if (m->op == WSMAN_INVOKE)
            assert_true(m->method.n && wsman_payload(m));
        if (m->op == WSMAN_GET && m->cls)
            assert_true(wsman_is_instance(m, wsman_payload(m), m->cls));
        faults += m->is_fault;
        wsman_msg_free(&m);
    }
}

static void every_recorded_answer(void **s) {
    const char *dir = wt_fixtures();
    if (!dir) {
        print_message("no recorded answers beside this checkout\n");
        skip();
    }
    faults = 0;
    assert_true(wt_walk(dir, check_recorded) >= 100);
    assert_int_equal(faults, 0); /* this set holds none */
}

UNIT_MAIN(T(any_split_gives_the_same_tree), T(one_parser_reads_many), T(what_is_refused),
          T(envelopes_without_parts), T(faults_are_read_by_namespace), T(actions_tell_the_operation),
          T(each_limit_trips), T(indentation_is_free), T(long_token_in_single_bytes),
          T(every_recorded_answer))
