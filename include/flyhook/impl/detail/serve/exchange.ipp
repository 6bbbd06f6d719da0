#ifndef FLYHOOK_IMPL_DETAIL_SERVE_EXCHANGE_IPP
#define FLYHOOK_IMPL_DETAIL_SERVE_EXCHANGE_IPP

#include <flyhook/detail/security/ip.hpp>
#include <flyhook/detail/serve/exchange.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>

namespace flyhook::detail {

FLYHOOK_DECL std::string_view status_title(int status);

ServerRequest request_of(std::string_view method, std::string_view target, const Headers& headers, std::string_view body,
                         std::size_t limit) {
  ServerRequest request;
  request.method = method;
  request.target = target;
  request.headers = headers;
  request.is_too_large = body.size() > limit;
  if (!request.is_too_large) request.body = body;
  return request;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
      if (low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return std::nullopt;
    decoded.push_back(c);
  }
  return decoded;
}

std::optional<RequestTarget> parse_target(std::string_view target) {
  target = target.substr(0, target.find('#'));
  const auto mark = std::min(target.find('?'), target.size());
  const auto path = percent_decoded(target.substr(0, mark), false);
  if (!path) return std::nullopt;

  RequestTarget parsed;
  parsed.path = *path;
  for (auto rest = target.substr(std::min(mark + 1, target.size())); !rest.empty();) {
    const auto pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = percent_decoded(pair.substr(0, equals), true);
    auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) return std::nullopt;
    parsed.query.emplace_back(std::move(*name), std::move(*value));
  }
  return parsed;
}

/// The phrases of RFC 9110, 15, as RFC 9457, 4.2.1 asks for where a problem has no type of its own.
std::string_view status_title(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return status < 500 ? "Refused" : "Failed";
  }
}

HttpResponse problem(int status, std::string_view detail, std::string_view field) {
  nlohmann::json body{{"title", status_title(status)}, {"status", status}, {"detail", detail}};
  if (!field.empty()) body["field"] = field;
  HttpResponse response;
  response.status = status;
  response.headers.emplace_back("content-type", "application/problem+json");
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return response;
}

}  // namespace flyhook::detail

#endif
