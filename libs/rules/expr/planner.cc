#include "libs/rules/expr/planner.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/nodes_list.h"
#include "libs/rules/expr/nodes_logic.h"
#include "libs/rules/expr/nodes_name.h"
#include "libs/rules/expr/nodes_number.h"
#include "libs/rules/expr/parser.h"

namespace weft::rules::expr {
namespace {

using internal::Plan;

// Links that may stand one inside the other before a chain is made of them.
constexpr int kNestedMax = 8;

struct NoFacts final : Facts {
  Value Variable(int, Arena&) const override { return Value::Null(); }
};

const Node& Root(const Node& node) {
  const Node* at = &node;
  while (at->kind == NodeKind::kSelect || at->kind == NodeKind::kHas) at = at->children[0].get();
  return *at;
}

// Calls that make a value of a literal: "-5", "money('5', 'EUR')".
bool IsFoldable(const Node& call) {
  if (call.receiver || call.children.empty() || call.children.size() > 2) return false;
  for (const char* name : {"-_", "money", "decimal", "timestamp", "duration"}) {
    if (call.text == name) return true;
  }
  return false;
}

bool IsConstant(const Node& node) {
  switch (node.kind) {
    case NodeKind::kNull: case NodeKind::kBool: case NodeKind::kInt: case NodeKind::kUint:
    case NodeKind::kDouble: case NodeKind::kString: case NodeKind::kBytes: return true;
    case NodeKind::kList:
      return std::all_of(node.children.begin(), node.children.end(),
                         [](const NodePtr& child) { return IsConstant(*child); });
    case NodeKind::kCall:
      return IsFoldable(node) &&
             std::all_of(node.children.begin(), node.children.end(),
                         [](const NodePtr& child) { return IsConstant(*child); });
    default: return false;
  }
}

}  // namespace

Plan Planner::Constant(const Node& node, Value value) {
  return Make<internal::ConstantNode>(node, value);
}

Value Planner::Keep(Value value) {
  if (value.kind == Kind::kString || value.kind == Kind::kBytes || value.kind == Kind::kType) {
    value.text = program_.constants_.Copy(value.view()).data();
  }
  return value;
}

int Planner::Push(const std::string& name) {
  locals_.push_back(name);
  program_.locals_ = std::max(program_.locals_, static_cast<int>(locals_.size()));
  return static_cast<int>(locals_.size()) - 1;
}

int Planner::FindLocal(const std::string& name) const {
  for (size_t i = locals_.size(); i-- > 0;) {
    if (locals_[i] == name) return static_cast<int>(i);
  }
  return -1;
}

// ---- The left side of a tree, without a call per operator ----

const Node* Planner::LeftOf(const Node& node) const {
  switch (node.kind) {
    case NodeKind::kSelect:
      if (MeaningOf(node).has_value()) return nullptr;
      break;
    case NodeKind::kCall:
      if (node.children.empty() || NamespaceFunction(node) != nullptr) return nullptr;
      break;
    case NodeKind::kHas: case NodeKind::kIndex: case NodeKind::kComprehension: break;
    default: return nullptr;
  }
  return node.children[0].get();
}

Plan Planner::Build(const Node& node) {
  std::vector<const Node*> spine = {&node};
  while (const Node* left = LeftOf(*spine.back())) spine.push_back(left);
  Plan plan;
  int nested = 0;
  for (; !spine.empty(); spine.pop_back()) {
    const Node& at = *spine.back();
    plan = plan == nullptr ? BuildBase(at) : Chained(BuildLink(at, std::move(plan)), nested);
    if (at.as_decimal && at.kind != NodeKind::kDouble && plan->constant() == nullptr) {
      plan = Chained(Make<internal::ToDecimalNode>(at, std::move(plan)), nested);
    }
  }
  return plan;
}

Plan Planner::Chained(Plan plan, int& nested) {
  internal::LinkNode* link = plan->link();
  if (link == nullptr || link->left == nullptr) {
    nested = 0;
    return plan;
  }
  auto* chain = dynamic_cast<internal::ChainNode*>(link->left.get());
  if (chain == nullptr && ++nested <= kNestedMax) return plan;
  Plan left = std::move(link->left);
  if (chain == nullptr) {
    auto made = std::make_unique<internal::ChainNode>(plan->offset, std::move(left));
    chain = made.get();
    left = std::move(made);
  }
  plan.release();  // Is `link`.
  chain->links.emplace_back(link);
  return left;
}

std::vector<Plan> Planner::BuildAll(const Node& node, size_t from) {
  std::vector<Plan> plans;
  for (size_t i = from; i < node.children.size(); ++i) plans.push_back(Build(*node.children[i]));
  return plans;
}

Plan Planner::BuildBase(const Node& node) {
  switch (node.kind) {
    case NodeKind::kNull: return Constant(node, Value::Null());
    case NodeKind::kBool: return Constant(node, Value::Bool(node.bool_value));
    case NodeKind::kInt:
      return Constant(node, node.as_decimal ? Value::OfDecimal(Decimal(node.int_value))
                                            : Value::Int(node.int_value));
    case NodeKind::kUint:
      return Constant(node, node.as_decimal ? Value::OfDecimal(Decimal::FromUint(node.uint_value))
                                            : Value::Uint(node.uint_value));
    case NodeKind::kDouble: {
      Decimal decimal;
      if (node.as_decimal && Decimal::ParseInto(node.text, decimal) == DecimalError::kOk) {
        return Constant(node, Value::OfDecimal(decimal));
      }
      return Constant(node, Value::Double(node.double_value));
    }
    case NodeKind::kString: return Constant(node, Keep(Value::String(node.text)));
    case NodeKind::kBytes: return Constant(node, Keep(Value::Bytes(node.text)));
    case NodeKind::kIdent: case NodeKind::kSelect: return BuildName(node);
    case NodeKind::kAnd: return Make<internal::LogicNode<false>>(node, BuildAll(node));
    case NodeKind::kOr: return Make<internal::LogicNode<true>>(node, BuildAll(node));
    case NodeKind::kConditional: {
      std::vector<Plan> parts = BuildAll(node);
      return Make<internal::ConditionalNode>(node, std::move(parts[0]), std::move(parts[1]),
                                             std::move(parts[2]));
    }
    case NodeKind::kList: return Fold(node, Make<internal::ListNode>(node, BuildAll(node)));
    case NodeKind::kMap: return Make<internal::MapNode>(node, BuildAll(node));
    case NodeKind::kCall:
      if (const Function* function = NamespaceFunction(node)) {
        std::vector<Plan> arguments = BuildAll(node, 1);
        Plan left = arguments.empty() ? nullptr : std::move(arguments[0]);
        if (!arguments.empty()) arguments.erase(arguments.begin());
        return MakeCall(node, *function, false, std::move(left), std::move(arguments));
      }
      return BuildCall(node, nullptr);
    case NodeKind::kBind: {
      Plan init = Build(*node.children[0]);
      const int slot = Push(node.variable1);
      Plan body = Build(*node.children[1]);
      locals_.pop_back();
      return Make<internal::BindNode>(node, slot, std::move(init), std::move(body));
    }
    case NodeKind::kHas: case NodeKind::kIndex: case NodeKind::kComprehension: break;
  }
  return nullptr;  // These start from their left side.
}

Plan Planner::BuildLink(const Node& node, Plan left) {
  switch (node.kind) {
    case NodeKind::kSelect: case NodeKind::kHas: return BuildSelect(node, std::move(left));
    case NodeKind::kIndex:
      return Make<internal::IndexNode>(node, std::move(left), Build(*node.children[1]));
    case NodeKind::kComprehension: return BuildComprehension(node, std::move(left));
    default: return BuildCall(node, std::move(left));
  }
}

// ---- Names ----

std::optional<Environment::Meaning> Planner::MeaningOf(const Node& node) const {
  const std::string name = DottedName(node);
  if (name.empty()) return std::nullopt;
  const Node& root = Root(node);
  if (!root.absolute && FindLocal(root.text) >= 0) return std::nullopt;
  return environment_.Resolve(name, root.absolute);
}

Plan Planner::BuildName(const Node& node) {
  if (node.kind == NodeKind::kIdent && !node.absolute && FindLocal(node.text) >= 0) {
    return Make<internal::LocalNode>(node, FindLocal(node.text));
  }
  const auto meaning = MeaningOf(node);
  if (!meaning.has_value()) {
    return Make<internal::FaultNode>(node, Code::kUndeclaredReference,
                                     absl::StrCat("'", node.text, "' is not known here"));
  }
  if (meaning->variable < 0) return Constant(node, Keep(Value::TypeName(meaning->type_name)));
  mentioned_.insert(meaning->variable);
  program_.variables_.assign(mentioned_.begin(), mentioned_.end());
  return Make<internal::VariableNode>(node, meaning->variable);
}

Plan Planner::BuildSelect(const Node& node, Plan left) {
  const Type& of = node.children[0]->type;
  const RecordDeclaration* record =
      of.kind == TypeKind::kRecord ? environment_.FindRecord(of.name) : nullptr;
  const int number = record == nullptr ? -1 : record->FieldNumber(node.text);
  const bool has = node.kind == NodeKind::kHas;
  if (number < 0) {
    return Make<internal::SelectNode>(node, std::move(left), node.text, environment_, has);
  }
  if (has) return Make<internal::HasFieldNode>(node, std::move(left), number);
  if (const auto* variable = dynamic_cast<const internal::VariableNode*>(left.get())) {
    return Make<internal::FactFieldNode>(node, *variable, number);
  }
  return Make<internal::FieldNode>(node, std::move(left), number);
}

// A node over constants only becomes its value; errors are not folded away.
Plan Planner::Fold(const Node& node, Plan plan) {
  for (const NodePtr& child : node.children) {
    // What failed to fold below fails here, too.
    if (!IsConstant(*child)) return plan;
  }
  const NoFacts facts;
  internal::Frame frame{Context{program_.constants_, 0, 10'000, options_.rounding}, facts, nullptr,
                        nullptr};
  const Value value = plan->Run(frame);
  return value.is_error() ? std::move(plan) : Constant(node, value);
}

// ---- Calls ----

// ns.f(x), for programs that were not checked.
const Function* Planner::NamespaceFunction(const Node& node) const {
  if (!node.receiver) return nullptr;
  const std::string target = DottedName(*node.children[0]);
  if (target.empty()) return nullptr;
  const Node& root = Root(*node.children[0]);
  if (FindLocal(root.text) >= 0) return nullptr;
  return environment_.ResolveFunction(absl::StrCat(target, ".", node.text), root.absolute);
}

Plan Planner::BuildCall(const Node& node, Plan left) {
  if (Plan special = BuildSpecial(node, left)) return special;
  const Function* function = environment_.ResolveFunction(node.text, node.absolute);
  if (function == nullptr) {
    return Make<internal::FaultNode>(node, Code::kUndeclaredReference,
                                     absl::StrCat("there is no function '", node.text, "'"));
  }
  Plan plan = MakeCall(node, *function, node.receiver, std::move(left), BuildAll(node, 1));
  return IsFoldable(node) ? Fold(node, std::move(plan)) : std::move(plan);
}

Plan Planner::MakeCall(const Node& node, const Function& function, bool receiver, Plan left,
                       std::vector<Plan> rest) {
  const size_t count = left == nullptr ? 0 : rest.size() + 1;
  if (function.implementation == nullptr) {
    return Make<internal::FaultNode>(node, Code::kNoSuchOverload,
                                     absl::StrCat("'", function.name, "' is only declared"));
  }
  if (!function.Accepts(receiver, count)) {
    return Make<internal::FaultNode>(
        node, Code::kNoSuchOverload,
        absl::StrCat("'", function.name, "' does not take ", count, " arguments"));
  }
  // The empty list's sum: a zero of the static element type.
  if (function.name == "sum" && count == 1 && node.children[0]->type.kind == TypeKind::kList) {
    switch (node.children[0]->type.params[0].kind) {
      case TypeKind::kInt: rest.push_back(Constant(node, Value::Int(0))); break;
      case TypeKind::kUint: rest.push_back(Constant(node, Value::Uint(0))); break;
      case TypeKind::kDouble: rest.push_back(Constant(node, Value::Double(0))); break;
      case TypeKind::kDecimal: rest.push_back(Constant(node, Value::OfDecimal(Decimal()))); break;
      default: break;
    }
  }
  if (function.name == "!_") return Make<internal::NotNode>(node, std::move(left));
  if (left != nullptr && rest.empty()) {
    return Make<internal::UnaryNode>(node, function.implementation, std::move(left));
  }
  if (rest.size() == 1) {
    return Make<internal::BinaryNode>(node, function.implementation, std::move(left),
                                      std::move(rest[0]));
  }
  return Make<internal::CallNode>(node, function.implementation, std::move(left), std::move(rest));
}

Plan Planner::BuildSpecial(const Node& node, Plan& left) {
  if (!options_.check || node.children.empty()) return nullptr;
  const std::string& name = node.text;
  const TypeKind first = node.children[0]->type.kind;
  if (name == "round" && node.receiver) return BuildRound(node, left);
  if (node.children.size() != 2) return nullptr;
  const Node& second = *node.children[1];
  if (name == "matches" && second.kind == NodeKind::kString) {
    auto pattern = CompilePattern(second.text);
    if (pattern == nullptr) return nullptr;
    return Make<internal::MatchesNode>(node, std::move(left), std::move(pattern),
                                       second.text.size());
  }
  if (node.receiver) return nullptr;
  if (Plan arithmetic = BuildArithmetic(node, left)) return arithmetic;
  if (Plan compare = BuildCompare(node, left)) return compare;
  if ((name == "_==_" || name == "_!=_") && first == TypeKind::kString &&
      second.kind == NodeKind::kString) {
    const Value text = Keep(Value::String(second.text));
    return name == "_==_" ? Make<internal::TextEqualsNode<true>>(node, std::move(left), text)
                          : Make<internal::TextEqualsNode<false>>(node, std::move(left), text);
  }
  if (name == "_in_" && first == TypeKind::kString) return BuildInTexts(node, left);
  return nullptr;
}

// ---- Operators over known types ----

namespace {

// A number that stands beside decimals: `plan` as it is, or made a decimal.
Plan AsDecimalPlan(const Node& node, Plan plan) {
  const TypeKind kind = node.type.kind;
  if (kind == TypeKind::kDecimal || kind == TypeKind::kMoney) return plan;
  if (const Value* constant = plan->constant()) {
    Decimal decimal;
    if (AsDecimal(*constant, decimal)) {
      return std::make_unique<internal::ConstantNode>(node.offset, Value::OfDecimal(decimal));
    }
  }
  return std::make_unique<internal::ToDecimalNode>(node.offset, std::move(plan));
}

bool IsWhole(TypeKind kind) { return kind == TypeKind::kInt || kind == TypeKind::kUint; }

}  // namespace

Plan Planner::BuildArithmetic(const Node& node, Plan& left) {
  using internal::DecimalNode;
  using internal::MoneyScaleNode;
  using internal::MoneySumNode;
  const char sign = node.text.size() == 3 ? node.text[1] : ' ';
  if (node.text.front() != '_' || (sign != '+' && sign != '-' && sign != '*' && sign != '/')) {
    return nullptr;
  }
  const TypeKind a = node.children[0]->type.kind;
  const TypeKind b = node.children[1]->type.kind;
  const auto number = [](TypeKind kind) { return kind == TypeKind::kDecimal || IsWhole(kind); };
  const bool decimals =
      number(a) && number(b) && (a == TypeKind::kDecimal || b == TypeKind::kDecimal);
  const bool sum = a == TypeKind::kMoney && b == TypeKind::kMoney && (sign == '+' || sign == '-');
  const bool scale = (a == TypeKind::kMoney && number(b) && (sign == '*' || sign == '/')) ||
                     (b == TypeKind::kMoney && number(a) && sign == '*');
  if (!decimals && !sum && !scale) return nullptr;
  Plan first = AsDecimalPlan(*node.children[0], std::move(left));
  Plan right = AsDecimalPlan(*node.children[1], Build(*node.children[1]));
  const auto make = [&]<typename T>(T*) {
    return Make<T>(node, std::move(first), std::move(right));
  };
  if (sum) {
    return sign == '+' ? make(static_cast<MoneySumNode<&AddInto>*>(nullptr))
                       : make(static_cast<MoneySumNode<&SubtractInto>*>(nullptr));
  }
  if (scale) {
    return sign == '*' ? make(static_cast<MoneyScaleNode<&MultiplyInto, 2>*>(nullptr))
                       : make(static_cast<MoneyScaleNode<&DivideInto, 4>*>(nullptr));
  }
  switch (sign) {
    case '+': return make(static_cast<DecimalNode<&AddInto, 2>*>(nullptr));
    case '-': return make(static_cast<DecimalNode<&SubtractInto, 2>*>(nullptr));
    case '*': return make(static_cast<DecimalNode<&MultiplyInto, 2>*>(nullptr));
    default: return make(static_cast<DecimalNode<&DivideInto, 4>*>(nullptr));
  }
}

Plan Planner::BuildCompare(const Node& node, Plan& left) {
  using internal::CompareNode;
  using internal::Relation;
  static constexpr std::pair<const char*, Relation> kRelations[] = {
      {"_<_", Relation::kLess},         {"_<=_", Relation::kLessEqual},
      {"_>_", Relation::kGreater},      {"_>=_", Relation::kGreaterEqual},
      {"_==_", Relation::kEqual},       {"_!=_", Relation::kNotEqual}};
  const auto* found = std::find_if(std::begin(kRelations), std::end(kRelations),
                                   [&](const auto& one) { return node.text == one.first; });
  if (found == std::end(kRelations)) return nullptr;
  const TypeKind a = node.children[0]->type.kind;
  const TypeKind b = node.children[1]->type.kind;
  const bool decimals = (a == TypeKind::kDecimal && (b == TypeKind::kDecimal || IsWhole(b))) ||
                        (b == TypeKind::kDecimal && IsWhole(a));
  if (!decimals && !(a == b && (a == TypeKind::kInt || a == TypeKind::kMoney))) return nullptr;
  Plan right = Build(*node.children[1]);
  if (decimals) {
    return Make<CompareNode<Kind::kDecimal>>(
        node, found->second, AsDecimalPlan(*node.children[0], std::move(left)),
        AsDecimalPlan(*node.children[1], std::move(right)));
  }
  return a == TypeKind::kInt
             ? Make<CompareNode<Kind::kInt>>(node, found->second, std::move(left), std::move(right))
             : Make<CompareNode<Kind::kMoney>>(node, found->second, std::move(left),
                                               std::move(right));
}

Plan Planner::BuildInTexts(const Node& node, Plan& left) {
  const Node& list = *node.children[1];
  if (list.kind != NodeKind::kList || list.children.empty()) return nullptr;
  std::set<std::string> texts;
  for (const NodePtr& child : list.children) {
    if (child->kind != NodeKind::kString) return nullptr;
    texts.insert(child->text);
  }
  auto* keys = program_.constants_.AllocateArray<Value>(texts.size());
  auto* values = program_.constants_.AllocateArray<Value>(texts.size());
  if (keys == nullptr || values == nullptr) return nullptr;
  uint32_t size = 0;
  for (const std::string& text : texts) {
    keys[size] = Keep(Value::String(text));
    values[size++] = Value::Bool(true);
  }
  const Value map = MakeMap(keys, values, size, program_.constants_);
  if (map.is_error()) return nullptr;
  return Make<internal::InTextsNode>(node, std::move(left), map);
}

Plan Planner::BuildRound(const Node& node, Plan& left) {
  const TypeKind kind = node.children[0]->type.kind;
  const bool money = kind == TypeKind::kMoney;
  if (!money && kind != TypeKind::kDecimal) return nullptr;
  const size_t count = node.children.size();
  int scale = internal::RoundNode::kMinorUnit;
  RoundingMode mode = options_.rounding;
  size_t next = 1;
  if (next < count && node.children[next]->kind == NodeKind::kInt) {
    const int64_t given = node.children[next++]->int_value;
    if (given < 0 || given > Decimal::kMaxScale) return nullptr;
    scale = static_cast<int>(given);
  } else if (!money) {
    return nullptr;
  }
  if (next < count) {
    if (node.children[next]->kind != NodeKind::kString) return nullptr;
    const auto parsed = ParseRoundingMode(node.children[next++]->text);
    if (!parsed.ok()) return nullptr;
    mode = *parsed;
  }
  if (next != count) return nullptr;
  return Make<internal::RoundNode>(node, std::move(left), money ? Kind::kMoney : Kind::kDecimal,
                                   scale, mode);
}

Plan Planner::BuildComprehension(const Node& node, Plan left) {
  auto plan = std::make_unique<internal::ComprehensionNode>(node.offset, std::move(left));
  plan->macro = node.macro;
  plan->two = !node.variable2.empty();
  plan->slot1 = Push(node.variable1);
  if (plan->two) plan->slot2 = Push(node.variable2);
  if (node.has_filter) plan->predicate = Build(*node.children[1]);
  plan->body = Build(*node.children.back());
  locals_.resize(locals_.size() - (plan->two ? 2 : 1));
  return plan;
}

}  // namespace weft::rules::expr
