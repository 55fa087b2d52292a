// A document: its head, its text as a tree, its canonical form and hash
// (LANGUAGE: documents). The kinds themselves are compiled elsewhere (compile.h).
#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/rules/document/tree.h"

namespace weft::rules {

inline constexpr size_t kDocumentBytesMax = size_t{1} << 20;

// What a check found.
struct Finding {
  enum class Severity { kError, kWarning, kNote };
  Severity severity = Severity::kError;
  std::string code;      // Stable lower_snake.
  std::string document;  // DocumentKey::ToText(), or "".
  std::string path;
  int line = 0;
  int column = 0;
  std::string message;
  std::string hint;
  bool is_error() const { return severity == Severity::kError; }
};
Finding ToFinding(const Fault& fault, absl::string_view document);
bool HasErrors(const std::vector<Finding>& findings);

// For whom a document holds; "" = all. The tenant goes without saying.
struct DocumentScope {
  std::string organisation;
  std::string branch;
  std::string channel;

  bool all() const { return organisation.empty() && branch.empty() && channel.empty(); }
  // Whether a document of this scope holds for `asked`, where "" is a part that is
  // not known.
  bool Holds(const DocumentScope& asked) const;
  // Channel before branch before organisation; the most specific is greatest.
  int rank() const {
    return (channel.empty() ? 0 : 4) + (branch.empty() ? 0 : 2) + (organisation.empty() ? 0 : 1);
  }
  // "4711/*/web"; "" for all.
  std::string ToText() const;
  auto operator<=>(const DocumentScope&) const = default;
};

struct DocumentKey {
  std::string kind;
  std::string id;
  DocumentScope scope;
  // "RuleSet/pricing.line-price", "RuleSet/pricing.line-price@4711/*/web".
  std::string ToText() const;
  auto operator<=>(const DocumentKey&) const = default;
};

struct Document {
  DocumentKey key;
  std::string tenant;  // As its scope names it; "" = whoever publishes it.
  std::string title;
  std::string owner;
  std::string hash;    // SHA-256 of the canonical JSON, hexadecimal.
  std::shared_ptr<const Tree> tree;
};

// Reads a text. False with findings when it has no sound head; a sound head says
// nothing of the rest.
bool ReadDocument(absl::string_view source, Document& out, std::vector<Finding>& findings);

// Keys in code point order, no white space, decimals as strings; without
// `version` and what only tells of saving (`etag`).
std::string CanonicalJson(const Tree& document);
std::string HashOf(const Tree& document);

}  // namespace weft::rules
