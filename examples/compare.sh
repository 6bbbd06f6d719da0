#!/bin/sh
# Runs an example and compares what it prints with the block at the end of its source:
#
#   // Output:
#   // published order.created as <id>
#   // delivered in <number> ms
#
# What differs from run to run is written as <id> (letters, digits, _ and -), <number> (digits, perhaps with a fraction) or
# <any> (whatever is left of the word). Everything else must be equal, line by line. With `// Output, in any order:` the
# same lines must come, each once.
# The block may stand in a script as well, as its comment.
# usage: compare.sh SOURCE PROGRAM [ARGUMENT...]
set -eu
source=$1
shift
output=$(mktemp)
trap 'rm -f "$output"' EXIT

code=0
"$@" >"$output" || code=$?
if [ $code -ne 0 ]; then
  cat "$output"
  echo "$* ended with $code"
  exit 1
fi

awk -v source="$source" -v output="$output" '
function pattern_of(line) {
  gsub(/[][\\.*+?(){}|^$]/, "\\\\&", line)
  gsub(/<id>/, "[A-Za-z0-9_-]+", line)
  gsub(/<number>/, "[0-9]+(\\.[0-9]+)?", line)
  gsub(/<any>/, "[^ ]+", line)
  return "^" line "$"
}
BEGIN {
  while ((getline line < source) > 0) {
    sub(/^#/, "//", line)
    if (line ~ /^\/\/ Output(, in any order)?:$/) { inside = 1; free = line ~ /any order/; wanted = 0; continue }
    if (inside && line !~ /^\/\//) { if (line != "") inside = 0; continue }
    if (inside) { sub(/^\/\/ ?/, "", line); want[++wanted] = line }
  }
  if (!wanted) { print source " has no // Output: block"; exit 1 }
  while ((getline line < output) > 0) got[++count] = line
  for (i = 1; i <= count; ++i) {
    found = 0
    for (j = free ? 1 : i; j <= (free ? wanted : i) && !found; ++j)
      if (j <= wanted && !used[j] && got[i] ~ pattern_of(want[j])) { used[j] = 1; found = 1 }
    if (!found) { print "line " i " is:    " got[i]; if (!free) print "it should be: " (i <= wanted ? want[i] : "(no more lines)"); failed = 1 }
  }
  for (j = 1; j <= wanted; ++j) if (!used[j] && (free || j > count)) { print "missing:      " want[j]; failed = 1 }
  if (failed) { print "the output of this run is not the block at the end of " source; exit 1 }
}'
