#ifndef FLYHOOK_SRC_HPP
#define FLYHOOK_SRC_HPP

// Every body of the default set. With FLYHOOK_SEPARATE_COMPILATION defined for all files, exactly one .cpp of a program
// includes this; optional adapters (store/sqlite.hpp and the like) bring a line of their own.

#include <flyhook/detail/config.hpp>

#if !defined(FLYHOOK_SEPARATE_COMPILATION)
#error \
    "flyhook/src.hpp is for separate compilation: define FLYHOOK_SEPARATE_COMPILATION in every file, or include flyhook/flyhook.hpp alone"
#endif

#include <flyhook/impl/admin.ipp>
#include <flyhook/impl/clock.ipp>
#include <flyhook/impl/delivery.ipp>
#include <flyhook/impl/detail/admin/api.ipp>
#include <flyhook/impl/detail/admin/credentials.ipp>
#include <flyhook/impl/detail/admin/failed_logins.ipp>
#include <flyhook/impl/detail/admin/representation.ipp>
#include <flyhook/impl/detail/admin/schemas.ipp>
#include <flyhook/impl/detail/decide/breaker.ipp>
#include <flyhook/impl/detail/decide/concurrency.ipp>
#include <flyhook/impl/detail/decide/explanation.ipp>
#include <flyhook/impl/detail/decide/filter.ipp>
#include <flyhook/impl/detail/decide/health.ipp>
#include <flyhook/impl/detail/decide/lane.ipp>
#include <flyhook/impl/detail/decide/outcome.ipp>
#include <flyhook/impl/detail/decide/recipient.ipp>
#include <flyhook/impl/detail/decide/registry.ipp>
#include <flyhook/impl/detail/decide/retry.ipp>
#include <flyhook/impl/detail/decide/rotation.ipp>
#include <flyhook/impl/detail/decide/scheduler.ipp>
#include <flyhook/impl/detail/decide/token_bucket.ipp>
#include <flyhook/impl/detail/decide/validation.ipp>
#include <flyhook/impl/detail/receive/reading.ipp>
#include <flyhook/impl/detail/receive/remembered_ids.ipp>
#include <flyhook/impl/detail/receive/repeats.ipp>
#include <flyhook/impl/detail/rfc3339.ipp>
#include <flyhook/impl/detail/run/dispatch.ipp>
#include <flyhook/impl/detail/run/engine.ipp>
#include <flyhook/impl/detail/run/guard.ipp>
#include <flyhook/impl/detail/run/intake.ipp>
#include <flyhook/impl/detail/run/pool.ipp>
#include <flyhook/impl/detail/run/resolver.ipp>
#include <flyhook/impl/detail/run/subscriptions.ipp>
#include <flyhook/impl/detail/security/crypto.ipp>
#include <flyhook/impl/detail/security/ed25519.ipp>
#include <flyhook/impl/detail/security/ip.ipp>
#include <flyhook/impl/detail/security/system_resolver.ipp>
#include <flyhook/impl/detail/security/url.ipp>
#include <flyhook/impl/detail/serve/exchange.ipp>
#include <flyhook/impl/detail/serve/mount.ipp>
#include <flyhook/impl/detail/serve/mounts.ipp>
#include <flyhook/impl/detail/store/memory_index.ipp>
#include <flyhook/impl/detail/store/memory_lane.ipp>
#include <flyhook/impl/detail/store/memory_ledger.ipp>
#include <flyhook/impl/detail/store/memory_log.ipp>
#include <flyhook/impl/detail/store/memory_pages.ipp>
#include <flyhook/impl/detail/transport/connection.ipp>
#include <flyhook/impl/detail/transport/http_exchange.ipp>
#include <flyhook/impl/encoding.ipp>
#include <flyhook/impl/error.ipp>
#include <flyhook/impl/event.ipp>
#include <flyhook/impl/event_type.ipp>
#include <flyhook/impl/http.ipp>
#include <flyhook/impl/id.ipp>
#include <flyhook/impl/observer.ipp>
#include <flyhook/impl/publisher.ipp>
#include <flyhook/impl/receiver.ipp>
#include <flyhook/impl/retry_policy.ipp>
#include <flyhook/impl/signing.ipp>
#include <flyhook/impl/store.ipp>
#include <flyhook/impl/store/memory.ipp>
#include <flyhook/impl/testing.ipp>
#include <flyhook/impl/transport/httplib.ipp>
#include <flyhook/impl/url_policy.ipp>
#include <flyhook/impl/verifier.ipp>

#endif
