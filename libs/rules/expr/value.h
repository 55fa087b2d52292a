// Values of expressions: 32 octets, trivially copyable.
//
// Strings, bytes, lists, maps and records are views: into the facts, into the
// program's constants or into the arena of the evaluation; a Value is valid as
// long as what it looks into. An error is a value too, so that evaluation needs
// no exceptions and && and || can look past it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "libs/money/decimal.h"
#include "libs/rules/expr/arena.h"
#include "libs/rules/expr/error.h"

namespace weft::rules::expr {

enum class Kind : uint8_t {
  kNull,
  kBool,
  kInt,
  kUint,
  kDouble,
  kString,
  kBytes,
  kList,
  kMap,
  kTimestamp,
  kDuration,
  kDecimal,
  kMoney,
  kRecord,
  kType,
  kError,
};

struct Value;
struct MapRep;

// A record as facts supply it. Field numbers are those of the record's type in
// the Environment.
class Record {
 public:
  virtual ~Record() = default;
  // An absent optional field is a kError value with Code::kAbsentField (see
  // AbsentField()); strings and lists live as long as the record or the arena.
  virtual Value Field(int number, Arena& arena) const = 0;
  virtual absl::string_view type_name() const = 0;
  virtual int field_count() const = 0;
  // All fields where they stand ready in an array, else nullptr. Field(n) gives
  // the same; this is faster.
  const Value* ready() const { return ready_; }

 protected:
  Record() = default;
  explicit Record(const Value* ready) : ready_(ready) {}
  const Value* ready_ = nullptr;
};

inline constexpr __int128 kNanosPerSecond = 1'000'000'000;
inline constexpr int64_t kSecondsMin = -62135596800;  // 0001-01-01T00:00:00Z
inline constexpr int64_t kSecondsMax = 253402300799;  // 9999-12-31T23:59:59Z

struct Value {
  union {
    bool bool_value;
    int64_t int_value;       // kInt; kDuration: nanoseconds
    uint64_t uint_value;
    double double_value;
    const char* text;        // kString, kBytes, kType (the name), kError (message)
    const Value* items;      // kList
    const MapRep* map;
    const Record* record;
    struct {
      int64_t seconds;       // kTimestamp: since 1970, rounded down
      int32_t nanos;         // 0..999,999,999
    } time;
    Decimal decimal;         // kDecimal, kMoney: the amount
    struct {
      const char* message;   // The same as `text`.
      uint32_t place;        // Offset of the node that raised it, plus 1; 0 = not yet known.
    } fault;                 // kError
  };
  Kind kind = Kind::kNull;
  Code code = Code::kNone;   // kError
  uint16_t currency = 0;     // kMoney: CurrencyCode(currency)
  uint32_t length = 0;       // Octets or elements; kError: octets of the message

  Value() : decimal() {}

  absl::string_view view() const { return absl::string_view(text, length); }
  bool is_error() const { return kind == Kind::kError; }

  static Value Null() { return Value(); }
  static Value Bool(bool value) {
    Value v;
    v.kind = Kind::kBool;
    v.bool_value = value;
    return v;
  }
  static Value Int(int64_t value) {
    Value v;
    v.kind = Kind::kInt;
    v.int_value = value;
    return v;
  }
  static Value Uint(uint64_t value) {
    Value v;
    v.kind = Kind::kUint;
    v.uint_value = value;
    return v;
  }
  static Value Double(double value) {
    Value v;
    v.kind = Kind::kDouble;
    v.double_value = value;
    return v;
  }
  static Value String(absl::string_view value) { return View(Kind::kString, value); }
  static Value Bytes(absl::string_view value) { return View(Kind::kBytes, value); }
  // `name` must outlive the value.
  static Value TypeName(absl::string_view name) { return View(Kind::kType, name); }
  static Value List(const Value* items, size_t count) {
    Value v;
    v.kind = Kind::kList;
    v.items = items;
    v.length = static_cast<uint32_t>(count);
    return v;
  }
  static Value OfMap(const MapRep* map);
  static Value Timestamp(int64_t seconds, int32_t nanos) {
    Value v;
    v.kind = Kind::kTimestamp;
    v.time = {seconds, nanos};
    return v;
  }
  static Value Duration(int64_t nanoseconds) {
    Value v;
    v.kind = Kind::kDuration;
    v.int_value = nanoseconds;
    return v;
  }
  static Value OfDecimal(const Decimal& value) {
    Value v;
    v.kind = Kind::kDecimal;
    v.decimal = value;
    return v;
  }
  static Value Money(const Decimal& amount, uint16_t currency) {
    Value v;
    v.kind = Kind::kMoney;
    v.decimal = amount;
    v.currency = currency;
    return v;
  }
  static Value OfRecord(const Record* record) {
    Value v;
    v.kind = Kind::kRecord;
    v.record = record;
    return v;
  }
  // `message` must outlive the value (a literal, or in the arena).
  static Value Error(Code code, absl::string_view message) {
    Value v = View(Kind::kError, message);
    v.fault.place = 0;
    v.code = code;
    return v;
  }
  static Value AbsentField() { return Error(Code::kAbsentField, "the field has no value"); }

 private:
  static Value View(Kind kind, absl::string_view value) {
    Value v;
    v.kind = kind;
    v.text = value.data();
    v.length = static_cast<uint32_t>(value.size());
    return v;
  }
};
static_assert(sizeof(Value) == 32);

// Entries in insertion order; equal keys (numbers by value) stand once.
struct MapRep {
  const Value* keys;
  const Value* values;
  uint32_t size;
  // Open addressing over entry numbers + 1; nullptr for small maps.
  const uint32_t* index;
  uint32_t mask;
};

// The value under `key`, or nullptr. A double finds an int or uint key of the
// same value.
const Value* MapFind(const MapRep& map, const Value& key);

// Builds a map in the arena from `size` keys and values (arrays in the arena
// that the map takes over). Error values: duplicate_key, invalid_key,
// size_exceeded.
Value MakeMap(const Value* keys, const Value* values, uint32_t size, Arena& arena);

// "int", "google.protobuf.Timestamp", …; records: their name.
absl::string_view TypeNameOf(const Value& value);

// == of the language; never fails.
bool Equals(const Value& a, const Value& b, Arena& arena);

// The order of two values. kUnordered: NaN. kNoOrder: no overload.
// kCurrencies: money of two currencies.
enum class Ordering : int8_t {
  kLess = -1,
  kEqual = 0,
  kGreater = 1,
  kUnordered,
  kNoOrder,
  kCurrencies
};
Ordering Order(const Value& a, const Value& b);

// Currencies as small numbers (Currency::number() of libs/money).
// CurrencyNumber is 0 for a code that is not known.
uint16_t CurrencyNumber(absl::string_view code);
std::string CurrencyCode(uint16_t number);
int CurrencyDigits(uint16_t number);

// string(x) of the language, for any value but lists, maps and records (those
// give a readable form for traces).
std::string ToText(const Value& value, Arena& arena);
// Shortest decimal text that reads back as the same double.
std::string DoubleText(double value);
std::string TimestampText(int64_t seconds, int32_t nanos);
std::string DurationText(int64_t nanoseconds);
// False when the text has another form, with `code` saying which fault.
bool ParseTimestamp(absl::string_view text, int64_t& seconds, int32_t& nanos, Code& code);
bool ParseDuration(absl::string_view text, int64_t& nanoseconds, Code& code);

}  // namespace weft::rules::expr
