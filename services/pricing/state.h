// What pricing stores. Keys, behind the engine's partition, tenant and table:
//
//   current   = "i" sku                                 item
//             | "a" account                             account
//             | "b" book                                price book
//             | "p" sku book unit entry                 price of a book
//             | "c" side owner sort target contract     contract
//             | "n" account customer-sku                part number
//             | "k" category                            category
//             | "s" surcharge                           surcharge
//             | "m" promotion                           promotion
//             | "x" pair entry                          exchange rate
//             | "o" sku location organisation entry     cost
//   side      = "a" account | "g" group | "p" project | "t" address of an account (SiteName)
//   pair      = RateName: from/to/kind
//   sort      = "s" sku | "c" category | "e" everything (target is empty)
//   history   = current number       a version that was replaced, by its first position
//   places    = contract             → key of its current row
//   numbers   = "i" number | "a" number | "h" number    → name of an item, account, channel
//             | "H" channel                             → its number
//   loads     = connection
//   info      = (empty)
//
// A price lies under its item and a contract under its owner, so that everything
// a question at a past position needs is a handful of short scans.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "libs/engine/table.h"
#include "services/pricing/domain/facts.h"
#include "weft/pricing/v1/state.pb.h"

namespace weft::pricing {

inline constexpr engine::Table<v1::StoredFact> kCurrent{1, "current"};
inline constexpr engine::Table<v1::StoredFact> kHistory{2, "history"};
inline constexpr engine::Table<v1::ContractPlace> kPlaces{3, "places"};
inline constexpr engine::Table<v1::NumberedName> kNumbers{4, "numbers"};
inline constexpr engine::Table<v1::LoadRow> kLoads{5, "loads"};
inline constexpr engine::Table<v1::HistoryRow> kInfo{6, "info"};

std::string ItemKey(absl::string_view sku);
std::string AccountKey(absl::string_view account);
std::string BookKey(absl::string_view book);
std::string PriceKey(const facts::v1::PriceChanged& price);
std::string ContractKey(const facts::v1::ContractChanged& contract);
std::string PartNumberKey(absl::string_view account, absl::string_view customer_sku);
std::string CategoryKey(absl::string_view category);
std::string SurchargeKey(absl::string_view surcharge);
std::string PromotionKey(absl::string_view promotion);
std::string RateKey(const facts::v1::ExchangeRateChanged& rate);
std::string CostKey(const facts::v1::CostChanged& cost);
// What the rates of one pair (RateName), and the costs of one item, start with.
std::string RatesOf(absl::string_view pair);
std::string CostsOf(absl::string_view sku);
// What the prices of one item, and the contracts of one owner for one target,
// start with.
std::string PricesOfItem(absl::string_view sku);
// kAccount, kGroup, kProject, kShipTo as the first octet of a contract's side, and
// back; kTenant for another letter.
const char* SideOf(SymbolKind owner_kind);
SymbolKind KindOfSide(absl::string_view side);
std::string ContractsOf(SymbolKind owner_kind, absl::string_view owner, Facts::Target sort,
                        absl::string_view target);

std::string HistoryKey(absl::string_view current_key, Stamp from);
std::string NumberKey(char kind, Stamp number);
std::string ChannelKey(absl::string_view channel);

inline Stamp StampOf(int64_t generation, int64_t offset) {
  return (static_cast<Stamp>(generation) << 48) | static_cast<Stamp>(offset);
}
inline Stamp StampOf(const v1::StoredFact& fact) {
  return StampOf(fact.generation(), fact.offset());
}
// "g1.1234".
std::string PositionText(Stamp stamp);
// The same without memory of its own each time: the text holds until the next one.
class PositionName {
 public:
  absl::string_view Write(Stamp stamp);

 private:
  char text_[32];
};

}  // namespace weft::pricing
