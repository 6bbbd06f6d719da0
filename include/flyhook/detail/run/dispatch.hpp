#ifndef FLYHOOK_DETAIL_RUN_DISPATCH_HPP
#define FLYHOOK_DETAIL_RUN_DISPATCH_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/lane.hpp>
#include <flyhook/detail/decide/outcome.hpp>
#include <flyhook/encoding.hpp>
#include <flyhook/http.hpp>
#include <flyhook/options.hpp>
#include <flyhook/store.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

// From a delivery picked to the request that leaves, and back from the answer to the outcome. Values only; the engine does
// the sending.

namespace flyhook::detail {

/// The bodies of one event, made at the first attempt in each encoding and shared by the deliveries in all windows.
struct SharedBodies {
  explicit SharedBodies(std::shared_ptr<const Message> message) : of(std::move(message)) {}

  const std::shared_ptr<const Message> of;
  std::mutex mutex;
  std::array<std::shared_ptr<const Encoded>, 4> by_encoding{};  // under `mutex`
};

/// A delivery picked for sending, with all that its request needs.
struct Job {
  Claim claim{};
  EndpointPtr endpoint{};
  std::shared_ptr<const Message> message{};
  std::shared_ptr<SharedBodies> bodies{};
  std::shared_ptr<const Resolved> resolved{};
  std::uint32_t attempts = 0;  ///< made before this one
  Progress progress{};
  std::uint64_t random = 0;  ///< this attempt's own
  AttemptTrigger trigger{};
};

/// What an attempt came to, for the settle list.
struct Settling {
  Outcome outcome{};
  std::optional<std::chrono::nanoseconds> wait{};  ///< pending: until the next attempt; none: nothing was spent
  Bearing bearing{};
  std::size_t attempts = 0;    ///< with this one, if it was made
  bool is_of_another = false;  ///< the endpoint has another URL by now
  bool is_unsent = false;      ///< it was given up, or put off, before a request was made
  EndpointPtr endpoint{};
  std::shared_ptr<const Message> message{};
};

/// The message as the endpoint wants it, encoded once per event and encoding. Throws Error.
FLYHOOK_DECL std::shared_ptr<const Encoded> encoded(const Job& job, const Options& options);

/// The signed request of an attempt at `now`, by the wall clock, and `elapsed`, by the other.
FLYHOOK_DECL HttpRequest make_request(const Job& job, const std::shared_ptr<const Encoded>& body, const Options& options,
                                      TimePoint now, std::chrono::nanoseconds elapsed);

/// Judges the answer, which was there at `now`, to the job's attempt that began at `began`.
FLYHOOK_DECL Settling conclude(Job job, HttpResponse response, TimePoint began, std::chrono::nanoseconds took,
                               TimePoint now);

/// The job cannot be sent at all: ended, without an attempt.
FLYHOOK_DECL Settling give_up(Job job, DeliveryStatus status, std::string reason);

/// What ends the job or puts it off instead of an attempt at `now`: its time is over, or has not come. None: it is to be
/// sent. Takes the job if there is something.
FLYHOOK_DECL std::optional<Settling> instead_of_sending(Job& job, TimePoint now);

/// Its event is cancelled: after a failed attempt there is no other.
FLYHOOK_DECL void cancel_retry(Settling& settling);

/// What an observer is shown.
FLYHOOK_DECL DeliveryRecord record_of(const Settling& settling);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/run/dispatch.ipp>
#endif

#endif
