#ifndef FLYHOOK_IMPL_DETAIL_RECEIVE_REPEATS_IPP
#define FLYHOOK_IMPL_DETAIL_RECEIVE_REPEATS_IPP

#include <flyhook/detail/receive/repeats.hpp>
#include <flyhook/detail/serve/exchange.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace flyhook::detail {

/// The first call of an id, from its entry to its answer; one that ends without an answer has failed.
class Repeats::Turn {
 public:
  Turn(Repeats& repeats, const Digest& digest, std::shared_ptr<Running> running)
      : repeats_(repeats), digest_(digest), running_(std::move(running)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    const std::lock_guard lock{repeats_.mutex_};
    if (!is_kept_) repeats_.known_.erase(digest_);
    running_->is_done = true;
    repeats_.done_.notify_all();
  }

  void end(const HttpResponse& answer, std::chrono::nanoseconds now) {
    const std::lock_guard lock{repeats_.mutex_};
    running_->answer = answer;
    if (answer.status / 100 != 2) return;
    auto& order = repeats_.order_;
    order.push_back({digest_, order.empty() ? now : std::max(now, order.back().at)});
    repeats_.known_[digest_] = nullptr;
    is_kept_ = true;
    repeats_.forget_old(now);
  }

 private:
  Repeats& repeats_;
  const Digest digest_;
  const std::shared_ptr<Running> running_;
  bool is_kept_ = false;
};

Repeats::Repeats(std::string_view scope, std::size_t remember)
    : key_("flyhook repeats " + std::string{scope}), remember_(remember) {}

HttpResponse Repeats::answer(std::string_view id, std::chrono::nanoseconds now, const std::function<HttpResponse()>& run) {
  const auto digest = digest_of(id);
  auto running = std::make_shared<Running>();
  running->answer = problem(500, "the request could not be served");
  {
    std::unique_lock lock{mutex_};
    forget_old(now);
    const auto [known, is_new] = known_.try_emplace(digest, running);
    if (!is_new) {
      const auto other = known->second;
      if (other == nullptr) return {.status = 204, .error = {}, .headers = {}, .body = {}};
      if (other->runner == std::this_thread::get_id()) return running->answer;
      ++waiting_;
      done_.wait(lock, [&] { return other->is_done; });
      --waiting_;
      return other->answer;
    }
  }
  Turn turn{*this, digest, running};
  auto answered = run();
  turn.end(answered, now);
  return answered;
}

std::size_t Repeats::size() const {
  const std::lock_guard lock{mutex_};
  return known_.size();
}

std::size_t Repeats::waiting() const {
  const std::lock_guard lock{mutex_};
  return waiting_;
}

std::size_t Repeats::DigestHash::operator()(const Digest& digest) const {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

Repeats::Digest Repeats::digest_of(std::string_view id) const {
  const auto whole = key_.sign({id});
  Digest digest;
  std::copy_n(whole.begin(), digest.size(), digest.begin());
  return digest;
}

/// The caller holds the lock.
void Repeats::forget_old(std::chrono::nanoseconds now) {
  while (!order_.empty() && (order_.size() > remember_ || now - order_.front().at >= longest)) {
    known_.erase(order_.front().digest);
    order_.pop_front();
  }
}

}  // namespace flyhook::detail

#endif
