# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: KVM/SOL Consent Code Timeout in Client Control Mode.
consent() { api GET "/v1/projects/default/compute/hosts/$1/consent" | jq -r "$2"; }
consent_is() { [ "$(consent "$1" "$2")" = true ]; }
firmware_is() { ctl consent "$1" | grep -q "state=$2"; }
shown_code() { ctl consent "$1" code | head -n 1 | tr -d '\t'; }
# The clock of the sentence "No new code can be made yet: try again at hh:mm:ss"
told_time() { on_screen "$1" 'No new code can be made yet' | grep -oE 'again at [0-9:]{8}' | head -n 1 | tail -c 9; }

first_code_and_reuse() {
    local n=$1
    ctl consent-code 1 004217 >/dev/null || fail "ctl consent-code"
    on_terminal sol set host "$n" --session-type sol --session-state start
    shows sol 'Enter consent code'
    shows sol "The code is on $n's screen for (5:00|4:5[0-9]) more"
    say "SOL session start: a code is wanted; it is shown for the firmware's OptInDisplayTimeout (300 s), which counts down:"
    tell sol 'The code is on'
    shows sol "screen for 4:5[0-8] more"
    consent_is "$n" '.required == "all" and .action == "enter-code" and .displaySeconds > 280 and .displaySeconds <= 300 and .triesLeft == 3' ||
        fail "the API's consent object: $(consent "$n" .)"
    session_is "$n" sol '.state == "consent"' || fail "the session must wait for consent"
    cli doctor host "$n" | grep -q 'waits for the consent code' || fail "orch-cli doctor does not tell it"
    say "orch-cli doctor host $n: $(finding "$n" consent-wait)"
    [ "$(shown_code 1)" = 004217 ] || fail "the firmware shows another code: $(ctl consent 1)"

    type_in sol '123456\r'
    shows sol 'The code is wrong: 2 tries left'
    tell sol 'The code is wrong'
    type_in sol '4217\r'
    shows sol 'six digits, such as 012345'
    say "A code without its leading zeros is not sent, and costs no try:"
    tell sol 'six digits, such as'
    consent_is "$n" '.triesLeft == 2' || fail "a code that was not sent cost a try"
    type_in sol '004217\r'
    shows sol "the serial console of $n"
    type_in sol 'root\rx\runame\r'
    shows sol "^Linux $n .*simulated"
    say "004217, leading zeros and all, is right: the session is open."
    [ -z "$(finding "$n" consent-wait)" ] || fail "the finding must be gone"
    firmware_is 1 in-session || fail "the firmware: $(ctl consent 1)"
    type_in sol '\r~.'
    ends sol
    [ "$ENDED" = 0 ] || fail "orch-cli ended with $ENDED"

    wait_until 5 "the reuse time runs" consent_is "$n" '.action == "none" and .reuseSeconds > 100 and .reuseSeconds <= 120'
    say "The session is stopped. Consent can be used again for OptInCodeTimeout (120 s), now $(consent "$n" .reuseSeconds) s: $(consent "$n" .text)"
    on_terminal kvm set host "$n" --session-type kvm --session-state start --no-browser
    shows kvm 'no code is needed, the consent given before is good for 1[0-9]{2} s more'
    tell kvm 'no code is needed'
    shows kvm 'the screen is at the address below'
    on_screen kvm 'Enter consent code' && fail "a code was asked for inside the reuse time"
    cli set host "$n" --session-type kvm --session-state stop >/dev/null || fail "--session-state stop"
    type_in kvm '\x03'
    ends kvm
    say "A KVM session inside that time needed no code."
}

# The same on a firmware of short times: 15 s of display.
same_code_then_wait() {
    local n=$1 code next shown late_s
    ctl consent-times 2 60 15 >/dev/null || fail "ctl consent-times"
    on_terminal kvm set host "$n" --session-type kvm --session-state start --no-browser
    shows kvm 'The code is on'
    code=$(shown_code 2)
    say "$n, whose firmware shows a code for 15 s: KVM asks for one, too. $code is on the screen; another orch-cli stops the session:"
    cli set host "$n" --session-type kvm --session-state stop || fail "--session-state stop"
    wait_until 5 "the code is off the screen" firmware_is 2 not-started
    ctl consent 2 code >/dev/null 2>&1 && fail "the code is still on the screen"
    say "The code was taken off the node's screen, and the first orch-cli says why it ends:"
    ends kvm
    tell kvm 'stopped by admin'
    on_terminal again set host "$n" --session-type kvm --session-state start --no-browser
    shows again 'The code is on'
    shown=$(now_ms)
    [ "$(shown_code 2)" = "$code" ] || fail "inside the reuse time the firmware shows the same code again"
    say "Started again inside the reuse time: the firmware makes no new code, it shows $code once more."

    ctl consent-times 2 1 15 >/dev/null || fail "ctl consent-times"
    type_in again '\x03'
    ends again
    wait_until 5 "the code is off the screen" firmware_is 2 not-started
    sleep 1.1
    [ $(($(now_ms) - shown)) -lt 12000 ] || fail "this machine is too slow for the story"
    on_terminal late set host "$n" --session-type kvm --session-state start --no-browser
    shows late 'No new code can be made yet: try again at [0-9:]{8}, or enter the code already shown'
    say "The reuse time is over, the display time is not: the firmware makes no new code. orch-cli says when:"
    tell late 'No new code can be made yet'
    consent_is "$n" '.action == "wait" and (.text | test("^No new code can be made yet: try again at .*, or enter the code already shown$"))' ||
        fail "the API's consent object: $(consent "$n" .)"
    next=$(consent "$n" .nextCodeAt)
    say "The API says the same, nextCodeAt $next."
    finding "$n" consent-wait | grep -q 'No new code can be made yet' || fail "the finding consent-wait does not tell it"
    [ "$(date -u -d "$next" +%s)" -gt "$(date -u +%s)" ] || fail "nextCodeAt $next is over already"
    [ "$(told_time late)" = "$(date -u -d "$next" +%T)" ] || fail "orch-cli says $(told_time late), the API $next"
    shows late 'The code is on' 30
    late_s=$(($(date -u +%s) - $(date -u -d "$next" +%s)))
    { [ "$late_s" -ge -1 ] && [ "$late_s" -le 5 ]; } || fail "the new code came $late_s s after the time that was told"
    say "At that time a new code is there by itself: $(shown_code 2)."
    type_in late "$(shown_code 2)\\r"
    shows late 'the screen is at the address below'
    say "It is entered, and the session is open."
    type_in late '\x03'
    ends late
}

story() {
    world 2 --ccm 2
    say "Two nodes in client control mode."
    first_code_and_reuse node001
    same_code_then_wait node002
    ctl stats | tr ' ' '\n' | grep -E '^sessions_(opened|refused)='
}
