// Whether values may pass from facts of one schema to those of another.
#pragma once

#include "libs/rules/expr/environment.h"

namespace weft::rules {

// Whether every record in `type` is declared in `environment`.
bool HasRecordsOf(const expr::Type& type, const expr::Environment& environment);

// Whether every record in `type` is declared in both, field by field the same.
bool SameRecords(const expr::Type& type, const expr::Environment& a, const expr::Environment& b);

}  // namespace weft::rules
