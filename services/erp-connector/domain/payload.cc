#include "services/erp-connector/domain/payload.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/error.h"

namespace weft::erp {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// End of the JSON value that starts at `start`: after its closing bracket, or, for
// a scalar, before the next blank, comma or bracket. npos when it does not close.
size_t EndOfValue(absl::string_view text, size_t start) {
  int depth = 0;
  bool in_text = false;
  for (size_t i = start; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_text = false;
        if (depth == 0) return i + 1;
      }
      continue;
    }
    if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return i;
      if (--depth == 0) return i + 1;
    } else if (depth == 0 && (c == ',' || IsBlank(c))) {
      return i;
    }
  }
  return depth == 0 && !in_text ? text.size() : absl::string_view::npos;
}

absl::Status DoesNotClose(size_t at) {
  return InvalidArgument("PAYLOAD_UNREADABLE",
                         absl::StrCat("the message that begins at byte ", at,
                                      " does not close; send an array of JSON objects, or one "
                                      "object a line"));
}

absl::StatusOr<std::vector<absl::string_view>> SplitArray(absl::string_view payload) {
  std::vector<absl::string_view> messages;
  size_t i = 1;
  bool first = true;
  while (true) {
    while (i < payload.size() && IsBlank(payload[i])) ++i;
    if (i < payload.size() && payload[i] == ']') break;
    if (!first) {
      if (i >= payload.size() || payload[i] != ',') return DoesNotClose(i);
      ++i;
      while (i < payload.size() && IsBlank(payload[i])) ++i;
    }
    first = false;
    const size_t end = EndOfValue(payload, i);
    if (end == absl::string_view::npos || end == i) return DoesNotClose(i);
    messages.push_back(payload.substr(i, end - i));
    i = end;
  }
  if (!absl::StripAsciiWhitespace(payload.substr(i + 1)).empty()) {
    return InvalidArgument("PAYLOAD_UNREADABLE", "something follows the end of the array");
  }
  return messages;
}

std::vector<absl::string_view> SplitAt(absl::string_view payload, char separator) {
  std::vector<absl::string_view> messages;
  while (!payload.empty()) {
    const size_t end = std::min(payload.find(separator), payload.size());
    const absl::string_view message = absl::StripAsciiWhitespace(payload.substr(0, end));
    if (!message.empty()) messages.push_back(message);
    payload.remove_prefix(std::min(end + 1, payload.size()));
  }
  return messages;
}

}  // namespace

absl::StatusOr<std::vector<absl::string_view>> SplitPayload(absl::string_view payload) {
  if (!payload.empty() && payload[0] == kMessageSeparator) {
    return SplitAt(payload, kMessageSeparator);
  }
  absl::ConsumePrefix(&payload, "\xEF\xBB\xBF");
  payload = absl::StripAsciiWhitespace(payload);
  if (payload.empty()) return std::vector<absl::string_view>();
  if (payload[0] == '[') return SplitArray(payload);
  const absl::string_view line =
      absl::StripAsciiWhitespace(payload.substr(0, std::min(payload.find('\n'), payload.size())));
  if (line.size() < payload.size() && line.front() == '{' && line.back() == '}') {
    return SplitAt(payload, '\n');
  }
  std::vector<absl::string_view> messages;
  size_t i = 0;
  while (i < payload.size()) {
    if (IsBlank(payload[i])) {
      ++i;
      continue;
    }
    const size_t end = EndOfValue(payload, i);
    if (end == absl::string_view::npos) {
      // The last one: let it be parked with its own reason.
      if (messages.empty()) return std::vector<absl::string_view>{payload.substr(i)};
      return DoesNotClose(i);
    }
    const size_t stop = std::max(end, i + 1);
    messages.push_back(payload.substr(i, stop - i));
    i = stop;
  }
  return messages;
}

}  // namespace weft::erp
