#!/bin/sh
# Two programs of one story. The first listens: it prints "listening on URL", and ends when its input does. The second gets
# that URL as its argument. Prints what each said, the second one first; fails if either does.
# usage: pair.sh LISTENER PROGRAM [ARGUMENT...]
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
listener=$1
shift
# What it says, marked as its own; of a pair that is done already.
mark() { if [ "$(basename "$1")" = pair.sh ]; then cat; else sed "s/^/$(basename "$1" .sh) | /"; fi; }

mkfifo "$work/in" "$work/out"
"$listener" <"$work/in" >"$work/out" &
pid=$!
exec 3>"$work/in" 4<"$work/out"
read -r line <&4
case $line in
  "listening on "*) ;;
  *) echo "$listener said \"$line\", not where it listens" && exit 1 ;;
esac

code=0
"$@" "${line#listening on }" >"$work/said" 3>&- 4<&- || code=$?
mark "$1" <"$work/said"
exec 3>&-
mark "$listener" <&4
wait "$pid" || code=$?
exit "$code"
