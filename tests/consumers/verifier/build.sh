#!/bin/sh
# Verifying only: one header, one library.
# shellcheck disable=SC2046,SC2086 # flags are words
set -eu
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"

"$CXX" -std=c++20 -I"$FLYHOOK/include" $warnings "$CONSUMER/main.cpp" -o app -lcrypto
if ldd app | grep -E 'httplib|libssl'; then
  echo "a program that only verifies needs more than libcrypto"
  exit 1
fi
