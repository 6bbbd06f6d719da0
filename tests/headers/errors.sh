#!/bin/sh
# Checks what a compiler says to mistakes: each file of errors/ must give exactly one error, and that must hold the text of
# its first line. Programs are compiled as declarations only, which is quicker, unless they say `// mode: header-only`.
# usage: errors.sh INCLUDE_DIR COMPILER [FLAG...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
include=$1
shift
export LC_ALL=C

failed=0
checked=0
for file in "$here"/errors/*.cpp; do
  name=$(basename "$file")
  text=$(sed -n '1s|^// error: ||p' "$file")
  mode=FLYHOOK_SEPARATE_COMPILATION
  if grep -q '^// mode: header-only$' "$file"; then mode=FLYHOOK_NO_MODE; fi
  if said=$("$@" -std=c++20 -I"$include" -D$mode -fsyntax-only "$file" 2>&1); then
    echo "$name compiles"
    failed=1
    continue
  fi
  errors=$(printf '%s\n' "$said" | grep -E '(^|[: ])(fatal )?error: ' || true)
  count=$(printf '%s\n' "$errors" | grep -c . || true)
  if [ -z "$text" ] || [ "$count" -ne 1 ] || ! printf '%s\n' "$errors" | grep -qF "$text"; then
    echo "$name must give one error, with: $text"
    printf '%s\n' "$said" | head -n 40
    failed=1
  fi
  checked=$((checked + 1))
done
[ $failed -eq 0 ] && echo "$checked mistakes, one error each"
exit $failed
