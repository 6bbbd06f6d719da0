#!/bin/sh
# Separate compilation by hand: the macro for every file, and one file that includes flyhook/src.hpp.
# shellcheck disable=SC2046,SC2086 # flags are words
set -eu
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
flags="-std=c++20 -I$FLYHOOK/include -DFLYHOOK_SEPARATE_COMPILATION $warnings $(pkg-config --cflags cpp-httplib)"

echo '#include <flyhook/src.hpp>' >flyhook.cpp
"$CXX" $flags -c flyhook.cpp -o flyhook.o
"$CXX" $flags -c "$CONSUMER/../one_delivery.cpp" -o main.o
"$CXX" main.o flyhook.o -o app $(pkg-config --libs cpp-httplib) -lssl -lcrypto -pthread
