#!/bin/sh
# The tests of HttplibTransport and of a mounted Receiver against another cpp-httplib than the installed one: header-only,
# as upstream has it.
# usage: upstream.sh HTTPLIB_H      the path of its httplib.h; CXX: the compiler (g++)
set -eu
header=$(realpath "$1")
flyhook=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n 's/^#define CPPHTTPLIB_VERSION \(.*\)/cpp-httplib \1/p' "$header"

mkdir "$work/include"
cp "$header" "$work/include/httplib.h"
echo '#include <flyhook/src.hpp>' >"$work/flyhook.cpp"
cd "$work"
objects=
# The one that includes httplib.h first: it takes longest.
for source in flyhook.cpp "$flyhook/tests/main.cpp" "$flyhook/tests/contract/transport_suite.cpp" \
  "$flyhook"/tests/integration/httplib_*_test.cpp "$flyhook"/tests/integration/hostile_*_test.cpp \
  "$flyhook/tests/integration/rebinding_test.cpp" "$flyhook/tests/integration/receiver_test.cpp"; do
  [ -e "$source" ] || continue
  object=$(basename "$source" .cpp).o
  "${CXX:-g++}" -std=c++20 -O1 -g1 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -DFLYHOOK_SEPARATE_COMPILATION \
    -DCPPHTTPLIB_OPENSSL_SUPPORT -DFLYHOOK_VECTORS_DIR="\"$flyhook/tests/vectors\"" -isystem "$work/include" \
    -I"$flyhook/include" -I"$flyhook/tests" -c "$source" -o "$object" &
  objects="$objects $object"
  [ "$source" != flyhook.cpp ] || wait
done
wait
# shellcheck disable=SC2086 # objects are words
"${CXX:-g++}" $objects -o tests -lssl -lcrypto -pthread
./tests
