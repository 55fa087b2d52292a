#include "libs/rules/expr/checker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/rules/expr/parser.h"

namespace weft::rules::expr {
namespace {

Type Dyn() { return Type(); }
Type Simple(TypeKind kind) { return Type::Of(kind); }

bool IsOperator(const std::string& name) {
  return name.size() > 2 && (name.front() == '_' || name.back() == '_') &&
         name.find_first_of("+-*/%<>=!") != std::string::npos;
}

// How people know a function: "+", "size".
std::string Spoken(const std::string& name) {
  std::string text = name;
  text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
  return IsOperator(name) || name == "_in_" ? text : name;
}

// Number of single edits between two names, for hints.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string Nearest(absl::string_view name, const std::vector<std::string>& known) {
  std::string best;
  size_t least = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = Distance(name, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

class Checker {
 public:
  Checker(absl::string_view source, const Environment& environment)
      : source_(source), environment_(environment) {}

  std::vector<Error> Run(Node& root, const std::optional<Type>& wanted) {
    Type type = Visit(root);
    if (wanted.has_value() && errors_.empty()) {
      const Type found = Final(type);
      if (wanted->kind == TypeKind::kDecimal &&
          (IsPromotable(root) || found.kind == TypeKind::kInt || found.kind == TypeKind::kUint)) {
        Promote(root);
      } else if (!Assignable(found, *wanted)) {
        Report(root, Code::kTypeMismatch,
               absl::StrCat("this gives ", found.ToString(), ", and ", wanted->ToString(),
                            " is wanted here"),
               wanted->kind == TypeKind::kBool ? "a condition must be true or false" : "");
      }
    }
    Finish(root);
    return std::move(errors_);
  }

 private:
  // ---- Types and variables ----

  Type Fresh() {
    bindings_.emplace_back();
    return Type::Variable(static_cast<int>(bindings_.size()) - 1);
  }
  // Follows bindings at the top.
  Type Follow(Type type) const {
    while (type.kind == TypeKind::kVariable && bindings_[type.variable].has_value()) {
      type = *bindings_[type.variable];
    }
    return type;
  }
  // Every variable replaced; unbound ones become dyn.
  Type Final(const Type& type) const {
    Type result = Follow(type);
    if (result.kind == TypeKind::kVariable) return Dyn();
    for (Type& param : result.params) param = Final(param);
    return result;
  }
  // Bound variables replaced, unbound ones kept.
  Type Substitute(const Type& type) const {
    Type result = Follow(type);
    for (Type& param : result.params) param = Substitute(param);
    return result;
  }
  bool Contains(const Type& type, int variable) const {
    const Type t = Follow(type);
    if (t.kind == TypeKind::kVariable) return t.variable == variable;
    return std::any_of(t.params.begin(), t.params.end(),
                       [&](const Type& p) { return Contains(p, variable); });
  }
  static bool Nullable(TypeKind kind) {
    return kind == TypeKind::kNull || kind == TypeKind::kRecord ||
           kind == TypeKind::kTimestamp || kind == TypeKind::kDuration ||
           kind == TypeKind::kDecimal || kind == TypeKind::kMoney;
  }
  // Neither `a` nor `b` more general: false.
  bool MoreGeneral(const Type& a, const Type& b) const {
    const Type x = Follow(a);
    const Type y = Follow(b);
    if (y.kind == TypeKind::kDyn || y.kind == TypeKind::kVariable) return false;
    if (x.kind == TypeKind::kDyn || x.kind == TypeKind::kVariable) return true;
    if (x.kind != y.kind) return false;
    for (size_t i = 0; i < x.params.size(); ++i) {
      if (MoreGeneral(x.params[i], y.params[i])) return true;
    }
    return false;
  }
  const Type& General(const Type& first, const Type& second) const {
    return MoreGeneral(second, first) ? second : first;
  }

  // Binds variables on success; leaves the bindings as they were otherwise.
  bool Assignable(const Type& a, const Type& b) {
    const auto saved = bindings_;
    if (Fit(a, b)) return true;
    bindings_ = saved;
    return false;
  }
  bool Fit(const Type& a, const Type& b) {
    if (b.kind == TypeKind::kVariable) return FitVariable(b.variable, a);
    if (a.kind == TypeKind::kVariable) return FitVariable(a.variable, b);
    if (a.kind == TypeKind::kDyn || b.kind == TypeKind::kDyn) return true;
    if (a.kind == TypeKind::kNull || b.kind == TypeKind::kNull) {
      return Nullable(a.kind) && Nullable(b.kind);
    }
    if (a.kind != b.kind || a.name != b.name) return false;
    for (size_t i = 0; i < a.params.size(); ++i) {
      if (!Fit(a.params[i], b.params[i])) return false;
    }
    return true;
  }
  bool FitVariable(int variable, const Type& other) {
    // Follow chains of variables to the last one.
    while (bindings_[variable].has_value() &&
           bindings_[variable]->kind == TypeKind::kVariable) {
      variable = bindings_[variable]->variable;
    }
    const Type target = Follow(other);
    if (target.kind == TypeKind::kVariable && target.variable == variable) return true;
    if (!bindings_[variable].has_value()) {
      if (Contains(target, variable)) return false;
      bindings_[variable] = target;
      return true;
    }
    const Type bound = *bindings_[variable];
    if (!Fit(bound, target)) return false;
    const Type general = General(bound, target);
    if (!(general.kind == TypeKind::kVariable && general.variable == variable)) {
      bindings_[variable] = general;
    }
    return true;
  }

  // ---- Errors ----

  void Report(const Node& node, Code code, std::string message, std::string hint = "") {
    if (errors_.size() >= kErrorsMax) return;
    errors_.push_back({code, PositionAt(source_, node.offset), std::move(message),
                       std::move(hint)});
  }

  // ---- Decimal literals ----

  bool IsPromotable(const Node& node) const {
    if (node.kind == NodeKind::kDouble) return true;
    if (node.kind == NodeKind::kCall && node.text == "-_") return IsPromotable(*node.children[0]);
    if (node.kind != NodeKind::kConditional) return false;
    bool any = false;
    for (size_t i = 1; i < 3; ++i) {
      const Node& branch = *node.children[i];
      const TypeKind kind = Follow(branch.type).kind;
      any = any || IsPromotable(branch);
      if (!IsPromotable(branch) && kind != TypeKind::kInt && kind != TypeKind::kDecimal) {
        return false;
      }
    }
    return any;
  }
  void Promote(Node& node) {
    if (node.kind == NodeKind::kCall && node.text == "-_" && IsPromotable(node)) {
      Promote(*node.children[0]);
    } else if (node.kind == NodeKind::kConditional) {
      Promote(*node.children[1]);
      Promote(*node.children[2]);
    } else if (Follow(node.type).kind != TypeKind::kDecimal) {
      node.as_decimal = true;
      if (node.kind == NodeKind::kDouble) CheckDecimalText(node);
    }
    node.type = Simple(TypeKind::kDecimal);
  }
  void CheckDecimalText(const Node& node) {
    Decimal ignored;
    if (Decimal::ParseInto(node.text, ignored) != DecimalError::kOk) {
      Report(node, Code::kOutOfRange, absl::StrCat(node.text, " has too many digits for a decimal"),
             "a decimal has at most 34 digits and 34 decimals");
    }
  }
  void PromoteOperands(Node& node) {
    const std::string& name = node.text;
    if (node.children.size() != 2) return;
    Node& a = *node.children[0];
    Node& b = *node.children[1];
    const TypeKind x = Follow(a.type).kind;
    const TypeKind y = Follow(b.type).kind;
    const bool scaling = name == "_*_" || name == "_/_";
    const bool arithmetic = scaling || name == "_+_" || name == "_-_";
    const bool comparison = name == "_<_" || name == "_<=_" || name == "_>_" ||
                            name == "_>=_" || name == "_==_" || name == "_!=_";
    if (arithmetic || comparison) {
      const auto wants = [&](TypeKind kind) {
        return kind == TypeKind::kDecimal || (scaling && kind == TypeKind::kMoney);
      };
      if (wants(x) && y != TypeKind::kDecimal && IsPromotable(b)) Promote(b);
      if (wants(y) && x != TypeKind::kDecimal && IsPromotable(a)) Promote(a);
    }
    if (name == "_in_" && x == TypeKind::kDecimal && b.kind == NodeKind::kList) {
      for (const NodePtr& element : b.children) {
        if (IsPromotable(*element)) Promote(*element);
      }
      b.type = Type::List(ElementType(b, 0, 1));
    }
  }

  // ---- Names ----

  struct Local {
    std::string name;
    Type type;
  };
  const Local* FindLocal(const std::string& name) const {
    for (size_t i = locals_.size(); i-- > 0;) {
      if (locals_[i].name == name) return &locals_[i];
    }
    return nullptr;
  }
  static const Node& Root(const Node& node) {
    return node.kind == NodeKind::kSelect ? Root(*node.children[0]) : node;
  }

  std::optional<Type> ResolveName(const Node& node) {
    const std::string name = DottedName(node);
    if (name.empty()) return std::nullopt;
    const Node& root = Root(node);
    if (!root.absolute) {
      if (const Local* local = FindLocal(root.text)) {
        if (node.kind == NodeKind::kIdent) return local->type;
        return std::nullopt;  // Field selections of a local.
      }
    }
    const auto meaning = environment_.Resolve(name, root.absolute);
    if (!meaning.has_value()) return std::nullopt;
    if (meaning->variable >= 0) return environment_.variables[meaning->variable].type;
    return Simple(TypeKind::kType);
  }

  // ---- Nodes ----

  Type Visit(Node& node) {
    node.type = Compute(node);
    return node.type;
  }

  Type Compute(Node& node) {
    switch (node.kind) {
      case NodeKind::kNull: return Simple(TypeKind::kNull);
      case NodeKind::kBool: return Simple(TypeKind::kBool);
      case NodeKind::kInt: return Simple(TypeKind::kInt);
      case NodeKind::kUint: return Simple(TypeKind::kUint);
      case NodeKind::kDouble: return Simple(TypeKind::kDouble);
      case NodeKind::kString: return Simple(TypeKind::kString);
      case NodeKind::kBytes: return Simple(TypeKind::kBytes);
      case NodeKind::kIdent: return VisitIdent(node);
      case NodeKind::kSelect: case NodeKind::kHas: return VisitSelect(node);
      case NodeKind::kIndex: return VisitIndex(node);
      case NodeKind::kAnd: case NodeKind::kOr: return VisitLogic(node);
      case NodeKind::kConditional: return VisitConditional(node);
      case NodeKind::kList:
        for (const NodePtr& child : node.children) Visit(*child);
        return Type::List(ElementType(node, 0, 1));
      case NodeKind::kMap:
        for (const NodePtr& child : node.children) Visit(*child);
        return Type::Map(ElementType(node, 0, 2), ElementType(node, 1, 2));
      case NodeKind::kCall: return VisitCall(node);
      case NodeKind::kComprehension: return VisitComprehension(node);
      case NodeKind::kBind: {
        const Type init = Visit(*node.children[0]);
        locals_.push_back({node.variable1, init});
        const Type body = Visit(*node.children[1]);
        locals_.pop_back();
        return body;
      }
    }
    return Dyn();
  }

  // The common type of children `first`, `first + step`, …
  Type ElementType(const Node& node, size_t first, size_t step) {
    if (node.children.size() <= first) return Fresh();
    Type element = node.children[first]->type;
    for (size_t i = first + step; i < node.children.size(); i += step) {
      const Type& next = node.children[i]->type;
      element = Join(element, next);
    }
    return element;
  }
  Type Join(const Type& a, const Type& b) {
    if (Assignable(b, a) || Assignable(a, b)) return General(Substitute(a), Substitute(b));
    return Dyn();
  }

  Type VisitIdent(Node& node) {
    if (const auto type = ResolveName(node)) return *type;
    std::vector<std::string> known;
    for (const Local& local : locals_) known.push_back(local.name);
    for (const VariableDeclaration& variable : environment_.variables) {
      known.push_back(variable.name);
    }
    const std::string nearest = Nearest(node.text, known);
    Report(node, Code::kUndeclaredReference, absl::StrCat("'", node.text, "' is not known here"),
           !nearest.empty() ? absl::StrCat("did you mean '", nearest, "'? a text needs quotes")
                            : "a text needs quotes");
    return Dyn();
  }

  Type VisitSelect(Node& node) {
    const bool has = node.kind == NodeKind::kHas;
    if (!has) {
      if (const auto type = ResolveName(node)) return *type;
    }
    Node& operand = *node.children[0];
    const Type of = Follow(Visit(operand));
    const Type result = FieldType(node, of);
    return has ? Simple(TypeKind::kBool) : result;
  }

  Type FieldType(const Node& node, const Type& of) {
    switch (of.kind) {
      case TypeKind::kDyn: case TypeKind::kVariable: return Dyn();
      case TypeKind::kMap: {
        const TypeKind key = Follow(of.params[0]).kind;
        if (key != TypeKind::kString && key != TypeKind::kDyn && key != TypeKind::kVariable) {
          Report(node, Code::kTypeMismatch,
                 absl::StrCat("'.", node.text, "' needs a map with string keys, this is ",
                              Final(of).ToString()));
        }
        return of.params[1];
      }
      case TypeKind::kRecord: {
        const RecordDeclaration* record = environment_.FindRecord(of.name);
        const int number = record == nullptr ? -1 : record->FieldNumber(node.text);
        if (number >= 0) return record->fields[number].type;
        std::vector<std::string> known;
        if (record != nullptr) {
          for (const FieldDeclaration& field : record->fields) known.push_back(field.name);
        }
        const std::string nearest = Nearest(node.text, known);
        Report(node, Code::kUnknownField,
               absl::StrCat(of.name, " has no field '", node.text, "'"),
               nearest.empty() ? absl::StrCat("it has ", absl::StrJoin(known, ", "))
                               : absl::StrCat("did you mean '", nearest, "'?"));
        return Dyn();
      }
      default:
        Report(node, Code::kTypeMismatch,
               absl::StrCat("'.", node.text, "' needs a record or a map, this is ",
                            Final(of).ToString()));
        return Dyn();
    }
  }

  Type VisitIndex(Node& node) {
    const Type of = Follow(Visit(*node.children[0]));
    const Type key = Follow(Visit(*node.children[1]));
    switch (of.kind) {
      case TypeKind::kDyn: case TypeKind::kVariable: return Dyn();
      case TypeKind::kList:
        if (key.kind != TypeKind::kInt && key.kind != TypeKind::kDyn &&
            key.kind != TypeKind::kVariable) {
          Report(*node.children[1], Code::kTypeMismatch,
                 absl::StrCat("a list is indexed by int, not by ", Final(key).ToString()));
        }
        return of.params[0];
      case TypeKind::kMap:
        if (!Assignable(key, of.params[0])) {
          Report(*node.children[1], Code::kTypeMismatch,
                 absl::StrCat("the keys of this map are ", Final(of.params[0]).ToString(),
                              ", not ", Final(key).ToString()));
        }
        return of.params[1];
      default:
        Report(node, Code::kTypeMismatch,
               absl::StrCat("'[ ]' needs a list or a map, this is ", Final(of).ToString()));
        return Dyn();
    }
  }

  void WantBool(Node& node, const char* where) {
    if (!Assignable(node.type, Simple(TypeKind::kBool))) {
      Report(node, Code::kNoMatchingOverload,
             absl::StrCat(where, " needs true or false, this is ", Final(node.type).ToString()),
             "compare it with something");
    }
  }

  Type VisitLogic(Node& node) {
    for (const NodePtr& child : node.children) {
      Visit(*child);
      WantBool(*child, node.kind == NodeKind::kAnd ? "'&&'" : "'||'");
    }
    return Simple(TypeKind::kBool);
  }

  Type VisitConditional(Node& node) {
    Visit(*node.children[0]);
    WantBool(*node.children[0], "the condition of '?:'");
    Node& then = *node.children[1];
    Node& otherwise = *node.children[2];
    Visit(then);
    Visit(otherwise);
    if (Follow(then.type).kind == TypeKind::kDecimal && IsPromotable(otherwise)) Promote(otherwise);
    if (Follow(otherwise.type).kind == TypeKind::kDecimal && IsPromotable(then)) Promote(then);
    if (!Assignable(otherwise.type, then.type) && !Assignable(then.type, otherwise.type)) {
      // A conditional that may still become a decimal is judged where it is used.
      node.type = Dyn();
      if (IsPromotable(node)) return Dyn();
      Report(node, Code::kTypeMismatch,
             absl::StrCat("the two branches give ", Final(then.type).ToString(), " and ",
                          Final(otherwise.type).ToString()),
             "both must give the same type");
      return Dyn();
    }
    return General(Substitute(then.type), Substitute(otherwise.type));
  }

  Type VisitCall(Node& node) {
    // ns.f(x): a function of a namespace or a declared one with a dotted name.
    if (node.receiver) {
      const std::string target = DottedName(*node.children[0]);
      const Node& root = Root(*node.children[0]);
      if (!target.empty() && FindLocal(root.text) == nullptr) {
        const std::string name = absl::StrCat(target, ".", node.text);
        if (environment_.ResolveFunction(name, root.absolute) != nullptr) {
          node.text = name;
          node.absolute = root.absolute;
          node.receiver = false;
          node.children.erase(node.children.begin());
        }
      }
    }
    for (const NodePtr& child : node.children) Visit(*child);
    const Function* function = environment_.ResolveFunction(node.text, node.absolute);
    if (function == nullptr) {
      Report(node, Code::kUndeclaredReference,
             absl::StrCat("there is no function '", node.text, "'"));
      return Dyn();
    }
    PromoteOperands(node);
    if (function->any_arguments) return ExtremeType(node);
    if (!node.receiver && node.text == "dyn" && node.children.size() == 1) return Dyn();
    auto result = TryOverloads(node, *function);
    if (!result.has_value() && !IsOperator(node.text)) {
      // Arguments of functions whose parameter is decimal.
      bool promoted = false;
      for (const NodePtr& child : node.children) {
        if (IsPromotable(*child) && Follow(child->type).kind != TypeKind::kDecimal) {
          Promote(*child);
          promoted = true;
        }
      }
      if (promoted) result = TryOverloads(node, *function);
    }
    if (!result.has_value()) {
      ReportOverload(node);
      return Dyn();
    }
    CheckLiteralArguments(node);
    const std::string& name = node.text;
    if (name == "sum" || name == "min" || name == "max") {
      const Type element = Follow(Follow(node.children[0]->type).params.empty()
                                      ? Dyn()
                                      : Follow(node.children[0]->type).params[0]);
      if (name == "sum" && node.children.size() == 2) return Join(element, node.children[1]->type);
      return element;
    }
    return *result;
  }

  std::optional<Type> TryOverloads(Node& node, const Function& function) {
    std::optional<Type> result;
    for (const Overload& overload : function.overloads) {
      if (overload.receiver != node.receiver || overload.params.size() != node.children.size()) {
        continue;
      }
      const auto saved = bindings_;
      const int base = static_cast<int>(bindings_.size());
      bindings_.resize(bindings_.size() + 26);
      bool fits = true;
      for (size_t i = 0; i < overload.params.size() && fits; ++i) {
        fits = Fit(node.children[i]->type, Shift(overload.params[i], base));
      }
      if (!fits) {
        bindings_ = saved;
        continue;
      }
      const Type type = Substitute(Shift(overload.result, base));
      if (!result.has_value()) {
        result = type;
      } else if (!(Final(*result) == Final(type))) {
        result = Dyn();
      }
    }
    return result;
  }
  static Type Shift(const Type& type, int base) {
    Type result = type;
    if (result.kind == TypeKind::kVariable) result.variable += base;
    for (Type& param : result.params) param = Shift(param, base);
    return result;
  }

  // math.greatest and math.least: the common type, or dyn when they differ.
  Type ExtremeType(Node& node) {
    const bool decimal = std::any_of(node.children.begin(), node.children.end(), [&](const auto& c) {
      return Follow(c->type).kind == TypeKind::kDecimal;
    });
    std::optional<Type> common;
    for (const NodePtr& child : node.children) {
      if (decimal && IsPromotable(*child)) Promote(*child);
      Type type = Follow(child->type);
      if (node.children.size() == 1 && type.kind == TypeKind::kList) type = Follow(type.params[0]);
      switch (type.kind) {
        case TypeKind::kInt: case TypeKind::kUint: case TypeKind::kDouble:
        case TypeKind::kDecimal: case TypeKind::kMoney: case TypeKind::kDyn:
        case TypeKind::kVariable: break;
        default:
          Report(*child, Code::kNoMatchingOverload,
                 absl::StrCat(node.text, " compares numbers, this is ", Final(type).ToString()));
      }
      if (!common.has_value()) {
        common = type;
      } else if (!(*common == type)) {
        common = Dyn();
      }
    }
    return *common;
  }

  void ReportOverload(const Node& node) {
    std::vector<std::string> types;
    for (const NodePtr& child : node.children) types.push_back(Final(child->type).ToString());
    std::string hint;
    if (IsOperator(node.text) && types.size() == 2 && types[0] != types[1]) {
      const bool doubles = types[0] == "double" || types[1] == "double";
      hint = doubles ? "use decimal(..) instead of a floating number"
                     : "convert one side, e.g. int(..), decimal(..), string(..)";
    }
    if (IsOperator(node.text) && types.size() == 2) {
      Report(node, Code::kNoMatchingOverload,
             absl::StrCat("'", Spoken(node.text), "' does not work on ", types[0], " and ",
                          types[1]),
             hint);
      return;
    }
    Report(node, Code::kNoMatchingOverload,
           absl::StrCat("'", Spoken(node.text), "' does not take (", absl::StrJoin(types, ", "),
                        ")"),
           hint);
  }

  // Literals that can never work: bad patterns, rounding modes, currencies, zero divisors.
  void CheckLiteralArguments(const Node& node) {
    const auto literal = [&](size_t i) -> const Node* {
      return i < node.children.size() && node.children[i]->kind == NodeKind::kString
                 ? node.children[i].get()
                 : nullptr;
    };
    if (node.text == "matches") {
      const Node* pattern = literal(1);
      if (pattern != nullptr && CompilePattern(pattern->text) == nullptr) {
        Report(*pattern, Code::kSyntax, absl::StrCat("'", pattern->text, "' is no valid pattern"));
      }
    }
    if (node.text == "round" || node.text == "roundTo") {
      for (size_t i = 1; i < node.children.size(); ++i) {
        const Node* mode = literal(i);
        if (mode != nullptr && !ParseRoundingMode(mode->text).ok()) {
          Report(*mode, Code::kInvalidArgument,
                 absl::StrCat("'", mode->text, "' is no rounding mode"),
                 "HALF_UP, HALF_EVEN, HALF_DOWN, UP, DOWN, CEILING or FLOOR");
        }
      }
    }
    if (node.text == "money" || node.text == "convert") {
      const Node* code = literal(1);
      if (code != nullptr && CurrencyNumber(code->text) == 0) {
        Report(*code, Code::kInvalidArgument,
               absl::StrCat("'", code->text, "' is no ISO 4217 currency code"));
      }
      const Node* amount = node.text == "money" ? literal(0) : nullptr;
      Decimal ignored;
      if (amount != nullptr && Decimal::ParseInto(amount->text, ignored) != DecimalError::kOk) {
        Report(*amount, Code::kInvalidArgument, absl::StrCat("'", amount->text, "' is no decimal"));
      }
    }
  }

  Type VisitComprehension(Node& node) {
    const Type range = Follow(Visit(*node.children[0]));
    Type key = Dyn();
    Type element = Dyn();
    if (range.kind == TypeKind::kList) {
      key = Simple(TypeKind::kInt);
      element = range.params[0];
    } else if (range.kind == TypeKind::kMap) {
      key = range.params[0];
      element = range.params[1];
    } else if (range.kind != TypeKind::kDyn && range.kind != TypeKind::kVariable) {
      Report(*node.children[0], Code::kNoMatchingOverload,
             absl::StrCat("'", node.text, "' needs a list or a map, this is ",
                          Final(range).ToString()));
    }
    const bool two = !node.variable2.empty();
    const Type first = two || range.kind == TypeKind::kMap ? key : element;
    locals_.push_back({node.variable1, first});
    if (two) locals_.push_back({node.variable2, element});
    for (size_t i = 1; i < node.children.size(); ++i) Visit(*node.children[i]);
    locals_.resize(locals_.size() - (two ? 2 : 1));

    Node& body = *node.children.back();
    if (node.has_filter) WantBool(*node.children[1], "a predicate");
    switch (node.macro) {
      case Macro::kAll: case Macro::kExists: case Macro::kExistsOne:
        WantBool(body, "a predicate");
        return Simple(TypeKind::kBool);
      case Macro::kFilter:
        WantBool(body, "a predicate");
        return Type::List(first);
      case Macro::kMap: return Type::List(body.type);
      case Macro::kSortBy: return Type::List(first);
      case Macro::kTransformMap: return Type::Map(key, body.type);
      case Macro::kTransformMapEntry: {
        const Type entry = Follow(body.type);
        if (entry.kind == TypeKind::kMap) return entry;
        if (entry.kind != TypeKind::kDyn && entry.kind != TypeKind::kVariable) {
          Report(body, Code::kTypeMismatch,
                 absl::StrCat("an entry is written {key: value}, this is ",
                              Final(entry).ToString()));
        }
        return Type::Map(Dyn(), Dyn());
      }
      case Macro::kNone: break;
    }
    return Dyn();
  }

  void Finish(Node& node) {
    node.type = Final(node.type);
    for (const NodePtr& child : node.children) Finish(*child);
  }

  const absl::string_view source_;
  const Environment& environment_;
  std::vector<std::optional<Type>> bindings_;
  std::vector<Local> locals_;
  std::vector<Error> errors_;
};

}  // namespace

std::vector<Error> Check(absl::string_view source, Node& root, const Environment& environment,
                         const std::optional<Type>& wanted) {
  return Checker(source, environment).Run(root, wanted);
}

}  // namespace weft::rules::expr
