#ifndef FLYHOOK_DETAIL_SERVE_MOUNT_HPP
#define FLYHOOK_DETAIL_SERVE_MOUNT_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/serve/exchange.hpp>
#include <flyhook/http.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

// Putting a handler of ours on somebody's httplib::Server, or on one with the same members: a template, so that no HTTP
// library is included here. What cpp-httplib 0.11.4 leaves to its handlers is kept in this one place.

namespace flyhook::detail {

/// A pattern that matches `path` and nothing else: httplib's are std::regex, and newer ones take "/:" for a parameter.
FLYHOOK_DECL std::string escaped_for_regex(std::string_view path);

/// True for the headers that 0.11.4 adds to a request: they would pass for the client's own.
FLYHOOK_DECL bool is_made_by_server(std::string_view name);

/// True if the client sent a body, were it an empty one in chunks (RFC 9112, 6.3).
FLYHOOK_DECL bool has_body(const Headers& headers);

/// True if the length that the headers announce is over `limit`.
FLYHOOK_DECL bool announces_more_than(const Headers& headers, std::size_t limit);

/// Takes the content-encoding away where the server has decoded the body: of those that every version knows, if it is one.
/// What it could not decode is no body that was read.
FLYHOOK_DECL void forget_decoded(Headers& headers);

template <class Request>
ServerRequest as_server_request(const Request& request) {
  ServerRequest taken;
  taken.method = request.method;
  taken.target = request.target;
  taken.headers.reserve(request.headers.size());
  for (const auto& [name, value] : request.headers)
    if (!is_made_by_server(name)) taken.headers.emplace_back(name, value);
  taken.peer = request.remote_addr;
  taken.port = request.local_port;
  return taken;
}

/// So much beyond the limit is read for the sake of the connection; who sends more, or what unpacks to more, loses it.
inline constexpr std::size_t most_skipped_bytes = 16u << 20;

/// Puts a body into a request, `limit` bytes of it at most; what is more is thrown away.
struct BodyTaker {
  ServerRequest& taken;
  std::size_t limit = 0;
  std::size_t skipped = 0;

  /// False: it is enough.
  bool skip(std::size_t size) {
    skipped += size;
    taken.is_too_large = taken.is_too_large || skipped > most_skipped_bytes;
    return skipped <= most_skipped_bytes;
  }
  bool take(const char* bytes, std::size_t size) {
    if (!taken.is_too_large && size > limit - taken.body.size()) {
      taken.is_too_large = true;
      taken.body = {};
    }
    if (taken.is_too_large) return skip(size);
    taken.body.append(bytes, size);
    return true;
  }
};

/// Reads the body into `taken`, and what is beyond `limit` as well, since it would be taken for the next request of the
/// connection. False: it is not read to its end, and where the next request begins is unknown.
template <class Request, class Reader>
bool read_body(const Request& request, const Reader& reader, std::size_t limit, ServerRequest& taken) {
  // Without a length and chunks there is none; 0.11.4 would read until the connection ends.
  if (!has_body(taken.headers)) return true;
  // 0.11.4 reads no body of such a DELETE.
  if (taken.method == "DELETE" && find_header(taken.headers, "content-length") == nullptr) return false;

  taken.is_too_large = announces_more_than(taken.headers, limit);
  const auto most = limit + std::min(most_skipped_bytes, std::numeric_limits<std::size_t>::max() - limit);
  if (taken.is_too_large && announces_more_than(taken.headers, most)) return false;
  // What the reader is given holds one reference: std::function keeps that without allocating, however often it is copied.
  BodyTaker taker{taken, limit};
  // For a form the reader of one argument throws bad_function_call.
  if (request.is_multipart_form_data())
    return reader([&taker](const auto&) { return taker.skip(100); },  // about what the head of a part takes
                  [&taker](const char*, std::size_t size) { return taker.skip(size); });
  return reader([&taker](const char* bytes, std::size_t size) { return taker.take(bytes, size); });
}

/// All but the body; answers its content type.
template <class Response>
std::string write_head(const HttpResponse& answer, Response& response) {
  response.status = answer.status;
  std::string type;
  for (const auto& [name, value] : answer.headers) {
    if (equal_without_case(name, "content-type")) {
      type = value;
    } else {
      response.set_header(name, value);
    }
  }
  return type;
}

template <class Response>
void write_response(const HttpResponse& answer, Response& response) {
  const auto type = write_head(answer, response);
  if (!type.empty()) response.set_content(answer.body, type);
}

/// As the last answer of its connection. A handler cannot ask for that; a body whose source gives up at its end can. For a
/// request with a Range, 0.11.4 asks that source for whatever the client names, be it beyond the end.
template <class Response>
void write_last_response(const HttpResponse& answer, Response& response) {
  const auto type = write_head(answer, response);
  response.set_header("connection", "close");
  if (answer.body.empty()) return;
  response.set_content_provider(answer.body.size(), type,
                                [body = answer.body](std::size_t offset, std::size_t size, auto& sink) -> bool {
                                  const auto rest = std::string_view{body}.substr(std::min(offset, body.size()), size);
                                  sink.write(rest.data(), rest.size());
                                  return false;
                                });
}

template <class Handle>
HttpResponse answer_of(const Handle& handle, ServerRequest&& taken) {
  try {
    return handle(std::move(taken));
  } catch (...) {
    return problem(500, "the request could not be served");
  }
}

/// Takes every request whose path matches `pattern`, whatever its method. `handle` is an HttpResponse(ServerRequest&&) that
/// may be called from several threads at once; it is copied into the server. What it throws is a 500.
template <class Server, class Handle>
void mount_on(Server& server, const std::string& pattern, std::size_t max_body_bytes, Handle handle) {
  const auto with_body = [handle, max_body_bytes](const auto& request, auto& response, const auto& reader) -> void {
    auto taken = as_server_request(request);
    if (read_body(request, reader, max_body_bytes, taken)) {
      forget_decoded(taken.headers);
      write_response(answer_of(handle, std::move(taken)), response);
    } else {
      const int status = taken.is_too_large                                 ? 413
                         : response.status == 413 || response.status == 415 ? response.status
                                                                            : 400;
      write_last_response(problem(status, status == 413 ? "the body is too long" : "the body could not be read"), response);
    }
  };
  const auto without_body = [handle](const auto& request, auto& response) -> void {
    auto taken = as_server_request(request);
    const bool is_last = has_body(taken.headers);  // which 0.11.4 leaves unread
    const auto answer = answer_of(handle, std::move(taken));
    if (is_last) {
      write_last_response(answer, response);
    } else {
      write_response(answer, response);
    }
  };
  server.Get(pattern, without_body);
  server.Options(pattern, without_body);
  server.Post(pattern, with_body);
  server.Put(pattern, with_body);
  server.Patch(pattern, with_body);
  server.Delete(pattern, with_body);
}

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/serve/mount.ipp>
#endif

#endif
