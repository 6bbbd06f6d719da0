#!/bin/sh
# Checks the code in README.md: a block under `<!-- FILE -->` stands in that file, word for word; a block that starts with
# a comment or an include is a whole file and compiles.
# usage: readme.sh FLYHOOK_DIR COMPILER [FLAG...]
set -eu
flyhook=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -v root="$flyhook" -v work="$work" '
function contains_block(file,    line, text) {
  while ((getline line < file) > 0) text = text line "\n"
  close(file)
  return index("\n" text, "\n" block) > 0
}
/^<!-- .* -->$/ { source = $2; next }
/^```cpp$/ { inside = 1; block = ""; began = NR; next }
inside && /^```$/ {
  inside = 0
  if (source != "") {
    ++quotes
    if (!contains_block(root "/" source)) { print "README.md:" began ": this is not in " source; failed = 1 }
  } else if (block ~ /^(\/\/|#include)/) {
    printf "%s", block >(work "/" ++files ".cpp")
  } else {
    print "README.md:" began ": neither a quotation nor a whole file"; failed = 1
  }
  source = ""
  next
}
inside { block = block $0 "\n"; next }
NF { source = "" }
END {
  if (!quotes || !files) { print "README.md quotes nothing, or holds no program"; failed = 1 }
  print quotes + 0 " quotations, " files + 0 " files"
  exit failed
}' "$flyhook/README.md"

for file in "$work"/*.cpp; do
  "$@" -std=c++20 -I"$flyhook/include" -DFLYHOOK_SEPARATE_COMPILATION -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
    -Werror -fsyntax-only "$file"
done
