#include "services/gateway/domain/router.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"

namespace weft::gateway {
namespace {

std::vector<Router::Route> Routes(
    const std::vector<std::pair<std::string, std::string>>& templates) {
  std::vector<Router::Route> routes;
  for (const auto& [method, text] : templates) {
    routes.push_back({.method = method,
                      .pattern = ParsePathTemplate(text).value(),
                      .name = text,
                      .target = routes.size()});
  }
  return routes;
}

TEST_CASE("the match with most literals wins", "[router]") {
  const std::vector<std::pair<std::string, std::string>> templates = {
      {"GET", "/v1/orders/{id}"},          {"GET", "/v1/{name=**}"},
      {"GET", "/v1/orders/{id}:watch"},    {"GET", "/v1/orders/recent"},
      {"GET", "/v1/{name=orders/**}"},     {"POST", "/v1/orders/{id}:cancel"},
      {"POST", "/v1/orders"},
  };
  const Router router = Router::Build(Routes(templates)).value();
  const auto [method, path, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"GET", "/v1/orders/42", "/v1/orders/{id}"},
      {"GET", "/v1/orders/recent", "/v1/orders/recent"},
      {"GET", "/v1/orders/42:watch", "/v1/orders/{id}:watch"},
      {"GET", "/v1/orders/42:other", "/v1/orders/{id}"},
      {"GET", "/v1/orders/42/lines", "/v1/{name=orders/**}"},
      {"GET", "/v1/else", "/v1/{name=**}"},
      {"POST", "/v1/orders/42:cancel", "/v1/orders/{id}:cancel"},
      {"POST", "/v1/orders", "/v1/orders"},
  }));
  CAPTURE(method, path);

  CHECK(templates[router.Find(method, path).value().target].second == expected);
}

TEST_CASE("routes that match one path equally well stop the start", "[router]") {
  const auto [a, b] = GENERATE(table<std::string, std::string>({
      {"/v1/orders/{id}", "/v1/orders/{name}"},
      {"/v1/{x}/b", "/v1/a/{y}"},
      {"/v1/a", "/v1/a"},
      {"/v1/{x=a/**}", "/v1/{y=a/**}"},
  }));
  CAPTURE(a, b);

  const auto built = Router::Build(Routes({{"GET", a}, {"GET", b}}));

  REQUIRE_FALSE(built.ok());
  CHECK(ReasonOf(built.status()) == "ROUTE_AMBIGUOUS");
  CHECK(Router::Build(Routes({{"GET", a}, {"POST", b}})).ok());
}

TEST_CASE("another method on a known path is told which methods there are", "[router]") {
  const Router router =
      Router::Build(Routes({{"GET", "/v1/a/{x}"}, {"PUT", "/v1/a/{x}"}, {"POST", "/v1/a"}})).value();

  const auto wrong = router.Find("DELETE", "/v1/a/1");
  const auto unknown = router.Find("GET", "/v1/b");

  CHECK(ReasonOf(wrong.status()) == "METHOD_NOT_ALLOWED");
  CHECK(MetadataOf(wrong.status())[1].second == "GET, PUT");
  CHECK(ReasonOf(unknown.status()) == "ROUTE_NOT_FOUND");
  CHECK(router.Allowed("/v1/a") == std::vector<std::string>{"POST"});
}

}  // namespace
}  // namespace weft::gateway
