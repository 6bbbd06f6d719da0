#!/bin/sh
# Every test of flyhook, from a bare Debian 12: installs what is missing, then builds and runs one preset after the other.
# Ends with a table of what took how long, and ctest's summary over all of them; fails if anything did.
# usage: tests/run.sh [PART...]      PART: dev header-only single-include asan tsan fuzz; all of them if none is given
set -u
cd "$(dirname "$0")/.." || exit 1
parts=${*:-dev header-only single-include asan tsan fuzz}
jobs=$(nproc)

missing=
for package in g++ clang libclang-rt-dev cmake ninja-build pkg-config ccache catch2 libcpp-httplib-dev nlohmann-json3-dev libssl-dev openssl strace prometheus curl libsqlite3-dev; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
# Whose ever they are: a node from elsewhere brings its own npm, which Debian's would contradict.
{ command -v node && command -v npm; } >/dev/null 2>&1 || missing="$missing nodejs npm"
if [ -n "$missing" ]; then
  as_root=
  [ "$(id -u)" -eq 0 ] || as_root=sudo
  echo "installing:$missing"
  $as_root apt-get update -qq || exit 1
  # shellcheck disable=SC2086 # package names are words
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null || exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
total=0
failed=0

# note PART STEP SECONDS RESULT: a line of the table.
note() { printf '%-16s %-10s %5.1f min  %s\n' "$1" "$2" "$(echo "$3" | awk '{ print $1 / 60 }')" "$4" >>"$work/table"; }

# What a part tests: the whole of dev, where the tree, the consumers and the examples are; elsewhere what depends on the
# build. Header-only, bodies are compiled again for every file that reaches them, so there it is the rooms that show most.
rooms() {
  case $1 in
    header-only) echo unit ;;
    single-include) echo unit integration ;;
    asan | tsan) echo unit contract integration ;;
    fuzz) echo fuzz ;;
    *) echo all ;;
  esac
}

for part in $parts; do
  echo
  echo "==== $part"
  start=$(date +%s)
  targets=
  labels=
  for room in $(rooms "$part"); do
    if [ "$room" = all ]; then targets=all labels=.; continue; fi
    targets="$targets flyhook_$room"
    labels="$labels${labels:+|}^$room\$"
  done
  if ! cmake --preset "$part" >"$work/configure" 2>&1; then
    cat "$work/configure"
    note "$part" configure $(($(date +%s) - start)) FAILED
    total=$((total + 1)) failed=$((failed + 1))
    continue
  fi
  # shellcheck disable=SC2086 # targets are words
  if ! cmake --build --preset "$part" -j "$jobs" --target $targets; then
    note "$part" build $(($(date +%s) - start)) FAILED
    total=$((total + 1)) failed=$((failed + 1))
    continue
  fi
  built=$(date +%s)
  note "$part" build $((built - start)) ok

  ctest --preset "$part" -j "$jobs" -L "$labels" 2>&1 | tee "$work/tests"
  # ctest's own last word on the part; without it the run did not end, and that is a failure too.
  counts=$(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests\{0,1\} failed out of \([0-9]*\)$/\1 \2/p' "$work/tests" | tail -n 1)
  part_failed=${counts% *}
  part_total=${counts#* }
  if [ -z "$counts" ]; then part_failed=1 part_total=1; fi
  total=$((total + part_total)) failed=$((failed + part_failed))
  result=ok
  [ "$part_failed" -eq 0 ] || result=FAILED
  note "$part" tests $(($(date +%s) - built)) "$result ($part_total tests)"
done

echo
echo "==== all parts"
cat "$work/table"
echo
[ "$total" -gt 0 ] || { total=1 failed=1; }
echo "$((100 * (total - failed) / total))% tests passed, $failed tests failed out of $total"
[ "$failed" -eq 0 ]
