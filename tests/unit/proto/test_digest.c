/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/digest.h"
#include "unit.h"

#define REALM "Digest:0123456789ABCDEF0123456789ABCDEF"
#define NONCE "fVNueyEAAAAAAAAAcO8WqJ8s+WdyFUIY"
#define HA1   "b6710485f86e6174cca7404518df56da"

static void reference_vectors(void **s) {
    char ha1[DIGEST_HA1_CAP];
    assert_int_equal(digest_ha1("admin", REALM, "P@ssw0rd", ha1), 0);
    assert_string_equal(ha1, HA1); /* reference 2.3 */
    /* RFC 2617 3.5 */
    struct digest_client c = {
        .realm = "testrealm@host.com", .nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093", .qop_auth = true};
    struct buf b = {0};
    assert_int_equal(
        digest_authorize(&c, &b, "Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b"), 0);
    assert_string_equal(buf_cstr(&b),
                        "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
                        "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", "
                        "response=\"6629fae49393a05397450978507c4ef1\", qop=auth, nc=00000001, "
                        "cnonce=\"0a4f113b\"");
    buf_clear(&b);
    /* RFC 2069 form, value as in its errata */
    c.qop_auth = false;
    assert_int_equal(
        digest_authorize(&c, &b, "Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b"), 0);
    assert_non_null(strstr(buf_cstr(&b), "response=\"670fd8c2df070c60b045671b8b24ff02\""));
    assert_null(strstr(buf_cstr(&b), "qop"));
    buf_free(&b);
}

static void challenges(void **s) {
    const struct {
        const char *text;
        int err;
        bool qop;
    } rows[] = {
        {"Digest realm=\"" REALM "\", nonce=\"" NONCE "\",stale=\"false\",qop=\"auth\"", 0, true},
        {"Digest realm=\"" REALM "\", nonce=\"" NONCE "\",stale=\"false\",qop=\"auth-int, auth\"", 0, true},
        {"Digest realm=\"" REALM "\",nonce=\"" NONCE "\",stale=false,qop=auth", 0, true},
        {"digest  realm = \"" REALM "\" , NONCE=" NONCE " , stale=TRUE , algorithm=MD5", 0, false},
        {"Digest nonce=\"" NONCE "\",realm=\"" REALM "\",qop=\"AUTH\",x=\"a,b=\\\"c\"", 0, true},
        {"Negotiate, Digest realm=\"" REALM "\", nonce=\"" NONCE "\",qop=\"auth\"", 0, true},
        {"Negotiate YII/+a==, Digest realm=\"" REALM "\", nonce=\"" NONCE "\",qop=\"auth\"", 0, true},
        {"Basic realm=\"x\", Digest realm=\"" REALM "\", nonce=\"" NONCE "\",qop=\"auth\", Basic realm=\"y\"",
         0, true},
        {"Digest realm=\"z\", nonce=\"z\", algorithm=SHA-256, qop=\"auth\", Digest realm=\"" REALM
         "\", nonce=\"" NONCE "\",qop=\"auth\"",
         0, true},
        {"Digest realm=\"" REALM "\", nonce=\"" NONCE "\",qop=\"auth-int\"", ERR_UNSUPPORTED, false},
        {"Digest realm=\"" REALM "\", nonce=\"" NONCE "\",qop=\"\"", ERR_UNSUPPORTED, false},
        {"Digest realm=\"z\", nonce=\"z\", algorithm=SHA-256", ERR_UNSUPPORTED, false},
        {"Basic realm=\"x\"", ERR_UNSUPPORTED, false},
        {"Negotiate YII/+a==", ERR_UNSUPPORTED, false},
        {"", ERR_UNSUPPORTED, false},
        {"Digest realm=\"a\"", ERR_SYNTAX, false},
        {"Digest nonce=\"a\"", ERR_SYNTAX, false},
        {"Digest realm=a\\,nonce=b\\", ERR_SYNTAX, false}, /* it would open our own quotes */
        {"Digest realm=\"a\", nonce=\"b", ERR_SYNTAX, false},
        {"Digest realm=\"a\", nonce=\"b\\", ERR_SYNTAX, false},
        {"Digest realm=\"a\", nonce=\"b\\\"", ERR_SYNTAX, false},
        {"Digest realm=\"a\r\nX: y\", nonce=\"b\"", ERR_SYNTAX, false},
        {"Digest realm=\"a\", =\"b\"", ERR_SYNTAX, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct digest_client c = {.nonce = "old", .nc = 9};
        int r = digest_challenge(&c, slice_str(rows[i].text));
        if (r != rows[i].err)
            fail_msg("%s: %d, not %d", rows[i].text, r, rows[i].err);
        assert_string_equal(c.nonce, r ? "old" : NONCE);
        assert_string_equal(c.realm, r ? "" : REALM);
        assert_int_equal(c.nc, r ? 9 : 0);
        assert_int_equal(c.qop_auth, rows[i].qop);
    }
}

static void limits(void **s) {
    struct digest_client c = {0};
    char text[400];
    snprintf(text, sizeof text, "Digest realm=\"a\", nonce=\"%0127d\"", 1);
    assert_int_equal(digest_challenge(&c, slice_str(text)), 0);
    snprintf(text, sizeof text, "Digest realm=\"a\", nonce=\"%0128d\"", 1);
    assert_int_equal(digest_challenge(&c, slice_str(text)), ERR_SYNTAX);
    snprintf(text, sizeof text, "Digest realm=\"%096d\", nonce=\"a\"", 1);
    assert_int_equal(digest_challenge(&c, slice_str(text)), ERR_SYNTAX);
    struct digest_answer a;
    snprintf(text, sizeof text, "Digest username=\"%064d\",realm=a,nonce=b,uri=c,response=" HA1, 1);
    assert_int_equal(digest_parse_answer(slice_str(text), &a), 0);
    snprintf(text, sizeof text, "Digest username=\"%065d\",realm=a,nonce=b,uri=c,response=" HA1, 1);
    assert_int_equal(digest_parse_answer(slice_str(text), &a), ERR_SYNTAX);
}

static void nonce_counts(void **s) {
    struct digest_client c = {0};
    struct buf b = {0};
    assert_int_equal(digest_authorize(&c, &b, "a", "b", "GET", "/", "0"), ERR_STATE);
    struct slice ch = SLICE_LIT("Digest realm=\"r\",nonce=\"n1\",qop=\"auth\"");
    assert_int_equal(digest_challenge(&c, ch), 0);
    assert_int_equal(digest_authorize(&c, &b, "a", "b", "GET", "/", "0"), 0);
    assert_int_equal(digest_authorize(&c, &b, "a", "b", "GET", "/", "0"), 0);
    assert_non_null(strstr(buf_cstr(&b), "nc=00000002"));
    assert_int_equal(digest_challenge(&c, ch), 0);
    assert_int_equal(c.nc, 2); /* the same nonce goes on */
    assert_int_equal(digest_challenge(&c, SLICE_LIT("Digest realm=\"r\",nonce=\"n2\",qop=\"auth\"")), 0);
    assert_int_equal(c.nc, 0);
    buf_clear(&b);
    assert_int_equal(digest_authorize(&c, &b, "a\"b", "b", "GET", "/", "0"), ERR_INVALID);
    assert_int_equal(digest_authorize(&c, &b, "a", "b", "GET", "/\r\n", "0"), ERR_INVALID);
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

static void both_ends(void **s) {
    for (int both = 0; both < 2; both++) {
        struct buf ch = {0}, auth = {0};
        struct digest_client c = {0};
        struct digest_answer a;
        assert_int_equal(digest_put_challenge(&ch, REALM, NONCE, both), 0);
        assert_string_equal(buf_cstr(&ch), both ? "Digest realm=\"" REALM "\", nonce=\"" NONCE
                                                  "\",stale=\"false\",qop=\"auth-int, auth\""
                                                : "Digest realm=\"" REALM "\", nonce=\"" NONCE
                                                  "\",stale=\"false\",qop=\"auth\"");
        assert_int_equal(digest_challenge(&c, buf_slice(&ch)), 0);
        assert_int_equal(digest_authorize(&c, &auth, "admin", "P@ssw0rd", "POST", "/wsman", "0123"), 0);
        assert_int_equal(digest_parse_answer(buf_slice(&auth), &a), 0);
        assert_true(slice_is(a.user, "admin") && slice_is(a.realm, REALM) && slice_is(a.nonce, NONCE));
        assert_true(slice_is(a.uri, "/wsman") && slice_is(a.nc, "00000001") && slice_is(a.cnonce, "0123"));
        assert_true(digest_verify(&a, HA1, "POST"));
        assert_false(digest_verify(&a, HA1, "GET"));
        assert_false(digest_verify(&a, "b6710485f86e6174cca7404518df56db", "POST"));
        a.nc = SLICE_LIT("00000002");
        assert_false(digest_verify(&a, HA1, "POST"));
        a.response = SLICE_EMPTY;
        assert_false(digest_verify(&a, HA1, "POST"));
        buf_free(&ch);
        buf_free(&auth);
    }
}

static void answers(void **s) {
    const struct {
        const char *text;
        int err;
    } rows[] = {
        /* quoted as MPS writes it, bare as MeshCentral does */
        {"Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"/\",qop=\"auth\",response=\"" HA1
         "\",nc=\"00000001\",cnonce=\"c\"",
         0},
        {"Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"" HA1
         "\", qop=auth, nc=00000001, cnonce=\"c\"",
         0},
        {"digest username=a,realm=r,nonce=n==,uri=/,response=" HA1, 0},
        {"Basic abc", ERR_UNSUPPORTED},
        {"", ERR_SYNTAX},
        {"username=a", ERR_SYNTAX},
        {"Digest", ERR_SYNTAX},
        {"Digest username=a,username=a,realm=r,nonce=n,uri=/,response=" HA1, ERR_SYNTAX},
        {"Digest realm=r,nonce=n,uri=/,response=" HA1, ERR_SYNTAX},
        {"Digest username=a,realm=r,nonce=\"\",uri=/,response=" HA1, ERR_SYNTAX},
        {"Digest username=a,realm=\"\",nonce=n,uri=/,response=" HA1, 0},
        {"Digest username=a,realm=r,nonce=n,uri=/,response=" HA1 "0", ERR_SYNTAX},
        {"Digest username=a,realm=r,nonce=n,uri=/,response=xyz", ERR_SYNTAX},
        {"Digest username=a,realm=r,nonce=n,uri=/,qop=auth,response=" HA1, ERR_SYNTAX},
        {"Digest username=a,realm=r,nonce=n,uri=/,qop=auth,nc=1,cnonce=c,response=" HA1, ERR_SYNTAX},
        {"Digest username=a,realm=r,nonce=n,uri=/,qop=auth-int,nc=00000001,cnonce=c,response=" HA1,
         ERR_UNSUPPORTED},
        {"Digest username=\"a,realm=r", ERR_SYNTAX},
        {"Digest username=a, Digest", ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct digest_answer a;
        int r = digest_parse_answer(slice_str(rows[i].text), &a);
        if (r != rows[i].err)
            fail_msg("%s: %d, not %d", rows[i].text, r, rows[i].err);
    }
}

UNIT_MAIN(T(reference_vectors), T(challenges), T(limits), T(nonce_counts), T(both_ends), T(answers))
