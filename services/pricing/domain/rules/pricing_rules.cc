#include "services/pricing/domain/rules/pricing_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/rules/rule_set/rule_sets.h"
#include "services/pricing/domain/rules/platform_documents.h"

namespace weft::pricing {

using rules::Fault;
using rules::Tree;
using rules::expr::Kind;
using rules::expr::Value;

namespace {

constexpr int kDecimalsMax = 12;

// What the rounding table answers. False when a field is none of the allowed.
bool ReadRounding(const rules::DecisionTable& table, const rules::expr::Facts& facts,
                  const Value& now, Rounding& out) {
  rules::expr::Arena arena;
  const rules::TableResult decided = table.Decide(facts, now, arena, {});
  if (decided.value.kind != Kind::kMap) return false;
  Rounding read;
  const auto decimals = [&](const char* name, int least, int& field) {
    const Value* value = rules::expr::MapFind(*decided.value.map, Value::String(name));
    if (value == nullptr || value->kind != Kind::kInt || value->int_value < least ||
        value->int_value > kDecimalsMax) {
      return false;
    }
    field = static_cast<int>(value->int_value);
    return true;
  };
  const Value* mode = rules::expr::MapFind(*decided.value.map, Value::String("mode"));
  if (mode == nullptr || mode->kind != Kind::kString) return false;
  const absl::StatusOr<RoundingMode> parsed = ParseRoundingMode(mode->view());
  if (!parsed.ok() || !decimals("discount_decimals", 0, read.discount_decimals) ||
      !decimals("unit_decimals", Rounding::kExact, read.unit_decimals) ||
      !decimals("conversion_decimals", Rounding::kExact, read.conversion_decimals)) {
    return false;
  }
  read.mode = *parsed;
  out = read;
  return true;
}

}  // namespace

class RulesCompiler {
 public:
  RulesCompiler(const std::vector<RuleDocument>& documents, std::vector<Fault>& faults)
      : faults_(faults), before_(faults.size()) {
    for (const RuleDocument& document : PricingRules::PlatformDocuments()) Take(document);
    for (const RuleDocument& document : documents) Take(document);
  }

  std::shared_ptr<const PricingRules> Run(int64_t activation) {
    made_.reset(new PricingRules);
    made_->activation_ = activation;
    for (const auto& [key, part] : parts_) made_->versions_[key] = part.version;
    if (Failed() || !ReadSchema()) return nullptr;
    ReadAccess();
    ReadTables();
    ReadRuleSets();
    if (Failed()) return nullptr;
    ReadRoundingTable();
    CollectBoundaries();
    return Failed() ? nullptr : made_;
  }

 private:
  struct Part {
    int64_t version = 0;
    Tree tree;
  };

  bool Failed() const {
    return std::any_of(faults_.begin() + static_cast<std::ptrdiff_t>(before_), faults_.end(),
                       [](const Fault& fault) { return !fault.warning; });
  }
  void Add(const std::string& id, std::string code, std::string message, std::string hint = "") {
    faults_.push_back({std::move(code), id, 0, 0, std::move(message), std::move(hint), false});
  }
  // Puts the document's id before the paths of what was found in it.
  void Keep(const std::string& id, std::vector<Fault> found) {
    for (Fault& fault : found) {
      fault.path = absl::StrCat(id, ": ", fault.path);
      faults_.push_back(std::move(fault));
    }
  }

  void Take(const RuleDocument& document) {
    Part part;
    part.version = document.version;
    Fault fault;
    if (!rules::ReadTree(document.body, part.tree, fault)) {
      Keep(document.id, {fault});
      return;
    }
    parts_[{document.kind, document.id}] = std::move(part);
  }
  const Tree* Find(const std::string& kind, const std::string& id) const {
    const auto part = parts_.find({kind, id});
    return part == parts_.end() ? nullptr : &part->second.tree;
  }

  bool ReadSchema() {
    const Tree* tree = Find("FactSchema", PricingRules::kSchema);
    std::vector<Fault> found;
    const auto schema = rules::FactSchema::Parse(*tree, found);
    if (schema != nullptr) made_->binding_ = FactBinding::Make(schema, found);
    Keep(PricingRules::kSchema, std::move(found));
    std::vector<Fault> of_charges;
    const auto charges =
        rules::FactSchema::Parse(*Find("FactSchema", PricingRules::kChargeSchema), of_charges);
    if (charges != nullptr) charge_binding_ = FactBinding::Make(charges, of_charges);
    Keep(PricingRules::kChargeSchema, std::move(of_charges));
    return made_->binding_ != nullptr && charge_binding_ != nullptr;
  }

  void ReadAccess() {
    std::vector<Fault> found;
    made_->access_ = AccessPlan::Parse(*Find("AccessSequence", PricingRules::kAccess), found);
    Keep(PricingRules::kAccess, std::move(found));
  }

  // Every document is written against pricing's own schema; that of surcharges is for
  // their table.
  bool OfOurSchema(const Tree& tree, const std::string& id) {
    const std::string wanted = tree.TextOr("schema");
    const std::string name = wanted.substr(0, wanted.find('@'));
    if (name == (id == PricingRules::kCharges ? PricingRules::kChargeSchema
                                              : PricingRules::kSchema)) {
      return true;
    }
    Add(id, "unknown_schema", absl::StrCat("'", wanted, "' is no schema of pricing"),
        "schema: pricing-line@1");
    return false;
  }

  void ReadTables() {
    for (const auto& [key, part] : parts_) {
      if (key.first != "DecisionTable" || !OfOurSchema(part.tree, key.second)) continue;
      std::vector<Fault> found;
      const FactBinding& binding =
          key.second == PricingRules::kCharges ? *charge_binding_ : *made_->binding_;
      auto table = rules::DecisionTable::Parse(part.tree, binding.shared_schema(), found);
      if (table != nullptr) {
        std::vector<Fault> analysed = rules::Analyse(*table);
        found.insert(found.end(), analysed.begin(), analysed.end());
        if (key.second == PricingRules::kCharges) {
          made_->charges_ = ChargeRules::Make(charge_binding_, std::move(table), faults_);
        } else {
          tables_[key.second] = std::move(table);
        }
      }
      Keep(key.second, std::move(found));
    }
  }

  void ReadRuleSets() {
    std::vector<rules::RuleSetSource> sources;
    for (const auto& [key, part] : parts_) {
      if (key.first == "RuleSet" && OfOurSchema(part.tree, key.second)) {
        sources.push_back({&part.tree, made_->binding_->shared_schema()});
      }
    }
    const auto rule_sets = rules::ParseRuleSets(
        sources,
        [this](const std::string& id) -> std::shared_ptr<const rules::DecisionTable> {
          const auto table = tables_.find(id);
          return table == tables_.end() ? nullptr : table->second;
        },
        faults_);
    const auto main = rule_sets.find(PricingRules::kLinePrice);
    if (main == rule_sets.end()) return;
    made_->waterfall_ = Waterfall::Make(main->second, *made_->binding_, faults_);
  }

  void ReadRoundingTable() {
    const auto table = tables_.find(PricingRules::kRounding);
    if (table == tables_.end()) return;
    made_->rounding_table_ = table->second;
    bool fixed = true;
    for (const rules::TableInput& input : table->second->inputs()) {
      for (const int slot : input.program->variables()) {
        if (!FactBinding::OfRequest(made_->binding_->variable(static_cast<size_t>(slot)))) {
          Add(PricingRules::kRounding, "not_known_yet",
              absl::StrCat("the input '", input.id, "' asks for something of the line"),
              "account, channel, currency, now");
        }
      }
    }
    for (const rules::TableRule& rule : table->second->rules()) {
      if (!rule.enabled) continue;
      for (const rules::Cell& cell : rule.cells) {
        fixed = fixed && cell.kind == rules::Cell::Kind::kAny;
      }
      fixed = fixed && rule.condition == nullptr && !rule.valid_from.has_value() &&
              !rule.valid_to.has_value();
    }
    if (Failed()) return;
    if (!CheckRounding()) return;
    made_->rounding_is_fixed_ = fixed;
  }

  // A buyer of whom nothing is known gets what the table says of others; outputs that
  // are constants are checked rule by rule.
  bool CheckRounding() {
    std::vector<Value> nothing(made_->binding_->variables(), Value::String(""));
    class Nobody final : public rules::expr::Record {
     public:
      explicit Nobody(absl::string_view name) : name_(name) {}
      Value Field(int, rules::expr::Arena&) const override { return Value::String(""); }
      absl::string_view type_name() const override { return name_; }
      int field_count() const override { return 0; }

     private:
      absl::string_view name_;
    };
    std::vector<Nobody> nobodies;
    nobodies.reserve(nothing.size());
    for (size_t slot = 0; slot < nothing.size(); ++slot) {
      const int record = made_->binding_->record(slot);
      if (record < 0) continue;
      nobodies.emplace_back(made_->binding_->record_name(record));
      nothing[slot] = Value::OfRecord(&nobodies.back());
    }
    if (ReadRounding(*made_->rounding_table_, rules::expr::ArrayFacts(nothing.data()),
                     Value::Timestamp(0, 0), made_->rounding_)) {
      return true;
    }
    Add(PricingRules::kRounding, "bad_rounding",
        "the rounding points of a buyer without organisation cannot be read",
        "discount_decimals 0..12, unit_decimals and conversion_decimals -1..12, mode HALF_UP, "
        "HALF_EVEN, HALF_DOWN, UP, DOWN, CEILING or FLOOR");
    return false;
  }

  void CollectBoundaries() {
    std::vector<int64_t>& out = made_->boundaries_;
    out = made_->waterfall_->boundaries();
    const auto collect = [&](const rules::TableRule& rule) {
      const auto add = [&](const std::optional<Value>& at) {
        if (rule.enabled && at.has_value()) {
          out.push_back(at->time.seconds * 1'000'000 + at->time.nanos / 1000);
        }
      };
      add(rule.valid_from);
      add(rule.valid_to);
    };
    for (const rules::TableRule& rule : made_->rounding_table_->rules()) collect(rule);
    for (const rules::TableRule& rule : made_->charges_->table().rules()) collect(rule);
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
  }

  std::vector<Fault>& faults_;
  const size_t before_;
  std::map<std::pair<std::string, std::string>, Part> parts_;
  std::map<std::string, std::shared_ptr<const rules::DecisionTable>> tables_;
  std::shared_ptr<const FactBinding> charge_binding_;
  std::shared_ptr<PricingRules> made_;
};

std::shared_ptr<const PricingRules> PricingRules::Compile(
    const std::vector<RuleDocument>& documents, int64_t activation, std::vector<Fault>& faults) {
  return RulesCompiler(documents, faults).Run(activation);
}

const std::vector<RuleDocument>& PricingRules::PlatformDocuments() {
  static const auto* const documents = [] {
    auto* made = new std::vector<RuleDocument>;
    for (const PlatformDocument& text : kPlatformDocuments) {
      RuleDocument document;
      document.body = text.body;
      Tree tree;
      Fault fault;
      if (rules::ReadTree(document.body, tree, fault)) {
        document.kind = tree.TextOr("kind");
        document.id = tree.TextOr("id");
      }
      made->push_back(std::move(document));
    }
    return made;
  }();
  return *documents;
}

const std::shared_ptr<const PricingRules>& PricingRules::Platform() {
  static const auto* const rules = [] {
    std::vector<Fault> faults;
    auto compiled = Compile({}, 0, faults);
    // The documents are part of this binary and tested with it.
    WEFT_CHECK(compiled != nullptr);
    return new std::shared_ptr<const PricingRules>(std::move(compiled));
  }();
  return *rules;
}

Rounding PricingRules::RoundingFor(const Facts& facts, const Buyer& buyer) const {
  if (rounding_is_fixed_) return rounding_;
  Rounding read = rounding_;
  const LineFacts known(*binding_, facts, buyer, rounding_, nullptr);
  if (!ReadRounding(*rounding_table_, rules::expr::ArrayFacts(known.slots()), known.now(), read)) {
    return rounding_;
  }
  return read;
}

int64_t PricingRules::VersionOf(const std::string& kind, const std::string& id) const {
  const auto version = versions_.find({kind, id});
  return version == versions_.end() ? -1 : version->second;
}

int64_t PricingRules::NextBoundary(int64_t us) const {
  const auto next = std::upper_bound(boundaries_.begin(), boundaries_.end(), us);
  return next == boundaries_.end() ? kForEver : *next;
}

}  // namespace weft::pricing
