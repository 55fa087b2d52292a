#include "services/gateway/domain/path_template.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/gateway/domain/percent.h"

namespace weft::gateway {
namespace {

using Kind = PathSegment::Kind;

class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  absl::StatusOr<PathTemplate> Parse() {
    if (!Take('/')) return Malformed("starts with '/'");
    WEFT_RETURN_IF_ERROR(Segments(/*inside=*/false));
    if (Take(':')) {
      const absl::string_view verb = Literal();
      if (verb.empty()) return Malformed("has a verb after ':'");
      out_.verb = std::string(verb);
    }
    if (at_ != text_.size()) return Malformed("ends after its segments and verb");
    for (size_t i = 0; i + 1 < out_.segments.size(); ++i) {
      if (out_.segments[i].kind == Kind::kRest) return Malformed("has '**' last only");
    }
    for (PathVariable& variable : out_.variables) {
      variable.many = variable.end - variable.begin > 1 ||
                      out_.segments[variable.begin].kind == Kind::kRest;
    }
    return std::move(out_);
  }

 private:
  absl::Status Segments(bool inside) {
    do {
      WEFT_RETURN_IF_ERROR(Segment(inside));
    } while (Take('/'));
    return absl::OkStatus();
  }

  absl::Status Segment(bool inside) {
    if (Take('*')) {
      out_.segments.push_back({Take('*') ? Kind::kRest : Kind::kOne, ""});
      return absl::OkStatus();
    }
    if (Peek('{')) {
      if (inside) return Malformed("has no variable inside a variable");
      return Variable();
    }
    const absl::string_view literal = Literal();
    if (literal.empty()) return Malformed("has no empty segment");
    out_.segments.push_back({Kind::kLiteral, std::string(literal)});
    return absl::OkStatus();
  }

  absl::Status Variable() {
    Take('{');
    PathVariable variable;
    do {
      const absl::string_view name = Identifier();
      if (name.empty()) return Malformed("names a field in '{}'");
      absl::StrAppend(&variable.field, variable.field.empty() ? "" : ".", name);
    } while (Take('.'));
    for (const PathVariable& other : out_.variables) {
      if (other.field == variable.field) return Malformed("binds a field once");
    }
    variable.begin = out_.segments.size();
    if (Take('=')) {
      WEFT_RETURN_IF_ERROR(Segments(/*inside=*/true));
    } else {
      out_.segments.push_back({Kind::kOne, ""});
    }
    if (!Take('}')) return Malformed("closes each '{'");
    variable.end = out_.segments.size();
    out_.variables.push_back(std::move(variable));
    return absl::OkStatus();
  }

  absl::string_view Literal() {
    const size_t begin = at_;
    while (at_ < text_.size() &&
           (absl::ascii_isalnum(text_[at_]) ||
            absl::string_view("-._~%!$&'(),;@+").find(text_[at_]) != absl::string_view::npos)) {
      ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  absl::string_view Identifier() {
    const size_t begin = at_;
    while (at_ < text_.size() && (absl::ascii_isalnum(text_[at_]) || text_[at_] == '_')) ++at_;
    if (at_ > begin && absl::ascii_isdigit(text_[begin])) return {};
    return text_.substr(begin, at_ - begin);
  }

  bool Peek(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool Take(char c) {
    if (!Peek(c)) return false;
    ++at_;
    return true;
  }
  absl::Status Malformed(absl::string_view rule) const {
    return InvalidArgument("PATH_TEMPLATE_MALFORMED",
                           absl::StrCat("path template '", text_, "' at ", at_,
                                        ": a template ", rule),
                           {{"template", std::string(text_)}});
  }

  const absl::string_view text_;
  size_t at_ = 0;
  PathTemplate out_;
};

bool EqualsDecoded(absl::string_view segment, absl::string_view literal) {
  if (segment.find('%') == absl::string_view::npos) return segment == literal;
  const auto decoded = PercentDecode(segment, Decode::kAll);
  return decoded.ok() && absl::string_view(*decoded) == literal;
}

}  // namespace

size_t PathTemplate::Literals() const {
  return static_cast<size_t>(std::count_if(
             segments.begin(), segments.end(),
             [](const PathSegment& s) { return s.kind == Kind::kLiteral; })) +
         (verb.empty() ? 0 : 1);
}

absl::StatusOr<PathTemplate> ParsePathTemplate(absl::string_view text) {
  return Parser(text).Parse();
}

RequestPath SplitPath(absl::string_view path) {
  RequestPath out;
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  out.segments = absl::StrSplit(path, '/');
  out.last_without_verb = out.segments.back();
  const size_t colon = out.last_without_verb.rfind(':');
  if (colon != absl::string_view::npos) {
    out.verb = out.last_without_verb.substr(colon + 1);
    out.last_without_verb = out.last_without_verb.substr(0, colon);
  }
  return out;
}

bool Matches(const PathTemplate& pattern, const RequestPath& path) {
  if (!pattern.verb.empty() && absl::string_view(pattern.verb) != path.verb) return false;
  const size_t fixed = pattern.segments.size() - (pattern.TakesRest() ? 1 : 0);
  if (pattern.TakesRest() ? path.segments.size() < fixed : path.segments.size() != fixed) {
    return false;
  }
  for (size_t i = 0; i < fixed; ++i) {
    const bool last = i + 1 == path.segments.size();
    const absl::string_view text =
        last && !pattern.verb.empty() ? path.last_without_verb : path.segments[i];
    const PathSegment& segment = pattern.segments[i];
    if (segment.kind == Kind::kOne ? text.empty() : !EqualsDecoded(text, segment.text)) {
      return false;
    }
  }
  return true;
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Extract(
    const PathTemplate& pattern, const RequestPath& path) {
  std::vector<absl::string_view> segments = path.segments;
  if (!pattern.verb.empty()) segments.back() = path.last_without_verb;
  std::vector<std::pair<std::string, std::string>> out;
  for (const PathVariable& variable : pattern.variables) {
    const bool rest = pattern.TakesRest() && variable.end == pattern.segments.size();
    const size_t end = rest ? segments.size() : variable.end;
    const std::string raw = absl::StrJoin(segments.begin() + static_cast<ptrdiff_t>(variable.begin),
                                          segments.begin() + static_cast<ptrdiff_t>(end), "/");
    WEFT_ASSIGN_OR_RETURN(
        std::string value,
        PercentDecode(raw, variable.many ? Decode::kKeepReserved : Decode::kAll));
    out.emplace_back(variable.field, std::move(value));
  }
  return out;
}

bool Overlap(const PathTemplate& a, const PathTemplate& b) {
  if (a.verb != b.verb) {
    if (!a.verb.empty() && !b.verb.empty()) return false;
    // A wildcard takes "x:verb" as well; a literal does not.
    const PathTemplate& plain = a.verb.empty() ? a : b;
    if (plain.segments.back().kind == Kind::kLiteral) return false;
  }
  const size_t fixed_a = a.segments.size() - (a.TakesRest() ? 1 : 0);
  const size_t fixed_b = b.segments.size() - (b.TakesRest() ? 1 : 0);
  if (!a.TakesRest() && fixed_a < fixed_b) return false;
  if (!b.TakesRest() && fixed_b < fixed_a) return false;
  for (size_t i = 0; i < std::min(fixed_a, fixed_b); ++i) {
    const bool both = a.segments[i].kind == Kind::kLiteral && b.segments[i].kind == Kind::kLiteral;
    if (both && a.segments[i].text != b.segments[i].text) return false;
  }
  return true;
}

}  // namespace weft::gateway
