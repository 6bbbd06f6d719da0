#ifndef FLYHOOK_TESTS_CATCH_HPP
#define FLYHOOK_TESTS_CATCH_HPP

// Catch2 v2 (Debian) and v3 (upstream) behind one include.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#endif
