#include "catch.hpp"
#include "contract/model_store.hpp"
#include "contract/store_bytes.hpp"
#include "contract/store_session.hpp"

#include <flyhook/store/memory.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// MemoryStore against the model: the same calls, drawn from a seed, must be answered the same.

namespace {

class Pair {
 public:
  /// Every fourth has room for 40 deliveries only.
  explicit Pair(std::uint64_t seed) : random_(seed), memory_({}, room(seed)), model_(room(seed)) {}

  void step() {
    switch (below(20)) {
      case 0: put(); break;
      case 1: remove(); break;
      case 2:
      case 3:
      case 4:
      case 5: append(); break;
      case 6:
      case 7:
      case 8: fetch(); break;
      case 9:
      case 10:
      case 11:
      case 12: finish(); break;
      case 13: give_back(); break;
      case 14: list(); break;
      case 15: close(); break;
      case 16:
      case 17: reopen(); break;
      case 18: history(); break;
      default: rarely(); break;
    }
    REQUIRE(memory_.pending() == model_.pending());
  }

 private:
  static std::size_t room(std::uint64_t seed) { return seed % 4 == 0 ? 40 : 4'000'000; }
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T>
  void same(const T& memory, const T& model) {
    REQUIRE((bytes_of(memory) == bytes_of(model)));
  }
  std::uint64_t lane() { return one_in(4) && !direct_.empty() ? direct_[below(direct_.size())] : 1 + below(lanes_ + 1); }
  /// A lane that nobody knows has no slot: who asks for it is told nothing of use.
  bool is_known(std::uint64_t lane) const { return is_direct(lane) || lane <= lanes_; }
  std::uint64_t epoch() { return one_in(20) ? epoch_ + 1 : epoch_; }
  TimePoint soon() { return now_ + std::chrono::seconds{static_cast<int>(below(20)) - 4}; }
  std::string event_id() { return "event-" + std::to_string(one_in(10) ? below(events_ + 1) : events_++); }

  void put() {
    const Subscription given = subscription("sub-" + std::to_string(below(6)));
    std::uint64_t expected = 0;
    for (const auto& row : model_.subscriptions()) {
      if (row.subscription.id == given.id && !one_in(4)) expected = row.version;
    }
    const auto stored = memory_.put({given}, expected);
    same(stored, model_.put({given}, expected));
    lanes_ = std::max(lanes_, stored.lane);
    same(memory_.subscriptions(), model_.subscriptions());
  }
  void remove() {
    const SubscriptionId id{"sub-" + std::to_string(below(6))};
    if (one_in(3)) same(memory_.remove(id), model_.remove(id));
  }
  void append() {
    Batch batch;
    std::vector<std::uint64_t> fresh;
    for (std::size_t events = 1 + below(4); events > 0; --events) {
      Message event = message(event_id());
      event.created_at = now_;
      event.data = one_in(30) ? "other" : "1";
      event.tenant = one_in(2) ? "north" : "south";
      if (one_in(6)) event.deliver_at = soon();
      std::vector<NewDelivery> deliveries;
      if (one_in(5)) {
        const auto tested = below(3);
        event.recipient = std::make_shared<Recipient>(tested == 0 ? Recipient{{.url = "https://example.com/"}, {}}
                                                                  : Recipient{{}, {"sub-" + std::to_string(tested)}});
        deliveries.push_back({direct_lane | tested, 0, one_in(3), epoch()});
        if (std::find(direct_.begin(), direct_.end(), deliveries.back().lane) == direct_.end())
          fresh.push_back(deliveries.back().lane);
        batch.event(event, deliveries);
        continue;
      }
      for (std::size_t i = below(4); i > 0 && lanes_ > 0; --i) {
        deliveries.push_back({1 + below(lanes_), below(3), one_in(3), epoch()});
        if (one_in(8)) deliveries.back().due = soon();
      }
      batch.event(event, deliveries);
    }
    AppendBatch appended = batch.value();
    if (one_in(3)) appended.max_waiting_per_lane = 1 + below(6);
    const auto result = memory_.append(appended);
    same(result, model_.append(appended));
    // Known once something is there, and a batch may find no room.
    for (const auto lane : fresh) {
      if (!memory_.close({lane, DeliveryStatus::cancelled, {}, 0}).more) continue;
      direct_.push_back(lane);
    }
    for (const auto& made : result.deliveries) newest_ = std::max(newest_, made.sequence);
    for (std::size_t i = 0; i < result.deliveries.size(); ++i) {
      const auto& made = result.deliveries[i];
      if (made.as == AppendedAs::handed_out) out_.push_back({made.sequence, batch.value().deliveries[i].lane, epoch_});
    }
  }
  void fetch() {
    std::vector<LaneWant> wants;
    for (std::size_t i = below(4); i > 0; --i) wants.push_back({lane(), epoch(), below(5)});
    std::erase_if(wants, [&](const LaneWant& want) { return !is_known(want.lane); });
    now_ += std::chrono::seconds{below(3)};
    const auto fetched = memory_.fetch(wants, now_);
    same(fetched, model_.fetch(wants, now_));
    for (std::size_t i = 0; i < wants.size(); ++i) {
      for (const auto& delivery : fetched[i].deliveries) out_.push_back({delivery.sequence, wants[i].lane, epoch_});
    }
  }
  Claim some_claim() {
    if (out_.empty()) return {1 + below(50), 1 + below(lanes_ + 1), epoch_};
    const auto at = out_.begin() + static_cast<std::ptrdiff_t>(below(out_.size()));
    Claim claim = *at;
    if (!one_in(5)) out_.erase(at);
    if (one_in(20)) ++claim.epoch;
    if (one_in(20)) ++claim.sequence;
    return claim;
  }
  void finish() {
    constexpr DeliveryStatus statuses[]{DeliveryStatus::delivered, DeliveryStatus::dead,    DeliveryStatus::expired,
                                        DeliveryStatus::cancelled, DeliveryStatus::pending, DeliveryStatus::pending};
    std::vector<Outcome> outcomes(below(4));
    for (auto& outcome : outcomes) {
      outcome.claim = some_claim();
      outcome.status = statuses[below(6)];
      outcome.steps = static_cast<std::uint32_t>(below(9));
      outcome.deferrals = static_cast<std::uint32_t>(below(9));
      if (outcome.status == DeliveryStatus::pending) {
        if (!one_in(4)) outcome.next_attempt_at = soon();
      } else {
        outcome.reason = one_in(2) ? "reason" : "";
      }
      if (!one_in(5))
        outcome.attempt =
            Attempt{.at = now_, .status = 500, .error = "e", .response_body = "no", .url = "https://example.com/"};
    }
    std::erase_if(outcomes, [&](const Outcome& outcome) { return !is_known(outcome.claim.lane); });
    REQUIRE(memory_.finish(outcomes) == model_.finish(outcomes));
  }
  void give_back() {
    const std::vector<Claim> claims{some_claim(), some_claim()};
    memory_.give_back(claims);
    model_.give_back(claims);
  }
  void list() {
    const EventId id{"event-" + std::to_string(below(events_ + 1))};
    same(memory_.history().event(id), model_.history().event(id));
    DeliveryQuery query;
    query.limit = 1 + below(20);
    if (one_in(2)) query.subscription_id = SubscriptionId{"sub-" + std::to_string(below(6))};
    if (one_in(3)) query.event_id = EventId{"event-" + std::to_string(below(events_ + 1))};
    if (one_in(3)) query.status = static_cast<DeliveryStatus>(below(6));
    if (one_in(3)) query.tenant = one_in(2) ? "north" : "south";
    for (;;) {
      const auto page = memory_.history().deliveries(query);
      same(page, model_.history().deliveries(query));
      if (page.empty() || one_in(3)) return;
      query.cursor = page[below(page.size())].id.value;
    }
  }
  void close() {
    if (one_in(4)) {
      const CloseRequest request{lane(), DeliveryStatus::dead, "closed", one_in(2) ? 1'000'000 : below(4), {}, one_in(2)};
      same(memory_.close(request), model_.close(request));
      return;
    }
    // Which of an event's deliveries end first is the store's affair.
    const EventId event{"event-" + std::to_string(below(events_ + 1))};
    const CloseRequest request{one_in(2) ? 0 : lane(), DeliveryStatus::cancelled, "closed", 1'000'000, event, one_in(2)};
    Closed memory = memory_.close(request), model = model_.close(request);
    for (auto* closed : {&memory, &model}) {
      std::sort(closed->records.begin(), closed->records.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    }
    same(memory, model);
  }
  void reopen() {
    const auto sequence = 1 + below(newest_ + 1);
    same(memory_.history().reopen(sequence), model_.history().reopen(sequence));
  }
  /// All that may be answered in parts, to the end.
  static Recovered recover(Store& store, RecoverQuery query) {
    Recovered all{0, true, 0};
    while (all.more) {
      const Recovered part = store.history().recover(query);
      all = {all.count + part.count, part.more, 0, part.full};
      query.after = part.after;
    }
    return all;
  }
  static std::vector<MissedEvent> missed(Store& store, MissedQuery query) {
    std::vector<MissedEvent> all;
    for (bool more = true; more;) {
      const Missed part = store.history().missed(query);
      all.insert(all.end(), part.events.begin(), part.events.end());
      query.after = part.after;
      more = part.more;
    }
    return all;
  }
  void history() {
    if (one_in(4)) {
      const EventId id{"event-" + std::to_string(below(events_ + 1))};
      same(memory_.history().erase(id), model_.history().erase(id));
      return;
    }
    const TimePoint since = now_ - std::chrono::seconds{below(300)};
    std::optional<TimePoint> until;
    if (one_in(2)) until = since + std::chrono::seconds{below(200)};
    if (one_in(3)) {
      const RecoverQuery query{lane(), since, until, one_in(2), 0, 1 + below(10)};
      same(recover(memory_, query), recover(model_, query));
      return;
    }
    const MissedQuery query{lane(), one_in(2) ? "north" : "south", since, until, 0, 1 + below(10)};
    const auto events = missed(memory_, query);
    same(events, missed(model_, query));
    for (const auto& event : events) {
      if (!one_in(4)) continue;
      NewDelivery wanted{one_in(8) ? lane() : query.lane, below(3), one_in(3), epoch()};
      if (one_in(4)) wanted.due = soon();
      const auto position = event.position + (one_in(8) ? 1 : 0);
      // Where an event does not begin, the model takes its word for it.
      if (position != event.position && position <= newest_) continue;
      const auto added = memory_.history().add(position, wanted);
      same(added, model_.history().add(position, wanted));
      if (!added) continue;
      newest_ = std::max(newest_, added->sequence);
      if (added->as == AppendedAs::handed_out) out_.push_back({added->sequence, wanted.lane, epoch_});
    }
  }
  void rarely() {
    if (one_in(4)) {
      memory_.release("engine");
      model_.release("engine");
      if (one_in(2)) return;
    }
    auto memory = memory_.acquire("engine", now_), model = model_.acquire("engine", now_);
    std::sort(memory.lanes.begin(), memory.lanes.end(), [](const auto& a, const auto& b) { return a.lane < b.lane; });
    same(memory, model);
    epoch_ = memory.slots.front().epoch;
  }

  std::mt19937_64 random_;
  MemoryStore memory_;
  ModelStore model_;
  TimePoint now_ = contract::now;
  std::uint64_t epoch_ = 0, lanes_ = 0, newest_ = 0;
  std::size_t events_ = 0;
  std::vector<std::uint64_t> direct_{};  // lanes of no subscription that are there
  std::vector<Claim> out_{};
};

}  // namespace

TEST_CASE("MemoryStore answers any calls as the model does") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 41)));
  CAPTURE(seed);
  Pair pair{seed};
  for (int i = 0; i < 1'500; ++i) {
    CAPTURE(i);
    pair.step();
  }
}
