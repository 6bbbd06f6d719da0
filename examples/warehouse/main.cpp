// A warehouse: every event of a shop is copied into SQLite, as it came, and questions are asked later. The row's key is the
// event's id, so that an event that comes twice is there once, whatever happened in between.

#include <flyhook/flyhook.hpp>

#include <httplib.h>
#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;

class Warehouse {
 public:
  Warehouse() {
    check(sqlite3_open(":memory:", &database_));
    check(sqlite3_exec(database_, "CREATE TABLE events (id TEXT PRIMARY KEY, type TEXT, at INTEGER, data TEXT)", nullptr,
                       nullptr, nullptr));
    check(sqlite3_prepare_v2(database_, "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", -1, &insert_, nullptr));
  }
  ~Warehouse() {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
  }

  /// What cannot be stored throws: the answer is a 500, and the event comes again.
  void store(const flyhook::Event& event, const flyhook::Received& meta) {
    const auto data = event.data.dump();
    const auto at = std::chrono::duration_cast<std::chrono::seconds>(meta.timestamp.time_since_epoch()).count();
    const std::lock_guard lock{mutex_};
    sqlite3_reset(insert_);
    sqlite3_bind_text(insert_, 1, meta.id.c_str(), -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(insert_, 2, event.type.c_str(), -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(insert_, 3, at);
    sqlite3_bind_text(insert_, 4, data.c_str(), -1, SQLITE_TRANSIENT);
    if (sqlite3_step(insert_) != SQLITE_DONE) throw std::runtime_error{sqlite3_errmsg(database_)};
  }

  void print(const char* query) {
    const std::lock_guard lock{mutex_};
    check(sqlite3_exec(
        database_, query,
        [](void*, int columns, char** values, char**) {
          for (int i = 0; i < columns; ++i) std::printf("%s%s", i == 0 ? "" : "  ", values[i] == nullptr ? "-" : values[i]);
          std::printf("\n");
          return 0;
        },
        nullptr, nullptr));
  }

 private:
  void check(int code) {
    if (code != SQLITE_OK) throw std::runtime_error{sqlite3_errmsg(database_)};
  }

  std::mutex mutex_;  // handlers run on the server's threads
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

int main() {
  const auto secret = flyhook::generate_secret();

  Warehouse warehouse;
  flyhook::Receiver receiver{{.secrets = {secret}}};
  receiver.on("*", [&](const flyhook::Event& event, const flyhook::Received& meta) { warehouse.store(event, meta); });
  httplib::Server server;
  receiver.mount(server, "/warehouse");
  const auto url = "http://127.0.0.1:" + std::to_string(server.bind_to_any_port("127.0.0.1")) + "/warehouse";
  std::thread serving{[&] { server.listen_after_bind(); }};

  {
    flyhook::Publisher<> shop{{.url_policy = {.allow = {"127.0.0.0/8"}}}};
    shop.subscribe({.url = url, .secret = secret});
    const auto order = [&](const char* what, const char* country, int cents) {
      shop.publish({.type = what, .data = {{"country", country}, {"cents", cents}}});
    };
    order("order.paid", "DE", 4200);
    order("order.paid", "FR", 1900);
    order("order.paid", "DE", 800);
    order("order.refunded", "DE", 800);
    order("order.paid", "JP", 9900);
    shop.drain(10s);
  }
  server.stop();
  serving.join();

  warehouse.print(R"(SELECT json_extract(data, '$.country') AS country,
                            SUM(CASE type WHEN 'order.paid' THEN 1 ELSE -1 END * json_extract(data, '$.cents')) AS cents,
                            COUNT(*) || ' events'
                     FROM events GROUP BY country ORDER BY cents DESC)");
}

// Output:
// JP  9900  1 events
// DE  4200  3 events
// FR  1900  1 events
