// A shop as one full load of canonical messages for the ERP connector.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "tools/weft/importing/check.h"

namespace weft::cli {

// Calls `take` with one message, a JSON object on a line, after the other until it
// fails: load.begin, what prices refer to before the prices, load.end. Equal content
// and load name: equal messages with equal ids, so that sending them again, from the
// start or from the middle, changes nothing. The load covers the kinds that `load` has
// rows of; of these, what it leaves out is gone.
absl::Status ForEachMessage(const Load& load, const std::string& name,
                            const std::function<absl::Status(const std::string&)>& take);
int64_t CountMessages(const Load& load);

// Hash of the content: what a load is named by.
std::string ContentOf(const Load& load);

}  // namespace weft::cli
