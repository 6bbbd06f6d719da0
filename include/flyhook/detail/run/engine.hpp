#ifndef FLYHOOK_DETAIL_RUN_ENGINE_HPP
#define FLYHOOK_DETAIL_RUN_ENGINE_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/recipient.hpp>
#include <flyhook/detail/decide/scheduler.hpp>
#include <flyhook/detail/run/dispatch.hpp>
#include <flyhook/detail/run/guard.hpp>
#include <flyhook/detail/run/intake.hpp>
#include <flyhook/detail/run/pool.hpp>
#include <flyhook/detail/run/subscriptions.hpp>
#include <flyhook/options.hpp>
#include <flyhook/stats.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

// The way of an event, in its order. Each step does what a machine said; the machines are in detail/decide/.
//
//   publish ─► intake ─► accept (encode, match, append) ─► lanes ─► dispatch (guard, sign, send) ─► judge ─► settle
//   (finish)
//                          intake role: one thread                  every sending thread              settle role: one
//                          thread
//
// A thread's life is `turn`: it takes a role that has work, sends, and does so until there is nothing to do. Between two
// steps it calls `exchange`, the one place where the engine's lock is taken for a delivery: it hands in what the last step
// brought and takes out the next step.

namespace flyhook::detail {

class Engine : public Worker, public std::enable_shared_from_this<Engine> {
 public:
  /// Throws Error for options out of range, a transport that serves another engine, or a store that fails.
  FLYHOOK_DECL static std::shared_ptr<Engine> start(Options options);
  FLYHOOK_DECL ~Engine() override;

  /// True in a forked child: every lock may be held by a thread that does not exist here.
  bool is_forked() const noexcept { return fork_generation() != fork_generation_; }
  const Options& options() const noexcept { return options_; }
  TimePoint now() const { return clock_.now(); }

  // Publishing ------------------------------------------------------------------------------------------------------------

  /// Takes the event over, or says why not.
  FLYHOOK_DECL PublishResult publish(std::unique_ptr<QueuedEvent> event);
  FLYHOOK_DECL PublishResult refuse(PublishStatus status, std::string reason);
  /// Empty, or why no request may go there; what a look-up would tell is left to the attempts.
  FLYHOOK_DECL std::string refusal_of(const Target& target) const;
  /// Throws Error: `not_found`, `queue_full`, `stopped`.
  FLYHOOK_DECL EventId send_test(const SubscriptionId& id);

  // Subscriptions ---------------------------------------------------------------------------------------------------------

  const Subscriptions& subscriptions() const noexcept { return subscriptions_; }
  void add_types(const std::vector<EventType>& types) { subscriptions_.add_types(types); }
  std::vector<EventType> event_types() const { return subscriptions_.event_types(); }
  // Written first; then the lane learns it, and what must not be sent any more is returned or ended.
  FLYHOOK_DECL SubscriptionId subscribe(Subscription subscription);
  /// What the host of a URL stands for now, whatever the policy says of it; waits as subscribe does.
  std::vector<std::string> addresses_of(const Url& url) { return guard_.addresses_of(url, options_.connect_timeout); }
  /// As subscribe, but an id that exists is a `conflict` ("id"), whoever it belongs to.
  FLYHOOK_DECL SubscriptionId create(Subscription subscription);
  // `lane`: only of the subscription whose lane that is, not of one that was made under its id since; 0: of either.
  FLYHOOK_DECL bool update(const SubscriptionId& id, const SubscriptionPatch& patch, std::uint64_t lane = 0);
  FLYHOOK_DECL std::string rotate_secret(const SubscriptionId& id, std::chrono::seconds grace, std::uint64_t lane = 0);
  FLYHOOK_DECL bool unsubscribe(const SubscriptionId& id);

  // Deliveries ------------------------------------------------------------------------------------------------------------

  FLYHOOK_DECL std::size_t cancel(const EventId& event);
  FLYHOOK_DECL bool replay(const DeliveryId& delivery);
  FLYHOOK_DECL std::size_t recover(const SubscriptionId& id, const RecoverOptions& options);
  FLYHOOK_DECL bool erase(const EventId& event);

  // Looking ---------------------------------------------------------------------------------------------------------------

  FLYHOOK_DECL std::vector<DeliveryRecord> deliveries(const DeliveryQuery& query);
  /// The one of that id, if `also` finds it; its `limit` and `cursor` are not read.
  FLYHOOK_DECL std::optional<DeliveryRecord> delivery(const DeliveryId& id, const DeliveryQuery& also = {});
  /// As the store has it, or as it was when it matched nothing. Throws Error (`not_found`).
  FLYHOOK_DECL std::shared_ptr<const Message> find_event(const EventId& id);
  FLYHOOK_DECL std::vector<Explanation> explain(const EventId& event);
  FLYHOOK_DECL Stats stats();

  // Ending ----------------------------------------------------------------------------------------------------------------

  FLYHOOK_DECL bool settle(std::chrono::milliseconds real_limit);
  FLYHOOK_DECL bool drain(std::chrono::milliseconds timeout);
  FLYHOOK_DECL void stop(std::chrono::milliseconds timeout);
  /// `stop` was called: what was pending then may still be under way.
  bool is_stopped() const noexcept { return intake_.is_closed(); }

  // Worker ----------------------------------------------------------------------------------------------------------------

  FLYHOOK_DECL Turn turn(bool may_send) override;
  FLYHOOK_DECL void on_thread_error(const std::string& what) override;

 private:
  using Clock_ns = std::chrono::nanoseconds;
  using Real = std::chrono::steady_clock;

  /// What should a thread do next?
  enum class Next { nothing, report, notify, send, resolve, finish, fetch, give_back, close, disable, own };

  /// Something an observer is told of a lane.
  struct Notice {
    enum class What { attempted, ended, failing, disabled, recovered };
    What what = What::attempted;
    DeliveryRecord record{};  // of the first two; `ended`: without an attempt
    EndpointPtr endpoint{};   // of the others
    std::string reason{};
  };

  /// A subscription that is to be disabled, since its endpoint wants it so or has failed for too long.
  struct Disabling {
    EndpointPtr endpoint{};
    std::string reason{};
  };

  /// An event whose deliveries end: what a fetch brings that is under way is not to be sent either.
  struct Cancelling {
    EventId event{};
    bool is_done = false;  // but for that fetch
  };

  /// What ended at once.
  struct Ended {
    std::size_t count = 0;
    bool is_complete = false;  // else the store failed, and the settle role goes on with the rest
  };

  /// What a thread carries from one step to the next.
  struct Hand {
    Turn saw{};  // its last look, for the pool
    bool just_settled = false;

    std::optional<Settling> judged{};  // in: of the send that ended
    std::uint64_t resolved_lane = 0;   // in: of the look-up that was answered at once
    std::shared_ptr<const Resolved> resolved{};

    Next role_step = Next::nothing;  // the settle role is held for this; `exchange` applies what it brought
    bool failed = false;             // the store threw
    std::vector<Outcome> outcomes{};
    std::vector<Settling> settling{};  // outcomes' events, in the same order
    std::vector<FinishStatus> finished{};
    std::vector<LaneWant> wants{};
    std::vector<LaneFetched> fetched{};
    std::vector<std::vector<Claimed>> claimed{};
    std::vector<Claim> claims{};
    CloseRequest closing{};
    Closed closed{};
    Disabling disabling{};
    EndpointPtr disabled{};  // what it is now; null: it is gone, or another one
    Ownership ownership{};
    bool knows_all = false;  // a lane of `ownership` that is not in `endpoints` has no subscription
    std::unordered_map<std::uint64_t, EndpointPtr> endpoints{};

    Job job{};                       // out: to be sent
    std::uint64_t resolve_lane = 0;  // out: to be looked up
    EndpointPtr resolve_for{};
    std::uint64_t notify_lane = 0;                           // out: whose notices are told; in: they were
    std::deque<Notice> notices{};                            // of that lane, oldest first
    std::vector<std::pair<EventId, std::string>> dropped{};  // out: for Observer::on_dropped
    std::vector<DeliveryRecord> ended{};                     // out: for Observer::on_dead
    std::vector<std::string> errors{};                       // out: for Observer::on_error
  };

  /// An attempt between `send` and `done`.
  struct Exchange {
    std::shared_ptr<Engine> engine{};  // until it is answered: a transport may outlive us
    Job job{};
    TimePoint began{};
    Clock_ns began_elapsed{0};
    std::thread::id sender{};
    bool is_sending = false;   // the sender's alone
    bool is_answered = false;  // the sender's alone
    HttpResponse response{};
    Clock_ns took{0};
    std::atomic<bool> is_done{false};
  };

  /// Delays between tries of a store call that failed.
  struct Backoff {
    Clock_ns next{0};
    Clock_ns step{0};
    void failed(Clock_ns now) {
      step = step.count() == 0 ? Clock_ns{std::chrono::milliseconds{100}}
                               : std::min<Clock_ns>(2 * step, std::chrono::seconds{5});
      next = now + step;
    }
    void succeeded() { *this = {}; }
  };

  /// What the intake role's holder works on, between its turns too: what the store did not take stays here.
  struct Accepting {
    struct Planned {
      std::shared_ptr<const Message> message{};
      std::uint64_t content_hash = 0;
      std::size_t bytes = 0;  // estimated, as counted by the intake
      std::vector<EndpointPtr> targets{};
      std::shared_ptr<SharedBodies> bodies{};
      bool is_repeat = false;  // the store answered `unknown` before
    };
    QueuedEvents rest{};                  // taken, not yet encoded
    std::deque<Planned> planned{};        // encoded and matched, oldest first, to be appended
    std::vector<DeliveryRecord> ended{};  // of no lane that is known
    Backoff backoff{};
    bool is_full = false;  // the last append had no room, and else no fault
    std::vector<std::pair<EventId, std::string>> dropped{};
    std::vector<std::string> errors{};
    std::size_t left_count = 0, left_bytes = 0;  // what has left the intake in this step
    std::vector<EndpointPtr> found{};
    Clock_ns yield_at{0};  // not before: others were long at it the last time
  };

  /// Marks a thread as flyhook's while it runs our code or the user's.
  class OnFlyhookThread {
   public:
    OnFlyhookThread() : was_(std::exchange(on_flyhook_thread(), true)) {}
    OnFlyhookThread(const OnFlyhookThread&) = delete;
    OnFlyhookThread& operator=(const OnFlyhookThread&) = delete;
    ~OnFlyhookThread() { on_flyhook_thread() = was_; }
    bool is_nested() const { return was_; }

   private:
    bool was_;
  };

  FLYHOOK_DECL Engine(Options options, const std::array<std::uint64_t, 12>& seed);

  // accept
  FLYHOOK_DECL bool wants_accept(Clock_ns now) const;
  FLYHOOK_DECL bool accept(Hand& hand);
  FLYHOOK_DECL void encode_batch(Accepting& work);
  FLYHOOK_DECL std::size_t encode_one(Accepting& work, std::unique_ptr<QueuedEvent> event, const EndpointIndex& index);
  FLYHOOK_DECL void append_batch(Accepting& work);
  FLYHOOK_DECL std::chrono::nanoseconds first_wait(const Endpoint& endpoint, const Message& message, TimePoint now) const;
  FLYHOOK_DECL AppendBatch claim_room(Accepting& work);
  FLYHOOK_DECL bool take_result(Accepting& work, const AppendBatch& asked, const AppendResult& result);
  FLYHOOK_DECL void overflowed(Accepting& work, std::vector<DeliveryRecord> records);
  FLYHOOK_DECL EndpointPtr endpoint_of(const Message& message) const;
  FLYHOOK_DECL EndpointPtr lane_endpoint(std::uint64_t lane,
                                         const std::unordered_map<std::uint64_t, EndpointPtr>& endpoints) const;
  FLYHOOK_DECL std::shared_ptr<SharedBodies> shared_bodies(const std::shared_ptr<const Message>& message,
                                                           std::size_t deliveries);

  // the turn
  FLYHOOK_DECL Next exchange(Hand& hand, bool may_send, bool may_settle);
  FLYHOOK_DECL void hand_in(Hand& hand, Clock_ns now);    // caller holds mutex_
  FLYHOOK_DECL Next take_role(Hand& hand, Clock_ns now);  // caller holds mutex_
  FLYHOOK_DECL bool take_closing(Hand& hand);             // caller holds mutex_
  FLYHOOK_DECL Next take_notices(Hand& hand);             // caller holds mutex_
  FLYHOOK_DECL Next take_job(Hand& hand, Clock_ns now);   // caller holds mutex_
  FLYHOOK_DECL void look(Hand& hand, Clock_ns now);       // caller holds mutex_
  FLYHOOK_DECL void perform(Hand& hand, Next next);

  // dispatch
  FLYHOOK_DECL void resolve(Hand& hand);
  FLYHOOK_DECL void resolved(std::uint64_t lane, std::shared_ptr<const Resolved> answer);
  FLYHOOK_DECL std::optional<Settling> instead_of_sending_directly(Job& job);
  FLYHOOK_DECL void send(Hand& hand);
  FLYHOOK_DECL void answered(const std::shared_ptr<Exchange>& exchange, HttpResponse response);
  FLYHOOK_DECL void send_on(Hand& hand);

  // settle
  FLYHOOK_DECL void call_store(Hand& hand, Next next);
  FLYHOOK_DECL void acquire(Hand& hand);
  FLYHOOK_DECL void apply(Hand& hand, Clock_ns now);                                       // caller holds mutex_
  FLYHOOK_DECL void apply_finished(Hand& hand, Clock_ns now);                              // caller holds mutex_
  FLYHOOK_DECL void settled(Lane& lane, Settling& settling, Clock_ns now);                 // caller holds mutex_
  FLYHOOK_DECL void weigh(Lane& lane, const Settling& settling, Clock_ns now);             // caller holds mutex_
  FLYHOOK_DECL void disable(Lane& lane, const EndpointPtr& endpoint, std::string reason);  // caller holds mutex_
  FLYHOOK_DECL bool is_cancelling(const EventId& event) const;                             // caller holds mutex_
  FLYHOOK_DECL void apply_closed(Hand& hand);                                              // caller holds mutex_
  FLYHOOK_DECL void apply_disabled(Hand& hand);                                            // caller holds mutex_
  FLYHOOK_DECL std::string count_closed(const CloseRequest& request, Closed& closed);      // caller holds mutex_
  FLYHOOK_DECL void notice(Lane& lane, Notice notice);                                     // caller holds mutex_
  FLYHOOK_DECL void apply_fetched(Hand& hand, Clock_ns now);                               // caller holds mutex_
  FLYHOOK_DECL void apply_ownership(Hand& hand, Clock_ns now);                             // caller holds mutex_
  FLYHOOK_DECL void deposit(Settling settling, Clock_ns now);                              // caller holds mutex_
  FLYHOOK_DECL void give_back_window(Lane& lane);                                          // caller holds mutex_
  FLYHOOK_DECL void close_if_ended(Lane& lane);                                            // caller holds mutex_
  FLYHOOK_DECL void changed(const EndpointPtr& endpoint);
  FLYHOOK_DECL Ended cancel_event(const EventId& event);
  FLYHOOK_DECL Ended close_now(std::vector<Claim> claims, CloseRequest request);
  FLYHOOK_DECL void take_in();
  FLYHOOK_DECL void more_in(std::span<const std::uint64_t> lanes);
  template <class Call>
  auto change_history(Call call);
  FLYHOOK_DECL void end_lane(const EndpointPtr& endpoint, DeliveryStatus status, const std::string& reason);
  FLYHOOK_DECL void notify(Hand& hand);  // of a lane's outcomes
  FLYHOOK_DECL void report(Hand& hand);  // what was dropped, what failed
  FLYHOOK_DECL void tell_left(Hand& hand);
  template <class Call>
  void tell(Call call);
  FLYHOOK_DECL void tell_error(const std::string& what);

  // looking
  FLYHOOK_DECL void note_unmatched(std::shared_ptr<const Message> message);
  FLYHOOK_DECL void forget_unmatched(const EventId& event);

  // waiting
  FLYHOOK_DECL bool is_quiet(Clock_ns now) const;  // caller holds mutex_: nothing is due, queued or in flight
  FLYHOOK_DECL bool is_still() const;              // caller holds mutex_: no step is under way, nothing is unsettled
  FLYHOOK_DECL bool has_no_threads() const;        // whoever waits does the work
  FLYHOOK_DECL bool is_store_empty();
  FLYHOOK_DECL bool wait_quiet(Real::time_point deadline, bool until_empty);
  FLYHOOK_DECL void wait_still(Real::time_point deadline);
  FLYHOOK_DECL void finish_stop() noexcept;  // when no thread works any more
  FLYHOOK_DECL void report_pending();
  FLYHOOK_DECL TimePoint stored_time(Clock_ns elapsed) const;

  const Options options_;  // every port set
  const TransportTraits traits_;
  const unsigned fork_generation_;
  const bool sends_in_done_;  // an asynchronous transport's thread goes on sending
  const std::string owner_;
  const std::uint64_t jitter_seed_;
  const std::shared_ptr<const Resolved> late_;  // what a look-up that took too long counts as
  Transport& transport_;
  Store& store_;
  Clock& clock_;

  Intake intake_;
  Pool pool_;
  Guard guard_;
  Subscriptions subscriptions_;

  Accepting accepting_;                             // the intake role's
  std::atomic<bool> accept_left_{false};            // accepting_ holds something; written by the role's holder
  std::atomic<std::int64_t> accept_not_before_{0};  // elapsed, in nanoseconds; written by the role's holder, and by settle
  std::atomic<bool> accept_is_full_{false};         // the store had no room: try again as soon as something ended

  std::mutex bodies_mutex_;
  std::unordered_map<EventId, std::weak_ptr<SharedBodies>> bodies_;  // under bodies_mutex_
  std::size_t bodies_swept_at_ = 1024;                               // under bodies_mutex_

  std::mutex unmatched_mutex_;
  std::deque<std::shared_ptr<const Message>> unmatched_;  // under unmatched_mutex_: of late, for explain
  std::size_t unmatched_bytes_ = 0;                       // under unmatched_mutex_

  struct Counters {
    std::atomic<std::uint64_t> published{0}, rejected{0}, duplicates{0}, dropped{0}, callback_errors{0}, store_errors{0},
        cancelled{0};
  } counters_;

  mutable std::mutex mutex_;  // everything below
  Scheduler scheduler_;
  bool settle_held_ = false;
  std::vector<Settling> outcomes_;  // the settle list
  std::vector<Claim> returns_;      // to be given back
  std::vector<CloseRequest> closings_;
  std::vector<Disabling> disablings_;
  std::vector<Cancelling> cancelling_;
  Backoff settle_backoff_, own_backoff_;
  std::optional<Clock_ns> own_at_{};
  std::unordered_map<std::uint64_t, std::deque<Notice>> notices_;  // per lane with Lane::notices
  std::deque<std::uint64_t> notified_;                             // of those, the ones whose notices no thread tells now
  std::uint64_t attempts_ = 0, failed_attempts_ = 0, delivered_ = 0, dead_ = 0, expired_ = 0;
  Histogram attempt_latency_{}, delivery_latency_{};
  Clock_ns base_{0};       // stored time = base_ + elapsed; written by own, read by fetch: both hold the settle role
  bool stopping_ = false;  // nothing new is sent or fetched
  bool stop_called_ = false;
  bool stopped_ = false;
  std::size_t waiters_ = 0;
  std::condition_variable calm_;  // a thread found nothing to do, or something ended
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/run/engine.ipp>
#endif

#endif
