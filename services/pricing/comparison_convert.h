// Comparisons to messages and back, so that reports of several calls add up.
#pragma once

#include "absl/status/status.h"
#include "services/pricing/domain/comparison.h"
#include "weft/pricing/v1/pricing.pb.h"

namespace weft::pricing {

// Errors: INVALID_ARGUMENT / FIELD_INVALID.
absl::Status ReadGate(const v1::CompareGate& message, Gate& gate);

// Shape: at most `groups` of each kind, those with the highest risk.
v1::PriceComparison ToProto(const Comparison& comparison, size_t groups);
void SetVerdict(const Comparison& comparison, const Gate& gate, v1::PriceComparison& out);

// Of an answer of our own. The sums are exact where the answer holds every group.
Comparison FromProto(const v1::PriceComparison& message);

}  // namespace weft::pricing
