#include "services/gateway/domain/router.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"

namespace weft::gateway {

absl::StatusOr<Router> Router::Build(std::vector<Route> routes) {
  Router router;
  for (Route& route : routes) {
    std::vector<Route>& group = router.by_method_[route.method];
    for (const Route& other : group) {
      if (other.pattern.Rank() == route.pattern.Rank() &&
          Overlap(other.pattern, route.pattern)) {
        return FailedPrecondition(
            "ROUTE_AMBIGUOUS",
            absl::StrCat("routes ", route.method, " ", other.name, " and ", route.name,
                         " match the same path; give one of them another literal"),
            {{"first", other.name}, {"second", route.name}});
      }
    }
    group.push_back(std::move(route));
  }
  // The first match is the best one.
  for (auto& [method, group] : router.by_method_) {
    std::stable_sort(group.begin(), group.end(), [](const Route& a, const Route& b) {
      return a.pattern.Rank() > b.pattern.Rank();
    });
  }
  return router;
}

const Router::Route* Router::Best(const std::vector<Route>& routes,
                                  const RequestPath& path) const {
  for (const Route& route : routes) {
    if (Matches(route.pattern, path)) return &route;
  }
  return nullptr;
}

absl::StatusOr<Router::Match> Router::Find(absl::string_view method,
                                           absl::string_view path) const {
  const RequestPath parts = SplitPath(path);
  const auto group = by_method_.find(std::string(method));
  if (group != by_method_.end()) {
    if (const Route* route = Best(group->second, parts); route != nullptr) {
      WEFT_ASSIGN_OR_RETURN(auto variables, Extract(route->pattern, parts));
      return Match{.target = route->target, .variables = std::move(variables)};
    }
  }
  const std::vector<std::string> allowed = Allowed(path);
  if (allowed.empty()) {
    return NotFound("ROUTE_NOT_FOUND",
                    absl::StrCat("there is nothing at '", path,
                                 "'; /v1/openapi.json lists every path"),
                    {{"path", std::string(path)}});
  }
  const std::string allow = absl::StrJoin(allowed, ", ");
  absl::Status status = Error(absl::StatusCode::kUnimplemented, "METHOD_NOT_ALLOWED",
                              absl::StrCat("'", path, "' does not answer to ", method, "; use ",
                                           allow),
                              {{"path", std::string(path)}, {"allow", allow}});
  return status;
}

std::vector<std::string> Router::Allowed(absl::string_view path) const {
  const RequestPath parts = SplitPath(path);
  std::vector<std::string> allowed;
  for (const auto& [method, group] : by_method_) {
    if (Best(group, parts) != nullptr) allowed.push_back(method);
  }
  return allowed;
}

}  // namespace weft::gateway
