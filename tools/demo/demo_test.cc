// On the real data: what the catalogue and the feed must hold.
#include <catch2/catch.hpp>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/testing/paths.h"
#include "services/erp-connector/canonical.h"
#include "services/erp-connector/record_form.h"
#include "tools/demo/catalogue.h"
#include "tools/demo/feed.h"
#include "tools/demo/player.h"

namespace weft::demo {
namespace {

const Catalogue& TheCatalogue() {
  static const Catalogue* const catalogue = [] {
    auto lines = ReadOnlineRetail(testing::DataDir() + "/online-retail/online-retail.csv.xz");
    REQUIRE(lines.ok());
    REQUIRE(lines->size() == 541'909);
    return new Catalogue(MakeCatalogue(*std::move(lines)));
  }();
  return *catalogue;
}

// The reason a message is refused for, "" when it is taken.
std::string Refusal(const std::string& text, std::string* type = nullptr) {
  static erp::JsonTree tree;
  std::string scratch;
  erp::Unwrapped found;
  erp::Problem problem;
  erp::Envelope envelope;
  erp::Content content;
  erp::LoadMessage load;
  if (erp::Unwrap(text, tree, scratch, found, problem) &&
      erp::ReadEnvelope(tree, found.root, envelope, problem)) {
    if (erp::InfoOf(envelope.kind).nature == erp::Nature::kControl) {
      erp::ReadLoad(tree, envelope, load, problem);
    } else {
      erp::ReadContent(tree, envelope, content, problem);
    }
  }
  if (type != nullptr) *type = envelope.type;
  return problem.any() ? absl::StrCat(problem.reason, " ", problem.path) : "";
}

}  // namespace

TEST_CASE("the catalogue has the size of the business", "[demo]") {
  const Catalogue& catalogue = TheCatalogue();

  CHECK(catalogue.items.size() == 3'659);
  CHECK(catalogue.accounts.size() == 4'334);
  CHECK(catalogue.contracts.size() > 300);
  CHECK(catalogue.invoices.size() > 20'000);
}

TEST_CASE("the hanging heart costs less from 32 pieces on", "[demo]") {
  const Catalogue& catalogue = TheCatalogue();

  CHECK(catalogue.ListPrice("85123A", 1, catalogue.end) == 2'950);
  CHECK(catalogue.ListPrice("85123A", 31, catalogue.end) == 2'950);
  CHECK(catalogue.ListPrice("85123A", 32, catalogue.end) == 2'550);
  CHECK(catalogue.ListPrice("85123A", 600, catalogue.end) == 2'550);
}

TEST_CASE("prices fall with quantity and periods follow each other", "[demo]") {
  for (const auto& [sku, item] : TheCatalogue().items) {
    CAPTURE(sku);
    REQUIRE_FALSE(item.periods.empty());
    CHECK(item.periods.front().from == absl::InfinitePast());
    CHECK(item.periods.back().to == absl::InfiniteFuture());
    for (size_t p = 0; p < item.periods.size(); ++p) {
      const PricePeriod& period = item.periods[p];
      if (p > 0) CHECK(period.from == item.periods[p - 1].to);
      CHECK(period.from < period.to);
      CHECK(period.tiers.front().minimum_quantity == 1);
      for (size_t t = 1; t < period.tiers.size(); ++t) {
        CHECK(period.tiers[t].minimum_quantity > period.tiers[t - 1].minimum_quantity);
        CHECK(period.tiers[t].price_milli < period.tiers[t - 1].price_milli);
      }
    }
  }
}

TEST_CASE("nearly all lines come out as invoiced from list and contracts", "[demo]") {
  const Catalogue& catalogue = TheCatalogue();
  int64_t lines = 0;
  int64_t right = 0;
  for (const InvoiceLine& line : catalogue.lines) {
    if (line.account.empty() || line.quantity <= 0) continue;
    ++lines;
    right += line.price_milli > 0 && catalogue.PriceFor(line.account, line.sku, line.quantity,
                                                        line.time) == line.price_milli;
  }
  CAPTURE(lines, right);

  CHECK(lines == 397'924);
  CHECK(right * 100 > lines * 96);
}

TEST_CASE("every message of the feed is one that the ERP connector takes", "[demo]") {
  const Feed feed(TheCatalogue(), {.shift = absl::Hours(24 * 7 * 700)});
  std::map<std::string, int64_t> types;
  int64_t count = 0;

  const absl::Status status = feed.ForEach([&](const std::string& message) -> absl::Status {
    std::string type;
    const std::string refusal = Refusal(message, &type);
    ++count;
    ++types[type];
    return refusal.empty() ? absl::OkStatus() : InvalidArgument("REFUSED", refusal + message);
  });

  CHECK(status.message() == "");
  CHECK(count == feed.count());
  CHECK(types["item"] == 3'659);
  CHECK(types["account"] == 4'334);
  CHECK(types["user"] == 4'336);
  CHECK(types["stock.count"] == 2 * 3'659);
  CHECK(types["invoice"] == feed.invoice_count());
  CHECK(feed.invoice_line_count() > 390'000);
}

TEST_CASE("the same invoices give the same batches", "[demo]") {
  const Feed feed(TheCatalogue(), {.invoices = false});
  const auto run = [&] {
    std::string all;
    CHECK(Send(feed, [&](const std::string& id, const std::string& text) {
            CHECK(text.size() <= 1 << 20);
            absl::StrAppend(&all, id, "\n", text);
            return absl::OkStatus();
          }).ok());
    return all;
  };

  CHECK(run() == run());
}

TEST_CASE("the year ends today and the days of the week stay", "[demo]") {
  const Catalogue& catalogue = TheCatalogue();
  const absl::Time now = catalogue.end + absl::Hours(24 * 1'000 + 5);

  const absl::Duration shift = ShiftTo(catalogue, now);

  CHECK(shift % absl::Hours(24 * 7) == absl::ZeroDuration());
  CHECK(catalogue.end + shift <= now);
  CHECK(catalogue.end + shift > now - absl::Hours(24 * 7));
}

TEST_CASE("the player answers an order with messages that the ERP connector takes", "[demo]") {
  const std::string order =
      R"({"type":"order.place","id":"orders/o1/place","data":{"order":"orders/o1","account":"17850","time":"2026-03-01T08:30:00.123456Z","currencyCode":"GBP","lines":[{"line":1,"sku":"85123A","quantity":"40","baseQuantity":"40","unitPrice":"2.55","net":"102.00","sources":[{"location":"WH1","baseQuantity":"30"},{"location":"WH2","baseQuantity":"10"}]},{"line":2,"sku":"22423","quantity":"2","unit":"CS","baseQuantity":"24","unitPrice":"10.95","net":"21.90"}]}})";

  const auto answers = AnswerOrder(order);

  REQUIRE(answers.ok());
  CHECK(answers->size() == 1 + 1 + 3 + 1);
  for (const std::string& answer : *answers) {
    CAPTURE(answer);
    CHECK(Refusal(answer) == "");
  }
  CHECK(AnswerOrder(order).value() == *answers);
  const auto cancel = AnswerOrder(
      R"({"type":"order.cancel","id":"orders/o1/cancel/1","data":{"order":"orders/o1"}})");
  REQUIRE(cancel.ok());
  CHECK(Refusal(cancel->front()) == "");
  CHECK_FALSE(AnswerOrder("{").ok());
}

}  // namespace weft::demo
