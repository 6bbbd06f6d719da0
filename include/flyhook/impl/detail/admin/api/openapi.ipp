#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_API_OPENAPI_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_API_OPENAPI_IPP

#include <flyhook/detail/admin/api.hpp>
#include <flyhook/detail/admin/schemas.hpp>

#include <algorithm>
#include <string>

// openapi.json from the table of routes: what an operation may answer follows from what it is.

namespace flyhook::detail {

FLYHOOK_DECL nlohmann::json reference_to(std::string_view schema);
FLYHOOK_DECL nlohmann::json json_content(std::string_view schema, std::string_view media_type = "application/json");
FLYHOOK_DECL nlohmann::json openapi_answers(const ApiRoute& route);
FLYHOOK_DECL nlohmann::json openapi_operation(const ApiRoute& route);

nlohmann::json reference_to(std::string_view schema) {
  return {{"$ref", "#/components/schemas/" + std::string{schema}}};
}

nlohmann::json json_content(std::string_view schema, std::string_view media_type) {
  return {{std::string{media_type}, {{"schema", reference_to(schema)}}}};
}

nlohmann::json openapi_answers(const ApiRoute& route) {
  nlohmann::json answers;
  auto& success = answers[std::to_string(route.status)];
  success["description"] = route.status == 204 ? "Done." : "What was asked for.";
  if (route.answer.find('/') != route.answer.npos) {
    const bool is_text = route.answer.starts_with("text/");
    success["content"][std::string{route.answer}]["schema"] = {{"type", is_text ? "string" : "object"}};
  } else if (!route.answer.empty()) {
    success["content"] = json_content(route.answer);
  }
  if (route.status == 201)
    success["headers"]["location"] = {{"description", "Where it is."}, {"schema", {{"type", "string"}}}};

  const auto refused = [&](int status, std::string_view why) {
    auto& answer = answers[std::to_string(status)];
    answer["description"] = why;
    answer["content"] = json_content("Problem", "application/problem+json");
  };
  const bool has_body = route.method == "POST" || route.method == "PATCH";
  refused(400, "The query, or the body, is not well formed.");
  refused(401, "There are no credentials, or they are not valid.");
  if (route.is_for_operators) refused(403, "It is the operator's alone.");
  if (route.path.find("{id}") != route.path.npos) refused(404, "There is none of this id, or it is another tenant's.");
  if (route.may_conflict) refused(409, "It contradicts what is there.");
  if (has_body) {
    refused(413, "The body is too long.");
    refused(415, "The body is not application/json.");
    refused(422, "A member of the body is wrong; `field` names it.");
  }
  refused(429, "Too many failed log-ins.");
  if (route.method != "GET" || route.asks_store) refused(503, "The publisher was stopped, or its store does not answer.");
  if (route.operation == "getHealth") answers["503"]["content"]["application/json"]["schema"] = reference_to("Health");
  return answers;
}

nlohmann::json openapi_operation(const ApiRoute& route) {
  nlohmann::json operation;
  operation["operationId"] = route.operation;
  operation["summary"] = route.summary;
  for (const auto& parameter : route.parameters)
    operation["parameters"].push_back({{"name", parameter.name},
                                       {"in", "query"},
                                       {"description", parameter.description},
                                       {"schema", nlohmann::json::parse(parameter.schema)}});
  if (!route.request.empty()) operation["requestBody"] = {{"content", json_content(route.request)}};
  if (route.operation == "createSubscription" || route.method == "PATCH" || route.operation == "recoverSubscription")
    operation["requestBody"]["required"] = true;
  operation["responses"] = openapi_answers(route);
  return operation;
}

nlohmann::json openapi_document(const std::vector<ApiRoute>& routes, std::string_view mount_point) {
  nlohmann::json document;
  document["openapi"] = "3.1.0";
  document["info"] = {{"title", "flyhook"},
                      {"version", FLYHOOK_VERSION},
                      {"description", "Register callback URLs for events, and watch their deliveries."},
                      {"license", {{"name", "MIT"}, {"identifier", "MIT"}}}};
  document["servers"].push_back({{"url", mount_point.empty() ? "/" : std::string{mount_point}}});
  document["security"].push_back({{"bearer", nlohmann::json::array()}});
  document["components"]["securitySchemes"]["bearer"] = {
      {"type", "http"}, {"scheme", "bearer"}, {"description", "The operator's token, or one of a tenant's portal."}};
  document["components"]["schemas"] = nlohmann::json::parse(api_schemas());
  for (const auto& route : routes) {
    auto& path = document["paths"][std::string{route.path}];
    if (route.path.find("{id}") != route.path.npos && !path.contains("parameters"))
      path["parameters"].push_back({{"name", "id"}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
    std::string method{route.method};
    std::transform(method.begin(), method.end(), method.begin(), ascii_lower);
    path[method] = openapi_operation(route);
  }
  return document;
}

}  // namespace flyhook::detail

#endif
