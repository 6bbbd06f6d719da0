#ifndef FLYHOOK_DETAIL_RECEIVE_REPEATS_HPP
#define FLYHOOK_DETAIL_RECEIVE_REPEATS_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/receive/remembered_ids.hpp>
#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/http.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

// Which requests were handled before. An id is kept once its request succeeded; while one runs, others of the same id wait
// for its answer. What is kept is a digest of fixed size, so that a long id costs no more than a short one.

namespace flyhook::detail {

/// Thread-safe. Remembers in memory only.
class Repeats {
 public:
  /// How long an id is known.
  static constexpr std::chrono::hours longest{7 * 24};

  /// Remembers the last `remember` ids; 0: none, but two at once still run once.
  FLYHOOK_DECL Repeats(std::string_view scope, std::size_t remember);

  /// What `run` answers; 204 without it if the id is known; the answer of another call with this id that is running. An
  /// answer other than 2xx, and an exception, which goes on to the caller, make the id unknown again. Called with no lock
  /// held. A `run` that comes back with the same id would wait for itself: it gets a 500. `now`: the clock's elapsed().
  FLYHOOK_DECL HttpResponse answer(std::string_view id, std::chrono::nanoseconds now,
                                   const std::function<HttpResponse()>& run);

  FLYHOOK_DECL std::size_t size() const;     ///< ids that are known or run
  FLYHOOK_DECL std::size_t waiting() const;  ///< calls that wait for another's answer

 private:
  using Digest = RememberedIds::Digest;
  /// What the first call brought, for those that wait for it.
  struct Outcome {
    HttpResponse answer{};
    bool is_there = false;
  };
  struct Running {
    Digest digest{};
    std::thread::id runner{};
    std::shared_ptr<Outcome> outcome{};  // made by the first that waits
  };
  class Turn;

  FLYHOOK_DECL Digest digest_of(std::string_view id) const;
  FLYHOOK_DECL std::vector<Running>::iterator find_running(const Digest& digest);  // caller holds mutex_

  const HmacKey key_;
  mutable std::mutex mutex_;  // protects all below
  std::condition_variable done_;
  std::vector<Running> running_;  // as many as there are requests at a time: looked through
  RememberedIds handled_;
  std::size_t waiting_ = 0;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/receive/repeats.ipp>
#endif

#endif
