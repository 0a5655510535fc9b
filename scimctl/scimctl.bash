# SPDX-License-Identifier: Apache-2.0
# Completion of scimctl for bash; script/manual makes this file.

_scimctl()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    local words=() names='' options='' files='' i=0
    COMPREPLY=()

    # The words of the command; bash divides --name=value at "=".
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --db|--passwords|--name|--domain|--base|--key|--number|--percent|--to|--issuer|--days|--expires|--filter|--start|--count|--account|--since|--until|--actor|--kind|--outcome|--sequence|--not-seen|--columns|--older-than|--after|--url|--secret-file|--httpd-max)
            ((i++))
            [[ ${COMP_WORDS[i]} != = ]] || ((i++)) ;;
        -* | =) ;;
        help) [[ ${#words[@]} -eq 0 ]] || words+=(help) ;;
        *) words+=("${COMP_WORDS[i]}") ;;
        esac
    done
    if [[ $cur == = ]]; then
        cur=''
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    case $prev in
    --secret-file)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return ;;
    --db|--passwords|--name|--domain|--base|--key|--number|--percent|--to|--issuer|--days|--expires|--filter|--start|--count|--account|--since|--until|--actor|--kind|--outcome|--sequence|--not-seen|--columns|--older-than|--after|--url|--secret-file|--httpd-max)
        return ;;
    esac

    case ${words[0]-} in
    db) names='create status upgrade' ;;
    org) names='add list show enable pause resume disable url rename domains guard delete export import move' ;;
    token) names='generate list delete' ;;
    account) names='list show import eligible set activate deactivate delete export forget' ;;
    group) names='list show members delete' ;;
    activity) names='list' ;;
    request) names='list' ;;
    event) names='purge' ;;
    relay) names='list skip' ;;
    esac
    case "${words[0]-} ${words[1]-}" in
    'db create') options='--passwords=' ;;
    'db status') options='' ;;
    'db upgrade') options='--dry-run' ;;
    'org add') options='--name= --domain=' ;;
    'org list') options='' ;;
    'org show') options='' ;;
    'org enable') options='' ;;
    'org pause') options='' ;;
    'org resume') options='' ;;
    'org disable') options='' ;;
    'org url') options='--base=' ;;
    'org rename') options='--key= --name=' ;;
    'org domains') options='--none' ;;
    'org guard') options='--number= --percent= --off --open' ;;
    'org delete') options='--yes' ;;
    'org export') options='' ;;
    'org import') options='--key=' ;;
    'org move') options='--to= --finish --cancel --dry-run' ;;
    'token generate') options='--issuer= --name= --days= --expires=' ;;
    'token list') options='' ;;
    'token delete') options='' ;;
    'account list') options='--filter= --start= --count=' ;;
    'account show') options='' ;;
    'account import') options='--update --dry-run' files=3 ;;
    'account eligible') options='' ;;
    'account set') options='' ;;
    'account activate') options='' ;;
    'account deactivate') options='' ;;
    'account delete') options='--yes' ;;
    'account export') options='--filter=' ;;
    'account forget') options='--yes --dry-run' ;;
    'group list') options='--name= --count=' ;;
    'group show') options='' ;;
    'group members') options='--count=' ;;
    'group delete') options='--yes' ;;
    'activity list') options='--account= --since= --until= --actor= --kind= --outcome= --count= --follow' ;;
    'request list') options='--outcome= --count=' ;;
    'event purge') options='--older-than= --dry-run' ;;
    'relay list') options='' ;;
    'relay skip') options='' ;;
    'undo '*) options='--since= --until= --actor= --kind= --account= --sequence= --dry-run --yes' ;;
    'drift '*) options='--never --not-seen= --duplicates --inactive-members --domains' ;;
    'compare '*) options='--key= --columns=' files=2 ;;
    'events '*) options='--follow --after=' ;;
    'relay '*) options='--url= --secret-file= --name= --after=' ;;
    'check '*) options='--httpd-max=' ;;
    'help '*) options='' ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options --db= --json --help --version" -- "$cur")
        [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
    elif [[ ${#words[@]} -eq 0 ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'db org token account group activity request undo drift compare event events relay check help' -- "$cur")
    elif [[ ${#words[@]} -eq 1 && -n $names ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
    elif [[ ${#words[@]} -eq ${files:-0} ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}
complete -F _scimctl scimctl
