#include "services/pricing/state.h"

#include <charconv>

#include "absl/strings/str_cat.h"

namespace weft::pricing {

using engine::Key;

std::string ItemKey(absl::string_view sku) { return Key().Add("i").Add(sku).Take(); }
std::string AccountKey(absl::string_view account) { return Key().Add("a").Add(account).Take(); }
std::string BookKey(absl::string_view book) { return Key().Add("b").Add(book).Take(); }

std::string PricesOfItem(absl::string_view sku) { return Key().Add("p").Add(sku).Take(); }

std::string PriceKey(const facts::v1::PriceChanged& price) {
  return Key()
      .Add("p")
      .Add(price.sku())
      .Add(price.book())
      .Add(price.unit())
      .Add(price.entry())
      .Take();
}

std::string CategoryKey(absl::string_view category) {
  return Key().Add("k").Add(category).Take();
}
std::string SurchargeKey(absl::string_view surcharge) {
  return Key().Add("s").Add(surcharge).Take();
}
std::string PromotionKey(absl::string_view promotion) {
  return Key().Add("m").Add(promotion).Take();
}

std::string RatesOf(absl::string_view pair) { return Key().Add("x").Add(pair).Take(); }

std::string RateKey(const facts::v1::ExchangeRateChanged& rate) {
  return RatesOf(absl::StrCat(rate.from_currency_code(), "/", rate.to_currency_code(), "/",
                              rate.kind())) +
         Key().Add(rate.entry()).Take();
}

std::string CostsOf(absl::string_view sku) { return Key().Add("o").Add(sku).Take(); }

std::string CostKey(const facts::v1::CostChanged& cost) {
  return CostsOf(cost.sku()) +
         Key().Add(cost.location()).Add(cost.organisation()).Add(cost.entry()).Take();
}

const char* SideOf(SymbolKind owner_kind) {
  switch (owner_kind) {
    case SymbolKind::kAccount: return "a";
    case SymbolKind::kProject: return "p";
    case SymbolKind::kShipTo: return "t";
    default: return "g";
  }
}

SymbolKind KindOfSide(absl::string_view side) {
  if (side == "a") return SymbolKind::kAccount;
  if (side == "p") return SymbolKind::kProject;
  if (side == "t") return SymbolKind::kShipTo;
  return side == "g" ? SymbolKind::kGroup : SymbolKind::kTenant;
}

std::string ContractsOf(SymbolKind owner_kind, absl::string_view owner, Facts::Target sort,
                        absl::string_view target) {
  const char* const letter = sort == Facts::Target::kSku        ? "s"
                             : sort == Facts::Target::kCategory ? "c"
                                                                : "e";
  return Key()
      .Add("c")
      .Add(SideOf(owner_kind))
      .Add(owner)
      .Add(letter)
      .Add(target)
      .Take();
}

std::string ContractKey(const facts::v1::ContractChanged& contract) {
  const Facts::Target sort = !contract.sku().empty()        ? Facts::Target::kSku
                             : !contract.category().empty() ? Facts::Target::kCategory
                                                            : Facts::Target::kEverything;
  const std::string& target = sort == Facts::Target::kSku ? contract.sku() : contract.category();
  SymbolKind kind = SymbolKind::kGroup;
  std::string owner = contract.group();
  if (!contract.project().empty()) {
    kind = SymbolKind::kProject;
    owner = SiteName(contract.account(), contract.project());
  } else if (!contract.ship_to().empty()) {
    kind = SymbolKind::kShipTo;
    owner = SiteName(contract.account(), contract.ship_to());
  } else if (!contract.account().empty()) {
    kind = SymbolKind::kAccount;
    owner = contract.account();
  }
  return ContractsOf(kind, owner, sort, target) + Key().Add(contract.contract()).Take();
}

std::string PartNumberKey(absl::string_view account, absl::string_view customer_sku) {
  return Key().Add("n").Add(account).Add(customer_sku).Take();
}

std::string HistoryKey(absl::string_view current_key, Stamp from) {
  return absl::StrCat(current_key, Key().Add(static_cast<int64_t>(from)).Take());
}

std::string NumberKey(char kind, Stamp number) {
  return Key().Add(absl::string_view(&kind, 1)).Add(static_cast<int64_t>(number)).Take();
}

std::string ChannelKey(absl::string_view channel) {
  return Key().Add("H").Add(channel).Take();
}

std::string PositionText(Stamp stamp) { return std::string(PositionName().Write(stamp)); }

absl::string_view PositionName::Write(Stamp stamp) {
  char* const end = text_ + sizeof(text_);
  char* p = text_;
  *p++ = 'g';
  p = std::to_chars(p, end, stamp >> 48).ptr;
  *p++ = '.';
  p = std::to_chars(p, end, stamp & ((Stamp{1} << 48) - 1)).ptr;
  return absl::string_view(text_, static_cast<size_t>(p - text_));
}

}  // namespace weft::pricing
