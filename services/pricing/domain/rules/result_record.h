// The result of a table as a record, by field number; lives in an arena.
#pragma once

#include <new>

#include "libs/rules/expr/value.h"

namespace weft::pricing {

class ResultRecord final : public rules::expr::Record {
 public:
  ResultRecord(absl::string_view name, const rules::expr::Value* values, int size)
      : name_(name), values_(values), size_(size) {}

  // kError when the arena is full. `values` live as long as the record.
  static rules::expr::Value Make(absl::string_view name, const rules::expr::Value* values,
                                 size_t size, rules::expr::Arena& arena) {
    void* memory = arena.Allocate(sizeof(ResultRecord));
    if (memory == nullptr) {
      return rules::expr::Value::Error(rules::expr::Code::kSizeExceeded,
                                       "the decision needs more than 4 MiB");
    }
    return rules::expr::Value::OfRecord(
        new (memory) ResultRecord(name, values, static_cast<int>(size)));
  }

  rules::expr::Value Field(int number, rules::expr::Arena&) const override {
    return values_[number];
  }
  absl::string_view type_name() const override { return name_; }
  int field_count() const override { return size_; }

 private:
  absl::string_view name_;
  const rules::expr::Value* values_;
  int size_;
};

}  // namespace weft::pricing
