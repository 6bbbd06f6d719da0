#!/bin/sh
# Checks that a single header is the tree's header: after the preprocessor both are the same text.
# usage: single.sh FLYHOOK_DIR COMPILER [FLAG...]
set -eu
flyhook=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for header in flyhook.hpp receiver.hpp; do
  for tree in include single_include; do
    printf '#include <flyhook/%s>\n' $header | "$@" -std=c++20 -I"$flyhook/$tree" -E -P -x c++ - >"$work/$tree"
  done
  if ! cmp "$work/include" "$work/single_include"; then
    echo "single_include/flyhook/$header is not include/flyhook/$header"
    exit 1
  fi
done
