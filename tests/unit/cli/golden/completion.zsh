#compdef orch-cli
# zsh completion of orch-cli; printed by: orch-cli completion zsh
_orch_cli() {
    local -a lines
    lines=("${(@f)$(orch-cli completion candidates --timeout 2 -- "${(@)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
    lines=("${(@)lines%%$'\t'*}")
    lines=(${lines:#})
    if [[ ${lines[1]} == :files ]]; then
        _files
    else
        compadd -- "${lines[@]}"
    fi
}
compdef _orch_cli orch-cli
