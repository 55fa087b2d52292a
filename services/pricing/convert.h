// Answers of the rules to messages, with what the caller may see.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/pricing/domain/charges.h"
#include "services/pricing/domain/explain.h"
#include "services/pricing/domain/find_price.h"
#include "services/pricing/domain/ladder.h"
#include "services/pricing/domain/sellable.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::pricing {

// Who looks at an explanation.
struct View {
  bool staff = false;  // Sees every candidate, rule, version and owner.
  bool cost = false;   // Sees cost and margin.
  absl::string_view language;  // BCP 47; "" = English.
};

int64_t MicrosOf(const google::protobuf::Timestamp& time);
void SetTime(int64_t us, google::protobuf::Timestamp& out);

void SetMoney(const Decimal& amount, Currency currency, common::v1::Money& out);

// Why a line has no price, with a sentence and the variable parts.
void SetReason(const Facts& facts, const LineQuestion& question, const LineAnswer& answer,
               Currency currency, common::v1::Reason& out);

// Item, quantity, price or reason; not what `include` adds, nor the decision id.
void SetLine(const Facts& facts, const LineQuestion& question, const LineAnswer& answer,
             Currency currency, v1::PriceLine& out);

void SetLadder(const std::vector<LadderStep>& ladder, Currency currency, v1::PriceLine& out);
void SetHint(const Facts& facts, const LineAnswer& answer, const TierHint& hint,
             Currency currency, absl::string_view language, v1::TierHint& out);
// Of an order, to everyone; what `view` may see besides in an explanation.
void SetCharge(const Facts& facts, const Charge& charge, Currency currency, const View& view,
               v1::PriceSurcharge& out);
void SetQuantityRules(const Facts& facts, const LineAnswer& answer, v1::QuantityRules& out);

// Steps, candidates and margin of a priced or refused line, as far as `view` may see.
void SetExplanation(const Facts& facts, PriceFinder& finder, const Buyer& buyer,
                    const LineAnswer& answer,
                    const View& view, v1::PriceExplanation& out);

}  // namespace weft::pricing
