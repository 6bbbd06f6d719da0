#!/bin/sh
# From a bare Debian 12 to flyhook at work: installs what is missing, builds an example and runs it.
# usage: examples/run.sh [EXAMPLE]       EXAMPLE: a folder here; quickstart if none is given
set -eu
cd "$(dirname "$0")/.."
example=${1:-quickstart}

missing=
for package in g++ cmake ninja-build pkg-config libcpp-httplib-dev nlohmann-json3-dev libssl-dev libsqlite3-dev curl openssl; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  as_root=
  [ "$(id -u)" -eq 0 ] || as_root=sudo
  echo "installing:$missing"
  $as_root apt-get update -qq
  # shellcheck disable=SC2086 # package names are words
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

cmake -S . -B build/examples -G Ninja -DFLYHOOK_BUILD_TESTS=OFF -DFLYHOOK_INSTALL=OFF \
  -DFLYHOOK_FETCH_DEPENDENCIES=OFF -DFLYHOOK_BUILD_EXAMPLES=ON >/dev/null
cmake --build build/examples --target "example_$example"
echo
if [ -e "examples/$example/run.sh" ]; then exec "examples/$example/run.sh" "build/examples/examples/$example"; fi
exec "build/examples/examples/$example/$example"
