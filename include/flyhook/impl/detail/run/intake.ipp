#ifndef FLYHOOK_IMPL_DETAIL_RUN_INTAKE_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_INTAKE_IPP

#include <flyhook/detail/run/intake.hpp>

#include <utility>

namespace flyhook::detail {

QueuedEvents::~QueuedEvents() {
  while (pop() != nullptr) {
  }
}

void QueuedEvents::swap(QueuedEvents& other) noexcept {
  std::swap(first, other.first);
  std::swap(last, other.last);
  std::swap(count, other.count);
  std::swap(bytes, other.bytes);
}

void QueuedEvents::push(std::unique_ptr<QueuedEvent> event) {
  QueuedEvent* const added = event.get();
  ++count;
  bytes += added->bytes;
  (last == nullptr ? first : last->next) = std::move(event);
  last = added;
}

std::unique_ptr<QueuedEvent> QueuedEvents::pop() {
  if (first == nullptr) return nullptr;
  auto event = std::move(first);
  first = std::move(event->next);
  if (first == nullptr) last = nullptr;
  --count;
  bytes -= event->bytes;
  return event;
}

Intake::Intake(const Options& options, const std::array<std::uint64_t, 4>& seed)
    : capacity_(options.queue_capacity), capacity_bytes_(options.queue_bytes), overflow_(options.overflow), ulids_(seed) {}

bool Intake::has_room(std::size_t bytes) const {
  const auto events = waiting_.count + taken_;
  // One event is always taken, however large: a limit below its size would refuse it for ever.
  return events == 0 || (events < capacity_ && waiting_.bytes + taken_bytes_ + bytes <= capacity_bytes_);
}

Intake::Pushed Intake::push(std::unique_ptr<QueuedEvent>& event, Ulid& ulid, bool may_block) {
  QueuedEvents forgotten;  // destroyed under no lock: their types are the application's
  // The lock is held for nanoseconds, so a few tries spare the system call of a contended one.
  std::unique_lock lock{mutex_, std::defer_lock};
  for (int i = 0; i < 64 && !lock.owns_lock(); ++i) lock.try_lock();
  if (!lock.owns_lock()) lock.lock();

  if (overflow_ == Overflow::block && may_block && !closed_ && !has_room(event->bytes)) {
    ++blocked_;
    room_.wait(lock, [&] { return closed_ || has_room(event->bytes); });
    --blocked_;
  }
  if (closed_) return Pushed::stopped;
  // What is taken can't make room: if that alone leaves none, dropping would be for nothing.
  const bool can_make_room = taken_ == 0 || (taken_ < capacity_ && taken_bytes_ + event->bytes <= capacity_bytes_);
  if (overflow_ == Overflow::drop_oldest && can_make_room)
    while (!has_room(event->bytes) && waiting_.count > 0) {
      const bool is_kept = dropped_.count < capacity_;
      (is_kept ? dropped_ : forgotten).push(waiting_.pop());
      if (!is_kept) ++dropped_more_;
    }
  if (!has_room(event->bytes)) return Pushed::full;

  ulid = event->ulid = ulids_.next(event->created_at);
  waiting_.push(std::move(event));
  queued_.store(waiting_.count + taken_, std::memory_order_release);
  work_.store(waiting_.count + dropped_.count, std::memory_order_release);
  return Pushed::accepted;
}

void Intake::close() {
  const std::lock_guard lock{mutex_};
  closed_ = true;
  room_.notify_all();
}

bool Intake::enter() {
  return !held_.load(std::memory_order_relaxed) && !held_.exchange(true, std::memory_order_acq_rel);
}

void Intake::leave() {
  held_.store(false, std::memory_order_release);
}

Intake::Taken Intake::take(std::size_t most) {
  Taken taken;
  const std::lock_guard lock{mutex_};
  taken.dropped.swap(dropped_);
  taken.dropped_more = std::exchange(dropped_more_, 0);
  auto& events = taken.events;
  if (overflow_ == Overflow::drop_oldest) {
    while (events.count < most && waiting_.count > 0) events.push(waiting_.pop());
  } else if (most > 0) {
    events.swap(waiting_);  // at once, so that no publisher waits for a walk through the list
  }
  taken_ += events.count;
  taken_bytes_ += events.bytes;
  work_.store(waiting_.count + dropped_.count, std::memory_order_release);
  return taken;
}

void Intake::settled(std::size_t count, std::size_t bytes) {
  const std::lock_guard lock{mutex_};
  taken_ -= count;
  taken_bytes_ -= bytes;
  queued_.store(waiting_.count + taken_, std::memory_order_release);
  if (blocked_ > 0) room_.notify_all();
}

}  // namespace flyhook::detail

#endif
