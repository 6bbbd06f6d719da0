#ifndef FLYHOOK_RECEIVER_HPP
#define FLYHOOK_RECEIVER_HPP

// The receiving end: verifying that a request came from who knows the secret. Needs no engine and no HTTP library.

#include <flyhook/http.hpp>
#include <flyhook/verifier.hpp>

#endif
