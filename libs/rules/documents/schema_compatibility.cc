#include "libs/rules/documents/schema_compatibility.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace weft::rules {
namespace {

constexpr size_t kUsersTold = 10;

// A part of a schema that another version does not have as it was.
struct Break {
  std::string path;  // "types.Offer.list_price"
  std::string name;  // "list_price"
  const Tree* at = nullptr;
  std::string what;
  bool removed = false;
};

std::set<std::string> TextsOf(const Tree* list) {
  std::set<std::string> out;
  if (list != nullptr) {
    for (const Tree& item : list->items) out.insert(item.text);
  }
  return out;
}

// Why documents that were written for `before` may not stand on `after`; "" = they may.
std::string Retyped(const Tree& before, const Tree& after) {
  const std::string was = before.TextOr("type");
  const std::string is = after.TextOr("type");
  if (was != is) return absl::StrCat("is ", is, " and was ", was);
  if (after.TextOr("optional") == "true" && before.TextOr("optional") != "true") {
    return "may be absent and was always there";
  }
  const std::set<std::string> allowed = TextsOf(after.Find("values"));
  if (allowed.empty()) return "";
  for (const std::string& value : TextsOf(before.Find("values"))) {
    if (allowed.count(value) == 0) return absl::StrCat("no longer has the value ", value);
  }
  return "";
}

void CompareFields(const Tree* before, const Tree* after, const std::string& path,
                   const Tree& place, std::vector<Break>& breaks) {
  if (before == nullptr) return;
  for (const auto& [name, was] : before->fields) {
    const std::string at = absl::StrCat(path, ".", name);
    const Tree* is = after == nullptr ? nullptr : after->Find(name);
    if (is == nullptr) {
      breaks.push_back({at, name, after == nullptr ? &place : after, "is removed", true});
    } else if (std::string what = Retyped(was, *is); !what.empty()) {
      breaks.push_back({at, name, is, std::move(what), false});
    }
  }
}

std::vector<Break> BreaksOf(const Tree& before, const Tree& after) {
  std::vector<Break> breaks;
  const Tree* types = before.Find("types");
  const Tree* types_now = after.Find("types");
  if (types != nullptr) {
    for (const auto& [name, fields] : types->fields) {
      CompareFields(&fields, types_now == nullptr ? nullptr : types_now->Find(name),
                    absl::StrCat("types.", name), after, breaks);
    }
  }
  CompareFields(before.Find("variables"), after.Find("variables"), "variables", after, breaks);
  return breaks;
}

bool IsNamePart(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Whether `name` stands in the text as a name of its own.
bool Mentions(const std::string& text, const std::string& name) {
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    if ((at == 0 || !IsNamePart(text[at - 1])) && (end == text.size() || !IsNamePart(text[end]))) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<Finding> SchemaBreaks(const DocumentSet& before, const CompiledSet& after) {
  std::vector<Finding> findings;
  for (const SetDocument& schema : after.set.documents) {
    if (schema.key.kind != "FactSchema") continue;
    const SetDocument* was = before.Find("FactSchema", schema.key.id);
    if (was == nullptr || was->hash == schema.hash) continue;
    for (const Break& broken : BreaksOf(*was->tree, *schema.tree)) {
      std::vector<std::string> users;
      for (const SetDocument& user : after.set.documents) {
        const std::string reference = user.tree->TextOr("schema");
        if (reference.substr(0, reference.find('@')) != schema.key.id) continue;
        const SetDocument* same = before.Find(user.key.kind, user.key.id);
        if (same == nullptr || same->hash != user.hash) continue;  // It changes with the schema.
        if (user.source == nullptr || !Mentions(*user.source, broken.name)) continue;
        // What is gone shows when the document is compiled; another type need not.
        const auto error = std::find_if(
            after.findings.begin(), after.findings.end(), [&](const Finding& finding) {
              return finding.is_error() && finding.document == user.key.ToText();
            });
        if (broken.removed && error == after.findings.end()) continue;
        users.push_back(error == after.findings.end()
                            ? user.key.ToText()
                            : absl::StrCat(user.key.ToText(), " (", error->path, ")"));
      }
      if (users.empty()) continue;
      if (users.size() > kUsersTold) users.resize(kUsersTold);
      findings.push_back(
          {.code = "schema_incompatible",
           .document = schema.key.ToText(),
           .path = broken.path,
           .line = broken.at->line,
           .column = broken.at->column,
           .message = absl::StrCat("'", broken.name, "' ", broken.what,
                                   ", and active documents use it: ", absl::StrJoin(users, ", ")),
           .hint = "keep it and add another, or publish these documents changed in one go with "
                   "the schema"});
    }
  }
  return findings;
}

}  // namespace weft::rules
