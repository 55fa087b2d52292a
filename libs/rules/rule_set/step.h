// The parts of a compiled rule set (LANGUAGE: rule sets).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/rules/expr/program.h"

namespace weft::rules {

class DecisionTable;
class RuleSet;

// A compiled expression, and whether its value tells of sensitive facts.
struct Formula {
  std::unique_ptr<expr::Program> program;
  bool sensitive = false;
};

// A text for people: "{= expr }" parts between plain ones, by language.
struct Text {
  struct Part {
    std::string literal;
    std::optional<Formula> formula;  // Stands instead of the literal.
  };
  struct Variant {
    std::string language;  // "" = any.
    std::vector<Part> parts;
  };
  std::string code;  // UPPER_SNAKE; may be empty.
  std::vector<Variant> variants;
};

// Where a fact of a referenced document comes from.
struct FactSource {
  int slot = -1;         // Of the caller's facts, or
  int argument = -1;     // a value of `with`, or
  expr::Value fallback;  // what the schema says of a missing one.
};

struct Assignment {
  std::string name;
  int slot = 0;
  expr::Type type;
  Formula value;
};

// `into` of a table or of another rule set.
struct Reference {
  std::string into;
  int slot = 0;
  std::string record;               // Name of the result's record type; "" = not a record.
  bool sensitive = false;           // The result tells of sensitive facts.
  bool same_facts = false;          // The caller's facts serve as they are.
  std::vector<FactSource> facts;    // By slot of the referenced document's schema.
};

struct TableCall : Reference {
  std::shared_ptr<const DecisionTable> table;
};

struct RuleSetCall : Reference {
  std::shared_ptr<const RuleSet> rule_set;
  std::vector<Assignment> with;     // slot = fact of the called rule set.
  bool hides_facts = false;         // A value of `with` is sensitive.
};

// Parts run in this order: when, table, call, set, reason, fail, stop.
struct Step {
  std::string id;
  std::optional<Formula> when;
  std::optional<TableCall> table;
  std::optional<RuleSetCall> call;
  std::vector<Assignment> set;
  std::optional<Text> reason;
  std::string fail_code;            // "" = does not fail.
  Text fail_message;
  bool stop = false;
};

}  // namespace weft::rules
