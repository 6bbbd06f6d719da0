#!/bin/sh
# Checks reach.txt beside this script: what headers pull in, as the compiler sees it. A header that is not there yet is
# passed over; a line that names none of the tree's headers is an error of the table, which layers.sh would not see.
# usage: reach.sh INCLUDE_DIR COMPILER [FLAG...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
include=$1
shift

failed=0
checked=0
while read -r header rest; do
  case $header in '' | '#'*) continue ;; esac
  header=${header%:}
  [ -e "$include/flyhook/$header" ] || continue
  for mode in FLYHOOK_ANY_MODE FLYHOOK_SEPARATE_COMPILATION; do
    if ! rule=$(printf '#include <flyhook/%s>\n' "$header" | "$@" -D$mode -M -x c++ -); then
      echo "flyhook/$header does not compile ($mode)"
      failed=1
      continue
    fi
    reached=$(printf '%s\n' "$rule" | tr -s ' ' '\n')
    for never in $rest; do
      case $never in
        compiled:*) [ $mode = FLYHOOK_SEPARATE_COMPILATION ] || continue; never=${never#compiled:} ;;
      esac
      case $never in
        */) found=$(printf '%s\n' "$reached" | grep -F "/$never" | head -n 1 || true) ;;
        *) found=$(printf '%s\n' "$reached" | grep -E "/$(printf %s "$never" | sed 's/\./\\./g')\$" | head -n 1 || true) ;;
      esac
      checked=$((checked + 1))
      if [ -n "$found" ]; then
        echo "flyhook/$header reaches $found ($mode)"
        failed=1
      fi
    done
  done
done <"$here/reach.txt"
if [ $checked -eq 0 ]; then
  echo "nothing to check: no header of reach.txt is there"
  failed=1
fi
[ $failed -eq 0 ] && echo "$checked checks, nothing reached that must not be"
exit $failed
