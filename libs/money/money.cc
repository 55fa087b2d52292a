#include "libs/money/money.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/money/wide.h"

namespace weft {
namespace {

using money_internal::uint128;
using money_internal::Wide;

// Codes by number of minor digits; those of the first line have 2.
constexpr const char* kCodes[] = {
    // 0 digits
    "BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXUYIVNDVUVXAFXOFXPF",
    // 1 digit
    "",
    // 2 digits
    "AEDAFNALLAMDANGAOAARSAUDAWGAZNBAMBBDBDTBGNBMDBNDBOBBOVBRLBSDBTNBWPBYNBZDCADCDFCHECHFCHWCNYCOP"
    "COUCRCCUCCUPCVECZKDKKDOPDZDEGPERNETBEURFJDFKPGBPGELGHSGIPGMDGTQGYDHKDHNLHRKHTGHUFIDRILSINRIRR"
    "JMDKESKGSKHRKPWKYDKZTLAKLBPLKRLRDLSLMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXNMXVMYRMZNNADNGNNIONOK"
    "NPRNZDPABPENPGKPHPPKRPLNQARRONRSDRUBSARSBDSCRSDGSEKSGDSHPSLESLLSOSSRDSSPSTNSVCSYPSZLTHBTJSTMT"
    "TOPTRYTTDTWDTZSUAHUSDUSNUYUUZSVEDVESWSTXCDXCGYERZARZMWZWGZWL",
    // 3 digits
    "BHDIQDJODKWDLYDOMRTND",
    // 4 digits
    "CLFUYW",
};

constexpr uint16_t Pack(const char* letters) {
  int packed = 0;
  for (int i = 0; i < 3; ++i) packed = packed * 26 + (letters[i] - 'A');
  return static_cast<uint16_t>(packed + 1);
}

constexpr size_t kNumbers = 26 * 26 * 26 + 1;

// By number: minor digits + 1, 0 for a code that does not exist.
constexpr std::array<uint8_t, kNumbers> kDigits = [] {
  std::array<uint8_t, kNumbers> digits{};
  for (size_t line = 0; line < std::size(kCodes); ++line) {
    for (const char* code = kCodes[line]; *code != '\0'; code += 3) {
      digits[Pack(code)] = static_cast<uint8_t>(line + 1);
    }
  }
  return digits;
}();

absl::Status NotAllocatable(absl::string_view why) {
  return InvalidArgument("INVALID_ARGUMENT", absl::StrCat("allocate: ", why));
}

}  // namespace

Currency Currency::Find(absl::string_view code) {
  if (code.size() != 3) return Currency();
  for (const char c : code) {
    if (c < 'A' || c > 'Z') return Currency();
  }
  const uint16_t packed = Pack(code.data());
  return Currency(kDigits[packed] == 0 ? uint16_t{0} : packed);
}

absl::StatusOr<Currency> Currency::Parse(absl::string_view code) {
  const Currency found = Find(code);
  if (found.is_none()) {
    return InvalidArgument("INVALID_ARGUMENT",
                           absl::StrCat("'", code.substr(0, 20),
                                        "' is no ISO 4217 currency code; use one like EUR"));
  }
  return found;
}

std::string Currency::code() const {
  std::string text;
  AppendTo(text);
  return text;
}

void Currency::AppendTo(std::string& out) const {
  if (is_none()) return;
  const int letters = packed_ - 1;
  out.push_back(static_cast<char>('A' + letters / (26 * 26)));
  out.push_back(static_cast<char>('A' + letters / 26 % 26));
  out.push_back(static_cast<char>('A' + letters % 26));
}

int Currency::minor_digits() const {
  return packed_ < kNumbers && kDigits[packed_] != 0 ? kDigits[packed_] - 1 : 2;
}

absl::StatusOr<Money> Money::Parse(absl::string_view amount, absl::string_view currency) {
  Money money;
  WEFT_ASSIGN_OR_RETURN(money.amount, Decimal::Parse(amount));
  WEFT_ASSIGN_OR_RETURN(money.currency, Currency::Parse(currency));
  return money;
}

std::string Money::ToString() const {
  std::string text = amount.ToString();
  text.push_back(' ');
  currency.AppendTo(text);
  return text;
}

absl::Status CurrencyMismatch(Currency a, Currency b) {
  return InvalidArgument("CURRENCY_MISMATCH",
                         absl::StrCat("amounts in ", a.code(), " and ", b.code(),
                                      " do not combine; convert one first"));
}

absl::StatusOr<Money> Add(const Money& a, const Money& b) {
  if (a.currency != b.currency) return CurrencyMismatch(a.currency, b.currency);
  WEFT_ASSIGN_OR_RETURN(const Decimal sum, Add(a.amount, b.amount));
  return Money{sum, a.currency};
}

absl::StatusOr<Money> Subtract(const Money& a, const Money& b) { return Add(a, -b); }

absl::StatusOr<Money> Multiply(const Money& a, const Decimal& factor) {
  WEFT_ASSIGN_OR_RETURN(const Decimal product, Multiply(a.amount, factor));
  return Money{product, a.currency};
}

absl::StatusOr<Money> Divide(const Money& a, const Decimal& divisor) {
  WEFT_ASSIGN_OR_RETURN(const Decimal quotient, Divide(a.amount, divisor));
  return Money{quotient, a.currency};
}

absl::StatusOr<Decimal> Divide(const Money& a, const Money& b) {
  if (a.currency != b.currency) return CurrencyMismatch(a.currency, b.currency);
  return Divide(a.amount, b.amount);
}

absl::StatusOr<int> Compare(const Money& a, const Money& b) {
  if (a.currency != b.currency) return CurrencyMismatch(a.currency, b.currency);
  return Compare(a.amount, b.amount);
}

absl::StatusOr<Money> Round(const Money& a, RoundingMode mode) {
  return Round(a, a.currency.minor_digits(), mode);
}

absl::StatusOr<Money> Round(const Money& a, int scale, RoundingMode mode) {
  WEFT_ASSIGN_OR_RETURN(const Decimal rounded, Round(a.amount, scale, mode));
  return Money{rounded, a.currency};
}

absl::StatusOr<Money> Convert(const Money& a, Currency to, const Decimal& rate) {
  WEFT_ASSIGN_OR_RETURN(const Decimal amount, Multiply(a.amount, rate));
  return Money{amount, to};
}

absl::StatusOr<std::vector<Money>> Allocate(const Money& a,
                                            const std::vector<Decimal>& weights) {
  const int digits = a.currency.minor_digits();
  WEFT_ASSIGN_OR_RETURN(const Decimal in_minor, Round(a.amount, digits, RoundingMode::kDown));
  if (in_minor != a.amount) {
    return NotAllocatable(absl::StrCat(a.ToString(), " is finer than the minor unit"));
  }
  const bool negative = in_minor.sign() < 0;
  const auto units = static_cast<uint128>(in_minor.Abs().coefficient());

  // All weights as whole numbers at the finest of their scales.
  int scale = 0;
  for (const Decimal& weight : weights) {
    if (weight.sign() < 0) return NotAllocatable("a weight is negative");
    scale = std::max(scale, weight.scale());
  }
  const absl::Status too_wide = ToStatus(DecimalError::kOverflow, "allocate");
  std::vector<Wide> whole;
  Wide total;
  for (const Decimal& weight : weights) {
    whole.push_back(money_internal::Multiply(
        static_cast<uint128>(weight.coefficient()),
        money_internal::kPowersOfTen[static_cast<size_t>(scale - weight.scale())]));
    if (!money_internal::Add(total, whole.back(), total)) return too_wide;
  }
  if (total.IsZero()) return NotAllocatable("no weight is above zero");

  std::vector<uint128> shares;
  std::vector<Wide> remainders;
  uint128 left = units;
  for (const Wide& weight : whole) {
    Wide product;
    if (!money_internal::Multiply(weight, units, product)) return too_wide;
    const auto [share, remainder] = money_internal::Divide(product, total);
    shares.push_back(share.To128());
    remainders.push_back(remainder);
    left -= shares.back();
  }
  std::vector<size_t> order(shares.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t x, size_t y) {
    return money_internal::Compare(remainders[x], remainders[y]) > 0;
  });
  // Fewer are left than there are non-zero remainders.
  for (size_t i = 0; left > 0; ++i, --left) ++shares[order[i]];

  std::vector<Money> parts;
  for (const uint128 share : shares) {
    const auto coefficient = static_cast<Decimal::Coefficient>(share);
    WEFT_ASSIGN_OR_RETURN(
        const Decimal amount,
        Decimal::FromCoefficient(negative ? -coefficient : coefficient, digits));
    parts.push_back(Money{amount, a.currency});
  }
  return parts;
}

}  // namespace weft
