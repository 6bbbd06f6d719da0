#!/bin/sh
# The single headers, copied, and nothing else of flyhook.
# shellcheck disable=SC2046,SC2086 # flags are words
set -eu
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
mkdir -p flyhook
cp "$FLYHOOK/single_include/flyhook/flyhook.hpp" "$FLYHOOK/single_include/flyhook/receiver.hpp" flyhook/
cp "$CONSUMER/../one_delivery.cpp" main.cpp
cp "$CONSUMER/../receiver/main.cpp" receiver.cpp

"$CXX" -std=c++20 -I. $warnings main.cpp -o app $(pkg-config --cflags --libs cpp-httplib) -lssl -lcrypto -pthread
"$CXX" -std=c++20 -I. $warnings receiver.cpp -o app-receiver -lcrypto -pthread
./app-receiver
