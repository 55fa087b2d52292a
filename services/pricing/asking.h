// What the lines of one question share, as every RPC reads it: who asks, for whom,
// where, in which currency, as of when.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"
#include "libs/base/clock.h"
#include "libs/base/principal.h"
#include "libs/base/status_macros.h"
#include "services/pricing/domain/buyer.h"
#include "services/pricing/domain/decision_id.h"
#include "services/pricing/domain/find_price.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::pricing {

struct Ask {
  absl::string_view tenant;  // Of the principal, which outlives it; so the request.
  std::string account;       // "" = a guest.
  std::string channel;
  absl::string_view currency;
  int64_t as_of_us = 0;
  bool past = false;         // With known_at.
  int64_t known_us = kForEver;
  Stamp channel_number = 0;
  std::string project;
  std::string ship_to;
  std::vector<std::string> coupons;
  // Tells requests apart whose lines depend on more than a decision id can name.
  uint32_t request_hash = 0;
};

inline constexpr int kCouponsMax = 20;

// Errors: INVALID_ARGUMENT / TIME_INVALID.
absl::Status ReadTime(const google::protobuf::Timestamp& time, const char* field, int64_t& us);

// INVALID_ARGUMENT / TOO_MANY_COUPONS.
absl::Status TooManyCoupons(int coupons);

// Errors: NOT_FOUND / CHANNEL_NOT_FOUND.
absl::StatusOr<std::string> ActingChannel(const Principal& principal, const std::string& named);

// From any request with account, channel, currency_code, as_of and, where it has
// one, known_at. Not the channel's number.
// Errors: NOT_FOUND / ACCOUNT_NOT_FOUND, CHANNEL_NOT_FOUND; INVALID_ARGUMENT /
// TIME_INVALID, TOO_MANY_COUPONS.
template <typename Request>
absl::Status ReadAsk(const Principal& principal, const Request& request, const Clock& clock,
                     Ask& ask) {
  ask.tenant = principal.tenant;
  WEFT_ASSIGN_OR_RETURN(ask.account, ActingAccount(principal, request.account()));
  WEFT_ASSIGN_OR_RETURN(ask.channel, ActingChannel(principal, request.channel()));
  ask.currency = request.currency_code();
  if (request.has_as_of()) {
    WEFT_RETURN_IF_ERROR(ReadTime(request.as_of(), "as_of", ask.as_of_us));
  } else {
    ask.as_of_us = absl::ToUnixMicros(clock.Wall());
  }
  if constexpr (requires { request.project(); }) {
    ask.project = request.project();
    ask.ship_to = request.ship_to();
    if (request.coupons_size() > kCouponsMax) return TooManyCoupons(request.coupons_size());
    ask.coupons.assign(request.coupons().begin(), request.coupons().end());
  }
  if constexpr (requires { request.known_at(); }) {
    if (request.has_known_at()) {
      ask.past = true;
      WEFT_RETURN_IF_ERROR(ReadTime(request.known_at(), "known_at", ask.known_us));
    }
  }
  return absl::OkStatus();
}

// The buyer behind `ask`, if the caller may see it.
// Errors: those of DescribeBuyer.
absl::Status Describe(const Facts& facts, const Principal& principal, const Ask& ask,
                      Buyer& buyer);

LineQuestion QuestionOf(const v1::PriceRequestLine& line);

// Of the lines and of what else a request says of itself; never 0.
uint32_t RequestHash(const SipKey& key, const Ask& ask,
                     const google::protobuf::RepeatedPtrField<v1::PriceRequestLine>& lines);

// What a priced line depended on.
Decision MakeDecision(const Ask& ask, const Buyer& buyer, const LineAnswer& answer,
                      Stamp position);

// Maps have no order on the wire unless they are told to: equal answers are equal
// bytes. False when the message does not serialise.
bool AppendDeterministic(const google::protobuf::MessageLite& message, std::string& out);

}  // namespace weft::pricing
