// GCC 12 finds fault with its own <regex> where it is optimised and sanitized (bug 105562).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <flyhook/detail/serve/mount.hpp>

#include <functional>
#include <map>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"

using namespace flyhook;
using namespace flyhook::detail;

namespace {

// What mount_on asks of a server, with cpp-httplib's names.

struct FakeRequest {
  bool is_multipart_form_data() const { return is_form; }

  std::string method{}, target{"/hooks?a=b"};
  std::multimap<std::string, std::string> headers{};
  std::string remote_addr{"192.0.2.1"};
  int local_port = 8080;
  bool is_form = false;
};

struct FakeSink {
  std::function<bool(const char*, std::size_t)> write{};
};

struct FakeResponse {
  using Provider = std::function<bool(std::size_t, std::size_t, FakeSink&)>;

  void set_header(const std::string& name, const std::string& value) { headers.emplace(name, value); }
  void set_content(const std::string& text, const std::string& type) {
    body = text;
    headers.emplace("content-type", type);
  }
  void set_content_provider(std::size_t size, const std::string& type, const Provider& provider) {
    headers.emplace("content-type", type);
    FakeSink sink{[&](const char* bytes, std::size_t count) {
      body.append(bytes, count);
      return true;
    }};
    is_last = !provider(range.first, range.second == 0 ? size : range.second, sink);
  }

  int status = -1;
  std::multimap<std::string, std::string> headers{};
  std::string body{};
  bool is_last = false;
  std::pair<std::size_t, std::size_t> range{};  // at, size: what it asks a provider for; size 0: all
};

struct FakeReader {
  using Receiver = std::function<bool(const char*, std::size_t)>;
  using Header = std::function<bool(const std::string&)>;

  bool operator()(Receiver receiver) const { return plain(std::move(receiver)); }
  bool operator()(Header header, Receiver receiver) const { return form(std::move(header), std::move(receiver)); }

  std::function<bool(Receiver)> plain{};
  std::function<bool(Header, Receiver)> form{};
};

class FakeServer {
 public:
  using Handler = std::function<void(const FakeRequest&, FakeResponse&)>;
  using HandlerWithReader = std::function<void(const FakeRequest&, FakeResponse&, const FakeReader&)>;

  void Get(const std::string&, Handler handler) { plain["GET"] = std::move(handler); }
  void Options(const std::string&, Handler handler) { plain["OPTIONS"] = std::move(handler); }
  void Post(const std::string&, Handler handler) { plain["POST"] = std::move(handler); }
  void Post(const std::string&, HandlerWithReader handler) { reading["POST"] = std::move(handler); }
  void Put(const std::string&, HandlerWithReader handler) { reading["PUT"] = std::move(handler); }
  void Patch(const std::string&, HandlerWithReader handler) { reading["PATCH"] = std::move(handler); }
  void Delete(const std::string&, HandlerWithReader handler) { reading["DELETE"] = std::move(handler); }

  /// A request whose body comes in these pieces; it breaks off behind them if `is_whole` is false.
  FakeResponse take(const FakeRequest& request, const std::vector<std::string>& pieces = {}, bool is_whole = true) {
    FakeResponse response;
    response.range = range;
    if (plain.contains(request.method)) {
      plain[request.method](request, response);
      return response;
    }
    const auto read = [&](const FakeReader::Receiver& receiver) {
      for (const auto& piece : pieces) {
        if (!receiver(piece.data(), piece.size())) return false;
        bytes_read += piece.size();
      }
      return is_whole;
    };
    FakeReader reader;
    // Each kind of body has its own overload; the other one throws bad_function_call.
    if (request.is_form) {
      reader.form = [&](const FakeReader::Header& header, const FakeReader::Receiver& receiver) {
        return header("file") && read(receiver);
      };
    } else {
      reader.plain = read;
    }
    reading[request.method](request, response, reader);
    return response;
  }

  std::map<std::string, Handler> plain{};
  std::map<std::string, HandlerWithReader> reading{};
  std::size_t bytes_read = 0;
  std::pair<std::size_t, std::size_t> range{};
};

/// A server with a handler that notes what it got.
struct Mounted {
  explicit Mounted(std::size_t limit = 10) {
    mount_on(server, "/hooks", limit, [this](ServerRequest&& request) {
      seen.push_back(std::move(request));
      if (seen.back().body == "throw") throw std::runtime_error{"secret text"};
      return HttpResponse{
          .status = 200, .error = {}, .headers = {{"x-a", "1"}, {"Content-Type", "text/x"}}, .body = "hello"};
    });
  }

  FakeServer server{};
  std::vector<ServerRequest> seen{};
};

FakeRequest of(std::string method, std::multimap<std::string, std::string> headers = {}) {
  FakeRequest request;
  request.method = std::move(method);
  request.headers = std::move(headers);
  return request;
}

bool matches_only(std::string_view path) {
  const auto pattern = escaped_for_regex(path);
  const std::regex regex{pattern};
  const std::string itself{path};
  return std::regex_match(itself, regex) && !std::regex_match(itself + "x", regex) &&
         pattern.find("/:") == std::string::npos;
}

}  // namespace

TEST_CASE("a mount path matches itself alone, whatever characters it has") {
  for (const char* path :
       {"/hooks", "/a.b", "/a+b", "/(x)*", "/[a-z]{2}", "/^$|?", "/a\\b", "/:id/x", "/a:b", "/\xC3\xA4"}) {
    CAPTURE(path, escaped_for_regex(path));
    CHECK(matches_only(path));
  }
  CHECK_FALSE(std::regex_match("/aXb", std::regex{escaped_for_regex("/a.b")}));
}

TEST_CASE("a request comes to the handler with what the server knows of it") {
  Mounted mounted;
  const auto answer = mounted.server.take(of("POST", {{"Content-Length", "4"},
                                                      {"X-B", "2"},
                                                      {"REMOTE_ADDR", "192.0.2.1"},
                                                      {"REMOTE_PORT", "1"},
                                                      {"LOCAL_ADDR", "x"},
                                                      {"LOCAL_PORT", "8080"}}),
                                          {"bo", "dy"});
  REQUIRE(mounted.seen.size() == 1);
  const auto& request = mounted.seen[0];
  CHECK(request.method == "POST");
  CHECK(request.target == "/hooks?a=b");
  CHECK(request.headers == Headers{{"Content-Length", "4"}, {"X-B", "2"}});
  CHECK(request.body == "body");
  CHECK_FALSE(request.is_too_large);
  CHECK(request.peer == "192.0.2.1");
  CHECK(request.port == 8080);

  CHECK(answer.status == 200);
  CHECK(answer.body == "hello");
  CHECK(answer.headers == std::multimap<std::string, std::string>{{"x-a", "1"}, {"content-type", "text/x"}});
  CHECK_FALSE(answer.is_last);
}

TEST_CASE("every method has its handler") {
  Mounted mounted;
  for (const char* method : {"GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
    CHECK(mounted.server.take(of(method)).status == 200);
  CHECK(mounted.seen.size() == 6);
  CHECK(mounted.server.plain.size() == 2);  // the others read the body themselves
}

TEST_CASE("what is longer than the limit is read to its end and not kept") {
  Mounted mounted{10};
  SECTION("at the limit it is whole") {
    mounted.server.take(of("POST", {{"Content-Length", "10"}}), {"12345", "67890"});
    CHECK(mounted.seen.at(0).body == "1234567890");
    CHECK_FALSE(mounted.seen.at(0).is_too_large);
  }
  SECTION("in chunks, without a length") {
    mounted.server.take(of("POST", {{"Transfer-Encoding", "chunked"}}), {"12345", "678901", "2", "3"});
    CHECK(mounted.seen.at(0).body.empty());
    CHECK(mounted.seen.at(0).is_too_large);
    CHECK(mounted.server.bytes_read == 13);
  }
  SECTION("by the length that it announces") {
    mounted.server.take(of("PUT", {{"Content-Length", "11"}}), {"12345", "678901"});
    CHECK(mounted.seen.at(0).body.empty());
    CHECK(mounted.seen.at(0).is_too_large);
    CHECK(mounted.server.bytes_read == 11);
  }
  SECTION("where decoding made it longer than announced") {
    mounted.server.take(of("PATCH", {{"Content-Length", "5"}}), {"12345678901234567890"});
    CHECK(mounted.seen.at(0).body.empty());
    CHECK(mounted.seen.at(0).is_too_large);
  }
}

TEST_CASE("a body far over the limit is not read to its end, and the 413 is the last answer of its connection") {
  Mounted mounted{10};
  const std::string mebibyte(1u << 20, 'x');
  const std::vector<std::string> large(100, mebibyte);
  SECTION("by the length that it announces, nothing of it is read") {
    for (const char* length : {"104857600", "99999999999999999999999"}) {
      const auto answer = mounted.server.take(of("PUT", {{"Content-Length", length}}), large);
      CHECK(answer.status == 413);
      CHECK(answer.is_last);
      CHECK(mounted.server.bytes_read == 0);
    }
  }
  SECTION("in chunks, or where decoding makes much of little") {
    for (const auto& headers :
         {std::multimap<std::string, std::string>{{"Transfer-Encoding", "chunked"}},
          std::multimap<std::string, std::string>{{"Content-Length", "1000"}, {"Content-Encoding", "gzip"}}}) {
      mounted.server.bytes_read = 0;
      const auto answer = mounted.server.take(of("POST", headers), large);
      CHECK(answer.status == 413);
      CHECK(answer.is_last);
      CHECK(mounted.server.bytes_read < 20 * mebibyte.size());
    }
  }
  SECTION("a form") {
    auto request = of("POST", {{"Transfer-Encoding", "chunked"}, {"Content-Type", "multipart/form-data; boundary=x"}});
    request.is_form = true;
    const auto answer = mounted.server.take(request, large);
    CHECK(answer.status == 413);
    CHECK(answer.is_last);
    CHECK(mounted.server.bytes_read < 20 * mebibyte.size());
  }
  SECTION("where it breaks off beyond the limit") {
    const auto answer = mounted.server.take(of("POST", {{"Content-Length", "1000"}}), {"12345678901"}, false);
    CHECK(answer.status == 413);
    CHECK(answer.is_last);
  }
  CHECK(mounted.seen.empty());
}

TEST_CASE("the encoding of a body that the server has decoded is not passed on") {
  const auto left = [](Headers headers) {
    forget_decoded(headers);
    return headers.size();
  };
  for (const char* encoding : {"gzip", "deflate", "br"}) CHECK(left({{"Content-Encoding", encoding}, {"a", "b"}}) == 1);
  // Which of these one server or another decodes is not known.
  for (const char* encoding : {"GZIP", "zstd", "gzip, br", "identity", ""})
    CHECK(left({{"Content-Encoding", encoding}}) == 1);
  CHECK(left({{"Content-Encoding", "gzip"}, {"content-encoding", "br"}}) == 2);

  Mounted mounted;
  mounted.server.take(of("POST", {{"Content-Length", "2"}, {"Content-Encoding", "gzip"}}), {"{}"});
  CHECK(mounted.seen.at(0).headers == Headers{{"Content-Length", "2"}});
}

TEST_CASE("a form is read and thrown away") {
  Mounted mounted;
  auto request = of("POST", {{"Content-Length", "4"}, {"Content-Type", "multipart/form-data; boundary=x"}});
  request.is_form = true;
  CHECK(mounted.server.take(request, {"bo", "dy"}).status == 200);
  CHECK(mounted.server.bytes_read == 4);
  CHECK(mounted.seen.at(0).body.empty());
}

TEST_CASE("a request without a body is not waited for") {
  Mounted mounted;
  for (const auto& headers : {std::multimap<std::string, std::string>{}, {{"Content-Length", "0"}}})
    CHECK(mounted.server.take(of("POST", headers), {"the next request"}).status == 200);
  CHECK(mounted.server.bytes_read == 0);
}

TEST_CASE("a body that breaks off is a 400 and the last answer of its connection") {
  Mounted mounted;
  const auto answer = mounted.server.take(of("POST", {{"Content-Length", "9"}}), {"1234"}, false);
  CHECK(answer.status == 400);
  CHECK(answer.is_last);
  CHECK(answer.body.find("the body could not be read") != std::string::npos);
  CHECK(answer.headers ==
        std::multimap<std::string, std::string>{{"connection", "close"}, {"content-type", "application/problem+json"}});
  CHECK(mounted.seen.empty());
}

TEST_CASE("where a body stays unread, the connection ends with the answer") {
  Mounted mounted;
  const auto get = mounted.server.take(of("GET", {{"Content-Length", "9"}}));
  CHECK(get.status == 200);
  CHECK(get.body == "hello");
  CHECK(get.is_last);
  CHECK_FALSE(mounted.server.take(of("GET")).is_last);

  const auto deleted = mounted.server.take(of("DELETE", {{"Transfer-Encoding", "chunked"}}), {"1234"});
  CHECK(deleted.status == 400);
  CHECK(deleted.is_last);
}

// cpp-httplib 0.11.4 asks a provider for what the client's Range says, whatever the length of the content.
TEST_CASE("a range beyond the last answer of a connection shows nothing behind it") {
  Mounted mounted;
  for (const auto& [at, size, shown] : {std::tuple{std::size_t{0}, std::size_t{1'000'000}, "hello"},
                                        {std::size_t{3}, std::size_t{1'000'000}, "lo"},
                                        {std::size_t{1}, std::size_t{2}, "el"},
                                        {std::size_t{5}, std::size_t{1}, ""},
                                        {std::size_t{1'000'000}, std::size_t{100}, ""},
                                        {static_cast<std::size_t>(-1), std::size_t{100}, ""}}) {
    CAPTURE(at, size);
    mounted.server.range = {at, size};
    const auto answer = mounted.server.take(of("GET", {{"Content-Length", "9"}, {"Range", "bytes=..."}}));
    CHECK(answer.body == shown);
    CHECK(answer.is_last);
  }
}

TEST_CASE("what a handler throws is a 500 without its text") {
  Mounted mounted;
  const auto answer = mounted.server.take(of("POST", {{"Content-Length", "5"}}), {"throw"});
  CHECK(answer.status == 500);
  CHECK(answer.body.find("secret") == std::string::npos);
}
