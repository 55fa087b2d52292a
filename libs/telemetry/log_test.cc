#include "libs/telemetry/log.h"

#include <simdjson.h>

#include <catch2/catch.hpp>
#include <limits>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"

namespace weft::telemetry {
namespace {

struct Lines {
  Logger logger{"pricing", Level::kInfo, [this](const std::string& line) { text += line; }};
  std::string text;
  std::string Get() {
    logger.Flush();
    return text;
  }
};

TEST_CASE("a line is one JSON object with its members in order", "[log]") {
  Lines lines;

  lines.logger.Log(Level::kWarning, "price \"missing\"\n",
                   {{"sku", "a\\b"}, {"lines", 3}, {"share", 0.5}, {"late", true}},
                   {.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                    .request_id = "r1",
                    .tenant = "acme"});

  const std::string line = lines.Get();
  CHECK(line.substr(0, 7) == "{\"ts\":\"");
  CHECK(line[33] == 'Z');  // Microseconds.
  CHECK(line.substr(34) ==
        "\",\"level\":\"warning\",\"service\":\"pricing\",\"msg\":\"price \\\"missing\\\"\\n\","
        "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"request_id\":\"r1\","
        "\"tenant\":\"acme\",\"sku\":\"a\\\\b\",\"lines\":3,\"share\":0.5,\"late\":true}\n");
}

TEST_CASE("any octets stay one line of JSON", "[log]") {
  const std::string text = GENERATE(std::string("\xff\xfe"), std::string("\0\x01\x1f\x7f", 4),
                                    std::string("ü\u2028\""), std::string("\xed\xa0\x80"),
                                    std::string(100'000, 'x'), std::string("{\"a\":1}\r\n"));
  Lines lines;

  lines.logger.Log(Level::kInfo, text, {{text.substr(0, 3), text}});

  const std::string line = lines.Get();
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
  simdjson::dom::parser parser;
  simdjson::dom::object parsed;
  CHECK(parser.parse(line).get(parsed) == simdjson::SUCCESS);
}

TEST_CASE("numbers that JSON does not have are null", "[log]") {
  Lines lines;
  lines.logger.Log(Level::kInfo, "m", {{"x", std::numeric_limits<double>::infinity()}});
  CHECK(lines.Get().find("\"x\":null") != std::string::npos);
}

TEST_CASE("the level decides what is written", "[log]") {
  Lines lines;
  lines.logger.Log(Level::kDebug, "one");
  lines.logger.SetLevel(Level::kDebug);
  lines.logger.Log(Level::kDebug, "two");
  lines.logger.SetLevel(Level::kError);
  lines.logger.Log(Level::kWarning, "three");

  CHECK(lines.Get().find("one") == std::string::npos);
  CHECK(lines.Get().find("two") != std::string::npos);
  CHECK(lines.Get().find("three") == std::string::npos);
}

TEST_CASE("levels have names", "[log]") {
  for (const Level level : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError}) {
    Level parsed = Level::kDebug;
    CHECK(LevelOf(NameOf(level), parsed));
    CHECK(parsed == level);
  }
  Level parsed = Level::kInfo;
  CHECK_FALSE(LevelOf("loud", parsed));
}

TEST_CASE("when the writer hangs, lines are dropped and counted", "[log]") {
  Mutex hold;
  std::string text;
  hold.Lock();
  {
    Logger logger("p", Level::kInfo, [&](const std::string& line) {
      MutexLock lock(hold);
      text += line;
    });
    for (int i = 0; i < 30'000; ++i) logger.Log(Level::kInfo, "m");
    CHECK(logger.dropped() >= 9'000);
    hold.Unlock();
    logger.Flush();
    logger.Log(Level::kInfo, "last");
  }

  CHECK(text.find("\"msg\":\"last\",\"dropped_before\":") != std::string::npos);
}

TEST_CASE("a status names its code and reason", "[log]") {
  Lines lines;
  lines.logger.Log(Level::kError, "failed", StatusFields(NotFound("ITEM_NOT_FOUND", "no item")));
  CHECK(lines.Get().find(
            R"("code":"NOT_FOUND","reason":"ITEM_NOT_FOUND","error":"no item"})") !=
        std::string::npos);
}

}  // namespace
}  // namespace weft::telemetry
