#include "services/pricing/line_bytes.h"

#include <cstring>

namespace weft::pricing {
namespace {

// Every text and every inner message is shorter than this, so that its length is
// one octet.
constexpr size_t kShort = 100;

constexpr char Delimited(int field) { return static_cast<char>(field << 3 | 2); }
constexpr char Number(int field) { return static_cast<char>(field << 3); }

char* Varint(uint64_t x, char* p) {
  while (x >= 0x80) {
    *p++ = static_cast<char>(x | 0x80);
    x >>= 7;
  }
  *p++ = static_cast<char>(x);
  return p;
}

char* Text(int field, absl::string_view text, char* p) {
  if (text.empty()) return p;
  *p++ = Delimited(field);
  *p++ = static_cast<char>(text.size());
  std::memcpy(p, text.data(), text.size());
  return p + text.size();
}

// A common.v1.Money.
char* Money(int field, const Decimal& amount, absl::string_view currency, char* p) {
  *p++ = Delimited(field);
  char* const length = p++;
  *p++ = Delimited(1);
  char* const digits = p++;
  p = amount.WriteTo(p);
  *digits = static_cast<char>(p - digits - 1);
  p = Text(2, currency, p);
  *length = static_cast<char>(p - length - 1);
  return p;
}

// A google.protobuf.Timestamp.
char* Time(int field, int64_t us, char* p) {
  int64_t seconds = us / 1'000'000;
  int64_t rest = us % 1'000'000;
  if (rest < 0) {
    rest += 1'000'000;
    --seconds;
  }
  *p++ = Delimited(field);
  char* const length = p++;
  if (seconds != 0) {
    *p++ = Number(1);
    p = Varint(static_cast<uint64_t>(seconds), p);
  }
  if (rest != 0) {
    *p++ = Number(2);
    p = Varint(static_cast<uint64_t>(rest) * 1000, p);
  }
  *length = static_cast<char>(p - length - 1);
  return p;
}

}  // namespace

bool AppendPricedLine(const Facts& facts, const LineFrame& frame, const LineQuestion& question,
                      const LineAnswer& answer, const Decision& decision, std::string& out) {
  const absl::string_view sku = facts.Text(answer.item->sku);
  const absl::string_view unit = facts.Text(answer.unit);
  const absl::string_view tax_class = facts.Text(answer.item->tax_class);
  const absl::string_view successor = facts.Text(answer.item->successor);
  // Value and unit of the quantity share one inner message.
  if (sku.size() > kShort || question.customer_sku.size() > kShort ||
      question.quantity.size() + unit.size() > kShort || tax_class.size() > kShort ||
      successor.size() > kShort || frame.epoch.size() > kShort) {
    return false;
  }
  char line[1024];
  char* p = line;
  p = Text(1, sku, p);
  p = Text(2, question.customer_sku, p);
  *p++ = Delimited(3);
  char* const quantity = p++;
  p = Text(1, question.quantity, p);
  p = Text(2, unit, p);
  *quantity = static_cast<char>(p - quantity - 1);
  p = Money(4, answer.unit_price, frame.currency, p);
  p = Money(5, answer.net, frame.currency, p);
  *p++ = Delimited(6);
  char* const id = p++;
  p = frame.decisions->Write(decision.item, decision.quantity, decision.unit,
                             decision.request_hash, p);
  *id = static_cast<char>(p - id - 1);
  if (answer.valid_until_us != kForEver) p = Time(8, answer.valid_until_us, p);
  p = Text(9, frame.epoch, p);
  p = Text(10, tax_class, p);
  p = Text(15, successor, p);

  const auto size = static_cast<size_t>(p - line);
  char head[8];
  head[0] = Delimited(1);
  const auto head_size = static_cast<size_t>(Varint(size, head + 1) - head);
  out.append(head, head_size);
  out.append(line, size);
  return true;
}

}  // namespace weft::pricing
