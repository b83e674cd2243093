# bash completion of orch-cli; printed by: orch-cli completion bash
_orch_cli() {
    local line cur=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    [[ $cur == '=' ]] && cur=
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            compopt -o filenames 2>/dev/null
            return
        fi
        COMPREPLY+=("${line%%$'\t'*}")
    done < <(orch-cli completion candidates --timeout 2 -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
}
complete -F _orch_cli orch-cli
