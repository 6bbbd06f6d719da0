#ifndef FLYHOOK_DETAIL_RUN_INTAKE_HPP
#define FLYHOOK_DETAIL_RUN_INTAKE_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/id.hpp>
#include <flyhook/message.hpp>
#include <flyhook/options.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

// Where the caller's thread ends: publish() leaves an event here and returns. Bounded in events and bytes; one pool thread
// at a time holds the intake role and takes events out, in the order in which they came.

namespace flyhook::detail {

/// What publishers of one event type share: the running mean of its encoded sizes, by which queued bytes are estimated.
struct SizeEstimate {
  std::atomic<std::size_t> mean{1024};
  void observe(std::size_t size) noexcept {
    const auto old = mean.load(std::memory_order_relaxed);
    mean.store(old - old / 8 + size / 8, std::memory_order_relaxed);
  }
};

/// An event between publish() and the pool, its C++ type still inside. One allocation; linked, so that a push moves nothing
/// and a long queue never has to grow.
class QueuedEvent {
 public:
  QueuedEvent() = default;
  QueuedEvent(const QueuedEvent&) = delete;
  QueuedEvent& operator=(const QueuedEvent&) = delete;
  virtual ~QueuedEvent() = default;

  /// Writes type, tenant, key, data and content type. Runs user code; called once, by the intake role.
  virtual void encode(Message& message) = 0;

  std::unique_ptr<QueuedEvent> next{};  // the queue's
  Ulid ulid{};                          ///< its id, unless the application gave one
  TimePoint created_at{};
  std::size_t bytes = 0;                         ///< estimated
  std::shared_ptr<SizeEstimate> estimate{};      ///< to be told the real size
  std::unique_ptr<PublishOptions> options{};     ///< null: all of them are at their default
  std::shared_ptr<const Recipient> recipient{};  ///< null: it was published

  EventId id() const { return EventId{options != nullptr && !options->id.empty() ? options->id : ulid_text("msg_", ulid)}; }
};

/// A list of events, oldest first.
struct QueuedEvents {
  std::unique_ptr<QueuedEvent> first{};
  QueuedEvent* last = nullptr;
  std::size_t count = 0;
  std::size_t bytes = 0;

  QueuedEvents() = default;
  QueuedEvents(QueuedEvents&& other) noexcept { swap(other); }
  QueuedEvents& operator=(QueuedEvents&& other) noexcept {
    swap(other);
    return *this;
  }
  FLYHOOK_DECL ~QueuedEvents();  // one by one: a recursion through `next` would overflow the stack

  FLYHOOK_DECL void swap(QueuedEvents& other) noexcept;
  FLYHOOK_DECL void push(std::unique_ptr<QueuedEvent> event);
  FLYHOOK_DECL std::unique_ptr<QueuedEvent> pop();
};

class Intake {
 public:
  enum class Pushed { accepted, full, stopped };

  /// What the role's holder gets.
  struct Taken {
    QueuedEvents events{};
    QueuedEvents dropped{};        ///< made room for others, and nobody was told yet: at most `queue_capacity`
    std::size_t dropped_more = 0;  ///< so many besides, of which only the number is known
  };

  FLYHOOK_DECL Intake(const Options& options, const std::array<std::uint64_t, 4>& seed);

  // Publishers, any thread ------------------------------------------------------------------------------------------------

  /// Takes the event over and gives it its id, unless it is refused: then `event` is left as it was. With Overflow::block
  /// and `may_block` it waits for room.
  FLYHOOK_DECL Pushed push(std::unique_ptr<QueuedEvent>& event, Ulid& ulid, bool may_block);

  /// Answers `stopped` from now on and wakes blocked publishers.
  FLYHOOK_DECL void close();

  // The intake role, one thread at a time ---------------------------------------------------------------------------------

  /// True for the one caller who holds the role until `leave`.
  FLYHOOK_DECL bool enter();
  FLYHOOK_DECL void leave();

  /// The oldest events; they count as queued until `settled`. With Overflow::drop_oldest at most `most`, since what is
  /// taken can't make room any more; else all. `most` 0: none, only what was dropped.
  FLYHOOK_DECL Taken take(std::size_t most);
  /// So many events of so many bytes have left for good.
  FLYHOOK_DECL void settled(std::size_t count, std::size_t bytes);

  // Anyone ----------------------------------------------------------------------------------------------------------------

  /// Events waiting to be taken, or dropped and not yet reported. A hint, exact when nothing moves.
  bool has_work() const noexcept { return work_.load(std::memory_order_acquire) != 0; }
  std::size_t queued() const noexcept { return queued_.load(std::memory_order_acquire); }
  bool is_held() const noexcept { return held_.load(std::memory_order_acquire); }
  bool is_closed() const noexcept { return closed_.load(std::memory_order_acquire); }

 private:
  FLYHOOK_DECL bool has_room(std::size_t bytes) const;

  const std::size_t capacity_, capacity_bytes_;
  const Overflow overflow_;

  std::mutex mutex_;
  std::condition_variable room_;             // of `block`
  QueuedEvents waiting_;                     // under mutex_
  QueuedEvents dropped_;                     // under mutex_: made room, to be reported by the role's holder
  std::size_t dropped_more_ = 0;             // under mutex_: dropped while `dropped_` was full: a store may hang for long
  std::size_t taken_ = 0, taken_bytes_ = 0;  // under mutex_: taken and not settled
  UlidSequence ulids_;                       // under mutex_: ids grow in the order of the queue
  std::size_t blocked_ = 0;                  // under mutex_: publishers that wait

  std::atomic<std::size_t> work_{0};    // waiting_.count + dropped_.count
  std::atomic<std::size_t> queued_{0};  // waiting_.count + taken_
  std::atomic<bool> held_{false};       // the role
  std::atomic<bool> closed_{false};     // written under mutex_
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/run/intake.ipp>
#endif

#endif
