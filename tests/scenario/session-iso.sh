# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# An image of this machine is a drive of the node: orch-cli iso mount; what the node reads is the image, byte for byte.
A=node001 B=node002

# drive NODE FILE [options…]: the job `mount`
drive() {
    on_pipes mount iso mount host "$@"
    shows mount "^orch-cli: $1 has "
}
drive_end() {
    [ "${1:-}" = elsewhere ] || kill -TERM "${JOB[mount]}"
    ends mount
    [ "$ENDED" = 0 ] || fail "iso mount ended with $ENDED: $(said mount)"
}
is_read() { ctl ider "$1" show | grep -q "busy=0 .*sense=0/"; }
value() { ctl ider "$1" show | tr ' ' '\n' | sed -n "s/^$2=//p"; }

# reads_right NODE cd|floppy FILE BLOCK-BYTES: the drive is as large as the file, filled up with zeros to a whole block
reads_right() {
    local bytes padded
    bytes=$(stat -c %s "$3") padded=$(($(stat -c %s "$3") + ($4 - $(stat -c %s "$3") % $4) % $4))
    ctl ider "$1" read "$2" >/dev/null || fail "ctl ider read"
    wait_until 20 "$1 has read all" is_read "$1"
    [ "$(value "$1" bytes)" = "$padded" ] || fail "$1 read $(value "$1" bytes) bytes, must be $padded"
    cp "$3" "$WORK/padded"
    truncate -s "$padded" "$WORK/padded"
    [ "$(value "$1" sha256)" = "$(sha256sum "$WORK/padded" | cut -c 1-64)" ] || fail "$1 read other bytes: $(ctl ider "$1" show)"
    say "$1 read its $2: $bytes bytes in blocks of $4, and their SHA-256 is the image's."
}
# refused FILE SENTENCE…: nothing is mounted
refused() {
    local file=$1 code=0
    shift
    timeout 10 "$BUILD/src/cli/orch-cli" iso mount host $A "$file" >"$WORK/refused" 2>&1 || code=$?
    if [ "$code" != 2 ] || ! grep -qF -- "$*" "$WORK/refused"; then
        fail "$file: exit code $code, $(cat "$WORK/refused")"
    fi
    say "Refused: $(cat "$WORK/refused")"
}

story() {
    world 2
    ctl consent-policy $A none >/dev/null
    head -c 3000001 /dev/urandom >"$WORK/random.iso"
    head -c 700001 /dev/urandom >"$WORK/small.img"

    : >"$WORK/empty.iso"
    refused "$WORK/missing.iso" "missing.iso: No such file or directory"
    refused "$WORK/empty.iso" "empty.iso is empty"
    refused "$WORK/data" "data is no file; an image is needed"
    mkfifo "$WORK/pipe"
    refused "$WORK/pipe" "pipe is no file"
    # root reads everything: only others can be refused by a file's mode
    if [ "$(id -u)" != 0 ]; then
        chmod 0 "$WORK/small.img"
        refused "$WORK/small.img" "small.img: Permission denied"
        chmod 600 "$WORK/small.img"
    fi
    [ "$(cli list session $A -o json | jq .totalElements)" = 0 ] || fail "a refused file made a session: $(cli list session $A)"

    drive $A "$WORK/random.iso"
    tell mount "as its CD"
    reads_right $A cd "$WORK/random.iso" 2048
    ctl ider $A read cd 100 7 >/dev/null
    wait_until 10 "a part is read" is_read $A
    [ "$(value $A sha256)" = "$(dd if="$WORK/random.iso" bs=2048 skip=100 count=7 2>/dev/null | sha256sum | cut -c 1-64)" ] || fail "a part read is another one"
    say "Seven blocks from the middle are right too."
    timeout 10 "$BUILD/src/cli/orch-cli" iso mount host $A "$WORK/small.img" >"$WORK/second" 2>&1 && fail "a second image was mounted"
    grep -q "admin" "$WORK/second" || fail "the second mount does not name the holder: $(cat "$WORK/second")"
    say "A second image is refused: $(head -n 1 "$WORK/second")"
    cli iso eject host $A >"$WORK/eject" || fail "iso eject: $(cat "$WORK/eject")"
    drive_end elsewhere
    said mount | grep -q "ejected; the node read 3\.0 MB" || fail "what the node read: $(said mount)"
    say "Ejected from elsewhere: $(said mount | tail -n 1)"
    ctl ider $A show | grep -q no-session || fail "the firmware still has it: $(ctl ider $A show)"

    drive $A "$WORK/small.img" --floppy
    reads_right $A floppy "$WORK/small.img" 512
    ctl session-close $A ider >/dev/null || fail "ctl session-close"
    wait_until 20 "the drive is back" eval "[ \$(said mount | grep -c '^orch-cli: $A has ') = 2 ]"
    reads_right $A floppy "$WORK/small.img" 512
    say "The firmware closed the session, and the drive came back by itself."
    drive_end
    session_is $A ider '.state == "ended"' || fail "the session is left: $(cli list session $A)"

    ctl consent-policy $B all >/dev/null
    timeout 20 "$BUILD/src/cli/orch-cli" iso mount host $B "$WORK/random.iso" </dev/null >"$WORK/asked" 2>&1 && fail "mounted without consent"
    grep -q -- "--consent-code" "$WORK/asked" || fail "does not say how to give the code: $(cat "$WORK/asked")"
    [ "$(cli list session $B -o json | jq .totalElements)" = 0 ] || fail "a session that nobody could consent to: $(cli list session $B)"
    say "Without consent: $(head -n 1 "$WORK/asked")"
    on_pipes mount iso mount host $B "$WORK/random.iso" --consent-code -
    wait_until 15 "the code is on the node's screen" ctl consent $B code
    type_in mount "$(ctl consent $B code)\n"
    shows mount "^orch-cli: $B has "
    reads_right $B cd "$WORK/random.iso" 2048
    drive_end
    say "With the code from the screen it is there: $(said mount | tail -n 1)"
}
