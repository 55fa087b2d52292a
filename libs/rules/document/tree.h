// A document as a tree: JSON or YAML, with the place of every part.
//
// YAML is for writing, JSON is canonical; one reader takes both. Numbers keep
// their text (money is read from its digits). Anchors, aliases, tags and
// duplicate keys are refused: a document means what it shows.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace weft::rules {

// What is wrong in a document, and where.
struct Fault {
  std::string code;     // Stable lower_snake: "unknown_key", "overlap", …
  std::string path;     // "rules[2].when.qty"
  int line = 0;         // From 1; 0 = not known.
  int column = 0;
  std::string message;  // What is wrong, for which part.
  std::string hint;     // What to do; may be empty.
  bool warning = false; // True: it may be published all the same.
  std::string ToString() const;
};

class Tree {
 public:
  enum class Kind { kNull, kScalar, kList, kMap };

  // Out of line: a tree holds pairs of trees, which are not complete here.
  Tree();
  ~Tree();
  Tree(const Tree&);
  Tree(Tree&&) noexcept;
  Tree& operator=(const Tree&);
  Tree& operator=(Tree&&) noexcept;

  static constexpr size_t kBytesMax = 2 * 1024 * 1024;
  static constexpr int kDepthMax = 64;
  static constexpr size_t kPartsMax = 500'000;

  Kind kind = Kind::kNull;
  std::string text;     // kScalar
  bool quoted = false;  // kScalar: written as a text, not as a number or word.
  int line = 0;
  int column = 0;
  std::vector<Tree> items;                           // kList
  std::vector<std::pair<std::string, Tree>> fields;  // kMap, in order

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_map() const { return kind == Kind::kMap; }
  // nullptr when there is no such field.
  const Tree* Find(absl::string_view key) const;
  // The text of a scalar field, or "".
  std::string TextOr(absl::string_view key, absl::string_view otherwise = "") const;
};

// False and a fault when `source` is no such document.
bool ReadTree(absl::string_view source, Tree& out, Fault& fault);

}  // namespace weft::rules
