"""What a shell session runs inside its container, as text for any POSIX shell.

    KEEPER    the container's first process: starts an interactive shell, and another when that
              ends. Reaps orphans; cannot be killed from inside
    PRELUDE   makes the interactive shell ready: functions whose names begin with __ipyc
    HOLDER    a program beside, whose two streams are a further channel: it tells its process
              and the paths of its streams
    WARDEN    a program beside, which finds and signals the processes of a cell

All of it uses builtins only, since an image may have little more than a shell, and does not
depend on what a cell may have set: ``set -e -f -u -x``, IFS, aliases. Only an interactive shell
survives a syntax error and SIGINT. busybox's reads its own standard input by fgets, for which a
child's end (EINTR) is the end of input; not so a file, which /dev/stdin is to it. dash and ash
run a cell by ``eval``. bash reads it as a file, which is not interactive for that time: it then
announces no job ("[1] 4711") and says no "exit".

A mark is a needle, a blank, text and a newline (``channel.Scanner``). The needle of the
keeper's marks is doubled, so that what prints the shell's variables prints none.

Knows: POSIX shells, /proc. Does not know: who reads the marks.
"""

from __future__ import annotations

KEEPER = r"""
read -r __ipyc_key || exit
__ipyc_program=$1
shift
__ipyc_input=
[ -z "$BASH_VERSION" ] || set -- --norc --noediting "$@"
[ ! /proc/self/exe -ef /bin/busybox ] || [ ! -r /dev/stdin ] || __ipyc_input=/dev/stdin
[ -z "${ENV+set}" ] || export IPYCONTAINERS_ENV="$ENV"
export ENV=
trap : INT
exec 8>&1 9>&2 2>/dev/null
while read -r __ipyc_name __ipyc_line; do
  case $__ipyc_name in TracerPid:) break ;; esac
done </proc/self/status
if [ "${__ipyc_line:-0}" != 0 ]; then
  __ipyc_name=/tmp/.ipycontainers-$$
  (umask 077; mkfifo "$__ipyc_name.ask" "$__ipyc_name.tell")
  ( trap '' INT
    exec <>"$__ipyc_name.ask" 1<>"$__ipyc_name.tell" 8>&- 9>&-
@WARDEN@
  ) &
fi
while :; do
  "$__ipyc_program" "$@" -i $__ipyc_input 2>&9
  __ipyc_code=$?
  printf '%s:%s gone %s\n' "$__ipyc_key" "$__ipyc_key" "$__ipyc_code"
  printf '%s:%s gone %s\n' "$__ipyc_key" "$__ipyc_key" "$__ipyc_code" >&9
  while :; do
    read -r __ipyc_line || exit "$__ipyc_code"
    [ "$__ipyc_line" != "$__ipyc_key" ] || break
  done
done
"""

# Written to the shell's input, so it is read line by line. OPEN says where marks and cells go.
PRELUDE = r"""
PS1= PS2=
printf '%s:%s ready\n' @KEY@ @KEY@; printf '%s:%s ready\n' @KEY@ @KEY@ >&2
\command exec >/dev/null 2>&1
set +m
[ -z "$BASH_VERSION" ] || { set +o history +H; history -c; }
unset ENV
[ -z "${IPYCONTAINERS_ENV+set}" ] || export ENV="$IPYCONTAINERS_ENV"
unset IPYCONTAINERS_ENV
__ipyc_key=@KEY@ __ipyc_last= __ipyc_seen=' ' __ipyc_now=' ' __ipyc_held=0 __ipyc_told=
__ipyc_holder=- __ipyc_own=0 __ipyc_text= __ipyc_traced= __ipyc_before=' '
read -r __ipyc_text <"/proc/$PPID/stat"
# Its keeper is the first of them, or the child of an init that is. One with --pid is neither.
[ "$PPID" != 1 ] || __ipyc_own=1
case ${__ipyc_text##*) } in ?' 1 '*) __ipyc_own=1 ;; esac
__ipyc_open() {
  __ipyc_holder=$1
  \command exec 8>"$2" 9>"$3"
}
__ipyc_is_ours() {
  [ "$__ipyc_own" != 1 ] || return 0
  # The engine's processes are seen, and hold the other end of a pipe. PRoot's follow one tracer.
  __ipyc_tracer=
  while IFS=' 	' \command read -r __ipyc_text __ipyc_tracer; do
    case $__ipyc_text in TracerPid:) break ;; esac
  done <"$1/status"
  [ "$__ipyc_tracer" = "$__ipyc_traced" ]
}
__ipyc_holds() {
  \command read -r __ipyc_text <"$1/stat" || return 1
  case $__ipyc_text in *') Z '*) return 1 ;; esac
  # A program beside, such as a channel's holder as it starts: no child of this shell.
  case $__ipyc_own${__ipyc_text##*) } in 1?' 0 '*) return 1 ;; esac
  for __ipyc_text in "$1"/fd/*; do
    if [ -e "$__ipyc_text" ]; then
      if [ "$__ipyc_text" -ef "$2" ] || [ "$__ipyc_text" -ef "$3" ]; then return 0; fi
    elif [ "$__ipyc_own" = 1 ]; then
      # Somebody else's: it can be seen and not read, or its folder cannot be listed.
      [ ! -L "$__ipyc_text" ] || return 0
      [ "$__ipyc_text" = "$1/fd/*" ] || continue
      \command read -r __ipyc_text <"$1/stat" || return 1
      case $__ipyc_text in *') '[ZX]' '*) return 1 ;; *) return 0 ;; esac
    fi
  done
  return 1
}
__ipyc_look() {
  __ipyc_now=' ' __ipyc_held=0
  for __ipyc_one do
    __ipyc_now="$__ipyc_now$__ipyc_one "
    case $__ipyc_seen in *" $__ipyc_one "*) continue ;; esac
    case ${__ipyc_one#/proc/} in "$$" | "$PPID" | "$__ipyc_holder") continue ;; esac
    [ "$__ipyc_held" = 0 ] || continue
    __ipyc_holds "$__ipyc_one" "/proc/$$/fd/8" "/proc/$$/fd/9" || continue
    ! __ipyc_is_ours "$__ipyc_one" || __ipyc_held=1
  done
  __ipyc_seen=$__ipyc_now
}
__ipyc_end() {
  PS1= PS2=
  [ -z "${BASH_VERSION-}" ] || unset PROMPT_COMMAND PS0
  __ipyc_code=$1 __ipyc_mark=$2 __ipyc_held=0 __ipyc_told=
  case $- in *f*) set +f; set -- /proc/[0-9]*; set -f ;; *) set -- /proc/[0-9]* ;; esac
  if [ "$*" != "$__ipyc_last" ]; then
    __ipyc_last=$*
    case $- in *f*) set +f; __ipyc_look "$@"; set -f ;; *) __ipyc_look "$@" ;; esac
    __ipyc_told=$__ipyc_now
  fi
  \command printf '%s %s %s%s\n' "$__ipyc_mark" "$__ipyc_code" "$__ipyc_held" "$__ipyc_told" >&8
  \command printf '%s\n' "$__ipyc_mark" >&9
  case $- in *e*) return 0 ;; esac
  return "$__ipyc_code"
}
__ipyc_is_ours "/proc/$$" || __ipyc_traced=$__ipyc_tracer
__ipyc_ready() {
  \command printf '%s %s %s %s %s\n' "$1" "$$" "$PPID" "$__ipyc_own" "${BASH_VERSION:+bash}" >&8
  \command printf '%s\n' "$1" >&9
}
__ipyc_first() {
  [ $# != 0 ] || set -- /proc/[0-9]*
  __ipyc_seen=" $* " __ipyc_before=" $* "
}
__ipyc_free() {
  __ipyc_mark=$1 __ipyc_told=
  shift
  case $- in *f*) set +f; __ipyc_text=-f ;; *) __ipyc_text=+f ;; esac
  __ipyc_now=$__ipyc_text
  while [ $# != 0 ]; do
    __ipyc_held=0
    for __ipyc_one in /proc/[0-9]*; do
      case ${__ipyc_one#/proc/} in "$$" | "$1") continue ;; esac
      case $__ipyc_before in *" $__ipyc_one "*) continue ;; esac
      __ipyc_holds "$__ipyc_one" "$2" "$3" || continue
      ! __ipyc_is_ours "$__ipyc_one" || { __ipyc_held=1; break; }
    done
    [ "$__ipyc_held" = 1 ] || __ipyc_told="$__ipyc_told $1"
    shift 3
  done
  set "$__ipyc_now"
  \command printf '%s%s\n' "$__ipyc_mark" "$__ipyc_told" >&8
  \command printf '%s\n' "$__ipyc_mark" >&9
}
__ipyc_part() {
  \command printf '%s:%s state %s\n' "$__ipyc_key" "$__ipyc_key" "$1"
}
__ipyc_left() {
  case $- in *e*) ;; *) return 0 ;; esac
  [ "$1" != 0 ] || return 0
  __ipyc_now=$-
  set +e +u +x
  {
    __ipyc_part options; \command printf '%s' "$__ipyc_now"
    __ipyc_part umask; umask
    __ipyc_part folder; \command printf '%s' "$PWD"
    if [ "$BASH_VERSION" ]; then
      __ipyc_part bash; shopt -p; declare -p; declare -f; declare -F; alias -p
    else
      __ipyc_part exported; export -p
      __ipyc_part variables; set
      __ipyc_part aliases; alias
    fi
  } >"/proc/$PPID/fd/8" 2>/dev/null
}
trap '__ipyc_left "$?"' EXIT
"""

HOLDER = r"""
printf '%s\n%s\n%s\n' "$$" "/proc/$$/fd/1" "/proc/$$/fd/2"
while read -r line; do :; done
"""

# PRoot does not let a process open the descriptors of one that it has not begun itself.
PIPE_HOLDER = r"""
name=/tmp/.ipycontainers-$$
mkfifo "$name.out" "$name.err" || exit
cat <>"$name.out" &
out=$!
cat <>"$name.err" >&2 &
err=$!
printf '%s\n%s\n%s\n' "$$" "$name.out" "$name.err"
while read -r line; do :; done
kill "$out" "$err"
rm -f "$name.out" "$name.err"
"""

# A line of its input: a number, a signal, or LOOK, or SHELL, which kills the shell too, or HELLO,
# which does nothing; the shell, its keeper, 1 where the container counts processes by itself;
# then the processes that were there before the cell. Its answer: the number, and how many of the
# cell's processes it found.
_WARDEN = r"""
read -r self line </proc/self/stat
numbers() {
  text= state= parent=0
  while read -r line || [ "$line" ]; do text="$text$line "; done <"/proc/$1/stat" || return 1
  text=${text##*) }
  state=${text%% *}
  text=${text#* }
  parent=${text%% *}
}
tracer() {
  traced=0
  while read -r name value rest; do
    case $name in TracerPid:) traced=$value; return 0 ;; esac
  done <"/proc/$1/status"
}
is_of_cell() {
  at=$1
  while :; do
    case $at in "$shell" | "$keeper") return 0 ;; esac
    if [ "$ours" != 0 ]; then
      tracer "$at"
      [ "$traced" = "$ours" ] || return 0 # an orphan, whose parent is the engine's
    fi
    case $elders in *" $at "*) return 1 ;; esac
    case $own$at in 11) return 0 ;; ?0 | ?1 | ?) return 1 ;; esac
    numbers "$at" || return 1
    at=$parent
  done
}
while read -r number signal shell keeper own elders; do
  case $signal in HELLO) printf '%s 0\n' "$number"; continue ;; esac
  elders=" $elders " count=0 ours=0
  [ "$own" = 1 ] || { tracer "$shell"; ours=$traced; }
  found=
  for path in /proc/[0-9]*; do
    one=${path#/proc/}
    case $elders in *" $one "*) continue ;; esac
    case $one in "$self" | "$shell" | "$keeper" | 1) continue ;; esac
    if [ "$ours" != 0 ]; then
      tracer "$one"
      [ "$traced" = "$ours" ] || continue
    fi
    numbers "$one" || continue
    case $state in Z | X | '') continue ;; esac
    is_of_cell "$one" || continue
    count=$((count + 1)) found="$found $one"
  done
  # All at once, as a terminal does: bash goes on after a program that ended as if by itself.
  case $signal in
    LOOK) ;;
    SHELL) kill -KILL $shell $found ;;
    INT) kill -INT $shell $found ;;
    *) kill -INT "$shell"; kill "-$signal" $found ;;
  esac
  printf '%s %s\n' "$number" "$count"
done
"""

WARDEN = "{" + _WARDEN + "} 2>/dev/null\n"

# Under PRoot a program beside cannot signal those of the first process (Landlock keeps signals
# within each): so the keeper begins the warden, and this asks it, by named pipes.
ASK_WARDEN = r"""
{
  name=/tmp/.ipycontainers-$1
  [ -p "$name.ask" ] || exit
  exec 3<>"$name.ask" 4<>"$name.tell"
  while read -r line; do
    printf '%s\n' "$line" >&3
    read -r line <&4
    printf '%s\n' "$line"
  done
} 2>/dev/null
"""

KEEPER = KEEPER.replace("@WARDEN@", _WARDEN)


def command(program: tuple[str, ...]) -> tuple[str, ...]:
    """The argv of a container whose first process keeps sessions of ``program``."""
    return (*program, "-c", KEEPER, "ipycontainers", *program)


def quoted(text: str) -> str:
    """One word of a shell, whatever is in it."""
    return "'" + text.replace("'", "'\\''") + "'"


def prelude(key: str, opening: str, restored: str = "") -> str:
    """What makes a fresh shell ready, with ``restored`` run in it (``remains.restored``);
    ``opening`` is of the current channel."""
    again = f"\\command \\eval {quoted(restored)} >/dev/null 2>&1 8>&- 9>&-\n" if restored else ""
    return PRELUDE.replace("@KEY@", key) + opening + "\n" + again


def cell(text: str, needle: str, mark: str, *, bash: bool) -> str:
    """The lines that run a cell and mark its end. ``text`` holds no NUL."""
    streams = "</dev/null >&8 2>&9 8>&- 9>&-"
    if bash:
        body = text if text.endswith("\n") else text + "\n"
        run = f"\\command . /proc/self/fd/7 7<<'{needle}' {streams}"
        return f"{run}; __ipyc_end \"$?\" '{mark}'\n{body}{needle}\n"
    return f"\\command \\eval {quoted(text)} {streams}; __ipyc_end \"$?\" '{mark}'\n"
