#include "libs/config/config.h"

#include <catch2/catch.hpp>
#include <tuple>

#include "libs/base/error.h"
#include "weft/testing/v1/settings.pb.h"

namespace weft::config {
namespace {

using testing::v1::Settings;

absl::Status LoadRoom(const std::string& yaml, Settings& settings,
                      const Environment& environment = {}) {
  return Load(yaml, environment, {{"room", &settings}});
}

std::string MetadataValue(const absl::Status& status, const std::string& name) {
  for (const auto& [key, value] : MetadataOf(status)) {
    if (key == name) return value;
  }
  return "";
}

TEST_CASE("every kind of setting is read", "[config]") {
  Settings s;
  const absl::Status status = LoadRoom(R"(
room:
  text: "12"
  small: -7
  large: 18446744073709551615
  share: 0.25
  enabled: true
  shade: dark_blue
  octets: AAEC
  pause: 1.5s
  since: 2026-03-01T12:00:00Z
  names: [a, "b c"]
  limits: {x: 1, "y": 2}
  nested: {text: inner, nested: {small: 3}}
  list:
    - text: one
    - {small: 2}
  maybe: 0
  second: chosen
  by_name: {a: {small: 9}}
)",
                                       s);

  REQUIRE(status == absl::OkStatus());
  CHECK(s.text() == "12");
  CHECK(s.small() == -7);
  CHECK(s.large() == 18446744073709551615ULL);
  CHECK(s.share() == 0.25);
  CHECK(s.enabled());
  CHECK(s.shade() == testing::v1::SHADE_DARK_BLUE);
  CHECK(s.octets() == std::string("\0\1\2", 3));
  CHECK(s.pause().seconds() == 1);
  CHECK(s.pause().nanos() == 500'000'000);
  CHECK(s.since().seconds() == 1772366400);
  CHECK(s.names_size() == 2);
  CHECK(s.limits().at("y") == 2);
  CHECK(s.nested().nested().small() == 3);
  CHECK(s.list(1).small() == 2);
  CHECK(s.has_maybe());
  CHECK(s.second() == "chosen");
  CHECK(s.by_name().at("a").small() == 9);
}

TEST_CASE("what is wrong is refused with its place", "[config]") {
  const auto [yaml, reason, path] = GENERATE(table<const char*, const char*, const char*>({
      {"room: {txt: a}", "CONFIG_KEY_UNKNOWN", "room.txt"},
      {"room: {nested: {smal: 1}}", "CONFIG_KEY_UNKNOWN", "room.nested.smal"},
      {"room: {list: [{text: a}, {tex: b}]}", "CONFIG_KEY_UNKNOWN", "room.list[1].tex"},
      {"rom: {}", "CONFIG_KEY_UNKNOWN", "rom"},
      {"room: {text: a, text: b}", "CONFIG_KEY_REPEATED", "room.text"},
      {"room: {by_name: {}, byName: {}}", "CONFIG_KEY_REPEATED", "room.byName"},
      {"room: {}\nroom: {}", "CONFIG_KEY_REPEATED", "room"},
      {"room: {small: 2147483648}", "CONFIG_VALUE_INVALID", "room.small"},
      {"room: {small: 1.5}", "CONFIG_VALUE_INVALID", "room.small"},
      {"room: {small: many}", "CONFIG_VALUE_INVALID", "room.small"},
      {"room: {small: [1]}", "CONFIG_VALUE_INVALID", "room.small"},
      {"room: {large: -1}", "CONFIG_VALUE_INVALID", "room.large"},
      {"room: {share: .nan}", "CONFIG_VALUE_INVALID", "room.share"},
      {"room: {enabled: yes}", "CONFIG_VALUE_INVALID", "room.enabled"},
      {"room: {enabled: 1}", "CONFIG_VALUE_INVALID", "room.enabled"},
      {"room: {shade: green}", "CONFIG_VALUE_INVALID", "room.shade"},
      {"room: {octets: '!'}", "CONFIG_VALUE_INVALID", "room.octets"},
      {"room: {pause: 15}", "CONFIG_VALUE_INVALID", "room.pause"},
      {"room: {pause: inf}", "CONFIG_VALUE_INVALID", "room.pause"},
      {"room: {pause: [1s]}", "CONFIG_VALUE_INVALID", "room.pause"},
      {"room: {since: today}", "CONFIG_VALUE_INVALID", "room.since"},
      {"room: {names: a}", "CONFIG_VALUE_INVALID", "room.names"},
      {"room: {names: [[a]]}", "CONFIG_VALUE_INVALID", "room.names[0]"},
      {"room: {limits: [a]}", "CONFIG_VALUE_INVALID", "room.limits"},
      {"room: {limits: {x: a}}", "CONFIG_VALUE_INVALID", "room.limits.x"},
      {"room: {nested: a}", "CONFIG_VALUE_INVALID", "room.nested"},
      {"room: {first: a, second: b}", "CONFIG_VALUE_INVALID", "room.second"},
      {"room: [a]", "CONFIG_VALUE_INVALID", "room"},
      {"just text", "CONFIG_VALUE_INVALID", "the file"},
      {"room: {text: 'a", "CONFIG_UNREADABLE", "the file"},
      {"room:\n\t- a", "CONFIG_UNREADABLE", "the file"},
  }));
  CAPTURE(yaml);
  Settings settings;

  const absl::Status status = LoadRoom(yaml, settings);

  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(ReasonOf(status) == reason);
  CHECK(MetadataValue(status, "path") == path);
}

TEST_CASE("an unknown key names the nearest known one", "[config]") {
  const auto [yaml, nearest] = GENERATE(table<const char*, const char*>({
      {"room: {txt: a}", "text"},
      {"room: {enable: true}", "enabled"},
      {"room: {nested: {Limit: {}}}", "limits"},
      {"rom: {}", "room"},
  }));
  Settings settings;
  CHECK(MetadataValue(LoadRoom(yaml, settings), "nearest") == nearest);
}

TEST_CASE("the environment wins over the file", "[config]") {
  Settings settings;

  REQUIRE(LoadRoom("room: {small: 1, names: [a, b], text: file, nested: {small: 5, text: kept}}",
                   settings,
                   {{"WEFT_ROOM__SMALL", "2"},
                    {"WEFT_ROOM__NAMES", "[c]"},
                    {"WEFT_ROOM__TEXT", "{not: yaml"},
                    {"WEFT_ROOM__NESTED__SMALL", "6"},
                    {"WEFT_ROOM__BY_NAME", "{x: {small: 4}}"},
                    {"WEFT_ROOM__API_SECRET", "12"},
                    {"WEFT_PRESET", "dev"},
                    {"HOME", "/root"}}) == absl::OkStatus());

  CHECK(settings.small() == 2);
  CHECK(settings.names_size() == 1);
  CHECK(settings.text() == "{not: yaml");
  CHECK(settings.nested().small() == 6);
  CHECK(settings.nested().text() == "kept");
  CHECK(settings.by_name().at("x").small() == 4);
  CHECK(settings.api_secret() == "12");
}

TEST_CASE("a variable that names no setting stops the start", "[config]") {
  const auto [name, value, reason] = GENERATE(table<const char*, const char*, const char*>({
      {"WEFT_ROOM__SMAL", "1", "CONFIG_KEY_UNKNOWN"},
      {"WEFT_ROM__SMALL", "1", "CONFIG_KEY_UNKNOWN"},
      {"WEFT_ROOM__SMALL__MORE", "1", "CONFIG_KEY_UNKNOWN"},
      {"WEFT_ROOM__SMALL", "x", "CONFIG_VALUE_INVALID"},
      {"WEFT_ROOM__NAMES", "[a", "CONFIG_UNREADABLE"},
  }));
  CAPTURE(name);
  Settings settings;

  CHECK(ReasonOf(LoadRoom("", settings, {{name, value}})) == reason);
}

TEST_CASE("sections of several parts are found", "[config]") {
  Settings pricing;
  Settings erp;
  const Sections sections = {{"rooms.pricing", &pricing}, {"rooms.erp-connector", &erp}};

  REQUIRE(Load("rooms: {pricing: {small: 1}, erp-connector: {small: 2}}",
               {{"WEFT_ROOMS__ERP_CONNECTOR__TEXT", "t"}}, sections) == absl::OkStatus());
  CHECK(pricing.small() == 1);
  CHECK(erp.small() == 2);
  CHECK(erp.text() == "t");
  CHECK(MetadataValue(Load("rooms: {pricin: {}}", {}, sections), "nearest") == "pricing");
}

TEST_CASE("an empty file leaves the defaults", "[config]") {
  const std::string yaml = GENERATE(std::string(), std::string("# nothing"), std::string("room:"),
                                    std::string("room: {text: }"));
  Settings settings;
  CHECK(LoadRoom(yaml, settings).ok());
  CHECK(settings.ByteSizeLong() == 0);
}

TEST_CASE("durations have a unit", "[config]") {
  const auto [text, duration] = GENERATE(table<const char*, absl::Duration>({
      {"1.5s", absl::Milliseconds(1500)}, {"250ms", absl::Milliseconds(250)},
      {"15m", absl::Minutes(15)}, {"36h", absl::Hours(36)}, {"35d", absl::Hours(840)},
      {"0.5d", absl::Hours(12)}, {"0", absl::ZeroDuration()}, {"1h30m", absl::Minutes(90)},
      {"900s", absl::Minutes(15)}}));
  CAPTURE(text);
  CHECK(ParseDuration(text).value() == duration);
  CHECK_FALSE(ParseDuration("15").ok());
  CHECK_FALSE(ParseDuration("d").ok());
  CHECK_FALSE(ParseDuration("").ok());
}

TEST_CASE("secrets are masked when settings are shown", "[config]") {
  Settings settings;
  settings.set_api_secret("hush");
  settings.mutable_nested()->set_api_secret("hush");
  settings.add_list()->set_api_secret("hush");
  (*settings.mutable_by_name())["a"].set_api_secret("hush");
  settings.set_text("shown");

  const std::string shown = Masked(settings);

  CHECK(shown.find("hush") == std::string::npos);
  CHECK(shown.find("shown") != std::string::npos);
  CHECK(settings.api_secret() == "hush");
}

TEST_CASE("a file that is not there says so", "[config]") {
  Settings settings;
  CHECK(ReasonOf(LoadFile("/nowhere/weft.yaml", {}, {{"room", &settings}})) ==
        "CONFIG_FILE_MISSING");
  CHECK(LoadFile("", {}, {{"room", &settings}}).ok());
}

}  // namespace
}  // namespace weft::config
