#include "services/gateway/openapi.h"

#include <catch2/catch.hpp>

#include "services/gateway/descriptors.h"
#include "services/gateway/testing/fixture_descriptors.h"
#include "simdjson.h"

namespace weft::gateway {
namespace {

using simdjson::dom::element;

// Every "$ref" must point to something in the same document.
void CheckReferences(const element& node, const element& root) {
  if (node.is_object()) {
    for (const auto& [key, value] : node.get_object()) {
      if (key == "$ref") {
        const std::string target(std::string_view(value).substr(1));
        CAPTURE(target);
        CHECK(root.at_pointer(target).error() == simdjson::SUCCESS);
      }
      CheckReferences(value, root);
    }
  } else if (node.is_array()) {
    for (const auto& value : node.get_array()) CheckReferences(value, root);
  }
}

TEST_CASE("the document is JSON whose references lead somewhere", "[openapi]") {
  const auto set = GENERATE(as<absl::string_view>(), FixtureDescriptors(), RoomDescriptors());
  const auto api = Api::Load(set).value();
  const std::string text = OpenApiDocument(*api, "1.2.3");
  simdjson::dom::parser parser;
  element root;

  REQUIRE(parser.parse(text).get(root) == simdjson::SUCCESS);

  CHECK(std::string_view(root["openapi"]) == "3.1.0");
  CHECK(std::string_view(root["info"]["version"]) == "1.2.3");
  CheckReferences(root, root);
  CHECK(OpenApiDocument(*api, "1.2.3") == text);
}

TEST_CASE("an operation has its comment, parameters and body", "[openapi]") {
  simdjson::dom::parser parser;
  element root;
  const std::string text = OpenApiDocument(FixtureApi(), "1");
  REQUIRE(parser.parse(text).get(root) == simdjson::SUCCESS);

  const auto get = root["paths"]["/v1/things/{id}"]["get"];
  CHECK(std::string_view(get["summary"]) == "Returns one thing");
  CHECK(std::string_view(get["parameters"].at(0)["name"]) == "id");
  CHECK(std::string_view(get["parameters"].at(0)["in"]) == "path");
  CHECK(std::string_view(get["parameters"].at(1)["name"]) == "filter.shelf");
  const auto post = root["paths"]["/v1/things"]["post"];
  CHECK(std::string_view(post["requestBody"]["content"]["application/json"]["schema"]["$ref"]) ==
        "#/components/schemas/testing.v1.CreateThingRequest");
  CHECK(std::string_view(post["parameters"].at(0)["name"]) == "Idempotency-Key");
  CHECK(root.at_pointer("/paths/~1v1~1{name}/get/parameters/0/schema/pattern").error() ==
        simdjson::SUCCESS);
  const auto thing = root["components"]["schemas"]["testing.v1.Thing"]["properties"];
  CHECK(std::string_view(thing["count"]["type"]) == "string");
  CHECK(bool(thing["id"]["readOnly"]));
  CHECK(root.at_pointer("/paths/~1v1~1things:watch/get/responses/200/content/text~1event-stream")
            .error() == simdjson::SUCCESS);
}

}  // namespace
}  // namespace weft::gateway
