// Facts as they lie in memory. Internal to fact_memory.cc and fact_snapshot.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "services/pricing/memory/fact_memory.h"

namespace weft::pricing {

// An offer as it lies in memory: this header, then the parts that `flags` names,
// in this order: period.from, period.to, per_quantity, discount or book (8 octets
// each), the terms with their exceptions (filled up to 8 octets), the tiers (8 octets
// each, 16 when wide), name, reference.
struct FactMemory::OfferNode : Node {
  enum Flag : uint8_t {
    kFrom = 1,
    kTo = 2,
    kPer = 4,
    kWide = 8,
    // Two bits of promise.
    kGraduated = 64,
    kTerms = 128,
  };
  static constexpr int kPromiseShift = 4;

  uint32_t unit = 0;
  uint32_t bytes = 0;
  uint16_t currency = 0;
  uint8_t flags = 0;
  uint8_t tiers = 0;
  uint8_t quantity_scale = 0;
  uint8_t price_scale = 0;
  uint8_t name_length = 0;
  uint8_t reference_length = 0;

  Offer::Promise promise() const {
    return static_cast<Offer::Promise>((flags >> kPromiseShift) & 3);
  }
  bool has_number() const {
    return promise() == Offer::Promise::kDiscount || promise() == Offer::Promise::kBook;
  }
  char* payload() { return reinterpret_cast<char*>(this + 1); }
  const char* payload() const { return reinterpret_cast<const char*>(this + 1); }
  const char* after_numbers() const {
    const int numbers = (flags & kFrom ? 1 : 0) + (flags & kTo ? 1 : 0) + (flags & kPer ? 1 : 0) +
                        (has_number() ? 1 : 0);
    return payload() + 8 * numbers;
  }
  // nullptr when there are none.
  const OfferTerms* terms() const {
    return (flags & kTerms) != 0 ? reinterpret_cast<const OfferTerms*>(after_numbers()) : nullptr;
  }
  static size_t BytesOf(const OfferTerms* terms) {
    if (terms == nullptr) return 0;
    return (sizeof(OfferTerms) + terms->exception_count * sizeof(Symbol) + 7) & ~size_t{7};
  }
  const char* tier_bytes() const { return after_numbers() + BytesOf(terms()); }
  const char* text() const { return tier_bytes() + size_t{tiers} * (flags & kWide ? 16 : 8); }
  absl::string_view name() const { return absl::string_view(text(), name_length); }
};

template <typename T>
struct FactMemory::ValueNode : Node {
  explicit ValueNode(T v) : value(std::move(v)) {}
  T value;
};

struct FactMemory::Tenant : Node {
  std::string name;
  Symbol symbol = Symbol::kNone;
  std::atomic<const TenantHead*> head{nullptr};
};

}  // namespace weft::pricing
