#include "sink.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace benchmark {

struct Sink::Shared {
  std::atomic<std::uint64_t> last_arrival{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> timed{0};
  std::array<std::atomic<std::uint64_t>, numbers> arrivals{};
};

namespace {

/// The size of the first whole request in `text`; 0: it is not whole yet.
std::size_t request_size(std::string_view text) {
  const auto end = text.find("\r\n\r\n");
  if (end == text.npos) return 0;
  std::size_t body = 0;
  for (std::size_t at = 0; at < end;) {
    const auto line_end = text.find("\r\n", at);
    const auto line = text.substr(at, line_end - at);
    constexpr std::string_view name = "content-length:";
    if (line.size() > name.size() && (line[0] == 'C' || line[0] == 'c') && (line[8] | 0x20) == 'l' &&
        line[name.size() - 1] == ':')
      body = std::strtoul(line.data() + name.size(), nullptr, 10);
    at = line_end + 2;
  }
  return text.size() >= end + 4 + body ? end + 4 + body : 0;
}

std::uint64_t now() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(at.tv_nsec);
}

/// Port 0: any.
int listen_on(std::uint32_t address, std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(address);
  at.sin_port = htons(port);
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(listener, 1024) != 0)
    throw std::runtime_error{"the sink cannot listen on the loopback"};
  return listener;
}

struct Connection {
  std::uint64_t id = 0;  ///< descriptors are used again
  std::string partial{};
};

struct LateAnswer {
  std::uint64_t due = 0;
  int connection = 0;
  std::uint64_t id = 0;
};

/// Answers that are late by the same time, the earliest first.
struct Late {
  std::uint64_t by = 0;  ///< nanoseconds
  std::deque<LateAnswer> answers{};
};

}  // namespace

Sink::Sink(std::size_t addresses) {
  std::vector<int> listeners;
  for (std::size_t i = 0; i < addresses; ++i) {
    listeners.push_back(listen_on(INADDR_LOOPBACK + static_cast<std::uint32_t>(i), port_));
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(listeners.back(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  shared_ = static_cast<Shared*>(memory);  // zeros as they are: writing them would take the memory
  process_ = fork();
  if (process_ == 0) serve(listeners);
  for (const int listener : listeners) close(listener);
}

void Sink::serve(const std::vector<int>& listeners) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const int poll = epoll_create1(0);
  const auto watch = [&](int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
  };
  for (const int listener : listeners) watch(listener);
  std::unordered_map<int, Connection> connections;
  Late slow{1'000'000'000, {}}, distant{20'000'000, {}};
  std::uint64_t last_id = 0;
  std::array<epoll_event, 256> events{};
  std::array<char, 64 * 1024> buffer{};
  for (;;) {
    int wait = -1;
    for (const Late* late : {&slow, &distant}) {
      if (late->answers.empty()) continue;
      const auto at = now(), due = late->answers.front().due;
      const int left = due <= at ? 0 : static_cast<int>((due - at) / 1'000'000 + 1);
      wait = wait < 0 ? left : std::min(wait, left);
    }
    const int count = epoll_wait(poll, events.data(), static_cast<int>(events.size()), wait);
    for (Late* late : {&slow, &distant})
      for (; !late->answers.empty() && late->answers.front().due <= now(); late->answers.pop_front()) {
        const auto& answered = late->answers.front();
        const auto to = connections.find(answered.connection);
        if (to != connections.end() && to->second.id == answered.id)
          send(to->first, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      const auto known = connections.find(fd);
      if (known == connections.end()) {
        const int accepted = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK);
        if (accepted < 0) continue;
        const int on = 1;
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections[accepted].id = ++last_id;
        watch(accepted);
        continue;
      }
      const auto read = recv(fd, buffer.data(), buffer.size(), 0);
      if (read <= 0) {
        if (read < 0 && errno == EAGAIN) continue;
        close(fd);
        connections.erase(known);
        continue;
      }
      auto& text = known->second.partial;
      text.append(buffer.data(), static_cast<std::size_t>(read));
      while (const auto whole = request_size(text)) {
        const auto at = now();
        const bool hangs = text.starts_with("POST /hang");
        Late* const late = text.starts_with("POST /slow")         ? &slow
                           : text.starts_with("POST /timed-20ms") ? &distant
                                                                  : nullptr;
        if (text.starts_with("POST /timed")) {
          constexpr std::string_view head = "{\"number\":";
          const auto body = text.find(head);
          if (body < whole) {
            const auto number = std::strtoul(text.data() + body + head.size(), nullptr, 10);
            shared_->arrivals[number % numbers].store(at);
          }
          shared_->timed.fetch_add(1);
        }
        text.erase(0, whole);
        shared_->last_arrival.store(at);
        shared_->requests.fetch_add(1);
        if (late != nullptr) late->answers.push_back({at + late->by, fd, known->second.id});
        if (!hangs && late == nullptr) send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    }
  }
}

Sink::~Sink() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  munmap(shared_, sizeof(Shared));
}

std::string Sink::url(std::size_t address, const std::string& path) const {
  return "http://127.0.0." + std::to_string(address + 1) + ":" + std::to_string(port_) + path;
}
std::uint64_t Sink::last_arrival() const {
  return shared_->last_arrival.load();
}
std::uint64_t Sink::requests() const {
  return shared_->requests.load();
}
std::uint64_t Sink::timed() const {
  return shared_->timed.load();
}
std::uint64_t Sink::arrival(std::size_t number) const {
  return shared_->arrivals[number % numbers].load();
}

}  // namespace benchmark
