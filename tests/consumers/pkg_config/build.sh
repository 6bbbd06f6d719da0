#!/bin/sh
# flyhook by pkg-config: header-only, and with the installed library.
# shellcheck disable=SC2046,SC2086 # flags are words
set -eu
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
flags="-std=c++20 $warnings"

"$CXX" $flags "$CONSUMER/../one_delivery.cpp" -o app $(pkg-config --cflags --libs flyhook)
"$CXX" $flags "$CONSUMER/../one_delivery.cpp" -o app-compiled $(pkg-config --cflags --libs flyhook-compiled)
"$CXX" $flags "$CONSUMER/../receiver/main.cpp" -o app-receiver $(pkg-config --cflags --libs flyhook-receiver)
./app-compiled
./app-receiver
