#ifndef FLYHOOK_IMPL_TESTING_IPP
#define FLYHOOK_IMPL_TESTING_IPP

#include <flyhook/error.hpp>
#include <flyhook/testing.hpp>

#include <algorithm>
#include <deque>
#include <optional>

namespace flyhook {

// ManualClock

ManualClock::ManualClock() : ManualClock(TimePoint{std::chrono::seconds{1'704'067'200}}) {}

ManualClock::ManualClock(TimePoint wall)
    : wall_(std::chrono::duration_cast<std::chrono::nanoseconds>(wall.time_since_epoch()).count()) {}

TimePoint ManualClock::now() const noexcept {
  return TimePoint{std::chrono::duration_cast<TimePoint::duration>(std::chrono::nanoseconds{wall_ + elapsed_})};
}

std::chrono::nanoseconds ManualClock::elapsed() const noexcept {
  return std::chrono::nanoseconds{elapsed_};
}

void ManualClock::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                             std::chrono::nanoseconds deadline) {
  std::list<Waiter>::iterator self;
  {
    std::lock_guard guard{mutex_};
    if (elapsed() >= deadline) return;
    self = waiters_.insert(waiters_.end(), Waiter{lock.mutex(), &condition, deadline});
  }
  // From registration on the caller's mutex is held until wait() lets it go, and `advance` locks it before it notifies:
  // no wake-up is lost.
  condition.wait(lock);

  std::unique_lock guard{mutex_};
  while (self->pinned) {
    // `advance` wants our mutex, and the caller may destroy it once we have returned: let it have its turn.
    guard.unlock();
    lock.unlock();
    guard.lock();
    unpinned_.wait(guard, [&] { return !self->pinned; });
    guard.unlock();
    lock.lock();
    guard.lock();
  }
  waiters_.erase(self);
}

void ManualClock::advance(std::chrono::nanoseconds by) {
  const auto self = std::this_thread::get_id();
  std::unique_lock guard{mutex_};
  if (advancing_ == self)
    throw Error(ErrorCode::unsupported, "advance", "called from inside a callback of the clock: use call_at");
  turn_.wait(guard, [&] { return advancing_ == std::thread::id{}; });
  advancing_ = self;

  struct Turn {  // a callback that throws ends this advance where it stands
    ManualClock& clock;
    std::unique_lock<std::mutex>& guard;
    ~Turn() {
      if (!guard.owns_lock()) guard.lock();
      clock.advancing_ = {};
      clock.turn_.notify_one();
    }
  } turn{*this, guard};

  const auto target = elapsed() + std::max(by, std::chrono::nanoseconds{0});
  for (;;) {
    auto due = target;
    if (!callbacks_.empty()) due = std::min(due, callbacks_.begin()->first);
    for (const Waiter& waiter : waiters_)
      if (!waiter.woken) due = std::min(due, waiter.deadline);
    move_to(due);

    if (!callbacks_.empty() && callbacks_.begin()->first <= elapsed()) {
      const auto callback = std::move(callbacks_.begin()->second);
      callbacks_.erase(callbacks_.begin());
      guard.unlock();
      callback();
      guard.lock();
      continue;  // it may have registered more for this very moment
    }

    const auto waiter = std::find_if(waiters_.begin(), waiters_.end(),
                                     [&](const Waiter& each) { return !each.woken && each.deadline <= elapsed(); });
    if (waiter == waiters_.end()) {
      if (elapsed() >= target) return;
      continue;
    }
    waiter->woken = true;
    waiter->pinned = true;
    guard.unlock();
    {
      std::lock_guard theirs{*waiter->mutex};
      waiter->condition->notify_all();
    }
    guard.lock();
    waiter->pinned = false;
    unpinned_.notify_all();
  }
}

void ManualClock::jump_wall(std::chrono::nanoseconds by) {
  wall_ += by.count();
}

void ManualClock::call_at(std::chrono::nanoseconds elapsed, std::function<void()> callback) {
  std::lock_guard guard{mutex_};
  callbacks_.emplace(elapsed, std::move(callback));
}

void ManualClock::move_to(std::chrono::nanoseconds elapsed) {
  if (elapsed.count() > elapsed_) elapsed_ = elapsed.count();
}

// RecordingTransport

struct RecordingTransport::State {
  struct Script {
    HttpResponse response{};
    std::optional<std::chrono::nanoseconds> delay{std::chrono::nanoseconds{0}};  // none: hang
  };
  struct Outstanding {
    Completion done{};
    HttpResponse response{};
  };
  using Due = std::pair<std::chrono::nanoseconds, std::uint64_t>;  // when, and the order of sending

  std::shared_ptr<Clock> clock{};
  ManualClock* manual = nullptr;  // `clock`, if it is one
  TransportTraits traits{};

  mutable std::mutex mutex{};         // guards what follows
  std::condition_variable changed{};  // `cancelled`, or a new earliest due time
  bool cancelled = false;
  std::deque<Script> scripts{};
  Script current{{.status = 200}};
  std::vector<HttpRequest> requests{};
  std::vector<std::chrono::nanoseconds> sent_at{};
  std::map<Due, Outstanding> outstanding{};  // whose `done` is ours to call
  std::thread timer{};

  void complete(const Due& due) {
    Outstanding ended;
    {
      std::lock_guard guard{mutex};
      const auto found = outstanding.find(due);
      if (found == outstanding.end()) return;
      ended = std::move(found->second);
      outstanding.erase(found);
    }
    ended.done(std::move(ended.response));
  }

  void run_timer() {
    std::unique_lock guard{mutex};
    while (!cancelled) {
      if (outstanding.empty()) {
        changed.wait(guard);
        continue;
      }
      const Due due = outstanding.begin()->first;
      if (clock->elapsed() < due.first) {
        clock->wait_until(guard, changed, due.first);
        continue;
      }
      guard.unlock();
      complete(due);
      guard.lock();
    }
  }

  void push(Script script) {
    std::lock_guard guard{mutex};
    scripts.push_back(std::move(script));
  }
};

RecordingTransport::RecordingTransport(std::shared_ptr<Clock> clock, TransportTraits traits)
    : state_(std::make_shared<State>()) {
  state_->clock = clock ? std::move(clock) : system_clock();
  state_->manual = dynamic_cast<ManualClock*>(state_->clock.get());
  state_->traits = traits;
}

RecordingTransport::~RecordingTransport() {
  cancel_all();
  std::thread timer;
  {
    std::lock_guard guard{state_->mutex};
    timer = std::move(state_->timer);
  }
  if (!timer.joinable()) return;
  // Destroyed from inside a `done`: the timer's thread cannot join itself; it keeps the state and ends on return.
  if (timer.get_id() == std::this_thread::get_id())
    timer.detach();
  else
    timer.join();
}

RecordingTransport& RecordingTransport::answer(int status, Headers headers, std::string body) {
  state_->push({{.status = status, .headers = std::move(headers), .body = std::move(body)}});
  return *this;
}

RecordingTransport& RecordingTransport::answer_after(std::chrono::nanoseconds delay, int status) {
  state_->push({{.status = status}, delay});
  return *this;
}

RecordingTransport& RecordingTransport::fail_with(std::string error) {
  state_->push({{.error = std::move(error)}});
  return *this;
}

RecordingTransport& RecordingTransport::hang() {
  state_->push({{}, std::nullopt});
  return *this;
}

void RecordingTransport::send(HttpRequest request, Completion done) {
  const auto state = state_;
  const auto now = state->clock->elapsed();

  std::unique_lock guard{state->mutex};
  if (state->cancelled) {
    guard.unlock();
    done({.error = "cancelled: the transport has ended"});
    return;
  }
  if (!state->scripts.empty()) {
    state->current = std::move(state->scripts.front());
    state->scripts.pop_front();
  }
  State::Script script = state->current;
  const std::chrono::nanoseconds timeout = request.timeout;
  if (!script.delay || *script.delay > timeout) {
    script.delay = timeout;
    script.response = {.error = "timeout: no answer within " + std::to_string(request.timeout.count()) + " ms"};
  }
  const State::Due due{now + *script.delay, state->requests.size()};
  state->sent_at.push_back(now);
  state->requests.push_back(std::move(request));

  if (*script.delay <= std::chrono::nanoseconds{0}) {
    guard.unlock();
    done(std::move(script.response));
    return;
  }
  if (state->manual || !state->traits.blocking) {
    // First what may throw: once `done` is stored it will be called.
    if (!state->manual && !state->timer.joinable()) state->timer = std::thread([state] { state->run_timer(); });
    state->outstanding.emplace(due, State::Outstanding{std::move(done), std::move(script.response)});
    state->changed.notify_all();
    if (!state->manual) return;
    guard.unlock();
    state->manual->call_at(due.first, [weak = std::weak_ptr{state}, due] {
      if (const auto alive = weak.lock()) alive->complete(due);
    });
    return;
  }
  while (!state->cancelled && state->clock->elapsed() < due.first)
    state->clock->wait_until(guard, state->changed, due.first);
  if (state->cancelled && state->clock->elapsed() < due.first)
    script.response = {.error = "cancelled: the transport has ended"};
  guard.unlock();
  done(std::move(script.response));
}

TransportTraits RecordingTransport::traits() const noexcept {
  return state_->traits;
}

void RecordingTransport::cancel_all() noexcept {
  std::map<State::Due, State::Outstanding> ended;
  {
    std::lock_guard guard{state_->mutex};
    state_->cancelled = true;
    ended.swap(state_->outstanding);
    state_->changed.notify_all();
  }
  for (auto& [due, each] : ended) each.done({.error = "cancelled: the transport has ended"});
}

std::vector<HttpRequest> RecordingTransport::requests() const {
  std::lock_guard guard{state_->mutex};
  return state_->requests;
}

std::vector<std::chrono::nanoseconds> RecordingTransport::sent_at() const {
  std::lock_guard guard{state_->mutex};
  return state_->sent_at;
}

}  // namespace flyhook

#endif
