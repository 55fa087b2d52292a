#include "libs/rules/document/tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <stdexcept>

#include "absl/strings/str_cat.h"

namespace weft::rules {
namespace {

// Thrown through yaml-cpp's parser and caught in ReadTree().
struct Refusal {
  Fault fault;
};

class Builder final : public YAML::EventHandler {
 public:
  Tree Take() { return std::move(root_); }
  bool done() const { return seen_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Refuse(anchor, mark);
    Add(At(mark, Tree::Kind::kNull));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "alias_refused", "aliases are not allowed", "write the part out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Refuse(anchor, mark);
    const bool quoted = tag == "!";
    if (!quoted && tag != "?" && !tag.empty()) {
      Fail(mark, "tag_refused", absl::StrCat("tags are not allowed: ", tag), "");
    }
    if (ExpectsKey()) {
      for (const auto& [key, unused] : stack_.back().tree.fields) {
        if (key == value) Fail(mark, "duplicate_key", absl::StrCat("'", value, "' stands twice"), "");
      }
      stack_.back().key = value;
      stack_.back().has_key = true;
      return;
    }
    Tree leaf = At(mark, Tree::Kind::kScalar);
    leaf.text = value;
    leaf.quoted = quoted;
    if (!quoted && (value == "null" || value == "~" || value.empty())) {
      leaf.kind = Tree::Kind::kNull;
    }
    Add(std::move(leaf));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Refuse(anchor, mark);
    Open(mark, Tree::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Refuse(anchor, mark);
    Open(mark, Tree::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Level {
    Tree tree;
    std::string key;
    bool has_key = false;
  };

  [[noreturn]] static void Fail(const YAML::Mark& mark, std::string code, std::string message,
                                std::string hint) {
    Fault fault;
    fault.code = std::move(code);
    fault.line = mark.line + 1;
    fault.column = mark.column + 1;
    fault.message = std::move(message);
    fault.hint = std::move(hint);
    throw Refusal{std::move(fault)};
  }
  static void Refuse(YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (anchor != 0) Fail(mark, "anchor_refused", "anchors are not allowed", "write the part out");
  }
  Tree At(const YAML::Mark& mark, Tree::Kind kind) {
    if (++parts_ > Tree::kPartsMax) {
      Fail(mark, "too_large", absl::StrCat("more than ", Tree::kPartsMax, " parts"), "");
    }
    Tree tree;
    tree.kind = kind;
    tree.line = mark.line + 1;
    tree.column = mark.column + 1;
    return tree;
  }
  bool ExpectsKey() const {
    return !stack_.empty() && stack_.back().tree.is_map() && !stack_.back().has_key;
  }
  void Open(const YAML::Mark& mark, Tree::Kind kind) {
    if (ExpectsKey()) Fail(mark, "bad_key", "a key must be a plain text", "");
    if (stack_.size() >= static_cast<size_t>(Tree::kDepthMax)) {
      Fail(mark, "too_deep", absl::StrCat("nested deeper than ", Tree::kDepthMax, " levels"), "");
    }
    stack_.push_back({At(mark, kind), "", false});
  }
  void Close() {
    Tree tree = std::move(stack_.back().tree);
    stack_.pop_back();
    Add(std::move(tree));
  }
  void Add(Tree tree) {
    if (stack_.empty()) {
      root_ = std::move(tree);
      seen_ = true;
      return;
    }
    Level& level = stack_.back();
    if (level.tree.is_list()) {
      level.tree.items.push_back(std::move(tree));
    } else if (level.has_key) {
      level.tree.fields.emplace_back(std::move(level.key), std::move(tree));
      level.has_key = false;
    }
  }

  Tree root_;
  bool seen_ = false;
  size_t parts_ = 0;
  std::vector<Level> stack_;
};

}  // namespace

std::string Fault::ToString() const {
  std::string out;
  if (line > 0) absl::StrAppend(&out, line, ":", column, ": ");
  absl::StrAppend(&out, warning ? "warning: " : "", code, ": ", message);
  if (!path.empty()) absl::StrAppend(&out, " [", path, "]");
  if (!hint.empty()) absl::StrAppend(&out, " (", hint, ")");
  return out;
}

Tree::Tree() = default;
Tree::~Tree() = default;
Tree::Tree(const Tree&) = default;
Tree::Tree(Tree&&) noexcept = default;
Tree& Tree::operator=(const Tree&) = default;
Tree& Tree::operator=(Tree&&) noexcept = default;

const Tree* Tree::Find(absl::string_view key) const {
  for (const auto& [name, value] : fields) {
    if (absl::string_view(name) == key) return &value;
  }
  return nullptr;
}

std::string Tree::TextOr(absl::string_view key, absl::string_view otherwise) const {
  const Tree* field = Find(key);
  return field != nullptr && field->is_scalar() ? field->text : std::string(otherwise);
}

bool ReadTree(absl::string_view source, Tree& out, Fault& fault) {
  fault = Fault();
  if (source.size() > Tree::kBytesMax) {
    fault.code = "too_large";
    fault.message = absl::StrCat("a document has at most ", Tree::kBytesMax, " octets");
    return false;
  }
  std::istringstream stream{std::string(source)};
  Builder builder;
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder) || !builder.done()) {
      fault.code = "empty";
      fault.message = "the document is empty";
      return false;
    }
    Builder second;
    if (parser.HandleNextDocument(second)) {
      fault.code = "several_documents";
      fault.message = "one text holds one document";
      return false;
    }
  } catch (const Refusal& refusal) {
    fault = refusal.fault;
    return false;
  } catch (const YAML::Exception& error) {
    fault.code = "syntax";
    fault.line = error.mark.line + 1;
    fault.column = error.mark.column + 1;
    fault.message = error.msg;
    return false;
  } catch (const std::exception& error) {
    fault.code = "syntax";
    fault.message = error.what();
    return false;
  }
  out = builder.Take();
  return true;
}

}  // namespace weft::rules
