#include "libs/rules/expr/type.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace weft::rules::expr {
namespace {

struct Named {
  const char* name;
  TypeKind kind;
};
constexpr Named kNames[] = {
    {"dyn", TypeKind::kDyn},           {"null_type", TypeKind::kNull},
    {"bool", TypeKind::kBool},         {"int", TypeKind::kInt},
    {"uint", TypeKind::kUint},         {"double", TypeKind::kDouble},
    {"string", TypeKind::kString},     {"bytes", TypeKind::kBytes},
    {"timestamp", TypeKind::kTimestamp}, {"duration", TypeKind::kDuration},
    {"decimal", TypeKind::kDecimal},   {"money", TypeKind::kMoney},
    {"type", TypeKind::kType},         {"list", TypeKind::kList},
    {"map", TypeKind::kMap},
    {"google.protobuf.Timestamp", TypeKind::kTimestamp},
    {"google.protobuf.Duration", TypeKind::kDuration}};

bool Read(const std::string& text, size_t& at, Type& out) {
  while (at < text.size() && text[at] == ' ') ++at;
  const size_t begin = at;
  while (at < text.size() && text[at] != '(' && text[at] != ')' && text[at] != ',') ++at;
  std::string name = text.substr(begin, at - begin);
  while (!name.empty() && name.back() == ' ') name.pop_back();
  if (name.empty()) return false;
  out = Type();
  if (name.size() == 1 && name[0] >= 'A' && name[0] <= 'Z') {
    out = Type::Variable(name[0] - 'A');
  } else {
    out = Type::Record(name);
    for (const Named& known : kNames) {
      if (name == known.name) out = Type::Of(known.kind);
    }
  }
  if (at < text.size() && text[at] == '(') {
    do {
      ++at;
      Type param;
      if (!Read(text, at, param)) return false;
      out.params.push_back(std::move(param));
    } while (at < text.size() && text[at] == ',');
    if (at >= text.size() || text[at] != ')') return false;
    ++at;
  }
  const size_t wanted = out.kind == TypeKind::kList ? 1 : out.kind == TypeKind::kMap ? 2 : 0;
  return out.params.size() == wanted;
}

}  // namespace

std::string Type::ToString() const {
  if (kind == TypeKind::kRecord) return name;
  if (kind == TypeKind::kVariable) return std::string(1, static_cast<char>('A' + variable % 26));
  std::string text;
  for (const Named& known : kNames) {
    if (known.kind == kind) {
      text = known.name;
      break;
    }
  }
  if (params.empty()) return text;
  return absl::StrCat(text, "(", absl::StrJoin(params, ", ", [](std::string* out, const Type& p) {
                        out->append(p.ToString());
                      }),
                      ")");
}

bool ParseType(const std::string& text, Type& out) {
  size_t at = 0;
  return Read(text, at, out) && at == text.size();
}

}  // namespace weft::rules::expr
