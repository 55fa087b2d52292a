#include "libs/rules/expr/safety.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/checker.h"
#include "libs/rules/expr/number_range.h"
#include "libs/rules/expr/parser.h"
#include "libs/rules/expr/value.h"

namespace weft::rules::expr {
namespace {

constexpr int kNameDepthMax = 12;  // Of expressions that conditions may speak of.

bool IsWhole(TypeKind kind) { return kind == TypeKind::kInt || kind == TypeKind::kUint; }
bool IsNumber(TypeKind kind) {
  return IsWhole(kind) || kind == TypeKind::kDecimal || kind == TypeKind::kMoney;
}

// One text for expressions that mean the same: "line.qty", "lines.size()"; ""
// for what conditions are not followed through.
std::string NameOf(const Node& node, int depth = 0) {
  if (depth > kNameDepthMax) return "";
  const auto child = [&](size_t i) { return NameOf(*node.children[i], depth + 1); };
  switch (node.kind) {
    case NodeKind::kIdent: return absl::StrCat(node.absolute ? "." : "", node.text);
    case NodeKind::kInt: case NodeKind::kUint: case NodeKind::kDouble: return node.text;
    case NodeKind::kSelect: {
      const std::string of = child(0);
      return of.empty() ? "" : absl::StrCat(of, ".", node.text);
    }
    case NodeKind::kCall: {
      // Also size(x), which is x.size().
      std::string name = absl::StrCat(node.text, "(");
      for (size_t i = 0; i < node.children.size(); ++i) {
        const std::string argument = child(i);
        if (argument.empty()) return "";
        absl::StrAppend(&name, i == 0 ? "" : ", ", argument);
      }
      return name + ")";
    }
    default: return "";
  }
}

class SafetyChecker {
 public:
  SafetyChecker(absl::string_view source, const Environment& environment)
      : source_(source), environment_(environment) {}

  Safety Run(const Node& root, const std::vector<std::string>& given) {
    for (const std::string& text : given) {
      Error error;
      NodePtr condition = Parse(text, {}, error);
      if (condition == nullptr || !Check(text, *condition, environment_, std::nullopt).empty()) {
        continue;
      }
      quiet_ = true;
      Assume(*condition, true);
      quiet_ = false;
    }
    Safety safety;
    safety.range = Visit(root);
    safety.errors = std::move(errors_);
    return safety;
  }

 private:
  void Report(const Node& node, Code code, std::string message, std::string hint) {
    if (quiet_ || errors_.size() >= kErrorsMax) return;
    errors_.push_back(
        {code, PositionAt(source_, node.offset), std::move(message), std::move(hint)});
  }

  // ---- What conditions make sure of ----

  struct Assumption {
    std::string name;
    NumberRange range;
  };
  NumberRange Refined(const Node& node, NumberRange range) const {
    if (assumptions_.empty()) return range;
    const std::string name = NameOf(node);
    if (name.empty()) return range;
    for (const Assumption& assumption : assumptions_) {
      if (assumption.name == name) range = IntersectRanges(range, assumption.range);
    }
    return range;
  }

  // A variable of a macro. What was sure of an outer name does not hold for it.
  void Hide(const std::string& name, const NumberRange& range) {
    locals_.push_back({name, range});
    std::erase_if(assumptions_, [&](const Assumption& one) {
      return one.name.find(name) != std::string::npos;
    });
  }

  void Assume(const Node& condition, bool truth) {
    const NodeKind all = truth ? NodeKind::kAnd : NodeKind::kOr;
    if (condition.kind == all) {
      for (const NodePtr& child : condition.children) Assume(*child, truth);
      return;
    }
    if (condition.kind != NodeKind::kCall) return;
    if (condition.text == "!_") return Assume(*condition.children[0], !truth);
    if (condition.children.size() != 2) return;
    std::string relation = condition.text;
    static constexpr std::pair<const char*, const char*> kOpposites[] = {
        {"_<_", "_>=_"}, {"_>=_", "_<_"}, {"_>_", "_<=_"},
        {"_<=_", "_>_"}, {"_==_", "_!=_"}, {"_!=_", "_==_"}};
    const auto* found =
        std::find_if(std::begin(kOpposites), std::end(kOpposites),
                     [&](const auto& pair) { return relation == pair.first; });
    if (found == std::end(kOpposites)) return;
    if (!truth) relation = found->second;
    const Node& left = *condition.children[0];
    const Node& right = *condition.children[1];
    if (!IsNumber(left.type.kind) || !IsNumber(right.type.kind)) return;
    const bool quiet = std::exchange(quiet_, true);
    const NumberRange a = Visit(left);
    const NumberRange b = Visit(right);
    quiet_ = quiet;
    AssumeSide(left, relation, b);
    static constexpr std::pair<const char*, const char*> kTurned[] = {
        {"_<_", "_>_"}, {"_>_", "_<_"}, {"_<=_", "_>=_"}, {"_>=_", "_<=_"}};
    for (const auto& [from, to] : kTurned) {
      if (relation == from) {
        relation = to;
        break;
      }
    }
    AssumeSide(right, relation, a);
  }
  void AssumeSide(const Node& node, const std::string& relation, const NumberRange& other) {
    const std::string name = NameOf(node);
    if (name.empty()) return;
    NumberRange range;
    if (relation == "_>_" || relation == "_>=_" || relation == "_==_") {
      range.low = other.low;
      range.low_open = other.low_open || relation == "_>_";
    }
    if (relation == "_<_" || relation == "_<=_" || relation == "_==_") {
      range.high = other.high;
      range.high_open = other.high_open || relation == "_<_";
    }
    if (relation == "_==_") {
      range.nonzero = other.nonzero;
      range.currency = other.currency;
    }
    // Money of another currency is unequal to zero of this one whatever it is.
    if (relation == "_!=_" && node.type.kind != TypeKind::kMoney) {
      range.nonzero = IsExactly(other, Decimal());
    }
    assumptions_.push_back({name, range});
  }

  // ---- Values ----

  const Node* LeftOf(const Node& node) const {
    switch (node.kind) {
      case NodeKind::kSelect: case NodeKind::kHas: case NodeKind::kIndex: case NodeKind::kCall:
      case NodeKind::kComprehension: break;
      default: return nullptr;
    }
    return node.children.empty() ? nullptr : node.children[0].get();
  }

  NumberRange Visit(const Node& node) {
    std::vector<const Node*> spine = {&node};
    while (const Node* left = LeftOf(*spine.back())) spine.push_back(left);
    NumberRange range = Refined(*spine.back(), Base(*spine.back()));
    // Names of long chains are long: only short ones are looked up.
    for (spine.pop_back(); !spine.empty(); spine.pop_back()) {
      range = Link(*spine.back(), range);
      if (spine.size() <= kNameDepthMax) range = Refined(*spine.back(), range);
    }
    return range;
  }

  NumberRange Base(const Node& node) {
    switch (node.kind) {
      case NodeKind::kInt: return ExactRange(Decimal(node.int_value));
      case NodeKind::kUint: return ExactRange(Decimal::FromUint(node.uint_value));
      case NodeKind::kDouble: {
        Decimal value;
        const bool decimal =
            node.as_decimal && Decimal::ParseInto(node.text, value) == DecimalError::kOk;
        return decimal ? ExactRange(value) : NumberRange();
      }
      case NodeKind::kIdent: return NameRange(node);
      case NodeKind::kAnd: case NodeKind::kOr: {
        const size_t before = assumptions_.size();
        for (const NodePtr& child : node.children) {
          Visit(*child);
          Assume(*child, node.kind == NodeKind::kAnd);
        }
        assumptions_.resize(before);
        return {};
      }
      case NodeKind::kConditional: {
        Visit(*node.children[0]);
        const size_t before = assumptions_.size();
        Assume(*node.children[0], true);
        const NumberRange then = Visit(*node.children[1]);
        assumptions_.resize(before);
        Assume(*node.children[0], false);
        const NumberRange otherwise = Visit(*node.children[2]);
        assumptions_.resize(before);
        return UnionOfRanges(then, otherwise);
      }
      case NodeKind::kBind: {
        const NumberRange init = Visit(*node.children[0]);
        const std::vector<Assumption> outer = assumptions_;
        Hide(node.variable1, init);
        const NumberRange body = Visit(*node.children[1]);
        locals_.pop_back();
        assumptions_ = outer;
        return body;
      }
      default:
        for (const NodePtr& child : node.children) Visit(*child);
        return {};
    }
  }

  NumberRange NameRange(const Node& node) const {
    if (node.kind == NodeKind::kIdent && !node.absolute) {
      for (size_t i = locals_.size(); i-- > 0;) {
        if (locals_[i].name == node.text) return locals_[i].range;
      }
    }
    const std::string name = DottedName(node);
    const auto meaning = name.empty() ? std::nullopt : environment_.Resolve(name, false);
    if (!meaning.has_value() || meaning->variable < 0) return {};
    return environment_.variables[static_cast<size_t>(meaning->variable)].range;
  }

  NumberRange Link(const Node& node, const NumberRange& left) {
    switch (node.kind) {
      case NodeKind::kSelect: return SelectRange(node);
      case NodeKind::kComprehension: {
        const size_t locals = locals_.size();
        std::vector<Assumption> outer = assumptions_;
        Hide(node.variable1, {});
        if (!node.variable2.empty()) Hide(node.variable2, {});
        for (size_t i = 1; i < node.children.size(); ++i) {
          Visit(*node.children[i]);
          if (i == 1 && node.has_filter) Assume(*node.children[1], true);
        }
        locals_.resize(locals);
        assumptions_ = std::move(outer);
        return {};
      }
      case NodeKind::kCall: {
        std::vector<NumberRange> arguments = {left};
        for (size_t i = 1; i < node.children.size(); ++i) {
          arguments.push_back(Visit(*node.children[i]));
        }
        return CallRange(node, arguments);
      }
      default:
        for (size_t i = 1; i < node.children.size(); ++i) Visit(*node.children[i]);
        return {};
    }
  }

  NumberRange SelectRange(const Node& node) const {
    const Type& of = node.children[0]->type;
    if (of.kind != TypeKind::kRecord) return NameRange(node);
    const RecordDeclaration* record = environment_.FindRecord(of.name);
    const int number = record == nullptr ? -1 : record->FieldNumber(node.text);
    return number < 0 ? NumberRange() : record->fields[static_cast<size_t>(number)].range;
  }

  NumberRange CallRange(const Node& node, const std::vector<NumberRange>& args) {
    const std::string& name = node.text;
    const auto kind = [&](size_t i) { return node.children[i]->type.kind; };
    const bool two = args.size() == 2 && node.children.size() == 2;
    if (two && (name == "_/_" || name == "_%_")) return DivisionRange(node, args);
    if (two && IsNumber(kind(0)) && IsNumber(kind(1))) {
      const bool money = kind(0) == TypeKind::kMoney && kind(1) == TypeKind::kMoney;
      if (money && name != "_==_" && name != "_!=_" && name.front() == '_') {
        CheckCurrencies(node, args[0], args[1]);
      }
      if (name == "_+_") return AddRanges(args[0], args[1]);
      if (name == "_-_") return SubtractRanges(args[0], args[1]);
      if (name == "_*_") return MultiplyRanges(args[0], args[1]);
    }
    if (name == "-_" && !args.empty() && IsNumber(kind(0))) return NegateRange(args[0]);
    if (name == "decimal" || name == "money") return LiteralRange(node, args[0]);
    if (name == "amount") {
      NumberRange amount = args[0];
      amount.currency = 0;
      return amount;
    }
    if (name == "convert") {
      NumberRange converted = args.size() == 3 ? MultiplyRanges(args[0], args[2]) : NumberRange();
      converted.currency = CurrencyLiteral(node);
      return converted;
    }
    if (name == "round" && IsNumber(kind(0))) return RoundedRange(node, args[0]);
    if (name == "roundTo") {
      NumberRange rounded;  // Downwards it may well be zero.
      if (args[0].low.has_value() && args[0].low->sign() >= 0) rounded.low = Decimal();
      return rounded;
    }
    if (name == "math.abs" && IsNumber(kind(0))) return AbsoluteRange(args[0]);
    if (name == "math.greatest" || name == "math.least") return ExtremeRange(node, args);
    if (name == "size") {
      NumberRange size;
      size.low = Decimal();
      return size;
    }
    return {};
  }

  void CheckCurrencies(const Node& node, const NumberRange& a, const NumberRange& b) {
    if (a.currency == 0 || b.currency == 0 || a.currency == b.currency) return;
    Report(node, Code::kCurrencyMismatch,
           absl::StrCat("this combines ", CurrencyCode(a.currency), " with ",
                        CurrencyCode(b.currency)),
           "convert one of them first: m.convert('EUR', rate)");
  }

  NumberRange DivisionRange(const Node& node, const std::vector<NumberRange>& args) {
    const TypeKind by = node.children[1]->type.kind;
    const TypeKind of = node.children[0]->type.kind;
    if (of == TypeKind::kMoney && by == TypeKind::kMoney) CheckCurrencies(node, args[0], args[1]);
    // Doubles follow IEEE 754; of dyn nothing is known, and nothing is promised.
    if (IsNumber(by) && MayBeZero(args[1])) {
      std::string what = NameOf(*node.children[1]);
      if (what.find("_(") != std::string::npos) what.clear();  // Not as people write it.
      Report(node, node.text == "_%_" ? Code::kModulusByZero : Code::kDivideByZero,
             IsExactly(args[1], Decimal()) ? "this divides by zero"
             : what.empty()                ? "this divides by what may be zero"
                                           : absl::StrCat("this divides by '", what,
                                                          "', which may be zero"),
             IsExactly(args[1], Decimal()) ? ""
             : what.empty() ? "make sure that it is not: x > 0 ? … / x : …"
                          : absl::StrCat("make sure that it is not: ", what, " > 0 ? … / ", what,
                                           " : …, or a `range` above 0 in the schema"));
    }
    if (node.text == "_%_") return {};
    NumberRange quotient = DivideRanges(args[0], args[1]);
    if (by == TypeKind::kMoney) quotient.currency = 0;
    if (!IsWhole(of)) return quotient;
    NumberRange cut;  // Cut towards zero.
    if (quotient.low.has_value() && quotient.low->sign() >= 0) cut.low = Decimal();
    return cut;
  }

  static uint16_t CurrencyLiteral(const Node& call) {
    if (call.children.size() < 2 || call.children[1]->kind != NodeKind::kString) return 0;
    return CurrencyNumber(call.children[1]->text);
  }
  static NumberRange LiteralRange(const Node& node, const NumberRange& argument) {
    NumberRange range = argument;
    const Node& from = *node.children[0];
    Decimal value;
    if (from.kind == NodeKind::kString) {
      range = Decimal::ParseInto(from.text, value) == DecimalError::kOk ? ExactRange(value)
                                                                        : NumberRange();
    } else if (from.kind == NodeKind::kDouble && !from.as_decimal) {
      range = Decimal::ParseInto(DoubleText(from.double_value), value) == DecimalError::kOk
                  ? ExactRange(value)
                  : NumberRange();
    }
    range.currency = node.text == "money" ? CurrencyLiteral(node) : 0;
    return range;
  }

  static NumberRange RoundedRange(const Node& node, const NumberRange& argument) {
    const bool money = node.children[0]->type.kind == TypeKind::kMoney;
    int64_t scale = -1;
    if (node.children.size() > 1 && node.children[1]->kind == NodeKind::kInt) {
      scale = node.children[1]->int_value;
    } else if (money && argument.currency != 0) {
      scale = CurrencyDigits(argument.currency);
    }
    if (scale >= 0 && scale <= Decimal::kMaxScale) {
      return RoundRange(argument, static_cast<int>(scale));
    }
    NumberRange rounded;
    if (argument.low.has_value() && argument.low->sign() >= 0) rounded.low = Decimal();
    rounded.currency = argument.currency;
    return rounded;
  }

  NumberRange ExtremeRange(const Node& node, const std::vector<NumberRange>& args) {
    if (node.children.size() < 2) return {};
    for (const NodePtr& child : node.children) {
      if (!IsNumber(child->type.kind)) return {};
    }
    const bool greatest = node.text == "math.greatest";
    NumberRange result = args[0];
    for (size_t i = 1; i < args.size(); ++i) {
      CheckCurrencies(node, args[0], args[i]);
      result = greatest ? LargerRange(result, args[i])
                        : NegateRange(LargerRange(NegateRange(result), NegateRange(args[i])));
    }
    return result;
  }

  struct Local {
    std::string name;
    NumberRange range;
  };
  const absl::string_view source_;
  const Environment& environment_;
  std::vector<Assumption> assumptions_;
  std::vector<Local> locals_;
  std::vector<Error> errors_;
  bool quiet_ = false;
};

}  // namespace

Safety CheckSafety(absl::string_view source, const Node& root, const Environment& environment,
                   const std::vector<std::string>& given) {
  return SafetyChecker(source, environment).Run(root, given);
}

}  // namespace weft::rules::expr
