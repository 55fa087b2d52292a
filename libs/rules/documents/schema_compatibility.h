// What a new version of a fact schema must leave as it is (LANGUAGE: fact schemas,
// compatibility): it may add types, optional fields and values; it must not remove
// or retype what an active document looks at.
#pragma once

#include <vector>

#include "libs/rules/documents/compile.h"

namespace weft::rules {

// `schema_incompatible` for each part that a schema of `after` removes or retypes
// against `before` while documents that are the same in both use it, with the
// place in the schema and the documents. Both are resolved for the same scope.
std::vector<Finding> SchemaBreaks(const DocumentSet& before, const CompiledSet& after);

}  // namespace weft::rules
