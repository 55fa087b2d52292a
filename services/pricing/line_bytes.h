// Writes a priced line as the bytes of a v1::PriceLine, the way protobuf writes
// that message: fields by number, defaults left out. Lines are most of what this
// room answers, and making messages of them first costs more than pricing them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "services/pricing/domain/decision_writer.h"
#include "services/pricing/domain/find_price.h"

namespace weft::pricing {

// What all lines of an answer share. The views outlive their use.
struct LineFrame {
  absl::string_view epoch;
  std::string currency;    // ISO code.
  DecisionWriter* decisions = nullptr;
};

// Appends `answer`, which has a price, as an element of field 1 of
// CalculatePricesResponse. False (and nothing written) when a name is too long for
// the short way; the caller then makes the message.
bool AppendPricedLine(const Facts& facts, const LineFrame& frame, const LineQuestion& question,
                      const LineAnswer& answer, const Decision& decision, std::string& out);

}  // namespace weft::pricing
