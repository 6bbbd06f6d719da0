#ifndef FLYHOOK_TESTS_SIMULATION_EXERCISED_HPP
#define FLYHOOK_TESTS_SIMULATION_EXERCISED_HPP

#include <array>
#include <cstddef>
#include <cstdint>

// How often each invariant was put to the test: a run in which one of them never could have been broken says nothing of it.

namespace simulation {

enum class Rule {
  ends_delivered,
  ends_dead,
  ends_expired,
  ends_cancelled,
  listed_due,         ///< a delivery that waits is listed with its time
  listed_ended,       ///< one that has ended is listed as it ended
  sent_after_2xx,     ///< and was replayed
  first_wait,         ///< the first attempt's time, judged by its policy
  retry_wait,         ///< a retry's, by its policy and its answer
  asked_wait,         ///< of those, by a Retry-After
  schedule_ends,      ///< dead where the schedule says so
  too_old,            ///< dead for its max_age
  sent_at_its_time,   ///< with a deliver_at that was to come
  expired_in_time,    ///< not before its expires_at
  published_order,    ///< appended after what was published before
  has_order,          ///< appended with the order number that its subscription asks for
  sent_in_order,      ///< while others wait behind it
  sent_next,          ///< after one that it waited behind
  in_flight_full,     ///< a request that fills max_in_flight
  slots_full,         ///< a request that fills the sending slots
  in_flight_lowered,  ///< a request within a limit that answers have lowered
  rate_kept,          ///< a request under a rate limit
  rate_last_token,    ///< of those, one that takes the last token
  breaker_probe,      ///< a request through a breaker that is open
  hold_kept,          ///< a request after a Retry-After's hold
  slow_bounded,       ///< a request to a slow endpoint while slow ones hold half of the slots
  isolated,           ///< a healthy endpoint was sent all at once while another one was held up
  nothing_due,        ///< an open endpoint has nothing that could be sent
  stats_compared,     ///< all counters
  window_full,        ///< a lane's window at its bound
  backlog_full,       ///< a lane's backlog at its bound: the oldest has ended
  store_full,         ///< an event that found no room in the store
  queue_full,         ///< the intake at its bound
  told_attempt,
  told_delivered,
  told_dead,
  told_health,    ///< failing, disabled, recovered
  claim_lost,     ///< a delivery was handed out to who lost its slot
  sent_directly,  ///< appended for one URL alone
  tested,         ///< appended to try out one subscription
  recovered,      ///< dead ones by `recover`
  count
};

class Exercised {
 public:
  void note(Rule rule) { ++times_[static_cast<std::size_t>(rule)]; }
  std::uint64_t times(Rule rule) const { return times_[static_cast<std::size_t>(rule)]; }

  Exercised& operator+=(const Exercised& other) {
    for (std::size_t i = 0; i < times_.size(); ++i) times_[i] += other.times_[i];
    return *this;
  }
  friend bool operator==(const Exercised&, const Exercised&) = default;

  static const char* name(Rule rule) {
    static constexpr std::array names{
        "ends_delivered",   "ends_dead",       "ends_expired",      "ends_cancelled", "listed_due",      "listed_ended",
        "sent_after_2xx",   "first_wait",      "retry_wait",        "asked_wait",     "schedule_ends",   "too_old",
        "sent_at_its_time", "expired_in_time", "published_order",   "has_order",      "sent_in_order",   "sent_next",
        "in_flight_full",   "slots_full",      "in_flight_lowered", "rate_kept",      "rate_last_token", "breaker_probe",
        "hold_kept",        "slow_bounded",    "isolated",          "nothing_due",    "stats_compared",  "window_full",
        "backlog_full",     "store_full",      "queue_full",        "told_attempt",   "told_delivered",  "told_dead",
        "told_health",      "claim_lost",      "sent_directly",     "tested",         "recovered"};
    static_assert(names.size() == static_cast<std::size_t>(Rule::count));
    return names[static_cast<std::size_t>(rule)];
  }

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(Rule::count)> times_{};
};

}  // namespace simulation

#endif
