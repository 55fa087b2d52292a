#include "services/erp-connector/fields.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/erp-connector/domain/decimal_text.h"
#include "services/erp-connector/domain/time_text.h"

namespace weft::erp {
namespace {

using Kind = JsonTree::Kind;

absl::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "true or false";
    case Kind::kNumber:
      return "a number";
    case Kind::kString:
      return "a text";
    case Kind::kArray:
      return "a list";
    case Kind::kObject:
      return "an object";
  }
  return "";
}

int Characters(absl::string_view text) {
  int count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

bool HasControl(absl::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return true;
  }
  return false;
}

}  // namespace

bool CheckText(const JsonTree::Node& node, const TextRule& rule, std::string& into,
               absl::string_view& reason, std::string& message) {
  const absl::string_view text = node.text;
  if (text.size() > static_cast<size_t>(rule.length_max) && Characters(text) > rule.length_max) {
    reason = "FIELD_TOO_LONG";
    message = absl::StrCat("has ", Characters(text), " characters; at most ", rule.length_max);
    return false;
  }
  if (rule.free_text) {
    if (absl::StrContains(text, absl::string_view("\0", 1))) {
      reason = "FIELD_FORMAT";
      message = "holds a zero character";
      return false;
    }
  } else if (text.empty()) {
    if (rule.required) {
      reason = "FIELD_FORMAT";
      message = "is empty";
      return false;
    }
  } else if (text.front() == ' ' || text.back() == ' ' || HasControl(text)) {
    reason = "FIELD_FORMAT";
    message = "has blanks at its ends or control characters";
    return false;
  }
  into.assign(text.data(), text.size());
  return true;
}

Fields::Fields(const JsonTree& tree, uint32_t node, const Fields* parent, absl::string_view name,
               Problem& problem, int index)
    : tree_(tree),
      node_(node),
      parent_(parent),
      name_(name),
      index_(index),
      problem_(problem),
      patch_(parent != nullptr && parent->patch_) {
  if (problem_.any()) return;
  if (tree_[node_].kind != Kind::kObject) {
    problem_ = {"FIELD_TYPE",
                absl::StrCat("must be an object, not ", KindName(tree_[node_].kind)), Path("")};
  } else if (tree_[node_].count > 64) {
    problem_ = {"FIELD_COUNT",
                absl::StrCat("has ", tree_[node_].count, " members; at most 64 are taken"),
                Path("")};
  }
}

std::string Fields::Path(absl::string_view member) const {
  std::string path = parent_ == nullptr ? "$" : parent_->Path(name_);
  if (index_ >= 0) absl::StrAppend(&path, "[", index_, "]");
  if (!member.empty()) absl::StrAppend(&path, ".", member);
  return path;
}

void Fields::Fail(absl::string_view reason, absl::string_view name, absl::string_view message) {
  if (problem_.any()) return;
  problem_ = {std::string(reason),
              absl::StrCat(name.empty() ? name_ : name, " ", message), Path(name)};
}

uint32_t Fields::Find(absl::string_view name) {
  const JsonTree::Node& object = tree_[node_];
  if (object.kind != Kind::kObject) return 0;
  // Writers keep an order, so the next member is usually the one asked for; the
  // number of a member is found by walking, which short objects forgive.
  uint64_t bit = 1;
  for (uint32_t i = node_ + 1; i < object.next; i = tree_[i].next, bit <<= 1) {
    if (tree_[i].name == name) {
      asked_ |= bit;
      return i;
    }
  }
  return 0;
}

bool Fields::Has(absl::string_view name) {
  const uint32_t i = Find(name);
  return i != 0 && tree_[i].kind != Kind::kNull;
}

bool Fields::Present(absl::string_view name, bool required, uint32_t& node, bool& cleared) {
  cleared = false;
  if (problem_.any()) return false;
  node = Find(name);
  if (node != 0 && tree_[node].kind != Kind::kNull) return true;
  if (node != 0 && patch_ && !required) {
    cleared = true;
    return false;
  }
  if (required && (node != 0 || !patch_)) Fail("FIELD_REQUIRED", name, "is required");
  return false;
}

void Fields::WrongType(absl::string_view name, absl::string_view wanted, uint32_t node) {
  Fail("FIELD_TYPE", name,
       absl::StrCat("must be ", wanted, ", not ", KindName(tree_[node].kind)));
}

bool Fields::Text(absl::string_view name, const TextRule& rule, std::string& into) {
  uint32_t node = 0;
  bool cleared = false;
  if (!Present(name, rule.required, node, cleared)) {
    if (cleared) into.clear();
    return cleared;
  }
  if (tree_[node].kind != Kind::kString) {
    WrongType(name, "a text", node);
    return false;
  }
  absl::string_view reason;
  std::string message;
  if (CheckText(tree_[node], rule, into, reason, message)) return true;
  Fail(reason, name, message);
  return false;
}

bool Fields::Decimal(absl::string_view name, const DecimalRule& rule, std::string& into) {
  uint32_t node = 0;
  bool cleared = false;
  if (!Present(name, rule.required, node, cleared)) {
    if (cleared) into.clear();
    return cleared;
  }
  if (tree_[node].kind != Kind::kNumber && tree_[node].kind != Kind::kString) {
    WrongType(name, "a decimal (number or text)", node);
    return false;
  }
  std::optional<std::string> plain = PlainDecimal(tree_[node].text);
  if (!plain.has_value()) {
    Fail(tree_[node].kind == Kind::kString && !IsJsonNumber(tree_[node].text) ? "FIELD_FORMAT"
                                                                              : "FIELD_RANGE",
         name,
         absl::StrCat("'", tree_[node].text.substr(0, 60),
                      "' is not a decimal of at most 34 digits, 12 of them behind the point"));
    return false;
  }
  const bool negative = (*plain)[0] == '-';
  if ((rule.sign != Sign::kAny && negative) || (rule.sign == Sign::kPositive && *plain == "0")) {
    Fail("FIELD_RANGE", name,
         absl::StrCat("is ", *plain,
                      rule.sign == Sign::kPositive ? "; it must be above 0" : "; it must not be below 0"));
    return false;
  }
  into = *std::move(plain);
  return true;
}

bool Fields::Whole(absl::string_view name, const WholeRule& rule, int64_t& into) {
  uint32_t node = 0;
  bool cleared = false;
  if (!Present(name, rule.required, node, cleared)) {
    if (cleared) into = 0;
    return cleared;
  }
  if (tree_[node].kind != Kind::kNumber && tree_[node].kind != Kind::kString) {
    WrongType(name, "a whole number", node);
    return false;
  }
  const absl::string_view text = tree_[node].text;
  const std::optional<std::string> plain = PlainDecimal(text);
  int64_t value = 0;
  if (!plain.has_value() || !absl::SimpleAtoi(*plain, &value)) {
    Fail("FIELD_FORMAT", name, absl::StrCat("'", text.substr(0, 60), "' is not a whole number"));
    return false;
  }
  if (value < rule.min || value > rule.max) {
    Fail("FIELD_RANGE", name, absl::StrCat("is ", value, "; out of range"));
    return false;
  }
  into = value;
  return true;
}

bool Fields::Flag(absl::string_view name, bool required, bool& into) {
  uint32_t node = 0;
  bool cleared = false;
  if (!Present(name, required, node, cleared)) {
    if (cleared) into = false;
    return cleared;
  }
  if (tree_[node].kind != Kind::kBool) {
    WrongType(name, "true or false", node);
    return false;
  }
  into = tree_[node].text == "true";
  return true;
}

bool Fields::Moment(absl::string_view name, bool required, absl::Time& into, bool& cleared) {
  uint32_t node = 0;
  if (!Present(name, required, node, cleared)) return false;
  if (tree_[node].kind != Kind::kString) {
    WrongType(name, "a moment as text", node);
    return false;
  }
  const std::optional<absl::Time> moment = ParseMoment(tree_[node].text);
  if (!moment.has_value()) {
    Fail("FIELD_FORMAT", name,
         absl::StrCat("'", tree_[node].text.substr(0, 60),
                      "' is not a moment such as 2026-03-01T08:30:00Z"));
    return false;
  }
  into = absl::FromUnixMicros(absl::ToUnixMicros(*moment));
  return true;
}

bool Fields::Currency(absl::string_view name, bool required, std::string& into) {
  std::string code;
  if (!Text(name, {.required = required, .length_max = 3}, code)) return false;
  if (code.size() != 3 || code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != code.npos) {
    Fail("FIELD_FORMAT", name, absl::StrCat("'", code, "' is not an ISO 4217 code such as GBP"));
    return false;
  }
  into = std::move(code);
  return true;
}

uint32_t Fields::Object(absl::string_view name, bool required, bool& cleared) {
  uint32_t node = 0;
  if (!Present(name, required, node, cleared)) return 0;
  if (tree_[node].kind != Kind::kObject) {
    WrongType(name, "an object", node);
    return 0;
  }
  return node;
}

uint32_t Fields::List(absl::string_view name, bool required, uint32_t count_min,
                      uint32_t count_max, bool& cleared) {
  uint32_t node = 0;
  if (!Present(name, required, node, cleared)) return 0;
  if (tree_[node].kind != Kind::kArray) {
    WrongType(name, "a list", node);
    return 0;
  }
  const uint32_t count = tree_[node].count;
  if (count < count_min || count > count_max) {
    Fail("FIELD_COUNT", name,
         absl::StrCat("has ", count, " elements; ", count_min, " to ", count_max, " are taken"));
    return 0;
  }
  return node;
}

void Fields::Done() {
  if (problem_.any()) return;
  const JsonTree::Node& object = tree_[node_];
  uint64_t bit = 1;
  for (uint32_t i = node_ + 1; i < object.next; i = tree_[i].next, bit <<= 1) {
    if ((asked_ & bit) != 0 || absl::StartsWith(tree_[i].name, "x-")) continue;
    Fail("FIELD_UNKNOWN", tree_[i].name.empty() ? "(empty name)" : tree_[i].name,
         "is not a field of this message; names of your own start with x-");
    return;
  }
}

}  // namespace weft::erp
