// Tables: how they are read, what is found in them, and what they become.
#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/testing/paths.h"
#include "tools/weft/importing/check.h"
#include "tools/weft/importing/csv.h"
#include "tools/weft/importing/local_prices.h"
#include "tools/weft/importing/messages.h"
#include "tools/weft/importing/report.h"

namespace weft::cli {
namespace {

std::string Tables(const char* name) {
  return absl::StrCat(testing::SourceDir(), "/tests/data/tables/", name);
}

TEST_CASE("a table is read with its quotes, separators and line ends", "[csv]") {
  auto reader = CsvReader::Open("\xEF\xBB\xBF" "a;b\r\n\"x \"\"y\"\" ;\nz\"; 2 \r\n\r\n3;4");
  REQUIRE(reader.ok());
  CHECK(reader->separator() == ';');
  std::vector<Cell> row;
  REQUIRE(*reader->Next(row));
  CHECK(row[0].text == "x \"y\" ;\nz");
  CHECK(row[1].text == "2");
  CHECK(row[1].line == 3);
  REQUIRE(*reader->Next(row));
  CHECK(row[0].text == "3");
  CHECK(row[0].line == 5);
  CHECK(row[1].column == 3);
  CHECK_FALSE(*reader->Next(row));
}

TEST_CASE("what is no table says where", "[csv]") {
  const auto latin = CsvReader::Open("name\nM\xFCller\n");
  CHECK(ReasonOf(latin.status()) == "ENCODING_INVALID");
  CHECK(MetadataOf(latin.status()) == ErrorMetadata{{"line", "2"}, {"column", "2"}});
  CHECK(ReasonOf(CsvReader::Open("").status()) == "TABLE_EMPTY");
  auto open = CsvReader::Open("a,b\n1,\"2\n3,4\n");
  REQUIRE(open.ok());
  std::vector<Cell> row;
  const auto next = open->Next(row);
  CHECK(ReasonOf(next.status()) == "QUOTE_OPEN");
  CHECK(MetadataOf(next.status()) == ErrorMetadata{{"line", "2"}, {"column", "3"}});
}

TEST_CASE("numbers are read to their digits, or not at all", "[csv]") {
  struct Row {
    std::string text;
    bool comma;
    std::string digits;  // "" = refused.
  };
  const Row row = GENERATE(values<Row>({
      {"1234.50", false, "1234.50"}, {"1,234.50", false, "1234.50"}, {"-3", false, "-3"},
      {"+3", false, "3"},            {"1.234,50", true, "1234.50"},  {"2,4875", true, "2.4875"},
      {"1,23", false, ""},           {"1.23", true, ""},             {"12,34,567", false, ""},
      {"1.", false, ""},             {".5", false, ""},              {"1e5", false, ""},
      {"", false, ""},               {"ten", false, ""},             {"1 000", false, ""},
  }));
  CAPTURE(row.text, row.comma);
  std::string digits;
  const bool read = ReadNumber(row.text, row.comma, digits);
  CHECK(read == !row.digits.empty());
  if (read) CHECK(digits == row.digits);
}

TEST_CASE("dates are days of a time zone, and a last day is in it", "[csv]") {
  absl::TimeZone berlin;
  REQUIRE(absl::LoadTimeZone("Europe/Berlin", &berlin));
  const auto text = [](std::optional<absl::Time> time) {
    return time.has_value() ? absl::FormatTime("%Y-%m-%dT%H:%MZ", *time, absl::UTCTimeZone()) : "";
  };
  CHECK(text(ReadMoment("2026-03-01", berlin, false)) == "2026-02-28T23:00Z");
  CHECK(text(ReadMoment("31.03.2026", berlin, true)) == "2026-03-31T22:00Z");
  CHECK(text(ReadMoment("20260301", absl::UTCTimeZone(), false)) == "2026-03-01T00:00Z");
  CHECK(text(ReadMoment("2026-03-01T07:00:00+01:00", berlin, true)) == "2026-03-01T06:00Z");
  for (const char* wrong : {"2026-02-30", "yesterday", "1.3", "03/01/2026", "99999999"}) {
    CAPTURE(wrong);
    CHECK(text(ReadMoment(wrong, berlin, false)).empty());
  }
}

Load Read(const char* name, std::vector<Finding>& findings) {
  Shop shop;
  REQUIRE(ReadFolder(Tables(name), {}, shop, findings).ok());
  return Check(std::move(shop), findings);
}

TEST_CASE("a clean shop has nothing to report and becomes one load", "[import]") {
  std::vector<Finding> findings;
  const Load load = Read("clean", findings);
  std::ostringstream found;
  ShowFindings(findings, found);
  CHECK(found.str().empty());

  std::vector<std::string> messages;
  const auto take = [&](const std::string& message) {
    messages.push_back(message);
    return absl::OkStatus();
  };
  REQUIRE(ForEachMessage(load, "import-1", take).ok());

  CHECK(static_cast<int64_t>(messages.size()) == CountMessages(load));
  CHECK_THAT(messages.front(), Catch::Contains(R"("type":"load.begin")") &&
                                   Catch::Contains(R"(["location","item","price-book","price")"));
  CHECK_THAT(messages.back(), Catch::Contains(R"("type":"load.end")"));
  const std::string all = absl::StrCat(messages[3], messages[4], messages[5]);
  CHECK_THAT(all, Catch::Contains(R"("units":[{"unit":"CS","numerator":12,"denominator":1})"));
  std::vector<std::string> again = std::move(messages);
  messages.clear();
  REQUIRE(ForEachMessage(load, "import-1", take).ok());
  CHECK(messages == again);
  CHECK(ContentOf(load).size() == 64);
}

TEST_CASE("what is wrong in tables is named by code, file, line and column", "[import]") {
  std::vector<Finding> findings;
  const Load load = Read("messy", findings);
  std::multimap<std::string, std::string> found;
  for (const Finding& f : findings) {
    found.emplace(absl::StrCat(f.error ? "!" : "", f.code),
                  absl::StrCat(f.at.file, ":", f.at.line, ":", f.at.column));
  }
  const auto places = [&](const std::string& code) {
    std::vector<std::string> list;
    for (auto [at, end] = found.equal_range(code); at != end; ++at) list.push_back(at->second);
    return list;
  };
  using Places = std::vector<std::string>;

  CHECK(places("COLUMN_UNKNOWN") == Places{"items.csv:1:20"});
  CHECK(places("DUPLICATE") == Places{"items.csv:3:1"});
  CHECK(places("!CONFLICT") == Places{"items.csv:4:1", "prices.csv:4:1", "prices.csv:7:1"});
  CHECK(places("!FIELD_REQUIRED") == Places{"items.csv:5:6"});
  CHECK(places("!CURRENCY_UNKNOWN") == Places{"accounts.csv:3:5"});
  CHECK(places("!NUMBER_INVALID") == Places{"prices.csv:6:16"});
  CHECK(places("!VALIDITY_EMPTY") == Places{"prices.csv:9:34"});
  CHECK(places("!PROMISE_AMBIGUOUS").size() == 1);
  CHECK(places("TIERS_INVERTED") == Places{"prices.csv:3:1"});
  CHECK(places("OVERLAP") == Places{"prices.csv:5:1"});
  CHECK(places("ORPHAN") == Places{"prices.csv:8:1", "contracts.csv:3:1", "contracts.csv:5:1"});
  CHECK(places("OUTLIER") == Places{"prices.csv:12:1"});
  CHECK(load.items.size() == 2);
}

TEST_CASE("prices of tables are those that an import would give", "[import]") {
  std::vector<Finding> findings;
  const LocalPrices prices(Read("clean", findings), findings);
  CHECK(findings.empty());
  const auto ask = [&](const std::string& account, const std::string& sku,
                       const std::string& quantity, const std::string& unit, const char* day) {
    const auto answer =
        prices.Price({.account = account,
                      .sku = sku,
                      .quantity = quantity,
                      .unit = unit,
                      .currency = "",
                      .time = *ReadMoment(day, absl::UTCTimeZone(), false)});
    return absl::StrCat(answer.priced ? answer.net.ToString() : "none", " ", answer.rule);
  };
  CHECK_THAT(ask("C-100", "BOLT-M8", "3", "CS", "2026-03-01"),
             Catch::StartsWith("83.70 contracts/K-17/"));
  CHECK(ask("C-200", "BOLT-M8", "100", "", "2026-03-01") == "199.00 books/LIST");
  CHECK_THAT(ask("C-100", "GLOVE-L", "10", "", "2026-12-31"),
             Catch::StartsWith("40.50 contracts/K-17/"));
  CHECK_THAT(ask("C-100", "GLOVE-L", "10", "", "2027-01-01"),
             Catch::StartsWith("45.60 contracts/K-18/"));
  CHECK(ask("C-200", "NO-SUCH", "1", "", "2026-03-01") == "none UNKNOWN_ITEM");
}

TEST_CASE("findings are shown by code and written as CSV and JSON", "[import]") {
  const std::vector<Finding> findings = {{.error = true,
                                          .code = "CONFLICT",
                                          .at = {"items.csv", 4, 1},
                                          .subject = "item A",
                                          .message = "differs, \"really\""}};
  std::ostringstream table, csv;
  ShowFindings(findings, table);
  WriteFindingsCsv(findings, csv);
  CHECK_THAT(table.str(), Catch::Contains("items.csv:4:1  item A: differs"));
  CHECK_THAT(csv.str(), Catch::Contains("error,CONFLICT,items.csv,4,1,item A,\"differs, \"\"really"));
  CHECK_THAT(FindingsJson(findings), Catch::StartsWith(R"([{"severity":"error")"));
}

}  // namespace
}  // namespace weft::cli
