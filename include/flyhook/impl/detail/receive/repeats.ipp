#ifndef FLYHOOK_IMPL_DETAIL_RECEIVE_REPEATS_IPP
#define FLYHOOK_IMPL_DETAIL_RECEIVE_REPEATS_IPP

#include <flyhook/detail/receive/repeats.hpp>
#include <flyhook/detail/serve/exchange.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace flyhook::detail {

/// The first call of an id, from its entry to its answer; one that ends without an answer has failed.
class Repeats::Turn {
 public:
  Turn(Repeats& repeats, const Digest& digest) : repeats_(repeats), digest_(digest) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (has_ended_) return;
    const std::lock_guard lock{repeats_.mutex_};
    leave({.status = 500, .error = {}, .headers = {}, .body = {}});
  }

  void end(const HttpResponse& answer, std::chrono::nanoseconds now) {
    const std::lock_guard lock{repeats_.mutex_};
    if (answer.status / 100 == 2) repeats_.handled_.add(digest_, now);
    leave(answer);
  }

 private:
  void leave(const HttpResponse& answer) {  // under the lock
    const auto own = repeats_.find_running(digest_);
    if (own->outcome != nullptr) {
      own->outcome->answer = answer;
      own->outcome->is_there = true;
      repeats_.done_.notify_all();
    }
    std::swap(*own, repeats_.running_.back());
    repeats_.running_.pop_back();
    has_ended_ = true;
  }

  Repeats& repeats_;
  const Digest digest_;
  bool has_ended_ = false;
};

Repeats::Repeats(std::string_view scope, std::size_t remember)
    : key_("flyhook repeats " + std::string{scope}), handled_(remember, longest) {}

HttpResponse Repeats::answer(std::string_view id, std::chrono::nanoseconds now, const std::function<HttpResponse()>& run) {
  const auto digest = digest_of(id);
  {
    std::unique_lock lock{mutex_};
    handled_.forget_old(now);
    if (handled_.contains(digest)) return {.status = 204, .error = {}, .headers = {}, .body = {}};
    const auto other = find_running(digest);
    if (other != running_.end()) {
      if (other->runner == std::this_thread::get_id())
        return problem(500, "the request is being handled by its own handler");
      if (other->outcome == nullptr) other->outcome = std::make_shared<Outcome>();
      const auto outcome = other->outcome;
      ++waiting_;
      done_.wait(lock, [&] { return outcome->is_there; });
      --waiting_;
      return outcome->answer;
    }
    running_.push_back({digest, std::this_thread::get_id(), nullptr});
  }
  Turn turn{*this, digest};
  auto answered = run();
  turn.end(answered, now);
  return answered;
}

std::vector<Repeats::Running>::iterator Repeats::find_running(const Digest& digest) {
  return std::find_if(running_.begin(), running_.end(), [&](const Running& each) { return each.digest == digest; });
}

std::size_t Repeats::size() const {
  const std::lock_guard lock{mutex_};
  return running_.size() + handled_.size();
}

std::size_t Repeats::waiting() const {
  const std::lock_guard lock{mutex_};
  return waiting_;
}

Repeats::Digest Repeats::digest_of(std::string_view id) const {
  const auto whole = key_.sign({id});
  Digest digest;
  std::copy_n(whole.begin(), digest.size(), digest.begin());
  return digest;
}

}  // namespace flyhook::detail

#endif
