#ifndef FLYHOOK_DETAIL_RUN_POOL_HPP
#define FLYHOOK_DETAIL_RUN_POOL_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

// The pool: how many threads there are, and who sleeps. It knows nothing of events: a thread asks its Worker for a turn,
// and sleeps on the bell when there was nothing to do.
//
// The bell is a counter. Who makes work counts it up and then looks whether a thread is awake; who goes to sleep says so
// and then looks whether the counter moved since it last looked for work. One of the two always sees the other.
//
//   awake ──nothing to do──► asleep ──rung, or timer──► awake          one sleeper waits for the earliest timer, the others
//     │                                                                without a deadline but the 10 s after which they go
//     └──blocking call──► away ──returned──► awake                     nobody awake: the watch looks instead

namespace flyhook::detail {

/// How many times this process is a fork's child of the one that loaded flyhook.
FLYHOOK_DECL unsigned fork_generation() noexcept;

/// True on pool threads, and inside callbacks that an engine makes on others.
FLYHOOK_DECL bool& on_flyhook_thread() noexcept;

/// What a pool thread does.
class Worker {
 public:
  virtual ~Worker() = default;

  struct Turn {
    bool did_something = false;
    bool work_left = false;                           ///< there is work that this thread could not take
    std::optional<std::chrono::nanoseconds> timer{};  ///< when to look again, in the clock's elapsed time
    std::uint64_t seen = 0;                           ///< the bell before it last looked
  };
  /// Works until there is nothing to do. `may_send` false: roles only, no blocking send (the watch).
  virtual Turn turn(bool may_send) = 0;
  virtual void on_thread_error(const std::string& what) = 0;
};

class Pool {
 public:
  /// At most `threads` senders; 0: no thread at all, and the other members do nothing.
  FLYHOOK_DECL Pool(std::size_t threads, std::shared_ptr<Clock> clock);

  /// Starts the first thread. Every thread keeps `worker` alive.
  FLYHOOK_DECL void start(std::shared_ptr<Worker> worker);

  /// There is something to do. Wakes one sleeping thread if none is awake. Any thread.
  FLYHOOK_DECL void ring() noexcept;

  /// A delivery waits for a sender: wakes an idle one or makes one. A pool thread.
  FLYHOOK_DECL void want_sender();

  /// The bell. To be read before looking for work.
  std::uint64_t bell() const noexcept { return bell_.load(); }

  /// Around a call that may block, on a pool thread: it looks for no work meanwhile. `saw`: its last look.
  class Away {
   public:
    FLYHOOK_DECL Away(Pool& pool, const Worker::Turn& saw);
    FLYHOOK_DECL ~Away();
    Away(const Away&) = delete;
    Away& operator=(const Away&) = delete;

   private:
    Pool& pool_;
  };

  /// Ends all threads once their turns end. Joins them, unless called on a thread of flyhook's.
  FLYHOOK_DECL void stop();

  std::size_t senders() const noexcept { return senders_.load(std::memory_order_relaxed); }

 private:
  struct Sleeper {
    std::condition_variable condition{};
    bool is_called = false;
    bool is_sender = true;
    bool naps = false;
  };
  using Lock = std::unique_lock<std::mutex>;

  FLYHOOK_DECL void run(const std::shared_ptr<Worker>& worker, bool is_sender);
  /// False: the thread is to end.
  FLYHOOK_DECL bool sleep(const Worker::Turn& saw, bool is_sender);
  enum class Call { sender, sleeping, anyone };  // whom to wake; `sleeping`: one that would not look by itself soon
  FLYHOOK_DECL bool call_one(Call whom);         // caller holds mutex_
  bool nobody_to_call() const noexcept { return idle_senders_.load() == 0 && !watch_sleeps_.load(); }
  FLYHOOK_DECL void arm(std::optional<std::chrono::nanoseconds> timer);  // caller holds mutex_
  FLYHOOK_DECL void disarm();                                            // caller holds mutex_
  FLYHOOK_DECL void find_timer_sleeper();                                // caller holds mutex_
  FLYHOOK_DECL void add_thread(bool is_sender);
  FLYHOOK_DECL void hand_over(const Worker::Turn& saw);

  static constexpr std::int64_t no_timer = std::numeric_limits<std::int64_t>::max();

  const std::size_t most_senders_;
  const std::shared_ptr<Clock> clock_;
  std::shared_ptr<Worker> worker_;  // written by start, reset by stop

  std::atomic<std::uint64_t> bell_{0};
  std::atomic<int> awake_{0};  // threads that will look before they sleep; one that was called counts already
  std::atomic<std::size_t> senders_{0};
  std::atomic<std::size_t> idle_senders_{0};
  std::atomic<bool> has_watch_{false};         // written under mutex_
  std::atomic<bool> watch_sleeps_{false};      // without a nap's deadline: must be called
  std::atomic<std::int64_t> armed_{no_timer};  // timer_ in nanoseconds, to be read without the lock

  std::mutex mutex_;
  std::vector<Sleeper*> sleepers_;                   // under mutex_; the last one that fell asleep is called first
  Sleeper* timer_sleeper_ = nullptr;                 // under mutex_: the one that waits for timer_
  std::optional<std::chrono::nanoseconds> timer_{};  // under mutex_
  bool stopping_ = false;                            // under mutex_
  std::vector<std::thread> threads_;                 // under mutex_
  std::vector<std::thread::id> ended_;               // under mutex_: to be joined by whoever makes the next
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/run/pool.ipp>
#endif

#endif
