#!/bin/sh
# Builds the benchmarks with optimisation and prints every figure: name, value, unit, target, met or not. Ends with how many
# targets were missed. Times are ratios against a peer in the same run; beside them stand exact counts, by strace.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${FLYHOOK_BENCH_BUILD:-$root/build/bench}
cxx=${CXX:-c++}
failed=0

need() {
  command -v "$1" >/dev/null 2>&1 && return
  echo "benchmark: $1 is missing: apt-get install $2" >&2
  exit 2
}
need strace strace
need cmake cmake

mkdir -p "$(dirname "$build")"
cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DFLYHOOK_BUILD_TESTS=OFF -DFLYHOOK_BUILD_EXAMPLES=OFF \
  -DFLYHOOK_INSTALL=OFF -DFLYHOOK_BUILD_BENCHMARKS=ON >"$build.log" 2>&1 || { mkdir -p "$build"; cat "$build.log"; exit 2; }
cmake --build "$build" -j "$(nproc)" >>"$build.log" 2>&1 || { cat "$build.log"; exit 2; }
bin=$build/tests/benchmark

# figure NAME VALUE UNIT [<= LIMIT], as figure.cpp prints them
figure() {
  awk -v name="$1" -v value="$2" -v unit="$3" -v op="${4:--}" -v limit="${5:-}" 'BEGIN {
    met = op == "-" ? "" : (value <= limit ? "met" : "MISSED")
    printf "%-64s %12.4g %-12s %-10s %s\n", name, value, unit, op == "-" ? "-" : op " " limit, met
    exit met == "MISSED"
  }' || failed=$((failed + 1))
}

quotient() { awk -v a="$1" -v b="$2" 'BEGIN { print a / b }'; }

for name in matching delivery publish latency isolation depth memory retries receive; do
  "$bin/flyhook_bench_$name" || failed=$((failed + 1))
done

# System calls per delivery: the difference between a long and a short run, so that starting and ending cancel out. The
# receiver is another process: strace follows threads only as far as the sender's own calls are counted below.
calls() {
  strace -f -c -o "$build/strace" "$bin/flyhook_bench_delivery" "$1" "$2" "$3"
  awk -v futex="$4" '$NF != "total" && $4 ~ /^[0-9]+$/ && (futex == "yes" || $NF != "futex") &&
    $NF !~ /^(epoll_wait|accept4|epoll_ctl)$/ { sum += $4 } END { print sum }' "$build/strace"
}
per_request() {
  few=$(calls "$1" "$2" 2000 yes)
  many=$(calls "$1" "$2" 6000 yes)
  awk -v few="$few" -v many="$many" 'BEGIN { print (many - few) / 4000 - 2 }'  # the sink: one recv, one send a request
}
for threads in 1 16; do
  bare=$(per_request bare $threads)
  ours=$(per_request ours $threads)
  figure "system calls per delivery, futex included, $threads threads" "$ours" calls "<=" "$(awk -v b="$bare" 'BEGIN { print b + 0.2 }')"
  figure "the loop's system calls per request, $threads threads" "$bare" calls
done

# What the publishing thread itself asks of the kernel, between the two marks.
strace -f -e trace='!epoll_wait' -o "$build/strace" "$bin/flyhook_bench_publish" marked
own=$(awk '{ line[NR] = $0; tid[NR] = $1 } /getppid/ { mark[++marks] = NR }
  END { for (i = mark[1] + 1; i < mark[2]; ++i) if (tid[i] == tid[mark[1]]) ++n; print n + 0 }' "$build/strace")
figure "system calls of the publishing thread per 10,000 publishes" "$own" calls "<=" 10

# Compile time: a file that includes one header, against nlohmann/json.hpp alone, in turn.
flags="-std=c++20 -O0 -I$root/include $(pkg-config --cflags cpp-httplib 2>/dev/null || true)"
mkdir -p "$build/compile"
seconds() {
  printf '#include <%s>\n' "$1" >"$build/compile/one.cpp"
  began=$(date +%s%N)
  # shellcheck disable=SC2086
  $cxx $flags $2 -c "$build/compile/one.cpp" -o "$build/compile/one.o"
  echo $((($(date +%s%N) - began) / 1000000))
}
middle() { sort -n | sed -n '3p'; }
: >"$build/compile/json"; : >"$build/compile/publisher"; : >"$build/compile/flyhook"; : >"$build/compile/verifier"
for _ in 1 2 3 4 5; do
  seconds nlohmann/json.hpp "" >>"$build/compile/json"
  seconds flyhook/publisher.hpp -DFLYHOOK_SEPARATE_COMPILATION >>"$build/compile/publisher"
  seconds flyhook/flyhook.hpp "" >>"$build/compile/flyhook"
  seconds flyhook/verifier.hpp "" >>"$build/compile/verifier"
done
json=$(middle <"$build/compile/json")
figure "compile time of nlohmann/json.hpp" "$json" ms
figure "compile time of publisher.hpp (compiled mode) / json.hpp" "$(quotient "$(middle <"$build/compile/publisher")" "$json")" ratio "<=" 1.5
figure "compile time of flyhook.hpp (header-only) / json.hpp" "$(quotient "$(middle <"$build/compile/flyhook")" "$json")" ratio
figure "compile time of verifier.hpp (header-only) / json.hpp" "$(quotient "$(middle <"$build/compile/verifier")" "$json")" ratio
printf '#include <flyhook/publisher.hpp>\n' >"$build/compile/one.cpp"
# shellcheck disable=SC2086
included=$($cxx $flags -DFLYHOOK_SEPARATE_COMPILATION -M "$build/compile/one.cpp" | grep -c httplib.h || true)
figure "httplib.h among what publisher.hpp includes" "$included" files "<=" 0

[ $failed -eq 0 ] && echo "every target was met" || echo "MISSED in $failed of the parts above"
exit $((failed > 0))
