// Why a line has no price, in order of precedence, and why a candidate lost.
#pragma once

#include <cstdint>

namespace weft::pricing {

// The order is the precedence: of several that hold the first is answered.
enum class LineReason : uint8_t {
  kNone,
  kLoginRequired,
  kNotLoaded,
  kUnknownCustomerSku,
  kUnknownItem,
  kItemDiscontinued,
  kInvalidQuantity,
  kUnknownUnit,
  kAmountTooLarge,  // The net has more than 34 digits.
  kPriceRefused,    // A step of the rules says that there is none.
  kRulesFailed,     // The rules cannot be computed for this line.
  kBelowMinimum,
  kNotYetValid,
  kNoLongerValid,
  kRateExpired,     // A list in another currency, whose rate has ended.
  kRateMissing,     // The same without a rate for the moment.
  kNoPriceInCurrency,
  kNoPrice,
  // Of candidates only.
  kNoListPrice,   // A discount, but no list price to take it from.
  kZeroPrice,     // A price of 0 in a book or contract states no price.
  kReplaced,      // Another one of the same owner and unit starts later.
  kLessSpecific,  // A more special one had a price already.
  kDearer,        // Another one of its best-price group is lower.
  kOtherTier,     // In the merged ladder another list's tier counts.
  kNotApplicable,  // It is not for this item, organisation, branch or channel.
  kExcluded,      // Its step was excluded by one that found a price.
};

// "NO_PRICE_IN_CURRENCY".
constexpr const char* ReasonName(LineReason reason) {
  switch (reason) {
    case LineReason::kNone: return "";
    case LineReason::kLoginRequired: return "LOGIN_REQUIRED";
    case LineReason::kNotLoaded: return "NOT_LOADED";
    case LineReason::kUnknownCustomerSku: return "UNKNOWN_CUSTOMER_SKU";
    case LineReason::kUnknownItem: return "UNKNOWN_ITEM";
    case LineReason::kItemDiscontinued: return "ITEM_DISCONTINUED";
    case LineReason::kInvalidQuantity: return "INVALID_QUANTITY";
    case LineReason::kUnknownUnit: return "UNKNOWN_UNIT";
    case LineReason::kBelowMinimum: return "BELOW_MINIMUM";
    case LineReason::kNotYetValid: return "NOT_YET_VALID";
    case LineReason::kNoLongerValid: return "NO_LONGER_VALID";
    case LineReason::kNoPriceInCurrency: return "NO_PRICE_IN_CURRENCY";
    case LineReason::kNoPrice: return "NO_PRICE";
    case LineReason::kNoListPrice: return "NO_LIST_PRICE";
    case LineReason::kZeroPrice: return "ZERO_PRICE";
    case LineReason::kReplaced: return "REPLACED";
    case LineReason::kLessSpecific: return "LESS_SPECIFIC";
    case LineReason::kAmountTooLarge: return "AMOUNT_TOO_LARGE";
    case LineReason::kPriceRefused: return "PRICE_REFUSED";
    case LineReason::kRulesFailed: return "RULES_FAILED";
    case LineReason::kRateExpired: return "RATE_EXPIRED";
    case LineReason::kRateMissing: return "RATE_MISSING";
    case LineReason::kNotApplicable: return "NOT_APPLICABLE";
    case LineReason::kDearer: return "DEARER";
    case LineReason::kOtherTier: return "OTHER_TIER";
    case LineReason::kExcluded: return "EXCLUDED";
  }
  return "";
}

}  // namespace weft::pricing
