#ifndef FLYHOOK_OBSERVER_HPP
#define FLYHOOK_OBSERVER_HPP

#include <flyhook/delivery.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/id.hpp>
#include <flyhook/subscription.hpp>

#include <functional>
#include <string_view>

// How an application sees what happens in the background.

namespace flyhook {

/// Called by pool threads, under no lock, possibly by several at once; for one subscription in the order of its outcomes.
/// A slow call holds up its subscription and its thread only. What it throws is caught and counted
/// (`Stats::callback_errors`). Every member of the publisher may be called from it, but `drain`, `stop` and `settle`,
/// which throw `unsupported` there.
class Observer {
 public:
  virtual ~Observer() = default;

  /// After each attempt, once its outcome is in the store. The record's `attempts` holds this one alone, here and below:
  /// `deliveries()` lists all of them.
  virtual void on_attempt(const DeliveryRecord&, const Attempt&) {}
  virtual void on_delivered(const DeliveryRecord&) {}
  /// A delivery that will not be tried again, unless replayed; `reason` says why. Of those that end together because their
  /// subscription was disabled the first 1,000 are told one by one, the rest only counted (`Stats::dead`).
  virtual void on_dead(const DeliveryRecord&) {}
  /// Nothing has succeeded for half of `Options::disable_after`. Told by the failed attempt that finds it so, and once:
  /// again only after `on_recovered`, `enable` or a new URL.
  virtual void on_failing(const Subscription&, std::string_view /*reason*/) {}
  /// It answered 410, or nothing has succeeded for `Options::disable_after`: no deliveries are made until `enable`, and
  /// what waited is dead. Not told of what the application disables itself.
  virtual void on_disabled(const Subscription&, std::string_view /*reason*/) {}
  /// The first success after `on_failing`.
  virtual void on_recovered(const Subscription&) {}
  /// An event that publish accepted and that could not be kept: it did not encode, was too large, had to make room
  /// (`Overflow::drop_oldest`), or was still pending at shutdown.
  virtual void on_dropped(const EventId&, std::string_view /*reason*/) {}
  /// The store or user code failed. Sentences for a log; never a secret.
  virtual void on_error(std::string_view /*what*/) {}
};

/// Writes one line per attempt and event of note.
class LogObserver : public Observer {
 public:
  /// Lines go to stderr, each in one write.
  FLYHOOK_DECL LogObserver();
  /// `write` gets each line without a line end; it may be called by several threads at once.
  FLYHOOK_DECL explicit LogObserver(std::function<void(std::string_view line)> write);

  FLYHOOK_DECL void on_attempt(const DeliveryRecord& delivery, const Attempt& attempt) override;
  FLYHOOK_DECL void on_dead(const DeliveryRecord& delivery) override;
  FLYHOOK_DECL void on_failing(const Subscription& subscription, std::string_view reason) override;
  FLYHOOK_DECL void on_disabled(const Subscription& subscription, std::string_view reason) override;
  FLYHOOK_DECL void on_recovered(const Subscription& subscription) override;
  FLYHOOK_DECL void on_dropped(const EventId& event, std::string_view reason) override;
  FLYHOOK_DECL void on_error(std::string_view what) override;

 private:
  std::function<void(std::string_view)> write_;
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/observer.ipp>
#endif

#endif
