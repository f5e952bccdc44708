# fish completion for the programs of ocfs2box.
#
# symlinks.sh installs it under the name of each.
# Options, commands and operands are read from the --help of the programs.

for program in o2cb mount.ocfs2 umount.ocfs2 ocfs2_hb_ctl
    command -q $program; or continue
    $program --help | string replace -rf '^ {2,6}(?:-(\w), )?--([\w-]+)( <\S+>)?  +(.*)$' '$1\t$2\t$3\t$4' |
        while read -l -d \t short long value about
            set -l option -c $program -l $long -d $about
            test -n "$short"; and set -a option -s $short
            test -n "$value"; and set -a option -r
            complete $option
        end
end

command -q o2cb; and o2cb --help | string replace -rf '^  ([a-z][a-z-]+)((?: \S+)*)  +([A-Z].*)$' '$1\t$2\t$3' |
    while read -l -d \t name operands about
        complete -c o2cb -f -n __fish_use_subcommand -a $name -d $about
        set -l seen "__fish_seen_subcommand_from $name"
        switch $operands
            case '*CLUSTER global|local'
                complete -c o2cb -f -n $seen -a 'global local (o2cb list-clusters --oneline)'
            case '*CLUSTER*'
                complete -c o2cb -f -n $seen -a '(o2cb list-clusters --oneline)'
            case '*COMMAND*'
                complete -c o2cb -f -n $seen -a "(o2cb --help | string replace -rf '^  ([a-z][a-z-]+) .*' '\$1')"
        end
    end
