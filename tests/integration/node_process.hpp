#ifndef FLYHOOK_TESTS_INTEGRATION_NODE_PROCESS_HPP
#define FLYHOOK_TESTS_INTEGRATION_NODE_PROCESS_HPP

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

extern char** environ;

// A node script as a child process: its output is read line by line, each within a deadline; it never outlives the test.

namespace flyhook::test {

class NodeProcess {
 public:
  /// Runs `node SCRIPT ARGUMENTS...` in `folder`.
  NodeProcess(const std::string& folder, const std::string& script, std::vector<std::string> arguments = {}) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
    input_ = in[1];
    if (pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
    output_ = out[0];

    const std::string path = folder + "/" + script;
    std::vector<char*> words;
    std::string node = "node", file = path;
    words.push_back(node.data());
    words.push_back(file.data());
    for (auto& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    const int failed = posix_spawnp(&pid_, "node", &actions, nullptr, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    if (failed == 0) return;
    pid_ = -1;
    end();
    throw std::runtime_error{"node could not be started: apt-get install nodejs npm"};
  }
  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;
  ~NodeProcess() { end(); }

  /// The next line that it prints; throws if there is none within `limit`.
  std::string line(std::chrono::milliseconds limit = std::chrono::seconds{60}) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
      if (const auto end_of_line = read_.find('\n'); end_of_line != std::string::npos) {
        auto next = read_.substr(0, end_of_line);
        read_.erase(0, end_of_line + 1);
        return next;
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd ready{output_, POLLIN, 0};
      if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) <= 0)
        throw std::runtime_error{"node said nothing in time"};
      char buffer[4096];
      const auto size = read(output_, buffer, sizeof buffer);
      if (size <= 0) throw std::runtime_error{"node ended: " + read_};
      read_.append(buffer, static_cast<std::size_t>(size));
    }
  }

 private:
  void end() noexcept {
    if (input_ >= 0) close(input_);  // what the scripts end at
    if (pid_ > 0) {
      kill(pid_, SIGTERM);
      // It is over when nobody holds the other end of its output any more.
      pollfd ended{output_, POLLIN, 0};
      char rest[4096];
      bool is_over = false;
      while (!is_over && poll(&ended, 1, 5'000) > 0) is_over = read(output_, rest, sizeof rest) <= 0;
      if (!is_over) kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    if (output_ >= 0) close(output_);
    pid_ = input_ = output_ = -1;
  }

  pid_t pid_ = -1;
  int input_ = -1, output_ = -1;
  std::string read_{};
};

}  // namespace flyhook::test

#endif
