#include "services/gateway/domain/path_template.h"

#include <catch2/catch.hpp>

#include "libs/base/error.h"

namespace weft::gateway {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

TEST_CASE("a path matches its template and binds the variables", "[path]") {
  const auto [pattern, path, expected] = GENERATE(table<std::string, std::string, Variables>({
      {"/v1/orders", "/v1/orders", {}},
      {"/v1/orders/{id}", "/v1/orders/42", {{"id", "42"}}},
      {"/v1/orders/*", "/v1/orders/42", {}},
      {"/v1/{name=orders/*}", "/v1/orders/42", {{"name", "orders/42"}}},
      {"/v1/{name=orders/*}:cancel", "/v1/orders/42:cancel", {{"name", "orders/42"}}},
      {"/v1/orders/{id}:cancel", "/v1/orders/42:cancel", {{"id", "42"}}},
      {"/v1/orders/{id}", "/v1/orders/42:cancel", {{"id", "42:cancel"}}},
      {"/v1/orders/{id}:cancel", "/v1/orders/a:b:cancel", {{"id", "a:b"}}},
      {"/v1/prices:calculate", "/v1/prices:calculate", {}},
      {"/v1/items/{sku}/timeline", "/v1/items/A%2FB/timeline", {{"sku", "A/B"}}},
      {"/v1/{name=files/**}", "/v1/files/a/b%2Fc/d", {{"name", "files/a/b%2Fc/d"}}},
      {"/v1/{name=files/**}", "/v1/files/a%20b", {{"name", "files/a b"}}},
      {"/v1/files/{rest=**}", "/v1/files", {{"rest", ""}}},
      {"/v1/files/{rest=**}:read", "/v1/files/a/b:read", {{"rest", "a/b"}}},
      {"/v1/{a.b}/{c}", "/v1/x/y", {{"a.b", "x"}, {"c", "y"}}},
      {"/v1/{a=x/*/y}", "/v1/x/1%2F2/y", {{"a", "x/1%2F2/y"}}},
      {"/v1/orders", "/v1/or%64ers", {}},
  }));
  CAPTURE(pattern, path);
  const PathTemplate parsed = ParsePathTemplate(pattern).value();
  const RequestPath parts = SplitPath(path);

  REQUIRE(Matches(parsed, parts));
  CHECK(Extract(parsed, parts).value() == expected);
}

TEST_CASE("a path that only resembles its template does not match", "[path]") {
  const auto [pattern, path] = GENERATE(table<std::string, std::string>({
      {"/v1/orders", "/v1/orders/"},
      {"/v1/orders", "/v1/order"},
      {"/v1/orders", "/v1/Orders"},
      {"/v1/orders/{id}", "/v1/orders"},
      {"/v1/orders/{id}", "/v1/orders/"},
      {"/v1/orders/{id}", "/v1/orders/1/2"},
      {"/v1/orders/{id}:cancel", "/v1/orders/42"},
      {"/v1/orders/{id}:cancel", "/v1/orders/42:amend"},
      {"/v1/orders/{id}:cancel", "/v1/orders/:cancel"},
      {"/v1/orders/{id}:cancel", "/v1/orders/42%3Acancel"},
      {"/v1/prices:calculate", "/v1/prices"},
      {"/v1/orders/{id}/lines", "/v1/orders/1%2Flines"},
      {"/v1/{name=files/**}", "/v1/file/a"},
      {"/v1", "/"},
  }));
  CAPTURE(pattern, path);

  CHECK_FALSE(Matches(ParsePathTemplate(pattern).value(), SplitPath(path)));
}

TEST_CASE("a template outside the grammar is refused", "[path]") {
  const auto text =
      GENERATE(as<std::string>(), "", "v1", "/", "/v1//a", "/v1/", "/v1/{a", "/v1/{}", "/v1/{a=}",
               "/v1/{a={b}}", "/v1/**/a", "/v1/{a=**}/b", "/v1/a:", "/v1/{a}/{a}", "/v1/{1a}",
               "/v1/{a.}", "/v1/a b", "/v1/a:b:c", "/v1/a?b", "/v1/***");
  CAPTURE(text);

  const auto parsed = ParsePathTemplate(text);

  REQUIRE_FALSE(parsed.ok());
  CHECK(ReasonOf(parsed.status()) == "PATH_TEMPLATE_MALFORMED");
}

TEST_CASE("templates overlap when one path matches both", "[path]") {
  const auto [a, b, expected] = GENERATE(table<std::string, std::string, bool>({
      {"/v1/a", "/v1/a", true},
      {"/v1/a", "/v1/b", false},
      {"/v1/{x}", "/v1/a", true},
      {"/v1/{x}/b", "/v1/a/{y}", true},
      {"/v1/{x}/b", "/v1/a/c", false},
      {"/v1/{x}", "/v1/{x}/b", false},
      {"/v1/{x=**}", "/v1/a/b/c", true},
      {"/v1/{x=a/**}", "/v1/b/c", false},
      {"/v1/{x=a/**}", "/v1/{y=**}", true},
      {"/v1/{x}:go", "/v1/{x}:stop", false},
      {"/v1/{x}:go", "/v1/{x}", true},
      {"/v1/a:go", "/v1/a", false},
      {"/v1/a:go", "/v1/{x}", true},
  }));
  CAPTURE(a, b);
  const PathTemplate first = ParsePathTemplate(a).value();
  const PathTemplate second = ParsePathTemplate(b).value();

  CHECK(Overlap(first, second) == expected);
  CHECK(Overlap(second, first) == expected);
}

}  // namespace
}  // namespace weft::gateway
