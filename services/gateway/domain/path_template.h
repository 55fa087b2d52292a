// Path templates of google.api.http and how a request path matches one.
//
//   template = "/" segments [ ":" verb ]
//   segments = segment { "/" segment }
//   segment  = "*" | "**" | literal | variable
//   variable = "{" field { "." field } [ "=" segments ] "}"
//
// `*` is one segment that is not empty; `**` is any number of segments, also
// none, and stands last. A verb is what follows the last colon of the path.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weft::gateway {

struct PathSegment {
  enum class Kind { kLiteral, kOne, kRest };
  Kind kind = Kind::kLiteral;
  std::string text;  // Of a literal.
  bool operator==(const PathSegment&) const = default;
};

struct PathVariable {
  std::string field;   // Dotted path of the request's field.
  size_t begin = 0;    // First segment.
  size_t end = 0;      // One past the last; with `**` last it takes the rest.
  // Several segments: reserved escapes stay (see percent.h).
  bool many = false;
  bool operator==(const PathVariable&) const = default;
};

struct PathTemplate {
  std::vector<PathSegment> segments;
  std::vector<PathVariable> variables;
  std::string verb;  // "" = none.

  // How much of the path is fixed: literal segments, the verb counts as one.
  size_t Literals() const;
  // Which of two matching templates wins: more literals; then one without `**`.
  size_t Rank() const { return 2 * Literals() + (TakesRest() ? 0 : 1); }
  bool TakesRest() const {
    return !segments.empty() && segments.back().kind == PathSegment::Kind::kRest;
  }
};

// Errors: INVALID_ARGUMENT / PATH_TEMPLATE_MALFORMED with the place.
absl::StatusOr<PathTemplate> ParsePathTemplate(absl::string_view text);

// A request path cut at its slashes, still escaped.
struct RequestPath {
  std::vector<absl::string_view> segments;
  // What the last segment's verb would be, and the segment without it; equal to
  // the segment and "" when it has no colon.
  absl::string_view last_without_verb;
  absl::string_view verb;
};

// `path` starts with a slash and has no query; views point into it.
RequestPath SplitPath(absl::string_view path);

// Whether `path` matches. The first form compares literals after decoding them.
bool Matches(const PathTemplate& pattern, const RequestPath& path);

// Values of the variables by field path, decoded. The path must match.
// Errors: INVALID_ARGUMENT / URL_MALFORMED.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Extract(
    const PathTemplate& pattern, const RequestPath& path);

// True when some path matches both.
bool Overlap(const PathTemplate& a, const PathTemplate& b);

}  // namespace weft::gateway
