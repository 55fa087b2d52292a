// Texts that pricing itself writes for people: in English, German and French. What
// documents and facts say comes in the languages they are written in.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace weft::pricing {

enum class Label : uint8_t {
  kContract,
  kParentContract,
  kGroup,
  kBook,
  kList,
  kContractDiscount,
  kParentDiscount,
  kGroupDiscount,
  kAtRate,          // $0: the step, $1: the rate.
  kRounding,
  kCostLess,        // $0: quantity with unit, $1: amount, $2: currency. So with the next two.
  kPriceFrom,
  kFurtherFrom,
};

// `language` is a BCP 47 tag; one that is not spoken reads English.
absl::string_view TextOf(Label label, absl::string_view language);

// "de" of "de-CH".
absl::string_view PrimaryLanguage(absl::string_view tag);

// How well a text in `offered` serves who reads `wanted`: 3 = the same tag, 2 = the same
// primary language, 1 = English, 0 = any other. Case does not matter.
int LanguageRank(absl::string_view offered, absl::string_view wanted);

}  // namespace weft::pricing
