#include "services/pricing/domain/labels.h"

#include "absl/strings/match.h"

namespace weft::pricing {
namespace {

constexpr absl::string_view kLanguages[] = {"en", "de", "fr"};

struct Row {
  Label label;
  absl::string_view texts[3];
};

constexpr Row kTexts[] = {
    {Label::kContract, {"Contract price", "Vertragspreis", "Prix contractuel"}},
    {Label::kParentContract,
     {"Contract price of the parent account", "Vertragspreis des übergeordneten Kontos",
      "Prix contractuel du compte parent"}},
    {Label::kGroup, {"Group price", "Gruppenpreis", "Prix de groupe"}},
    {Label::kBook, {"Price list", "Preisliste", "Liste de prix"}},
    {Label::kList, {"List price", "Listenpreis", "Prix catalogue"}},
    {Label::kContractDiscount, {"Contract discount", "Vertragsrabatt", "Remise contractuelle"}},
    {Label::kParentDiscount,
     {"Contract discount of the parent account", "Vertragsrabatt des übergeordneten Kontos",
      "Remise contractuelle du compte parent"}},
    {Label::kGroupDiscount, {"Group discount", "Gruppenrabatt", "Remise de groupe"}},
    {Label::kAtRate, {"$0 at the rate $1", "$0 zum Kurs $1", "$0 au cours de $1"}},
    {Label::kRounding, {"Rounding", "Rundung", "Arrondi"}},
    {Label::kCostLess,
     {"$0 cost $1 $2 less", "$0 kosten $1 $2 weniger", "$0 coûtent $1 $2 de moins"}},
    {Label::kPriceFrom,
     {"from $0 on the price is $1 $2", "ab $0 ist der Preis $1 $2",
      "à partir de $0 le prix est de $1 $2"}},
    {Label::kFurtherFrom,
     {"from $0 on each further one costs $1 $2", "ab $0 kostet jedes weitere $1 $2",
      "à partir de $0 chaque unité de plus coûte $1 $2"}},
};

}  // namespace

absl::string_view PrimaryLanguage(absl::string_view tag) {
  return tag.substr(0, tag.find_first_of("-_"));
}

int LanguageRank(absl::string_view offered, absl::string_view wanted) {
  if (absl::EqualsIgnoreCase(offered, wanted)) return 3;
  if (absl::EqualsIgnoreCase(PrimaryLanguage(offered), PrimaryLanguage(wanted))) return 2;
  return absl::EqualsIgnoreCase(PrimaryLanguage(offered), "en") ? 1 : 0;
}

absl::string_view TextOf(Label label, absl::string_view language) {
  size_t chosen = 0;
  for (size_t i = 0; i < std::size(kLanguages); ++i) {
    if (LanguageRank(kLanguages[i], language) >= 2) chosen = i;
  }
  for (const Row& row : kTexts) {
    if (row.label == label) return row.texts[chosen];
  }
  return "";
}

}  // namespace weft::pricing
