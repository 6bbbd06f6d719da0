#ifndef FLYHOOK_DETAIL_CONFIG_HPP
#define FLYHOOK_DETAIL_CONFIG_HPP

// Version and build mode: the only macros of the library besides FLYHOOK_WITH_*. Every header starts here.
//
// Header-only is the default: each header ends by including its bodies from impl/, all `inline`. With
// FLYHOOK_SEPARATE_COMPILATION defined in every file, headers are declarations only and exactly one .cpp includes
// <flyhook/src.hpp>; the CMake target flyhook::compiled is that .cpp as a static library.

#define FLYHOOK_VERSION_MAJOR 0
#define FLYHOOK_VERSION_MINOR 1
#define FLYHOOK_VERSION_PATCH 0
#define FLYHOOK_VERSION "0.1.0"

#if defined(_MSVC_LANG)
#if _MSVC_LANG < 202002L
#error "flyhook needs C++20: compile with /std:c++20 or newer"
#endif
#elif __cplusplus < 202002L
#error "flyhook needs C++20: compile with -std=c++20 or newer"
#endif

#if defined(FLYHOOK_SEPARATE_COMPILATION)
#define FLYHOOK_DECL
#else
#define FLYHOOK_HEADER_ONLY
#define FLYHOOK_DECL inline
#endif

#endif
