#include "services/approval/domain/quote_state.h"

namespace weft::approval {

using enum QuoteState;

const char* QuoteStateName(QuoteState state) {
  switch (state) {
    case kUnspecified:
      return "UNSPECIFIED";
    case kPricing:
      return "PRICING";
    case kDraft:
      return "DRAFT";
    case kSent:
      return "SENT";
    case kAccepted:
      return "ACCEPTED";
    case kDeclined:
      return "DECLINED";
    case kExpired:
      return "EXPIRED";
  }
  return "UNSPECIFIED";
}

bool CanMove(QuoteState from, QuoteState to) {
  switch (to) {
    case kDraft:
      return from == kPricing;
    case kSent:
      return from == kDraft;
    case kAccepted:
    case kDeclined:
    case kExpired:
      return from == kSent;
    case kUnspecified:
    case kPricing:
      return false;
  }
  return false;
}

bool IsFinal(QuoteState state) {
  return state == kAccepted || state == kDeclined || state == kExpired;
}

}  // namespace weft::approval
