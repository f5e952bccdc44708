# bash completion for the programs of ocfs2box.
#
# symlinks.sh installs it under the name of each; or source it.
# Options, commands and operands are read from the --help of the program.

_ocfs2box() {
	local program=$1 current=$2 command= word kind i
	local config=() operands=() help options valued
	_ocfs2box_help --help
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == -- ]]; then
			return
		elif [[ $valued == *" $word "* ]]; then
			[[ ${COMP_WORDS[++i]} == = ]] && ((i++))
			((i < COMP_CWORD)) || return
			[[ $word == --config-file ]] && config=("$word" "${COMP_WORDS[i]}")
		elif [[ $word == -* ]]; then
			continue
		elif [[ ${program##*/} == o2cb* && -z $command ]]; then
			command=$word
			# A script of that name in /etc/init.d might take "start --help" for "start".
			_ocfs2box_help help "$command"
		else
			operands+=("$word")
		fi
	done
	if [[ $current == -* ]]; then
		word=$options
	elif [[ ${program##*/} == o2cb* && -z $command ]]; then
		word=$(_ocfs2box_commands)
	else
		# "Usage: o2cb add-node [OPTIONS] CLUSTER NODE"
		read -ra kind <<<"${help%%$'\n'*}"
		case ${kind[4 + ${#operands[@]}]} in
		CLUSTER | '[CLUSTER]') word=$("$program" "${config[@]}" list-clusters --oneline 2>/dev/null) ;;
		'[COMMAND]') word=$(_ocfs2box_commands) ;;
		'global|local') word="global local" ;;
		*) return ;;
		esac
	fi
	COMPREPLY=($(compgen -W "$word" -- "$current"))
}

# Reads the help that these arguments print: options, and those that have an argument.
_ocfs2box_help() {
	local line
	help=$("$program" "$@" 2>/dev/null)
	options= valued=" "
	while IFS= read -r line; do
		[[ $line =~ ^(  |      -)-[[:alpha:]] ]] || continue
		read -r line <<<"$line"
		line=${line%%  *}
		[[ $line == *" <"* ]] && valued+="${line%% <*} "
		options+="${line%% <*} "
	done <<<"$help"
	options=${options//,/} valued=${valued//,/}
}

_ocfs2box_commands() {
	"$program" --help 2>/dev/null | sed -n '/ Commands:$/,/^$/s/^  \([a-z-]*\).*/\1/p'
}

complete -o default -F _ocfs2box o2cb o2cb.init mount.ocfs2 umount.ocfs2 ocfs2_hb_ctl
