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
    if (has_ended_) return;
    const std::lock_guard lock{repeats_.mutex_};
    running_->answer.status = 500;
    leave();
  }

  void end(const HttpResponse& answer, std::chrono::nanoseconds now) {
    const std::lock_guard lock{repeats_.mutex_};
    if (answer.status / 100 == 2) repeats_.handled_.add(digest_, now);
    running_->answer = answer;
    has_ended_ = true;
    leave();
  }

 private:
  void leave() {  // under the lock
    repeats_.running_.erase(digest_);
    running_->is_done = true;
    repeats_.done_.notify_all();
  }

  Repeats& repeats_;
  const Digest digest_;
  const std::shared_ptr<Running> running_;
  bool has_ended_ = false;
};

Repeats::Repeats(std::string_view scope, std::size_t remember)
    : key_("flyhook repeats " + std::string{scope}), handled_(remember, longest) {}

HttpResponse Repeats::answer(std::string_view id, std::chrono::nanoseconds now, const std::function<HttpResponse()>& run) {
  const auto digest = digest_of(id);
  auto running = std::make_shared<Running>();
  {
    std::unique_lock lock{mutex_};
    handled_.forget_old(now);
    if (handled_.contains(digest)) return {.status = 204, .error = {}, .headers = {}, .body = {}};
    const auto [known, is_new] = running_.try_emplace(digest, running);
    if (!is_new) {
      const auto other = known->second;
      if (other->runner == std::this_thread::get_id())
        return problem(500, "the request is being handled by its own handler");
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
  return running_.size() + handled_.size();
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

}  // namespace flyhook::detail

#endif
