// The life of a quote, as a table: from these states, to that state.
//
//   PRICING → DRAFT → SENT → ACCEPTED | DECLINED | EXPIRED
#pragma once

namespace weft::approval {

// Numbers are those of the contract (weft.approval.v1.QuoteState).
enum class QuoteState {
  kUnspecified = 0,
  kPricing = 1,
  kDraft = 2,
  kSent = 3,
  kAccepted = 4,
  kDeclined = 5,
  kExpired = 6,
};

// "DRAFT".
const char* QuoteStateName(QuoteState state);
bool CanMove(QuoteState from, QuoteState to);
bool IsFinal(QuoteState state);

}  // namespace weft::approval
