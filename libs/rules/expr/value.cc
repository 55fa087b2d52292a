#include "libs/rules/expr/value.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "libs/money/money.h"

namespace weft::rules::expr {
namespace {

bool IsNumber(Kind kind) {
  return kind == Kind::kInt || kind == Kind::kUint || kind == Kind::kDouble;
}

Ordering FromInt(int order) {
  return order < 0 ? Ordering::kLess : order > 0 ? Ordering::kGreater : Ordering::kEqual;
}
template <typename T>
Ordering Compare3(T a, T b) {
  return a < b ? Ordering::kLess : b < a ? Ordering::kGreater : Ordering::kEqual;
}

double AsDouble(const Value& v) {
  switch (v.kind) {
    case Kind::kInt: return static_cast<double>(v.int_value);
    case Kind::kUint: return static_cast<double>(v.uint_value);
    default: return v.double_value;
  }
}

// Both are int, uint or double.
Ordering OrderNumbers(const Value& a, const Value& b) {
  if (a.kind == Kind::kDouble || b.kind == Kind::kDouble) {
    const double x = AsDouble(a);
    const double y = AsDouble(b);
    if (std::isnan(x) || std::isnan(y)) return Ordering::kUnordered;
    return Compare3(x, y);
  }
  if (a.kind == b.kind) {
    return a.kind == Kind::kInt ? Compare3(a.int_value, b.int_value)
                                : Compare3(a.uint_value, b.uint_value);
  }
  if (a.kind == Kind::kInt) {
    if (a.int_value < 0) return Ordering::kLess;
    return Compare3(static_cast<uint64_t>(a.int_value), b.uint_value);
  }
  if (b.int_value < 0) return Ordering::kGreater;
  return Compare3(a.uint_value, static_cast<uint64_t>(b.int_value));
}

bool AsExactDecimal(const Value& v, Decimal& out) {
  switch (v.kind) {
    case Kind::kDecimal: out = v.decimal; return true;
    case Kind::kInt: out = Decimal(v.int_value); return true;
    case Kind::kUint: out = Decimal::FromUint(v.uint_value); return true;
    default: return false;
  }
}

Ordering OrderTexts(absl::string_view a, absl::string_view b) {
  const size_t common = a.size() < b.size() ? a.size() : b.size();
  const int order = common == 0 ? 0 : std::memcmp(a.data(), b.data(), common);
  return order != 0 ? FromInt(order) : Compare3(a.size(), b.size());
}

// A number that two equal keys share.
size_t KeyHash(const Value& key) {
  switch (key.kind) {
    case Kind::kBool: return key.bool_value ? 0x9E3779B97F4A7C15 : 0x7F4A7C159E3779B9;
    case Kind::kInt: return absl::HashOf(static_cast<uint64_t>(key.int_value));
    case Kind::kUint: return absl::HashOf(key.uint_value);
    default: return absl::HashOf(key.view());
  }
}

bool KeysEqual(const Value& a, const Value& b) {
  if (a.kind == Kind::kString || b.kind == Kind::kString) {
    return a.kind == b.kind && a.view() == b.view();
  }
  if (a.kind == Kind::kBool || b.kind == Kind::kBool) {
    return a.kind == b.kind && a.bool_value == b.bool_value;
  }
  return OrderNumbers(a, b) == Ordering::kEqual;
}

bool IsKeyKind(Kind kind) {
  return kind == Kind::kInt || kind == Kind::kUint || kind == Kind::kBool ||
         kind == Kind::kString;
}

constexpr uint32_t kIndexFrom = 9;  // Smaller maps are searched in order.

}  // namespace

Value Value::OfMap(const MapRep* map) {
  Value v;
  v.kind = Kind::kMap;
  v.map = map;
  v.length = map->size;
  return v;
}

const Value* MapFind(const MapRep& map, const Value& key) {
  Value wanted = key;
  if (key.kind == Kind::kDouble) {
    const double d = key.double_value;
    if (!(std::floor(d) == d)) return nullptr;
    if (d >= -9223372036854775808.0 && d < 9223372036854775808.0) {
      wanted = Value::Int(static_cast<int64_t>(d));
    } else if (d >= 0 && d < 18446744073709551616.0) {
      wanted = Value::Uint(static_cast<uint64_t>(d));
    } else {
      return nullptr;
    }
  }
  if (!IsKeyKind(wanted.kind)) return nullptr;
  if (map.index == nullptr) {
    for (uint32_t i = 0; i < map.size; ++i) {
      if (KeysEqual(map.keys[i], wanted)) return &map.values[i];
    }
    return nullptr;
  }
  for (size_t slot = KeyHash(wanted) & map.mask;; slot = (slot + 1) & map.mask) {
    const uint32_t entry = map.index[slot];
    if (entry == 0) return nullptr;
    if (KeysEqual(map.keys[entry - 1], wanted)) return &map.values[entry - 1];
  }
}

Value MakeMap(const Value* keys, const Value* values, uint32_t size, Arena& arena) {
  static constexpr char kTooLarge[] = "the map needs too much memory";
  auto* map = static_cast<MapRep*>(arena.Allocate(sizeof(MapRep)));
  if (map == nullptr) return Value::Error(Code::kSizeExceeded, kTooLarge);
  *map = {keys, values, size, nullptr, 0};
  uint32_t* index = nullptr;
  if (size >= kIndexFrom) {
    uint32_t slots = 16;
    while (slots < size * 2) slots *= 2;
    index = arena.AllocateArray<uint32_t>(slots);
    if (index == nullptr) return Value::Error(Code::kSizeExceeded, kTooLarge);
    std::memset(index, 0, slots * sizeof(uint32_t));
    map->mask = slots - 1;
  }
  for (uint32_t i = 0; i < size; ++i) {
    if (!IsKeyKind(keys[i].kind)) {
      return Value::Error(Code::kInvalidKey, "a key must be int, uint, bool or string");
    }
    if (index == nullptr) {
      for (uint32_t j = 0; j < i; ++j) {
        if (KeysEqual(keys[i], keys[j])) {
          return Value::Error(Code::kDuplicateKey, "two entries have the same key");
        }
      }
      continue;
    }
    size_t slot = KeyHash(keys[i]) & map->mask;
    for (; index[slot] != 0; slot = (slot + 1) & map->mask) {
      if (KeysEqual(keys[index[slot] - 1], keys[i])) {
        return Value::Error(Code::kDuplicateKey, "two entries have the same key");
      }
    }
    index[slot] = i + 1;
  }
  map->index = index;
  return Value::OfMap(map);
}

absl::string_view TypeNameOf(const Value& value) {
  switch (value.kind) {
    case Kind::kNull: return "null_type";
    case Kind::kBool: return "bool";
    case Kind::kInt: return "int";
    case Kind::kUint: return "uint";
    case Kind::kDouble: return "double";
    case Kind::kString: return "string";
    case Kind::kBytes: return "bytes";
    case Kind::kList: return "list";
    case Kind::kMap: return "map";
    case Kind::kTimestamp: return "google.protobuf.Timestamp";
    case Kind::kDuration: return "google.protobuf.Duration";
    case Kind::kDecimal: return "decimal";
    case Kind::kMoney: return "money";
    case Kind::kRecord: return value.record->type_name();
    case Kind::kType: return "type";
    case Kind::kError: return "error";
  }
  return "";
}

Ordering Order(const Value& a, const Value& b) {
  if (IsNumber(a.kind) && IsNumber(b.kind)) return OrderNumbers(a, b);
  if (a.kind == Kind::kDecimal || b.kind == Kind::kDecimal) {
    if (a.kind == Kind::kMoney || b.kind == Kind::kMoney) return Ordering::kNoOrder;
    Decimal x;
    Decimal y;
    if (!AsExactDecimal(a, x) || !AsExactDecimal(b, y)) return Ordering::kNoOrder;
    return FromInt(weft::Compare(x, y));
  }
  if (a.kind != b.kind) return Ordering::kNoOrder;
  switch (a.kind) {
    case Kind::kBool: return Compare3<int>(a.bool_value, b.bool_value);
    case Kind::kString: case Kind::kBytes: return OrderTexts(a.view(), b.view());
    case Kind::kTimestamp: {
      const Ordering seconds = Compare3(a.time.seconds, b.time.seconds);
      return seconds != Ordering::kEqual ? seconds : Compare3(a.time.nanos, b.time.nanos);
    }
    case Kind::kDuration: return Compare3(a.int_value, b.int_value);
    case Kind::kMoney:
      return a.currency != b.currency ? Ordering::kCurrencies
                                      : FromInt(weft::Compare(a.decimal, b.decimal));
    default: return Ordering::kNoOrder;
  }
}

namespace {

// A list may hold one list many times over, and that one another: what a small
// expression builds may have more parts than anybody can walk. Values of this
// many are taken for unequal.
constexpr int64_t kPartsMax = 4'000'000;

bool EqualParts(const Value& a, const Value& b, Arena& arena, int64_t& left) {
  if (--left < 0) return false;
  switch (Order(a, b)) {
    case Ordering::kEqual: return true;
    case Ordering::kNoOrder: break;
    default: return false;
  }
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kNull: return true;
    case Kind::kType: return a.view() == b.view();
    case Kind::kList:
      if (a.length != b.length) return false;
      for (uint32_t i = 0; i < a.length; ++i) {
        if (!EqualParts(a.items[i], b.items[i], arena, left)) return false;
      }
      return true;
    case Kind::kMap:
      if (a.length != b.length) return false;
      for (uint32_t i = 0; i < a.length; ++i) {
        const Value* other = MapFind(*b.map, a.map->keys[i]);
        if (other == nullptr || !EqualParts(a.map->values[i], *other, arena, left)) return false;
      }
      return true;
    case Kind::kRecord: {
      if (a.record->type_name() != b.record->type_name()) return false;
      for (int field = 0; field < a.record->field_count(); ++field) {
        const Value x = a.record->Field(field, arena);
        const Value y = b.record->Field(field, arena);
        if (x.is_error() || y.is_error()) {
          if (x.is_error() != y.is_error()) return false;
        } else if (!EqualParts(x, y, arena, left)) {
          return false;
        }
      }
      return true;
    }
    default: return false;
  }
}

}  // namespace

bool Equals(const Value& a, const Value& b, Arena& arena) {
  int64_t left = kPartsMax;
  return EqualParts(a, b, arena, left);
}

std::string DoubleText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  // d.ddde±dd → digits and exponent.
  std::string digits;
  std::string sign;
  int exponent = 0;
  for (const char* at = buffer; at < end; ++at) {
    if (*at == '-') {
      sign = "-";
    } else if (*at == 'e') {
      exponent = std::atoi(std::string(at + 1, static_cast<const char*>(end)).c_str());
      break;
    } else if (*at != '.') {
      digits.push_back(*at);
    }
  }
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  const int count = static_cast<int>(digits.size());
  if (exponent < -6 || exponent > 20) {
    std::string text = sign + digits.substr(0, 1);
    if (count > 1) text += "." + digits.substr(1);
    const int magnitude = exponent < 0 ? -exponent : exponent;
    return absl::StrCat(text, exponent < 0 ? "e-" : "e+", magnitude < 10 ? "0" : "", magnitude);
  }
  if (exponent < 0) return sign + "0." + std::string(-exponent - 1, '0') + digits;
  if (count <= exponent + 1) return sign + digits + std::string(exponent + 1 - count, '0');
  return sign + digits.substr(0, exponent + 1) + "." + digits.substr(exponent + 1);
}

namespace {

constexpr size_t kShownMax = 64 * 1024;

void AppendText(const Value& value, std::string& out) {
  if (out.size() > kShownMax) return;
  switch (value.kind) {
    case Kind::kNull: out += "null"; return;
    case Kind::kBool: out += value.bool_value ? "true" : "false"; return;
    case Kind::kInt: absl::StrAppend(&out, value.int_value); return;
    case Kind::kUint: absl::StrAppend(&out, value.uint_value); return;
    case Kind::kDouble: out += DoubleText(value.double_value); return;
    case Kind::kString: case Kind::kBytes: case Kind::kType:
      out.append(value.text, value.length);
      return;
    case Kind::kTimestamp: out += TimestampText(value.time.seconds, value.time.nanos); return;
    case Kind::kDuration: out += DurationText(value.int_value); return;
    case Kind::kDecimal: value.decimal.AppendTo(out); return;
    case Kind::kMoney:
      value.decimal.AppendTo(out);
      absl::StrAppend(&out, " ", CurrencyCode(value.currency));
      return;
    case Kind::kError: absl::StrAppend(&out, CodeName(value.code), ": ", value.view()); return;
    case Kind::kList:
      out += "[";
      for (uint32_t i = 0; i < value.length && out.size() <= kShownMax; ++i) {
        if (i > 0) out += ", ";
        AppendText(value.items[i], out);
      }
      out += "]";
      return;
    case Kind::kMap:
      out += "{";
      for (uint32_t i = 0; i < value.length && out.size() <= kShownMax; ++i) {
        if (i > 0) out += ", ";
        AppendText(value.map->keys[i], out);
        out += ": ";
        AppendText(value.map->values[i], out);
      }
      out += "}";
      return;
    case Kind::kRecord: absl::StrAppend(&out, value.record->type_name(), "{..}"); return;
  }
}

}  // namespace

std::string ToText(const Value& value, Arena&) {
  std::string text;
  AppendText(value, text);
  return text;
}

uint16_t CurrencyNumber(absl::string_view code) { return Currency::Find(code).number(); }
std::string CurrencyCode(uint16_t number) { return Currency::FromNumber(number).code(); }
int CurrencyDigits(uint16_t number) { return Currency::FromNumber(number).minor_digits(); }

}  // namespace weft::rules::expr
