#include "figure.hpp"

#include <flyhook/detail/decide/registry.hpp>
#include <flyhook/detail/decide/scheduler.hpp>
#include <flyhook/store/memory.hpp>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

// What a scheduled retry costs, from `finish` with a due time to the `fetch` that hands it out when that has come, in the
// store; and a lane's timer, from set to fired, in the scheduler. Due times are spread over a day. CPU time of the calls
// alone.

using namespace benchmark;
using namespace flyhook;

namespace {

constexpr std::chrono::hours day{24};
constexpr std::size_t batch = 256, wants_at_once = 64;
constexpr std::size_t few = 10'000, many = 1'000'000;

double cpu_nanoseconds() {
  timespec at{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<double>(at.tv_sec) * 1e9 + static_cast<double>(at.tv_nsec);
}

/// Adds what `call` costs to `sum`.
template <class Call>
auto timed(double& sum, Call call) {
  const auto began = cpu_nanoseconds();
  auto result = call();
  sum += cpu_nanoseconds() - began;
  return result;
}

std::vector<std::chrono::nanoseconds> due_times(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::vector<std::chrono::nanoseconds> times;
  times.reserve(count);
  constexpr auto microseconds = static_cast<std::uint64_t>(std::chrono::microseconds{day}.count());
  for (std::size_t i = 0; i < count; ++i)
    times.push_back(std::chrono::microseconds{static_cast<std::int64_t>(random() % microseconds) + 1});
  return times;
}

// Store -----------------------------------------------------------------------------------------------------------------

class Retries {
 public:
  Retries(std::size_t count, std::size_t lanes) : count_(count) {
    for (std::size_t i = 0; i < lanes; ++i) {
      SubscriptionRow row;
      row.subscription.url = "https://hooks.example.com/" + std::to_string(i);
      row.subscription.id.value = "sub" + std::to_string(i);
      lanes_.push_back({store_.put(row, 0).lane, {}});
    }
    for (const auto& slot : store_.acquire("benchmark", now_).slots) epoch_ = slot.epoch;
    append();
  }

  /// Schedules all and lets a day pass. Nanoseconds of each.
  double round(std::uint64_t seed) {
    double spent = 0;
    const auto times = due_times(count_, seed);
    schedule(times, spent);
    auto ends = times;
    std::sort(ends.begin(), ends.end());
    const auto began = now_;
    for (std::size_t i = batch; i < count_ + batch; i += batch) fire(began + ends[std::min(i, count_) - 1], spent);
    now_ = began + day + std::chrono::seconds{1};
    if (held_.size() != count_) std::abort();
    return spent / static_cast<double>(count_);
  }

 private:
  struct Lane {
    std::uint64_t number = 0;
    std::optional<TimePoint> due{};
  };

  void append() {
    for (std::size_t made = 0; made < count_;) {
      AppendBatch appended;
      for (std::size_t i = 0; i < batch && made < count_; ++i) {
        Message message;
        message.id.value = "msg_" + std::to_string(made);
        message.type = "order.paid";
        message.data = "{}";
        message.created_at = now_;
        const auto first = appended.deliveries.size();
        for (const auto& lane : lanes_) {
          NewDelivery delivery;
          delivery.lane = lane.number;
          delivery.take = true;
          delivery.epoch = epoch_;
          appended.deliveries.push_back(delivery);
        }
        appended.events.push_back(
            {std::make_shared<const Message>(std::move(message)), 0, first, appended.deliveries.size() - first});
        made += lanes_.size();
      }
      const auto lane_of = appended.deliveries;
      const auto result = store_.append(std::move(appended));
      for (std::size_t i = 0; i < lane_of.size(); ++i) {
        if (result.deliveries[i].as != AppendedAs::handed_out) std::abort();
        held_.push_back({result.deliveries[i].sequence, i % lanes_.size()});
      }
    }
  }

  void schedule(const std::vector<std::chrono::nanoseconds>& times, double& spent) {
    for (std::size_t i = 0; i < held_.size(); i += batch) {
      std::vector<Outcome> outcomes;
      for (std::size_t j = i; j < std::min(i + batch, held_.size()); ++j) {
        auto& lane = lanes_[held_[j].second];
        Outcome outcome;
        outcome.claim = {held_[j].first, lane.number, epoch_};
        outcome.next_attempt_at = now_ + std::chrono::duration_cast<TimePoint::duration>(times[j]);
        outcome.steps = 1;
        if (!lane.due || *outcome.next_attempt_at < *lane.due) lane.due = outcome.next_attempt_at;
        outcomes.push_back(std::move(outcome));
      }
      for (const auto status : timed(spent, [&] { return store_.finish(outcomes); }))
        if (status != FinishStatus::done) std::abort();
    }
    held_.clear();
  }

  /// Fetches what is due, of the lanes that have something due, until nothing is.
  void fire(TimePoint now, double& spent) {
    for (;;) {
      std::vector<LaneWant> wants;
      std::vector<std::size_t> asked;
      for (std::size_t i = 0; i < lanes_.size() && wants.size() < wants_at_once; ++i)
        if (lanes_[i].due && *lanes_[i].due <= now) {
          wants.push_back({lanes_[i].number, epoch_, batch});
          asked.push_back(i);
        }
      if (wants.empty()) return;
      const auto fetched = timed(spent, [&] { return store_.fetch(wants, now); });
      for (std::size_t i = 0; i < asked.size(); ++i) {
        for (const auto& delivery : fetched[i].deliveries) held_.push_back({delivery.sequence, asked[i]});
        if (!fetched[i].more) lanes_[asked[i]].due = fetched[i].next_due;
      }
    }
  }

  const std::size_t count_;
  TimePoint now_{std::chrono::hours{24 * 365 * 50}};
  MemoryStore store_{{}, 2 * many, std::size_t{4} << 30};
  std::uint64_t epoch_ = 0;
  std::vector<Lane> lanes_;
  std::vector<std::pair<std::uint64_t, std::size_t>> held_;  // sequence, index of the lane
};

// Scheduler -------------------------------------------------------------------------------------------------------------

/// So many lanes with one timer each. One endpoint stands for all: what is looked at is the lanes.
class Timers {
 public:
  explicit Timers(std::size_t count) {
    const Options options;
    SubscriptionRow row;
    row.subscription.url = "https://hooks.example.com/";
    row.subscription.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    row.subscription.id.value = "sub";
    row.version = 1;
    const auto endpoint = std::make_shared<detail::Endpoint>(std::move(row), options);
    std::vector<Slot> slots;
    for (std::uint32_t i = 0; i < slot_count; ++i) slots.push_back({i, 1});
    scheduler_.own(slots);
    for (std::size_t i = 0; i < count; ++i) {
      endpoint->lane = i + 1;
      detail::Lane& lane = scheduler_.lane_of(endpoint);
      lane.due = day;  // an idle one would be forgotten
      lanes_.push_back(&lane);
    }
  }

  double round(std::uint64_t seed) {
    double spent = 0;
    const auto times = due_times(lanes_.size(), seed);
    for (std::size_t i = 0; i < lanes_.size(); i += batch)
      timed(spent, [&] {
        for (std::size_t j = i; j < std::min(i + batch, lanes_.size()); ++j)
          scheduler_.set_due(*lanes_[j], now_ + times[j]);
        return 0;
      });
    auto ends = times;
    std::sort(ends.begin(), ends.end());
    std::size_t fired = 0;
    for (std::size_t i = batch; i < ends.size() + batch; i += batch) {
      const auto now = now_ + ends[std::min(i, ends.size()) - 1];
      std::vector<std::uint64_t> due;
      timed(spent, [&] {
        scheduler_.advance(now, nullptr);
        while (scheduler_.has_wants())
          for (const auto& want : scheduler_.wants(wants_at_once)) due.push_back(want.lane);
        return 0;
      });
      fired += due.size();
      for (const auto number : due) {  // the fetch brought nothing
        detail::Lane* lane = scheduler_.find(number);
        lane->fetching = false;
        lane->due = now_ + 2 * day;  // not idle, as above; no timer yet
      }
    }
    now_ += day + std::chrono::seconds{1};
    if (fired != lanes_.size()) std::abort();
    return spent / static_cast<double>(lanes_.size());
  }

 private:
  detail::Scheduler scheduler_{64};
  std::vector<detail::Lane*> lanes_;
  std::chrono::nanoseconds now_{0};
};

// Figures ---------------------------------------------------------------------------------------------------------------

void show(const std::string& name, double at_few, double at_many) {
  figure(name + ", 10,000", at_few, "ns", Limit::at_most, 1'000);
  figure(name + ", 1,000,000", at_many, "ns", Limit::at_most, 1'000);
  figure(name + ", 1,000,000 / 10,000", at_many / at_few, "ratio", Limit::at_most, 2);
}

/// Deliveries that were just appended, and a second time in the order in which they became due.
void compare_retries(const std::string& lane_text, std::size_t lanes) {
  std::vector<double> first, again;
  for (std::uint64_t i = 0; i < 20; ++i) {
    Retries small{few, lanes};
    first.push_back(small.round(2 * i));
    again.push_back(small.round(2 * i + 1));
  }
  Retries large{many, lanes};
  show("retry scheduled and fetched, " + lane_text, median(first), large.round(0));
  if (lanes == 1) return;
  figure("a second retry of the same, " + lane_text + ", 10,000", median(again), "ns");
  figure("a second retry of the same, " + lane_text + ", 1,000,000", large.round(1), "ns");
}

void compare_timers() {
  Timers small{few}, large{many};
  small.round(0);
  large.round(0);
  std::vector<double> at_few, at_many;
  for (std::uint64_t i = 1; i <= 20; ++i) at_few.push_back(small.round(i));
  for (std::uint64_t i = 1; i <= 2; ++i) at_many.push_back(large.round(i));
  show("lane's timer set and fired", median(at_few), median(at_many));
}

}  // namespace

int main() {
  remark("seeded due times over a day; batches of 256 retries, and at most 64 lanes a fetch; CPU time of the calls alone");
  compare_retries("one lane", 1);
  compare_retries("100 lanes", 100);
  compare_timers();
  return missed() == 0 ? 0 : 1;
}
