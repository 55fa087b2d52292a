#include "services/erp-connector/record_form.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace weft::erp {
namespace {

bool SkipsRegistry(absl::string_view bytes, Problem& problem) {
  if (bytes.size() < 5 || bytes[0] != '\0') return true;
  uint32_t id = 0;
  for (int i = 1; i <= 4; ++i) id = id << 8 | static_cast<unsigned char>(bytes[static_cast<size_t>(i)]);
  problem = {"MESSAGE_NEEDS_REGISTRY",
             absl::StrCat("the message is in a schema registry's format (Avro, Protobuf or JSON "
                          "Schema, schema id ",
                          id, "); set the producer's converter to plain JSON"),
             ""};
  return false;
}

}  // namespace

bool Unwrap(absl::string_view bytes, JsonTree& tree, std::string& scratch, Unwrapped& found,
            Problem& problem) {
  found = {};
  if (bytes.size() > kMessageBytesMax) {
    problem = {"MESSAGE_TOO_LARGE",
               absl::StrCat("the message has ", bytes.size(), " bytes; at most ",
                            kMessageBytesMax, " are taken"),
               ""};
    return false;
  }
  if (!SkipsRegistry(bytes, problem)) return false;
  absl::ConsumePrefix(&bytes, "\xEF\xBB\xBF");
  if (bytes.empty()) {
    found.tombstone = true;
    return true;
  }
  if (!tree.Parse(bytes, problem)) return false;
  if (tree[0].kind == JsonTree::Kind::kString) {
    scratch.assign(tree[0].text.data(), tree[0].text.size());
    absl::string_view inner = scratch;
    absl::ConsumePrefix(&inner, "\xEF\xBB\xBF");
    if (inner.empty()) {
      found.tombstone = true;
      return true;
    }
    if (!tree.Parse(inner, problem)) return false;
  }
  if (tree[0].kind == JsonTree::Kind::kObject && tree[0].count == 2) {
    const uint32_t payload = tree.Member(0, "payload");
    if (payload != 0 && tree.Member(0, "schema") != 0) found.root = payload;
  }
  switch (tree[found.root].kind) {
    case JsonTree::Kind::kNull:
      found.tombstone = true;
      return true;
    case JsonTree::Kind::kObject:
      return true;
    default:
      problem = {"MESSAGE_NOT_OBJECT", "the message is JSON, but not an object", ""};
      return false;
  }
}

}  // namespace weft::erp
