// What the rules see of one line: the facts of the schema pricing-line, each made
// when it is asked for, without copies.
//
// A binding says where each field of the schema comes from; it is made once for a
// schema. LineFacts are made once for a request and set to one line after the other.
// Not thread safe; values live as long as the line, its answer and the arena.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "libs/rules/document/schema.h"
#include "services/pricing/domain/buyer.h"
#include "services/pricing/domain/facts.h"
#include "services/pricing/domain/line_conditions.h"
#include "services/pricing/domain/rules/rounding.h"

namespace weft::pricing {

struct Charge;
struct LineAnswer;
struct Priced;

// Where the list price of a line can be asked.
class ListPriceSource {
 public:
  virtual ~ListPriceSource() = default;
  // False when the line has none.
  virtual bool FindListPrice(const LineAnswer& answer, Priced& list) = 0;
};

// The fields that pricing offers, and where a schema names them.
class FactBinding {
 public:
  enum class Variable : uint8_t {
    kLine, kItem, kAccount, kOffer, kPromotion, kSurcharge, kRounding, kCharge, kChannel,
    kCurrency, kNow
  };
  enum class Field : uint8_t;
  // Which fields of a line are known to be there, or not: rules are specialised for
  // each combination.
  enum Feature : uint32_t {
    kHasCost = 1, kContract = 2, kConverted = 4, kPromotion = 8, kSurcharge = 16
  };
  static constexpr uint32_t kFeatures = 32;

  // nullptr and faults (`unknown_fact`) when the schema names what pricing does not
  // offer.
  static std::unique_ptr<const FactBinding> Make(std::shared_ptr<const rules::FactSchema> schema,
                                                 std::vector<rules::Fault>& faults);

  const rules::FactSchema& schema() const { return *schema_; }
  const std::shared_ptr<const rules::FactSchema>& shared_schema() const { return schema_; }
  size_t variables() const { return variables_.size(); }
  Variable variable(size_t slot) const { return variables_[slot]; }
  // Number of the record type behind a variable, -1 for others.
  int record(size_t slot) const { return records_[slot]; }
  Field field(int record, int number) const {
    return fields_[static_cast<size_t>(record)][static_cast<size_t>(number)];
  }
  const std::string& record_name(int record) const {
    return schema_->environment().records[static_cast<size_t>(record)].name;
  }
  int field_count(int record) const {
    return static_cast<int>(fields_[static_cast<size_t>(record)].size());
  }
  // What `features` tell of a field for sure; an error that is not "absent" = nothing.
  static rules::expr::Value KnownOf(Field field, uint32_t features);
  // Whether a line has the field is known from the features, or all have it.
  static bool PresenceIsKnown(Field field);
  // Known before any line: of the buyer, the channel, the moment.
  static bool OfRequest(Variable variable);

 private:
  std::shared_ptr<const rules::FactSchema> schema_;
  std::vector<Variable> variables_;
  std::vector<int> records_;
  std::vector<std::vector<Field>> fields_;
};

class LineFacts {
 public:
  // All outlive the facts.
  LineFacts(const FactBinding& binding, const Facts& facts, const Buyer& buyer,
            const Rounding& rounding, ListPriceSource* list_prices);

  // Of the line that `answer` answers, which has a price; all kept by reference.
  void Set(const LineAnswer& answer, const LineConditions& conditions,
           const Categories& categories) {
    answer_ = &answer;
    conditions_ = &conditions;
    categories_ = &categories;
  }
  // Of a surcharge of a request, in place of a line; kept by reference.
  void SetCharge(const Charge& charge) { charge_ = &charge; }
  // FactBinding::Feature bits of the line.
  uint32_t features() const;

  // One value a variable of the schema, in its order. The same for every line:
  // records look at the line when a field is asked for.
  const rules::expr::Value* slots() const { return slots_.data(); }
  size_t size() const { return slots_.size(); }
  const rules::expr::Value& now() const { return now_; }
  uint16_t currency_number() const { return buyer_.currency.number(); }

  rules::expr::Value FieldOf(FactBinding::Field field, rules::expr::Arena& arena) const;

 private:
  class FactRecord final : public rules::expr::Record {
   public:
    FactRecord(const LineFacts* facts, int record) : facts_(facts), record_(record) {}
    rules::expr::Value Field(int number, rules::expr::Arena& arena) const override {
      return facts_->FieldOf(facts_->binding_.field(record_, number), arena);
    }
    absl::string_view type_name() const override { return facts_->binding_.record_name(record_); }
    int field_count() const override { return facts_->binding_.field_count(record_); }

   private:
    const LineFacts* facts_;
    int record_;
  };

  rules::expr::Value Text(Symbol symbol) const;
  rules::expr::Value MoneyOf(const Decimal& amount) const;
  rules::expr::Value ListPrice() const;
  rules::expr::Value ChargeField(FactBinding::Field field) const;
  rules::expr::Value Names(const Symbol* symbols, size_t size, rules::expr::Arena& arena) const;

  const FactBinding& binding_;
  const Facts& facts_;
  const Buyer& buyer_;
  const Rounding& rounding_;
  ListPriceSource* const list_prices_;
  const Charge* charge_ = nullptr;
  const LineAnswer* answer_ = nullptr;
  const LineConditions* conditions_ = nullptr;
  const Categories* categories_ = nullptr;
  char currency_[3] = {};
  rules::expr::Value now_;
  absl::InlinedVector<FactRecord, 8> records_;
  absl::InlinedVector<rules::expr::Value, 12> slots_;
};

}  // namespace weft::pricing
