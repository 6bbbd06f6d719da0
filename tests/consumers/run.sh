#!/bin/sh
# Builds and runs one consumer as its user would, in a folder of its own.
# usage: run.sh NAME FLYHOOK_DIR WORK_DIR      NAME: a folder here, or `install`, which the installed ones need first
set -eu
name=$1
FLYHOOK=$(cd "$2" && pwd)
mkdir -p "$3"
work=$(cd "$3" && pwd)
CONSUMER=$FLYHOOK/tests/consumers/$name
CXX=${CXX:-c++}
# Where `install` put flyhook. It is moved there after the installation: an installed tree must not know where it was built.
prefix=$work/prefix
export FLYHOOK CONSUMER CXX
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig:$prefix/lib64/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi

if [ "$name" = install ]; then
  rm -rf "$work/staged" "$prefix"
  cmake -S "$FLYHOOK" -B "$work/flyhook" -G Ninja -DFLYHOOK_BUILD_TESTS=OFF -DFLYHOOK_BUILD_EXAMPLES=OFF \
    -DFLYHOOK_FETCH_DEPENDENCIES=OFF -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_INSTALL_PREFIX="$work/staged"
  cmake --build "$work/flyhook"
  cmake --install "$work/flyhook"
  mv "$work/staged" "$prefix"
  if grep -rlF "$work" "$prefix/lib/cmake" "$prefix/lib/pkgconfig"; then
    echo "these files know where flyhook was built or staged"
    exit 1
  fi
  exit 0
fi

rm -rf "$work/${name:?}"
mkdir -p "$work/$name"
if [ -f "$CONSUMER/CMakeLists.txt" ]; then
  cmake -S "$CONSUMER" -B "$work/$name" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
    -DFLYHOOK_DIRECTORY="$FLYHOOK" -DFETCHCONTENT_SOURCE_DIR_FLYHOOK="$FLYHOOK" --no-warn-unused-cli
  cmake --build "$work/$name"
else
  (cd "$work/$name" && sh -x "$CONSUMER/build.sh")
fi
"$work/$name/app"
