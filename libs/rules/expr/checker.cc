#include "libs/rules/expr/checker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/rules/expr/decimal_literals.h"
#include "libs/rules/expr/parser.h"
#include "libs/rules/expr/spelling.h"
#include "libs/rules/expr/type_solver.h"

namespace weft::rules::expr {
namespace {

Type Dyn() { return Type(); }
Type Simple(TypeKind kind) { return Type::Of(kind); }

class Checker {
 public:
  Checker(absl::string_view source, const Environment& environment)
      : source_(source), environment_(environment) {}

  std::vector<Error> Run(Node& root, const std::optional<Type>& wanted) {
    Type type = Visit(root);
    if (wanted.has_value() && errors_.empty()) {
      const Type found = solver_.Final(type);
      if (wanted->kind == TypeKind::kDecimal &&
          (IsPromotable(root) || found.kind == TypeKind::kInt || found.kind == TypeKind::kUint)) {
        Promote(root);
      } else if (!solver_.Assignable(found, *wanted)) {
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
  // ---- Errors ----

  void Report(const Node& node, Code code, std::string message, std::string hint = "") {
    if (errors_.size() >= kErrorsMax) return;
    errors_.push_back({code, PositionAt(source_, node.offset), std::move(message),
                       std::move(hint)});
  }

  // ---- Decimal literals ----

  bool IsPromotable(const Node& node) const { return expr::IsPromotable(node, solver_); }
  void Promote(Node& node) {
    std::vector<const Node*> too_long;
    expr::Promote(node, solver_, too_long);
    for (const Node* literal : too_long) {
      Report(*literal, Code::kOutOfRange,
             absl::StrCat(literal->text, " has too many digits for a decimal"),
             "a decimal has at most 34 digits and 34 decimals");
    }
  }
  void PromoteOperands(Node& node) {
    const std::string& name = node.text;
    if (node.children.size() != 2) return;
    Node& a = *node.children[0];
    Node& b = *node.children[1];
    const TypeKind x = solver_.KindOf(a.type);
    const TypeKind y = solver_.KindOf(b.type);
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
    const Node* at = &node;
    while (at->kind == NodeKind::kSelect) at = at->children[0].get();
    return *at;
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

  // Walks down the left side of `node` with a list instead of calls: a chain of
  // one left-associative operator may have thousands of links.
  Type Visit(Node& node) {
    std::vector<Node*> spine = {&node};
    while (Node* left = LeftOf(*spine.back())) spine.push_back(left);
    spine.back()->type = Compute(*spine.back(), false);
    spine.pop_back();
    while (!spine.empty()) {
      spine.back()->type = Compute(*spine.back(), true);
      spine.pop_back();
    }
    return node.type;
  }

  // The child that is visited before anything else of `node`, or nullptr.
  Node* LeftOf(Node& node) {
    switch (node.kind) {
      case NodeKind::kSelect:
        if (ResolveName(node).has_value()) return nullptr;
        break;
      case NodeKind::kCall: TakeNamespace(node); break;
      case NodeKind::kHas: case NodeKind::kIndex: case NodeKind::kAnd: case NodeKind::kOr:
      case NodeKind::kConditional: case NodeKind::kComprehension: break;
      default: return nullptr;
    }
    return node.children.empty() ? nullptr : node.children[0].get();
  }

  // The type of `node`; `left_known`: its first child has its type already.
  Type Compute(Node& node, bool left_known) {
    switch (node.kind) {
      case NodeKind::kNull: return Simple(TypeKind::kNull);
      case NodeKind::kBool: return Simple(TypeKind::kBool);
      case NodeKind::kInt: return Simple(TypeKind::kInt);
      case NodeKind::kUint: return Simple(TypeKind::kUint);
      case NodeKind::kDouble: return Simple(TypeKind::kDouble);
      case NodeKind::kString: return Simple(TypeKind::kString);
      case NodeKind::kBytes: return Simple(TypeKind::kBytes);
      case NodeKind::kIdent: return VisitIdent(node);
      case NodeKind::kSelect: case NodeKind::kHas: return VisitSelect(node, left_known);
      case NodeKind::kIndex: return VisitIndex(node);
      case NodeKind::kAnd: case NodeKind::kOr: return VisitLogic(node);
      case NodeKind::kConditional: return VisitConditional(node);
      case NodeKind::kList:
        for (const NodePtr& child : node.children) Visit(*child);
        return Type::List(ElementType(node, 0, 1));
      case NodeKind::kMap:
        for (const NodePtr& child : node.children) Visit(*child);
        return Type::Map(KeyType(ElementType(node, 0, 2)), ElementType(node, 1, 2));
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

  // What can never be a key is dyn: types of maps then stay as small as their text.
  Type KeyType(const Type& key) const {
    switch (solver_.KindOf(key)) {
      case TypeKind::kList: case TypeKind::kMap: return Dyn();
      default: return key;
    }
  }

  // The common type of children `first`, `first + step`, …
  Type ElementType(const Node& node, size_t first, size_t step) {
    if (node.children.size() <= first) return solver_.Fresh();
    Type element = node.children[first]->type;
    for (size_t i = first + step; i < node.children.size(); i += step) {
      const Type& next = node.children[i]->type;
      element = solver_.Join(element, next);
    }
    return element;
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

  Type VisitSelect(Node& node, bool left_known) {
    const bool has = node.kind == NodeKind::kHas;
    if (!left_known) {
      if (const auto type = ResolveName(node)) return *type;
    }
    const Type of = solver_.Follow(node.children[0]->type);
    const Type result = FieldType(node, of);
    return has ? Simple(TypeKind::kBool) : result;
  }

  Type FieldType(const Node& node, const Type& of) {
    switch (of.kind) {
      case TypeKind::kDyn: case TypeKind::kVariable: return Dyn();
      case TypeKind::kMap: {
        const TypeKind key = solver_.Follow(of.params[0]).kind;
        if (key != TypeKind::kString && key != TypeKind::kDyn && key != TypeKind::kVariable) {
          Report(node, Code::kTypeMismatch,
                 absl::StrCat("'.", node.text, "' needs a map with string keys, this is ",
                              solver_.Final(of).ToString()));
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
                            solver_.Final(of).ToString()));
        return Dyn();
    }
  }

  Type VisitIndex(Node& node) {
    const Type of = solver_.Follow(node.children[0]->type);
    const Type key = solver_.Follow(Visit(*node.children[1]));
    switch (of.kind) {
      case TypeKind::kDyn: case TypeKind::kVariable: return Dyn();
      case TypeKind::kList:
        if (key.kind != TypeKind::kInt && key.kind != TypeKind::kDyn &&
            key.kind != TypeKind::kVariable) {
          Report(*node.children[1], Code::kTypeMismatch,
                 absl::StrCat("a list is indexed by int, not by ", solver_.Final(key).ToString()));
        }
        return of.params[0];
      case TypeKind::kMap:
        if (!solver_.Assignable(key, of.params[0])) {
          Report(*node.children[1], Code::kTypeMismatch,
                 absl::StrCat("the keys of this map are ", solver_.Final(of.params[0]).ToString(),
                              ", not ", solver_.Final(key).ToString()));
        }
        return of.params[1];
      default:
        Report(node, Code::kTypeMismatch,
               absl::StrCat("'[ ]' needs a list or a map, this is ", solver_.Final(of).ToString()));
        return Dyn();
    }
  }

  void WantBool(Node& node, const char* where) {
    if (!solver_.Assignable(node.type, Simple(TypeKind::kBool))) {
      Report(node, Code::kNoMatchingOverload,
             absl::StrCat(where, " needs true or false, this is ",
                          solver_.Final(node.type).ToString()),
             "compare it with something");
    }
  }

  Type VisitLogic(Node& node) {
    for (size_t i = 0; i < node.children.size(); ++i) {
      Node& child = *node.children[i];
      if (i > 0) Visit(child);
      WantBool(child, node.kind == NodeKind::kAnd ? "'&&'" : "'||'");
    }
    return Simple(TypeKind::kBool);
  }

  Type VisitConditional(Node& node) {
    WantBool(*node.children[0], "the condition of '?:'");
    Node& then = *node.children[1];
    Node& otherwise = *node.children[2];
    Visit(then);
    Visit(otherwise);
    if (solver_.KindOf(then.type) == TypeKind::kDecimal && IsPromotable(otherwise))
      Promote(otherwise);
    if (solver_.KindOf(otherwise.type) == TypeKind::kDecimal && IsPromotable(then)) Promote(then);
    if (!solver_.Assignable(otherwise.type, then.type) &&
        !solver_.Assignable(then.type, otherwise.type)) {
      // A conditional that may still become a decimal is judged where it is used.
      node.type = Dyn();
      if (IsPromotable(node)) return Dyn();
      Report(node, Code::kTypeMismatch,
             absl::StrCat("the two branches give ", solver_.Final(then.type).ToString(), " and ",
                          solver_.Final(otherwise.type).ToString()),
             "both must give the same type");
      return Dyn();
    }
    return solver_.General(solver_.Substitute(then.type), solver_.Substitute(otherwise.type));
  }

  // ns.f(x): a function of a namespace or a declared one with a dotted name.
  void TakeNamespace(Node& node) {
    if (!node.receiver) return;
    const std::string target = DottedName(*node.children[0]);
    if (target.empty()) return;
    const Node& root = Root(*node.children[0]);
    if (FindLocal(root.text) != nullptr) return;
    const std::string name = absl::StrCat(target, ".", node.text);
    if (environment_.ResolveFunction(name, root.absolute) == nullptr) return;
    node.text = name;
    node.absolute = root.absolute;
    node.receiver = false;
    node.children.erase(node.children.begin());
  }

  Type VisitCall(Node& node) {
    for (size_t i = 1; i < node.children.size(); ++i) Visit(*node.children[i]);
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
        if (IsPromotable(*child) && solver_.KindOf(child->type) != TypeKind::kDecimal) {
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
      const Type element = solver_.Follow(solver_.Follow(node.children[0]->type).params.empty()
                                      ? Dyn()
                                      : solver_.Follow(node.children[0]->type).params[0]);
      if (name == "sum" && node.children.size() == 2)
        return solver_.Join(element, node.children[1]->type);
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
      const TypeSolver::Mark before = solver_.Here();
      // Type variables are numbered from A; most overloads have none.
      const int variables = VariablesOf(overload);
      const int base = variables == 0 ? 0 : solver_.FreshRow(variables);
      bool fits = true;
      for (size_t i = 0; i < overload.params.size() && fits; ++i) {
        fits = variables == 0
                   ? solver_.Fit(node.children[i]->type, overload.params[i])
                   : solver_.Fit(node.children[i]->type, Shift(overload.params[i], base));
      }
      if (!fits) {
        solver_.Undo(before);
        continue;
      }
      const Type type = solver_.Substitute(Shift(overload.result, base));
      if (!result.has_value()) {
        result = type;
      } else if (!(solver_.Final(*result) == solver_.Final(type))) {
        result = Dyn();
      }
    }
    return result;
  }
  static int VariablesOf(const Type& type) {
    int count = type.kind == TypeKind::kVariable ? type.variable + 1 : 0;
    for (const Type& param : type.params) count = std::max(count, VariablesOf(param));
    return count;
  }
  static int VariablesOf(const Overload& overload) {
    int count = VariablesOf(overload.result);
    for (const Type& param : overload.params) count = std::max(count, VariablesOf(param));
    return count;
  }
  static Type Shift(const Type& type, int base) {
    Type result = type;
    if (result.kind == TypeKind::kVariable) result.variable += base;
    for (Type& param : result.params) param = Shift(param, base);
    return result;
  }

  // math.greatest and math.least: the common type, or dyn when they differ.
  Type ExtremeType(Node& node) {
    const bool decimal =
        std::any_of(node.children.begin(), node.children.end(),
                    [&](const auto& c) { return solver_.KindOf(c->type) == TypeKind::kDecimal; });
    std::optional<Type> common;
    for (const NodePtr& child : node.children) {
      if (decimal && IsPromotable(*child)) Promote(*child);
      Type type = solver_.Follow(child->type);
      if (node.children.size() == 1 && type.kind == TypeKind::kList)
        type = solver_.Follow(type.params[0]);
      switch (type.kind) {
        case TypeKind::kInt: case TypeKind::kUint: case TypeKind::kDouble:
        case TypeKind::kDecimal: case TypeKind::kMoney: case TypeKind::kDyn:
        case TypeKind::kVariable: break;
        default:
          Report(*child, Code::kNoMatchingOverload,
                 absl::StrCat(node.text, " compares numbers, this is ",
                              solver_.Final(type).ToString()));
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
    for (const NodePtr& child : node.children)
      types.push_back(solver_.Final(child->type).ToString());
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
    const Type range = solver_.Follow(node.children[0]->type);
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
                          solver_.Final(range).ToString()));
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
      case Macro::kTransformMap: return Type::Map(KeyType(key), body.type);
      case Macro::kTransformMapEntry: {
        const Type entry = solver_.Follow(body.type);
        if (entry.kind == TypeKind::kMap) return entry;
        if (entry.kind != TypeKind::kDyn && entry.kind != TypeKind::kVariable) {
          Report(body, Code::kTypeMismatch,
                 absl::StrCat("an entry is written {key: value}, this is ",
                              solver_.Final(entry).ToString()));
        }
        return Type::Map(Dyn(), Dyn());
      }
      case Macro::kNone: break;
    }
    return Dyn();
  }

  void Finish(Node& root) {
    std::vector<Node*> open = {&root};
    while (!open.empty()) {
      Node& node = *open.back();
      open.pop_back();
      node.type = solver_.Final(node.type);
      for (const NodePtr& child : node.children) open.push_back(child.get());
    }
  }

  const absl::string_view source_;
  const Environment& environment_;
  TypeSolver solver_;
  std::vector<Local> locals_;
  std::vector<Error> errors_;
};

}  // namespace

std::vector<Error> Check(absl::string_view source, Node& root, const Environment& environment,
                         const std::optional<Type>& wanted) {
  return Checker(source, environment).Run(root, wanted);
}

}  // namespace weft::rules::expr
