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

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

namespace benchmark {

struct Sink::Shared {
  std::atomic<std::uint64_t> last_arrival{0};
  std::atomic<std::uint64_t> requests{0};
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

}  // namespace

Sink::Sink() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener, 1024) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error{"the sink cannot listen on the loopback"};
  port_ = ntohs(address.sin_port);
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared_ = new (memory) Shared;
  process_ = fork();
  if (process_ != 0) {
    close(listener);
    return;
  }

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const int poll = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  std::unordered_map<int, std::string> partial;
  std::array<epoll_event, 256> events{};
  std::array<char, 64 * 1024> buffer{};
  for (;;) {
    const int count = epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        const int on = 1;
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        event.data.fd = accepted;
        epoll_ctl(poll, EPOLL_CTL_ADD, accepted, &event);
        continue;
      }
      const auto read = recv(fd, buffer.data(), buffer.size(), 0);
      if (read <= 0) {
        if (read < 0 && errno == EAGAIN) continue;
        close(fd);
        partial.erase(fd);
        continue;
      }
      auto& text = partial[fd];
      text.append(buffer.data(), static_cast<std::size_t>(read));
      while (const auto whole = request_size(text)) {
        timespec now{};
        clock_gettime(CLOCK_MONOTONIC, &now);
        const bool hangs = text.starts_with("POST /hang");
        text.erase(0, whole);
        shared_->last_arrival.store(static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
                                    static_cast<std::uint64_t>(now.tv_nsec));
        shared_->requests.fetch_add(1);
        if (!hangs) send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    }
  }
}

Sink::~Sink() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

std::uint64_t Sink::last_arrival() const {
  return shared_->last_arrival.load();
}
std::uint64_t Sink::requests() const {
  return shared_->requests.load();
}

}  // namespace benchmark
