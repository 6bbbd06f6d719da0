#ifndef FLYHOOK_FLYHOOK_HPP
#define FLYHOOK_FLYHOOK_HPP

// The default set: publish and receive, the API to register and look, over HTTP by cpp-httplib, with deliveries kept in
// memory.

#include <flyhook/admin.hpp>
#include <flyhook/publisher.hpp>
#include <flyhook/receiver.hpp>
#include <flyhook/signing.hpp>
#include <flyhook/store/memory.hpp>
#include <flyhook/transport/httplib.hpp>

#endif
