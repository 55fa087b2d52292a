#include "services/erp-connector/domain/decimal_text.h"

namespace weft::erp {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Parts of a decimal: `digits` × 10^-scale.
struct Parts {
  bool negative = false;
  std::string digits;
  int scale = 0;
};

// Exponents beyond this cannot give a decimal that fits.
constexpr int kExponentMax = 99;

std::optional<Parts> Split(absl::string_view text) {
  Parts parts;
  size_t i = 0;
  if (i < text.size() && text[i] == '-') {
    parts.negative = true;
    ++i;
  }
  const size_t whole = i;
  while (i < text.size() && IsDigit(text[i])) parts.digits += text[i++];
  if (i == whole || (text[whole] == '0' && i - whole > 1)) return std::nullopt;
  if (i < text.size() && text[i] == '.') {
    const size_t fraction = ++i;
    while (i < text.size() && IsDigit(text[i])) parts.digits += text[i++];
    if (i == fraction) return std::nullopt;
    if (i - fraction > 1000) return std::nullopt;
    parts.scale = static_cast<int>(i - fraction);
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    bool down = false;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) down = text[i++] == '-';
    const size_t start = i;
    int exponent = 0;
    while (i < text.size() && IsDigit(text[i])) {
      exponent = exponent * 10 + (text[i++] - '0');
      if (exponent > kExponentMax) return std::nullopt;
    }
    if (i == start) return std::nullopt;
    parts.scale += down ? exponent : -exponent;
  }
  if (i != text.size()) return std::nullopt;
  return parts;
}

}  // namespace

std::optional<std::string> PlainDecimal(absl::string_view text) {
  // Most decimals of a feed are short and plain.
  std::optional<Parts> parts = Split(text);
  if (!parts.has_value()) return std::nullopt;
  std::string& digits = parts->digits;
  const size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return "0";
  digits.erase(0, first);
  while (parts->scale > 0 && !digits.empty() && digits.back() == '0') {
    digits.pop_back();
    --parts->scale;
  }
  while (parts->scale < 0) {
    if (digits.size() > static_cast<size_t>(kDecimalDigitsMax)) return std::nullopt;
    digits += '0';
    ++parts->scale;
  }
  const auto scale = static_cast<size_t>(parts->scale);
  if (digits.size() > static_cast<size_t>(kDecimalDigitsMax) ||
      parts->scale > kDecimalScaleMax) {
    return std::nullopt;
  }
  std::string plain;
  if (parts->negative) plain += '-';
  if (scale == 0) return plain + digits;
  if (digits.size() <= scale) {
    plain += "0.";
    plain.append(scale - digits.size(), '0');
    return plain + digits;
  }
  plain.append(digits, 0, digits.size() - scale);
  plain += '.';
  plain.append(digits, digits.size() - scale, scale);
  return plain;
}

}  // namespace weft::erp
