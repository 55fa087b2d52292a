#include "services/pricing/state.h"

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

std::string ContractsOf(SymbolKind owner_kind, absl::string_view owner, Facts::Target sort,
                        absl::string_view target) {
  const char* const letter = sort == Facts::Target::kSku        ? "s"
                             : sort == Facts::Target::kCategory ? "c"
                                                                : "e";
  return Key()
      .Add("c")
      .Add(owner_kind == SymbolKind::kAccount ? "a" : "g")
      .Add(owner)
      .Add(letter)
      .Add(target)
      .Take();
}

std::string ContractKey(const facts::v1::ContractChanged& contract) {
  const bool of_account = !contract.account().empty();
  const Facts::Target sort = !contract.sku().empty()        ? Facts::Target::kSku
                             : !contract.category().empty() ? Facts::Target::kCategory
                                                            : Facts::Target::kEverything;
  const std::string& target = sort == Facts::Target::kSku ? contract.sku() : contract.category();
  return ContractsOf(of_account ? SymbolKind::kAccount : SymbolKind::kGroup,
                     of_account ? contract.account() : contract.group(), sort, target) +
         Key().Add(contract.contract()).Take();
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

std::string PositionText(Stamp stamp) {
  return absl::StrCat("g", stamp >> 48, ".", stamp & ((Stamp{1} << 48) - 1));
}

}  // namespace weft::pricing
