// Which route a request takes: HTTP method and path to an index.
//
// The match with most literal segments wins; of two with equally many, the one
// without `**`. Two routes that match one path equally well are ambiguous; Build refuses them, so a
// request never depends on the order of registration.
//
// Immutable after Build; Find may be called from any thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/gateway/domain/path_template.h"

namespace weft::gateway {

class Router {
 public:
  struct Route {
    std::string method;  // "GET"
    PathTemplate pattern;
    std::string name;    // For error texts: the template and its RPC.
    size_t target = 0;   // The caller's index.
  };
  // `variables`: values of the path's variables by field.
  struct Match {
    size_t target = 0;
    std::vector<std::pair<std::string, std::string>> variables;
  };

  Router() = default;
  // Errors: FAILED_PRECONDITION / ROUTE_AMBIGUOUS naming both routes.
  static absl::StatusOr<Router> Build(std::vector<Route> routes);

  // Errors: NOT_FOUND / ROUTE_NOT_FOUND; UNIMPLEMENTED / METHOD_NOT_ALLOWED with
  // metadata "allow" when the path exists for other methods; URL_MALFORMED.
  absl::StatusOr<Match> Find(absl::string_view method, absl::string_view path) const;

  // The methods that a path answers to, sorted; empty when the path is unknown.
  std::vector<std::string> Allowed(absl::string_view path) const;

 private:
  const Route* Best(const std::vector<Route>& routes, const RequestPath& path) const;
  std::map<std::string, std::vector<Route>> by_method_;
};

}  // namespace weft::gateway
