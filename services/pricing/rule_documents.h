// Pricing's part in documents: what it makes of a set, and what it ships.
#pragma once

#include <string>
#include <vector>

#include "libs/rules/documents/compile.h"

namespace weft::pricing {

// Kinds of pricing; a set becomes PricingRules.
rules::Kinds PricingKinds();
// Texts of the platform's documents in this binary.
std::vector<std::string> ShippedDocuments();

}  // namespace weft::pricing
