# fish completion of orch-cli; printed by: orch-cli completion fish
function __orch_cli_candidates
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (orch-cli completion candidates --timeout 2 -- $words[2..-1] "$current" 2>/dev/null </dev/null)
    if test "$lines[1]" = ':files'
        __fish_complete_path "$current"
    else
        printf '%s\n' $lines
    end
end
complete -c orch-cli -f -a '(__orch_cli_candidates)'
