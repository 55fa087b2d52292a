#include "tests/bench/seed.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "google/protobuf/message.h"
#include "libs/base/ids.h"
#include "libs/base/status_macros.h"
#include "libs/engine/cloud_event.h"
#include "libs/engine/event.h"
#include "weft/facts/v1/facts.pb.h"
#include "weft/stock/v1/stock.pb.h"

namespace weft::bench {
namespace {

constexpr size_t kBatchRecords = 1'000;
constexpr char kStockTopic[] = "weft.stock.movements.v1";
constexpr char kCurrency[] = "GBP";
constexpr int64_t kLongAgo = 1'600'000'000;

// Numbered events of one source on one topic.
class Writer {
 public:
  Writer(eventlog::EventLog& log, std::string topic)
      : log_(log), where_{std::move(topic), static_cast<int32_t>(PartitionOf(kTenant))} {}

  absl::Status Add(const std::string& subject, const google::protobuf::Message& message) {
    const std::string type = message.GetTypeName();
    records_.push_back({.key = absl::StrCat(kTenant, std::string(1, '\0'), subject),
                        .headers = engine::MakeEventHeaders({.room = "erp-connector",
                                                             .number = ++number_,
                                                             .type = type,
                                                             .time_text = time_text_,
                                                             .subject = subject,
                                                             .tenant = kTenant}),
                        .value = message.SerializeAsString()});
    return records_.size() < kBatchRecords ? absl::OkStatus() : Flush();
  }
  absl::Status Flush() {
    if (records_.empty()) return absl::OkStatus();
    return eventlog::AppendAndWait(log_, where_, std::exchange(records_, {})).status();
  }

 private:
  eventlog::EventLog& log_;
  const eventlog::TopicPartition where_;
  const std::string time_text_ = engine::FormatEventTime(absl::Now());
  int64_t number_ = 0;
  std::vector<eventlog::NewRecord> records_;
};

std::string BookName(int64_t book) { return absl::StrCat("B", book); }
std::string GroupName(int64_t book) { return absl::StrCat("G", book); }

// Cents that vary, three tiers that fall.
void AddTiers(int64_t seed, facts::v1::PriceChanged& price) {
  const int64_t cents = 500 + seed * 7919 % 5'000;
  for (const auto& [minimum, percent] :
       std::vector<std::pair<const char*, int64_t>>{{"1", 100}, {"10", 95}, {"100", 88}}) {
    auto* tier = price.add_tiers();
    tier->set_minimum_quantity(minimum);
    const int64_t amount = cents * percent;  // In hundredths of cents.
    tier->set_price(absl::StrFormat("%d.%04d", amount / 10'000, amount % 10'000));
  }
}

absl::Status SeedPrices(const SeedSizes& sizes, Writer& facts) {
  facts::v1::PriceBookChanged list;
  list.set_book("LIST");
  list.set_name("List");
  list.set_currency_code(kCurrency);
  WEFT_RETURN_IF_ERROR(facts.Add("books/LIST", list));
  for (int64_t b = 0; b < sizes.books; ++b) {
    facts::v1::PriceBookChanged book;
    book.set_book(BookName(b));
    book.set_name(absl::StrCat("Book ", b));
    book.set_currency_code(kCurrency);
    book.add_groups(GroupName(b));
    book.set_priority(10);
    WEFT_RETURN_IF_ERROR(facts.Add(absl::StrCat("books/", BookName(b)), book));
  }
  for (int64_t a = 0; a < sizes.accounts; ++a) {
    facts::v1::AccountChanged account;
    account.set_account(AccountOf(a));
    account.set_name(absl::StrCat("Account ", a));
    account.add_groups(GroupName(BookOf(sizes, a)));
    account.set_currency_code(kCurrency);
    WEFT_RETURN_IF_ERROR(facts.Add(absl::StrCat("accounts/", AccountOf(a)), account));
  }
  const auto add = [&](const std::string& book, int64_t item, int64_t seed) {
    facts::v1::PriceChanged price;
    price.set_book(book);
    price.set_sku(SkuOf(item));
    price.set_unit("EA");
    price.set_entry("1");
    AddTiers(seed, price);
    return facts.Add(absl::StrCat("prices/", book, "/", SkuOf(item)), price);
  };
  const int64_t listed = std::min(sizes.items, std::max<int64_t>(sizes.prices / 10, 1));
  for (int64_t i = 0; i < listed; ++i) WEFT_RETURN_IF_ERROR(add("LIST", i, i));
  for (int64_t b = 0; b < sizes.books; ++b) {
    for (int64_t n = 0; n < PricesPerBook(sizes); ++n) {
      WEFT_RETURN_IF_ERROR(add(BookName(b), ItemInBook(sizes, b, n), b * 31 + n));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string SkuOf(int64_t item) { return absl::StrFormat("S%05d", item); }
std::string AccountOf(int64_t account) { return absl::StrFormat("A%05d", account); }
int64_t BookOf(const SeedSizes& sizes, int64_t account) {
  return account % std::max<int64_t>(sizes.books, 1);
}
int64_t PricesPerBook(const SeedSizes& sizes) {
  const int64_t listed = std::min(sizes.items, std::max<int64_t>(sizes.prices / 10, 1));
  return std::max<int64_t>((sizes.prices - listed) / std::max<int64_t>(sizes.books, 1), 0);
}
int64_t ItemInBook(const SeedSizes& sizes, int64_t book, int64_t n) {
  return (book * 37 + n) % sizes.items;
}

absl::Status Seed(eventlog::EventLog& log, const SeedSizes& sizes) {
  WEFT_RETURN_IF_ERROR(log.EnsureTopic(engine::kTimeline, {}));
  WEFT_RETURN_IF_ERROR(log.EnsureTopic(kStockTopic, {}));
  Writer facts(log, engine::kTimeline);
  Writer stock(log, kStockTopic);
  facts::v1::LoadChanged load;
  load.set_connection("main");
  load.set_ended(true);
  for (const char* entity : {"items", "accounts", "price_books", "contracts", "stock"}) {
    load.add_entities(entity);
  }
  WEFT_RETURN_IF_ERROR(facts.Add("loads/main", load));
  facts::v1::LocationChanged location;
  location.set_location(kLocation);
  location.set_name("Depot");
  WEFT_RETURN_IF_ERROR(facts.Add(absl::StrCat("locations/", kLocation), location));
  for (int64_t i = 0; i < sizes.items; ++i) {
    facts::v1::ItemChanged item;
    item.set_sku(SkuOf(i));
    item.set_name(absl::StrCat("Item ", i));
    item.set_base_unit("EA");
    item.set_state(facts::v1::ItemChanged::ITEM_STATE_ACTIVE);
    WEFT_RETURN_IF_ERROR(facts.Add(absl::StrCat("items/", SkuOf(i)), item));
    if (sizes.on_hand <= 0) continue;
    stock::v1::StockCounted counted;
    counted.set_sku(SkuOf(i));
    counted.set_location(kLocation);
    counted.set_on_hand(absl::StrCat(sizes.on_hand));
    counted.mutable_watermark()->set_seconds(kLongAgo);
    WEFT_RETURN_IF_ERROR(stock.Add(absl::StrCat(SkuOf(i), "@", kLocation), counted));
  }
  if (sizes.prices > 0) WEFT_RETURN_IF_ERROR(SeedPrices(sizes, facts));
  WEFT_RETURN_IF_ERROR(facts.Flush());
  return stock.Flush();
}

}  // namespace weft::bench
