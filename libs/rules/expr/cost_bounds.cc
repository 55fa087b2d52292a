#include "libs/rules/expr/cost_bounds.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/rules/expr/functions.h"
#include "libs/rules/expr/parser.h"
#include "libs/rules/expr/spelling.h"

namespace weft::rules::expr {
namespace {

constexpr uint64_t kUnknown = 1000;  // Elements or octets of what nobody declared.
constexpr uint64_t kScalarText = 64;  // The longest text of a number, time or money.

uint64_t Sum(uint64_t a, uint64_t b) { return CostBounds::Sum(a, b); }
uint64_t Product(uint64_t a, uint64_t b) { return CostBounds::Product(a, b); }

// How much a value may hold: octets or elements, and the same of what is in it
// (a list's element; a map's key and value).
struct Extent {
  uint64_t size = kUnknown;
  std::vector<Extent> parts;

  static Extent Of(uint64_t size) { return {size, {}}; }
  Extent part(size_t number) const { return number < parts.size() ? parts[number] : Extent(); }
};

Extent Wider(const Extent& a, const Extent& b) {
  Extent wider{std::max(a.size, b.size), {}};
  for (size_t i = 0; i < std::max(a.parts.size(), b.parts.size()); ++i) {
    if (i >= a.parts.size()) {
      wider.parts.push_back(b.parts[i]);
    } else if (i >= b.parts.size()) {
      wider.parts.push_back(a.parts[i]);
    } else {
      wider.parts.push_back(Wider(a.parts[i], b.parts[i]));
    }
  }
  return wider;
}

Extent ExtentOf(const Type& type, const SizeLimits& limits) {
  switch (type.kind) {
    case TypeKind::kString: case TypeKind::kBytes: return Extent::Of(limits.length);
    case TypeKind::kList: case TypeKind::kMap: {
      Extent extent = Extent::Of(limits.items);
      const SizeLimits inner{1000, limits.length};
      for (const Type& param : type.params) extent.parts.push_back(ExtentOf(param, inner));
      return extent;
    }
    case TypeKind::kDyn: return Extent();
    default: return Extent::Of(kScalarText);
  }
}

// Octets of the text that format writes for a value.
uint64_t Width(const Type& type, const Extent& extent) {
  switch (type.kind) {
    case TypeKind::kString: case TypeKind::kBytes: return Product(extent.size, 3);
    case TypeKind::kList: case TypeKind::kMap: {
      uint64_t one = 4;
      for (size_t i = 0; i < type.params.size(); ++i) {
        one = Sum(one, Width(type.params[i], extent.part(i)));
      }
      return Sum(2, Product(extent.size, one));
    }
    case TypeKind::kDyn: return std::max<uint64_t>(Product(extent.size, 4), 400);
    default: return 400;  // %f of a large double.
  }
}

bool IsExact(TypeKind kind) { return kind == TypeKind::kDecimal || kind == TypeKind::kMoney; }
bool IsText(TypeKind kind) { return kind == TypeKind::kString || kind == TypeKind::kBytes; }

// The most that one comparison of two values costs.
uint64_t ComparisonUnits(const Type& type, const Extent& a, const Extent& b) {
  switch (type.kind) {
    case TypeKind::kString: case TypeKind::kBytes: return 1 + Tenths(std::min(a.size, b.size));
    case TypeKind::kDecimal: case TypeKind::kMoney: return 2;
    case TypeKind::kList: case TypeKind::kMap: {
      uint64_t one = 1;
      for (size_t i = 0; i < type.params.size(); ++i) {
        one = Sum(one, ComparisonUnits(type.params[i], a.part(i), b.part(i)));
      }
      return Sum(1, Product(std::min(a.size, b.size), one));
    }
    case TypeKind::kDyn:
    case TypeKind::kRecord: return Sum(2, std::min(a.size, b.size));
    default: return 2;
  }
}

uint64_t SortUnits(uint64_t items, uint64_t comparison) {
  uint64_t levels = 0;
  while ((uint64_t{1} << levels) < items + 1) ++levels;
  return Sum(1, Product(Product(items, levels + 1), comparison));  // One more: have they an order?
}

struct Estimate {
  CostBounds cost;
  Extent extent;
};

class Estimator {
 public:
  explicit Estimator(const Environment& environment) : environment_(environment) {}

  CostEstimate Run(const Node& root) {
    const Estimate estimate = Visit(root);
    CostEstimate result;
    result.bounds = estimate.cost;
    const bool holds = root.type.kind == TypeKind::kList || root.type.kind == TypeKind::kMap;
    uint64_t length = holds ? 0 : estimate.extent.size;
    for (const Extent& part : estimate.extent.parts) length = std::max(length, part.size);
    result.result.items = static_cast<uint32_t>(
        std::min<uint64_t>(holds ? estimate.extent.size : kUnknown, kElementsMax));
    result.result.length = static_cast<uint32_t>(std::min<uint64_t>(length, kTextBytesMax));
    if (dearest_ != nullptr) {
      result.dearest_offset = dearest_->offset;
      result.dearest = absl::StrCat("'", dearest_->text.empty() ? "[ ]" : Spoken(dearest_->text),
                                    "'", dearest_note_);
    }
    return result;
  }

 private:
  // As in the checker: down the left side without a call per operator.
  Estimate Visit(const Node& node) {
    std::vector<const Node*> spine = {&node};
    while (const Node* left = LeftOf(*spine.back())) spine.push_back(left);
    Estimate estimate = Base(*spine.back());
    for (spine.pop_back(); !spine.empty(); spine.pop_back()) {
      estimate = Link(*spine.back(), estimate);
    }
    return estimate;
  }

  const Node* LeftOf(const Node& node) const {
    switch (node.kind) {
      case NodeKind::kSelect:
        if (VariableOf(node) != nullptr || IsTypeName(node)) return nullptr;
        break;
      case NodeKind::kHas: case NodeKind::kIndex: case NodeKind::kCall:
      case NodeKind::kComprehension: break;
      default: return nullptr;
    }
    return node.children.empty() ? nullptr : node.children[0].get();
  }

  struct Local {
    std::string name;
    Extent extent;
  };
  const Local* FindLocal(const std::string& name) const {
    for (size_t i = locals_.size(); i-- > 0;) {
      if (locals_[i].name == name) return &locals_[i];
    }
    return nullptr;
  }
  std::optional<Environment::Meaning> MeaningOf(const Node& node) const {
    const std::string name = DottedName(node);
    if (name.empty()) return std::nullopt;
    const Node* root = &node;
    while (root->kind == NodeKind::kSelect) root = root->children[0].get();
    if (!root->absolute && FindLocal(root->text) != nullptr) return std::nullopt;
    return environment_.Resolve(name, root->absolute);
  }
  const VariableDeclaration* VariableOf(const Node& node) const {
    const auto meaning = MeaningOf(node);
    return meaning.has_value() && meaning->variable >= 0
               ? &environment_.variables[static_cast<size_t>(meaning->variable)]
               : nullptr;
  }
  bool IsTypeName(const Node& node) const {
    const auto meaning = MeaningOf(node);
    return meaning.has_value() && meaning->variable < 0;
  }

  // Remembers the node that costs most by itself.
  void Weigh(const Node& node, uint64_t own, const std::string& note = "") {
    if (own <= dearest_units_) return;
    dearest_units_ = own;
    dearest_ = &node;
    dearest_note_ = note;
  }

  Estimate Base(const Node& node) {
    switch (node.kind) {
      case NodeKind::kString: case NodeKind::kBytes: return {{}, Extent::Of(node.text.size())};
      case NodeKind::kIdent:
        if (!node.absolute) {
          if (const Local* local = FindLocal(node.text)) return {{1, 1}, local->extent};
        }
        [[fallthrough]];
      case NodeKind::kSelect:
        if (const VariableDeclaration* variable = VariableOf(node)) {
          return {{1, 1}, ExtentOf(variable->type, variable->limits)};
        }
        return {{}, Extent::Of(kScalarText)};
      case NodeKind::kAnd: case NodeKind::kOr: {
        Estimate all{{}, Extent::Of(kScalarText)};
        // An operand that fails early costs less than its lower bound, and may be
        // looked past.
        for (const NodePtr& child : node.children) {
          all.cost += {0, Visit(*child).cost.upper};
        }
        return all;
      }
      case NodeKind::kConditional: {
        Estimate condition = Visit(*node.children[0]);
        const Estimate then = Visit(*node.children[1]);
        const Estimate otherwise = Visit(*node.children[2]);
        condition.cost += {std::min(then.cost.lower, otherwise.cost.lower),
                           std::max(then.cost.upper, otherwise.cost.upper)};
        return {condition.cost, Wider(then.extent, otherwise.extent)};
      }
      case NodeKind::kList: case NodeKind::kMap: return Literal(node);
      case NodeKind::kBind: {
        Estimate init = Visit(*node.children[0]);
        locals_.push_back({node.variable1, init.extent});
        Estimate body = Visit(*node.children[1]);
        locals_.pop_back();
        body.cost += init.cost;
        return body;
      }
      case NodeKind::kCall: return Call(node, {});
      default: return {{}, Extent::Of(kScalarText)};
    }
  }

  Estimate Literal(const Node& node) {
    const size_t step = node.kind == NodeKind::kMap ? 2 : 1;
    const uint64_t count = node.children.size() / step;
    Estimate literal;
    literal.extent = Extent::Of(count);
    literal.extent.parts.assign(step, Extent::Of(0));
    bool constant = true;  // Is folded, then.
    for (size_t i = 0; i < node.children.size(); ++i) {
      const Estimate one = Visit(*node.children[i]);
      constant = constant && one.cost.lower == 0;
      literal.cost += one.cost;
      Extent& part = literal.extent.parts[i % step];
      // Keys hold nothing: or {a: a} in {b: b} would grow without end.
      part = Wider(part, step == 2 && i % 2 == 0 ? Extent::Of(one.extent.size) : one.extent);
    }
    const uint64_t own = step == 1 ? 10 + count : 30 + 2 * count;
    literal.cost += {constant ? 0 : own, own};
    return literal;
  }

  Estimate Link(const Node& node, const Estimate& left) {
    Estimate result;
    result.cost = left.cost;
    const TypeKind of = node.children[0]->type.kind;
    switch (node.kind) {
      case NodeKind::kSelect: case NodeKind::kHas:
        result.extent = Extent::Of(kScalarText);
        result.cost += {1, of == TypeKind::kRecord ? 1 : 1 + Tenths(node.text.size())};
        if (node.kind == NodeKind::kSelect) result.extent = FieldExtent(node, left.extent);
        return result;
      case NodeKind::kIndex: {
        const Estimate key = Visit(*node.children[1]);
        const bool text = IsText(node.children[1]->type.kind) ||
                          node.children[1]->type.kind == TypeKind::kDyn;
        result.cost += key.cost;
        result.cost += {1, 1 + (text ? Tenths(key.extent.size) : 0)};
        result.extent = left.extent.part(of == TypeKind::kMap ? 1 : 0);
        return result;
      }
      case NodeKind::kComprehension: return Comprehension(node, left);
      default: return Call(node, left);
    }
  }

  Extent FieldExtent(const Node& node, const Extent& of) const {
    const Type& type = node.children[0]->type;
    if (type.kind == TypeKind::kMap) return of.part(1);
    if (type.kind == TypeKind::kRecord) {
      const RecordDeclaration* record = environment_.FindRecord(type.name);
      const int number = record == nullptr ? -1 : record->FieldNumber(node.text);
      if (number >= 0) {
        const FieldDeclaration& field = record->fields[static_cast<size_t>(number)];
        return ExtentOf(field.type, field.limits);
      }
    }
    return Extent();
  }

  Estimate Comprehension(const Node& node, const Estimate& range) {
    const bool map = node.children[0]->type.kind == TypeKind::kMap;
    const bool two = !node.variable2.empty();
    const uint64_t items = std::min<uint64_t>(range.extent.size, kElementsMax);
    const Extent key = map ? range.extent.part(0) : Extent::Of(kScalarText);
    const Extent element = range.extent.part(map ? 1 : 0);
    const Extent first = two || map ? key : element;
    locals_.push_back({node.variable1, first});
    if (two) locals_.push_back({node.variable2, element});
    uint64_t each = 1;
    if (node.has_filter) each = Sum(each, Visit(*node.children[1]).cost.upper);
    const Estimate body = Visit(*node.children.back());
    locals_.resize(locals_.size() - (two ? 2 : 1));
    const bool builds = node.macro != Macro::kAll && node.macro != Macro::kExists &&
                        node.macro != Macro::kExistsOne;
    each = Sum(each, Sum(body.cost.upper, builds ? 1 : 0));
    uint64_t own = Sum(1, Product(items, each));
    Estimate result{range.cost, Extent::Of(kScalarText)};
    switch (node.macro) {
      case Macro::kFilter: result.extent = {items, {first}}; break;
      case Macro::kMap: result.extent = {items, {body.extent}}; break;
      case Macro::kTransformMap: result.extent = {items, {key, body.extent}}; break;
      case Macro::kTransformMapEntry:
        result.extent = body.extent;
        result.extent.size = std::min<uint64_t>(Product(items, body.extent.size), kElementsMax);
        break;
      case Macro::kSortBy:
        result.extent = {items, {first}};
        own = Sum(own, SortUnits(items, ComparisonUnits(node.children.back()->type, body.extent,
                                                        body.extent)));
        break;
      default: break;
    }
    result.cost += {1, own};
    Weigh(node, own, absl::StrCat(" over up to ", items, " elements"));
    return result;
  }

  // `left` is the estimate of the first argument, when there is one.
  Estimate Call(const Node& node, const Estimate& left) {
    std::vector<Extent> extents;
    Estimate result;
    result.cost = left.cost;
    if (!node.children.empty()) extents.push_back(left.extent);
    for (size_t i = 1; i < node.children.size(); ++i) {
      const Estimate one = Visit(*node.children[i]);
      result.cost += one.cost;
      extents.push_back(one.extent);
    }
    result.extent = ExtentOf(node.type, {});
    if (node.type.kind == TypeKind::kString) result.extent = Extent::Of(kTextBytesMax);
    const uint64_t own = OwnUnits(node, extents, result.extent);
    const bool constant = result.cost.lower == 0;  // Folded, perhaps.
    result.cost += {constant ? 0u : 1u, own};
    Weigh(node, own);
    return result;
  }

  // What a call costs by itself, and how much its result may hold.
  uint64_t OwnUnits(const Node& node, const std::vector<Extent>& args, Extent& result) const {
    const std::string& name = node.text;
    const auto kind = [&](size_t i) { return node.children[i]->type.kind; };
    const auto size = [&](size_t i) { return i < args.size() ? args[i].size : 0; };
    const auto text = [&](uint64_t octets) {
      result = Extent::Of(std::min<uint64_t>(octets, kTextBytesMax));
    };
    if (args.empty()) return 1;
    const bool dyn = kind(0) == TypeKind::kDyn;
    const bool exact = IsExact(kind(0)) || (args.size() > 1 && IsExact(kind(1))) || dyn;
    if (name == "_+_") {
      if (kind(0) == TypeKind::kList) {
        result = Wider(args[0], args[1]);
        result.size = std::min<uint64_t>(Sum(size(0), size(1)), kElementsMax);
        return Sum(1, Sum(size(0), size(1)));
      }
      if (IsText(kind(0)) || dyn) {
        text(Sum(size(0), size(1)));
        return Sum(2, dyn ? Sum(size(0), size(1)) : Tenths(Product(2, Sum(size(0), size(1)))));
      }
      return exact ? 2 : 1;
    }
    if (name == "_-_" || name == "_*_") return exact ? 2 : 1;
    if (name == "_/_") return exact ? 4 : 1;
    if (name == "_<_" || name == "_<=_" || name == "_>_" || name == "_>=_" || name == "_==_" ||
        name == "_!=_") {
      const Type& type = dyn ? node.children[1]->type : node.children[0]->type;
      return std::max<uint64_t>(exact ? 2 : 1, ComparisonUnits(type, args[0], args[1]));
    }
    if (name == "_in_") {
      if (kind(1) == TypeKind::kMap) return 1;
      return Sum(2, Product(size(1), ComparisonUnits(node.children[0]->type, args[0],
                                                     args[1].part(0))));
    }
    if (node.receiver || name == "size" || name == "matches") {
      const uint64_t own = ReceiverUnits(node, args, result);
      if (own != 0) return own;
    }
    if (name == "string" || name == "bytes") {
      const uint64_t in = IsText(kind(0)) || dyn ? size(0) : kScalarText;
      text(in);
      return Sum(1, Tenths(Product(2, in)));
    }
    if (name == "strings.quote") {
      text(Sum(2, Product(2, size(0))));
      return Sum(1, Tenths(Sum(size(0), result.size)));
    }
    if (name == "decimal" || name == "money" || name == "round" || name == "roundTo") return 4;
    if (name == "convert") return 2;
    if (name == "math.sqrt") return exact ? 20 : 1;
    if (name == "math.greatest" || name == "math.least") {
      uint64_t count = args.size();
      if (count == 1 && (kind(0) == TypeKind::kList || dyn)) count = size(0);
      return Sum(1, Product(2, count));
    }
    if (name == "lists.range") {
      result = Extent::Of(kElementsMax);
      const Node& count = *node.children[0];
      if (count.kind == NodeKind::kInt && count.int_value >= 0 &&
          count.int_value < static_cast<int64_t>(kElementsMax)) {
        result.size = static_cast<uint64_t>(count.int_value);
      }
      result.parts = {Extent::Of(kScalarText)};
      return 1 + result.size;
    }
    if (name.substr(0, 5) == "sets.") {
      const Type& list = node.children[0]->type;
      const Type element = list.params.empty() ? Type() : list.params[0];
      const uint64_t one = ComparisonUnits(element, args[0].part(0), args[1].part(0));
      const uint64_t pairs = Product(size(0), size(1));
      return Sum(1, Product(Product(pairs, one), name == "sets.equivalent" ? 2 : 1));
    }
    // Conversions read texts; everything else is one unit.
    return IsText(kind(0)) || dyn ? Sum(1, Tenths(size(0))) : 1;
  }

  // Functions of texts and lists, and `size`; 0 for another name.
  uint64_t ReceiverUnits(const Node& node, const std::vector<Extent>& args, Extent& result) const {
    const std::string& name = node.text;
    const uint64_t in = args[0].size;
    const uint64_t second = args.size() > 1 ? args[1].size : 0;
    const auto text = [&](uint64_t octets) {
      result = Extent::Of(std::min<uint64_t>(octets, kTextBytesMax));
    };
    const Type& of = node.children[0]->type;
    const Type element = of.kind == TypeKind::kList ? of.params[0] : Type();
    const Extent inner = args[0].part(0);
    if (name == "size") return 1;
    if (name == "contains" || name == "indexOf" || name == "lastIndexOf") {
      return Sum(1, Product(Tenths(in), Tenths(second)));
    }
    if (name == "startsWith" || name == "endsWith") return 1 + Tenths(second);
    if (name == "matches") return Sum(1, Product(Tenths(in + 1), (second + 3) / 4));
    if (name == "charAt") return text(4), Sum(1, Tenths(Product(2, in)));
    if (name == "substring" || name == "trim" || name == "lowerAscii" || name == "upperAscii") {
      return text(in), Sum(1, Tenths(Product(2, in)));
    }
    if (name == "replace") {
      text(Sum(in, Product(in + 1, args.size() > 2 ? args[2].size : 0)));
      return Sum(1, Tenths(Sum(in, result.size)));
    }
    if (name == "split") {
      result = {std::min<uint64_t>(in + 1, kElementsMax), {Extent::Of(in)}};
      return Sum(2, Tenths(Product(2, in)));
    }
    if (name == "join") {
      text(Product(in, Sum(inner.size, second)));
      return Sum(1, Tenths(Product(2, result.size)));
    }
    if (name == "format") {
      const Type& values = node.children[1]->type;
      text(Sum(in, Product(second, Width(values.params.empty() ? Type() : values.params[0],
                                         args[1].part(0)))));
      return Sum(1, Tenths(Sum(in, result.size)));
    }
    if (name == "reverse" && of.kind != TypeKind::kList) {
      return text(in), Sum(1, Tenths(Product(2, in)));
    }
    if (name == "reverse" || name == "slice") return result = args[0], Sum(1, in);
    if (name == "flatten") {
      result = inner;
      result.size = std::min<uint64_t>(Product(in, inner.size), kElementsMax);
      return Sum(1, Product(in, inner.size));
    }
    if (name == "sort") {
      return result = args[0], SortUnits(in, ComparisonUnits(element, inner, inner));
    }
    if (name == "distinct") {
      result = args[0];
      return Sum(1, Product(Product(in, in), ComparisonUnits(element, inner, inner)));
    }
    if (name == "min" || name == "max") {
      return result = inner, Sum(1, Product(in, ComparisonUnits(element, inner, inner)));
    }
    if (name == "sum") {
      if (!IsText(element.kind) && element.kind != TypeKind::kList) return Sum(1, Product(in, 2));
      result = inner;
      result.size = std::min<uint64_t>(Product(in, inner.size), kTextBytesMax);
      return Sum(1, Product(in, Sum(1, result.size)));
    }
    if (name == "avg") return Sum(5, Product(in, 2));
    if (name == "allocate") return result = Extent::Of(second), Sum(1, Product(4, second));
    return 0;
  }

  const Environment& environment_;
  std::vector<Local> locals_;
  const Node* dearest_ = nullptr;
  uint64_t dearest_units_ = 0;
  std::string dearest_note_;
};

}  // namespace

CostEstimate EstimateCost(const Node& root, const Environment& environment) {
  return Estimator(environment).Run(root);
}

}  // namespace weft::rules::expr
