#include "libs/rules/documents/document.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/hash.h"

namespace weft::rules {
namespace {

constexpr size_t kIdMax = 80;
// 2^53 has 16 digits; what has fewer is exact in every reader of JSON.
constexpr size_t kExactDigits = 15;

bool IsId(absl::string_view id) {
  if (id.empty() || id.size() > kIdMax) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  });
}

bool IsKind(absl::string_view kind) {
  if (kind.empty() || kind.size() > 40 || kind[0] < 'A' || kind[0] > 'Z') return false;
  return std::all_of(kind.begin(), kind.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

bool IsExactInteger(absl::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  if (text.empty() || text.size() > kExactDigits || (text[0] == '0' && text.size() > 1)) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void AppendText(absl::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (octet < 0x20) {
      absl::StrAppend(&out, "\\u00", Hex(absl::string_view(&c, 1)));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

// Octet order of UTF-8 is code point order.
void AppendCanonical(const Tree& tree, bool top, std::string& out) {
  switch (tree.kind) {
    case Tree::Kind::kNull: out += "null"; return;
    case Tree::Kind::kScalar:
      if (!tree.quoted && (tree.text == "true" || tree.text == "false" ||
                           (IsExactInteger(tree.text) && tree.text != "-0"))) {
        out += tree.text;
      } else {
        AppendText(tree.text, out);
      }
      return;
    case Tree::Kind::kList: {
      out.push_back('[');
      for (size_t i = 0; i < tree.items.size(); ++i) {
        if (i > 0) out.push_back(',');
        AppendCanonical(tree.items[i], false, out);
      }
      out.push_back(']');
      return;
    }
    case Tree::Kind::kMap: {
      std::vector<const std::pair<std::string, Tree>*> fields;
      for (const auto& field : tree.fields) {
        if (top && (field.first == "version" || field.first == "etag")) continue;
        fields.push_back(&field);
      }
      std::sort(fields.begin(), fields.end(),
                [](const auto* a, const auto* b) { return a->first < b->first; });
      out.push_back('{');
      for (size_t i = 0; i < fields.size(); ++i) {
        if (i > 0) out.push_back(',');
        AppendText(fields[i]->first, out);
        out.push_back(':');
        AppendCanonical(fields[i]->second, false, out);
      }
      out.push_back('}');
      return;
    }
  }
}

// "*" and a missing part are the same.
bool ReadPart(const Tree& scope, const char* name, const Tree& root, std::string& out,
              std::vector<Finding>& findings) {
  out = scope.TextOr(name);
  if (out == "*") out.clear();
  const Tree* field = scope.Find(name);
  if (out.size() <= 80 && (field == nullptr || field->is_scalar()) &&
      out.find('/') == std::string::npos) {
    return true;
  }
  const Tree& at = field != nullptr ? *field : root;
  findings.push_back({Finding::Severity::kError, "bad_scope", "", absl::StrCat("scope.", name),
                      at.line, at.column, "a part of a scope is a text of at most 80 octets",
                      "\"*\" or leave it out for all"});
  return false;
}

}  // namespace

Finding ToFinding(const Fault& fault, absl::string_view document) {
  return {fault.warning ? Finding::Severity::kWarning : Finding::Severity::kError,
          fault.code, std::string(document), fault.path, fault.line, fault.column,
          fault.message, fault.hint};
}

bool HasErrors(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& f) { return f.is_error(); });
}

bool DocumentScope::Holds(const DocumentScope& asked) const {
  return (organisation.empty() || organisation == asked.organisation) &&
         (branch.empty() || branch == asked.branch) &&
         (channel.empty() || channel == asked.channel);
}

std::string DocumentScope::ToText() const {
  if (all()) return "";
  const auto part = [](const std::string& text) { return text.empty() ? "*" : text; };
  return absl::StrCat(part(organisation), "/", part(branch), "/", part(channel));
}

std::string DocumentKey::ToText() const {
  return absl::StrCat(kind, "/", id, scope.all() ? "" : "@", scope.ToText());
}

bool ReadDocument(absl::string_view source, Document& out, std::vector<Finding>& findings) {
  out = Document();
  if (source.size() > kDocumentBytesMax) {
    findings.push_back({.code = "too_large",
                        .message = absl::StrCat("a document has at most ", kDocumentBytesMax,
                                                " octets, this has ", source.size())});
    return false;
  }
  auto tree = std::make_shared<Tree>();
  Fault fault;
  if (!ReadTree(source, *tree, fault)) {
    findings.push_back(ToFinding(fault, ""));
    return false;
  }
  const auto refuse = [&](const char* path, std::string code, std::string message,
                          std::string hint) {
    const Tree* field = tree->Find(path);
    const Tree& at = field != nullptr ? *field : *tree;
    findings.push_back({Finding::Severity::kError, std::move(code), "", path, at.line, at.column,
                        std::move(message), std::move(hint)});
    return false;
  };
  if (!tree->is_map()) {
    return refuse("", "not_a_map", "a document is a map", "kind: RuleSet, id: …");
  }
  out.key.kind = tree->TextOr("kind");
  out.key.id = tree->TextOr("id");
  if (!IsKind(out.key.kind)) {
    return refuse("kind", "bad_kind", absl::StrCat("'", out.key.kind, "' is no kind"),
                  "e.g. RuleSet, DecisionTable, FactSchema, TestSuite");
  }
  if (!IsId(out.key.id)) {
    return refuse("id", "bad_id", absl::StrCat("'", out.key.id, "' is no id"),
                  "1 to 80 of a-z, 0-9, '.', '-'");
  }
  if (const Tree* scope = tree->Find("scope"); scope != nullptr && !scope->is_null()) {
    if (!scope->is_map()) return refuse("scope", "bad_scope", "a scope is a map", "");
    for (const auto& [name, value] : scope->fields) {
      if (name != "tenant" && name != "organisation" && name != "branch" && name != "channel") {
        return refuse("scope", "bad_scope", absl::StrCat("a scope has no '", name, "'"),
                      "tenant, organisation, branch, channel");
      }
    }
    if (!ReadPart(*scope, "tenant", *tree, out.tenant, findings) ||
        !ReadPart(*scope, "organisation", *tree, out.key.scope.organisation, findings) ||
        !ReadPart(*scope, "branch", *tree, out.key.scope.branch, findings) ||
        !ReadPart(*scope, "channel", *tree, out.key.scope.channel, findings)) {
      return false;
    }
  }
  out.title = tree->TextOr("title");
  if (const Tree* title = tree->Find("title"); title != nullptr && title->is_map()) {
    out.title = title->TextOr("en", title->fields.empty() ? "" : title->fields[0].second.text);
  }
  out.owner = tree->TextOr("owner");
  out.hash = HashOf(*tree);
  out.tree = std::move(tree);
  return true;
}

std::string CanonicalJson(const Tree& document) {
  std::string out;
  AppendCanonical(document, true, out);
  return out;
}

std::string HashOf(const Tree& document) { return Hex(Sha256(CanonicalJson(document))); }

}  // namespace weft::rules
