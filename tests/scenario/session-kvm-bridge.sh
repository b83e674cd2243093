# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Any VNC viewer of this machine shows a node's screen: orch-cli kvm-bridge, Debian's gvnccapture, and a viewer of our own
# that stays as long as the story wants.
NODE=node002

# bridge_start [options…]: the job `bridge`, and its PORT
bridge_start() {
    on_pipes bridge kvm-bridge host $NODE --listen 127.0.0.1:0 "$@"
    shows bridge "^$NODE: waiting for a VNC viewer on 127.0.0.1:"
    PORT=$(screen bridge | sed -n 's/.*127\.0\.0\.1:\([0-9]*\)$/\1/p')
}
bridge_stop() {
    kill -TERM "${JOB[bridge]}"
    ends bridge
    [ "$ENDED" = 0 ] || fail "the bridge ended with $ENDED: $(said bridge)"
}
# viewer_start: the job `viewer`, which stays; asks LINE: an order, and its ANSWER
viewer_start() {
    job_files viewer
    python3 tests/scenario/vnc.py "$PORT" <>"$WORK/viewer.keys" >"$WORK/viewer.screen" 2>"$WORK/viewer.said" &
    JOB["viewer"]=$!
    shows viewer '^open '
}
answers() { [ "$(wc -l <"$WORK/viewer.screen")" -ge "$1" ]; }
asks() {
    local n
    n=$(($(wc -l <"$WORK/viewer.screen") + 1))
    type_in viewer "$*\n"
    wait_until 30 "the viewer has done: $*" answers "$n"
    ANSWER=$(tail -n 1 "$WORK/viewer.screen")
}
viewer_end() {
    type_in viewer 'quit\n'
    ends viewer
}
# picture FILE LINE…: asked for by the viewer, and what must be in it
picture() {
    asks png "$1"
    [ "$ANSWER" = ok ] || fail "no picture: $ANSWER, $(said bridge)"
    picture_has "$@"
}
picture_has() {
    local file=$1 line
    shift
    python3 tests/scenario/screen.py "$file" >"$file.text" || fail "$file cannot be read"
    for line in "size 800x600" "bars right" "border right" "noise right" "name $NODE" "$@"; do
        grep -qxF -- "$line" "$file.text" || fail "$file: not '$line' but: $(cat "$file.text")"
    done
}
newest_is() { session_is $NODE kvm "$1"; }
firmware_has_none() { [ "$(ctl sessions $NODE | grep -c kvm)" = 0 ] || fail "left at the firmware: $(ctl sessions $NODE)"; }

story() {
    world 2
    ctl consent-policy '*' none >/dev/null
    ctl kvm $NODE size 800x600 >/dev/null
    bridge_start
    tell bridge "waiting for a VNC viewer"
    gvnccapture --quiet "127.0.0.1:$((PORT - 5900))" "$WORK/debian.png" >"$WORK/gvnc.log" 2>&1 || fail "gvnccapture: $(cat "$WORK/gvnc.log")"
    picture_has "$WORK/debian.png" "echo > _"
    say "Debian's gvnccapture: bars, border and noise are right in every pixel, and it reads '$(grep ^name "$WORK/debian.png.text")'."
    wait_until 10 "the session ends with its viewer" newest_is '.state == "ended"'

    viewer_start
    asks type hello
    picture "$WORK/typed.png" "echo > hello_"
    newest_is '.state == "active" and .user == "admin" and .viewOnly == false and .bytesToViewer > 100000' ||
        fail "the session in the list: $(cli list session $NODE)"
    say "A viewer that stays: what it types is on the screen, and the session is in the list:"
    cli list session $NODE | sed -n 1,2p
    local second
    second=$(python3 tests/scenario/vnc.py "$PORT" </dev/null) || fail "the second viewer: $second"
    [[ $second == "refused another viewer has this screen"* ]] || fail "the second viewer: $second"
    gvnccapture --quiet "127.0.0.1:$((PORT - 5900))" "$WORK/second.png" >/dev/null 2>&1
    [ -e "$WORK/second.png" ] && fail "gvnccapture got a picture beside another viewer"
    say "A second viewer is told, in RFB's words: $second."

    ctl session-close $NODE kvm >/dev/null || fail "ctl session-close"
    shows bridge "taking the KVM session up again"
    shows bridge "$NODE: back after"
    asks type " again"
    picture "$WORK/again.png"
    grep -q '^echo > .*again_' "$WORK/again.png.text" || fail "keys after the firmware's close: $(cat "$WORK/again.png.text")"
    say "The firmware closed the session; behind the viewer it was taken up again:"
    tell bridge "back after"
    viewer_end
    bridge_stop
    firmware_has_none

    bridge_start --view-only
    viewer_start
    asks type secret
    picture "$WORK/views.png"
    grep -q '^echo.*secret' "$WORK/views.png.text" && fail "a viewer that may only look has typed"
    newest_is '.viewOnly == true' || fail "the list does not tell view-only"
    say "With --view-only what is typed goes nowhere."
    bridge_stop
    wait_until 10 "the session ends with the bridge" newest_is '.state == "ended"'
    asks png "$WORK/late.png"
    [ "$ANSWER" = ok ] && fail "a picture came from a bridge that has ended"
    viewer_end
    firmware_has_none
    say "The bridge was ended while a viewer was there: so was its session, and the viewer was let go."
}
