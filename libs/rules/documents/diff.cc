#include "libs/rules/documents/diff.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/rules/documents/document.h"

namespace weft::rules {
namespace {

std::string Written(const Tree& tree) {
  return tree.is_scalar() ? tree.text : CanonicalJson(tree);
}

// What tells the elements of a list apart, or "".
std::string NameOf(const Tree& element) {
  for (const char* key : {"id", "name"}) {
    const Tree* field = element.Find(key);
    if (field != nullptr && field->is_scalar() && !field->text.empty()) return field->text;
  }
  return "";
}

bool HasNames(const Tree& list) {
  return !list.items.empty() && std::all_of(list.items.begin(), list.items.end(),
                                            [](const Tree& e) { return !NameOf(e).empty(); });
}

class Comparison {
 public:
  std::vector<Change> Take() { return std::move(changes_); }

  void Compare(const Tree& before, const Tree& after, const std::string& path) {
    if (before.is_map() && after.is_map()) return CompareMaps(before, after, path);
    if (before.is_list() && after.is_list()) {
      return HasNames(before) && HasNames(after) ? CompareNamed(before, after, path)
                                                 : CompareLists(before, after, path);
    }
    std::string was = Written(before);
    std::string is = Written(after);
    if (was != is || before.kind != after.kind) changes_.push_back({path, was, is});
  }

 private:
  static std::string Join(const std::string& path, const std::string& field) {
    return path.empty() ? field : absl::StrCat(path, ".", field);
  }
  void CompareMaps(const Tree& before, const Tree& after, const std::string& path) {
    for (const auto& [name, field] : after.fields) {
      const Tree* old = before.Find(name);
      if (old == nullptr) {
        changes_.push_back({Join(path, name), "", Written(field)});
      } else {
        Compare(*old, field, Join(path, name));
      }
    }
    for (const auto& [name, field] : before.fields) {
      if (after.Find(name) == nullptr) changes_.push_back({Join(path, name), Written(field), ""});
    }
  }
  void CompareLists(const Tree& before, const Tree& after, const std::string& path) {
    const size_t size = std::max(before.items.size(), after.items.size());
    for (size_t i = 0; i < size; ++i) {
      const std::string at = absl::StrCat(path, "[", i, "]");
      if (i >= before.items.size()) {
        changes_.push_back({at, "", Written(after.items[i])});
      } else if (i >= after.items.size()) {
        changes_.push_back({at, Written(before.items[i]), ""});
      } else {
        Compare(before.items[i], after.items[i], at);
      }
    }
  }
  void CompareNamed(const Tree& before, const Tree& after, const std::string& path) {
    const auto find = [](const Tree& list, const std::string& name) -> const Tree* {
      for (const Tree& element : list.items) {
        if (NameOf(element) == name) return &element;
      }
      return nullptr;
    };
    std::vector<std::string> order_before;
    std::vector<std::string> order_after;
    for (const Tree& element : after.items) {
      const std::string name = NameOf(element);
      const std::string at = absl::StrCat(path, "[", name, "]");
      const Tree* old = find(before, name);
      if (old == nullptr) {
        changes_.push_back({at, "", Written(element)});
      } else {
        order_after.push_back(name);
        Compare(*old, element, at);
      }
    }
    for (const Tree& element : before.items) {
      const std::string name = NameOf(element);
      if (find(after, name) == nullptr) {
        changes_.push_back({absl::StrCat(path, "[", name, "]"), Written(element), ""});
      } else {
        order_before.push_back(name);
      }
    }
    if (order_before != order_after) {
      changes_.push_back({path, absl::StrJoin(order_before, ", "),
                          absl::StrJoin(order_after, ", ")});
    }
  }

  std::vector<Change> changes_;
};

}  // namespace

std::vector<Change> Diff(const Tree& before, const Tree& after) {
  Comparison comparison;
  comparison.Compare(before, after, "");
  return comparison.Take();
}

}  // namespace weft::rules
