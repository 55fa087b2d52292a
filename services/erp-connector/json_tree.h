// JSON bytes as a flat tree: numbers keep their digits, texts are unescaped,
// duplicate names are refused. What a mapping reads, whatever the ERP.
//
// A tree is reused for message after message so that reading allocates nothing
// in the long run. Not thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/erp-connector/problem.h"

namespace weft::erp {

class JsonTree {
 public:
  enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

  // Children of a node follow it in document order: the first is at index + 1,
  // the next one at its `next`, up to the parent's `next`.
  struct Node {
    Kind kind = Kind::kNull;
    absl::string_view name;  // Of a member; "" elsewhere.
    absl::string_view text;  // String: unescaped; number and bool: as written.
    uint32_t count = 0;      // Members or elements.
    uint32_t next = 0;       // Index after the last node of this subtree.
  };

  JsonTree();
  ~JsonTree();
  JsonTree(const JsonTree&) = delete;
  JsonTree& operator=(const JsonTree&) = delete;

  // Replaces the tree. The views in the nodes hold until the next Parse().
  //
  // Shape: one JSON value and nothing behind it, UTF-8, at most kDepthMax deep.
  // Errors: MESSAGE_NOT_JSON, MESSAGE_TOO_DEEP, FIELD_DUPLICATE.
  bool Parse(absl::string_view bytes, Problem& problem);

  // The root is node 0.
  const Node& operator[](uint32_t index) const { return nodes_[index]; }
  const std::vector<Node>& nodes() const { return nodes_; }
  // Index of the member `name` of the object at `index`; 0 when absent (the
  // root is nobody's member).
  uint32_t Member(uint32_t index, absl::string_view name) const;

  static constexpr int kDepthMax = 32;

 private:
  struct Impl;
  bool AddRootScalar(absl::string_view token, Problem& problem);
  std::unique_ptr<Impl> impl_;
  std::vector<Node> nodes_;
};

// True when `text` is a number by the grammar of RFC 8259.
bool IsJsonNumber(absl::string_view text);

}  // namespace weft::erp
