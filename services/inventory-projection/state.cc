#include "services/inventory-projection/state.h"

#include <utility>

#include "absl/strings/match.h"
#include "libs/base/error.h"

namespace weft::inventory {
namespace {

absl::Status Unreadable(absl::string_view what) {
  return DataLoss("ROW_UNREADABLE", absl::StrCat("a stored row of ", what, " does not parse"));
}

void PutVarint(uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}
void PutSigned(int64_t value, std::string& out) {
  PutVarint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63), out);
}
void PutText(absl::string_view text, std::string& out) {
  PutVarint(text.size(), out);
  out.append(text.data(), text.size());
}
constexpr unsigned char kDecimalAsText = 255;
void PutDecimal(const Decimal& d, std::string& out) {
  if (!d.fits_64()) {
    out.push_back(static_cast<char>(kDecimalAsText));
    PutText(d.ToString(), out);
    return;
  }
  out.push_back(static_cast<char>(d.scale()));
  PutSigned(d.coefficient_64(), out);
}

// Reads what the functions above wrote; every method is false at the end or for
// other bytes.
class Unpacker {
 public:
  explicit Unpacker(absl::string_view bytes) : rest_(bytes) {}
  bool Octet(unsigned char& out) {
    if (rest_.empty()) return false;
    out = static_cast<unsigned char>(rest_[0]);
    rest_.remove_prefix(1);
    return true;
  }
  bool Varint(uint64_t& out) {
    out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      unsigned char octet;
      if (!Octet(octet)) return false;
      out |= static_cast<uint64_t>(octet & 0x7f) << shift;
      if ((octet & 0x80) == 0) return true;
    }
    return false;
  }
  bool Signed(int64_t& out) {
    uint64_t raw;
    if (!Varint(raw)) return false;
    out = static_cast<int64_t>(raw >> 1) ^ -static_cast<int64_t>(raw & 1);
    return true;
  }
  bool Text(std::string& out) {
    uint64_t size;
    if (!Varint(size) || size > rest_.size()) return false;
    out.assign(rest_.data(), size);
    rest_.remove_prefix(size);
    return true;
  }
  bool Quantity(Decimal& out) {
    unsigned char scale;
    if (!Octet(scale)) return false;
    if (scale == kDecimalAsText) {
      std::string text;
      return Text(text) && Decimal::ParseInto(text, out) == DecimalError::kOk;
    }
    int64_t coefficient;
    if (scale > Decimal::kMaxScale || !Signed(coefficient)) return false;
    out = Decimal::FromUnscaled(coefficient, scale);
    return true;
  }
  bool done() const { return rest_.empty(); }

 private:
  absl::string_view rest_;
};

bool Parse(const std::string& text, Decimal& out) {
  if (text.empty()) {
    out = Decimal();
    return true;
  }
  return Decimal::ParseInto(text, out) == DecimalError::kOk;
}

}  // namespace

void StockCodec::Encode(const Stock& stock, std::string& out) {
  out.reserve(out.size() + 32 + 48 * stock.places.size());
  out.push_back(stock.known ? 1 : 0);
  PutText(stock.base_unit, out);
  PutVarint(stock.units.size(), out);
  for (const ItemUnit& unit : stock.units) {
    PutText(unit.unit, out);
    PutVarint(static_cast<uint64_t>(unit.ratio.numerator()), out);
    PutVarint(static_cast<uint64_t>(unit.ratio.denominator()), out);
  }
  PutVarint(stock.places.size(), out);
  for (const Place& place : stock.places) {
    PutText(place.location, out);
    PutDecimal(place.on_hand, out);
    PutDecimal(place.safety, out);
    PutDecimal(place.reserved, out);
    PutSigned(place.counted.has_value() ? Nanos(*place.counted) : 0, out);
    PutSigned(Nanos(place.source_time), out);
  }
}

absl::StatusOr<Stock> StockCodec::Decode(absl::string_view bytes, int /*version*/) {
  Stock stock;
  Unpacker in(bytes);
  unsigned char flags;
  uint64_t units;
  if (!in.Octet(flags) || !in.Text(stock.base_unit) || !in.Varint(units)) {
    return Unreadable("stock");
  }
  stock.known = (flags & 1) != 0;
  for (uint64_t i = 0; i < units; ++i) {
    ItemUnit unit;
    uint64_t numerator, denominator;
    if (!in.Text(unit.unit) || !in.Varint(numerator) || !in.Varint(denominator)) {
      return Unreadable("stock");
    }
    auto ratio =
        UnitRatio::Make(static_cast<int64_t>(numerator), static_cast<int64_t>(denominator));
    if (!ratio.ok()) return Unreadable("stock");
    unit.ratio = *ratio;
    stock.units.push_back(std::move(unit));
  }
  uint64_t places;
  if (!in.Varint(places)) return Unreadable("stock");
  for (uint64_t i = 0; i < places; ++i) {
    Place place;
    int64_t counted_ns, source_ns;
    if (!in.Text(place.location) || !in.Quantity(place.on_hand) || !in.Quantity(place.safety) ||
        !in.Quantity(place.reserved) || !in.Signed(counted_ns) || !in.Signed(source_ns)) {
      return Unreadable("stock");
    }
    if (counted_ns != 0) place.counted = FromNanos(counted_ns);
    place.source_time = FromNanos(source_ns);
    stock.places.push_back(std::move(place));
  }
  if (!in.done()) return Unreadable("stock");
  return stock;
}

void CountCodec::Encode(const Count& count, std::string& out) {
  v1::CountRow row;
  row.set_on_hand(count.on_hand.ToString());
  row.set_watermark_ns(Nanos(count.watermark));
  for (const std::string& id : count.exceptions) row.add_exceptions(id);
  row.set_safety(count.safety.ToString());
  row.set_safety_ns(Nanos(count.safety_time));
  row.AppendToString(&out);
}

absl::StatusOr<Count> CountCodec::Decode(absl::string_view bytes, int version) {
  WEFT_ASSIGN_OR_RETURN(const v1::CountRow row,
                        engine::ProtoCodec<v1::CountRow>::Decode(bytes, version));
  Count count;
  if (!Parse(row.on_hand(), count.on_hand) || !Parse(row.safety(), count.safety)) {
    return Unreadable("counts");
  }
  // The smallest number stands for "never": it is what InfinitePast becomes.
  count.watermark = FromNanos(row.watermark_ns());
  if (row.watermark_ns() == Nanos(absl::InfinitePast())) count.watermark = absl::InfinitePast();
  count.safety_time = FromNanos(row.safety_ns());
  if (row.safety_ns() == Nanos(absl::InfinitePast())) count.safety_time = absl::InfinitePast();
  count.exceptions.assign(row.exceptions().begin(), row.exceptions().end());
  return count;
}

void FlowCodec::Encode(const Flow& flow, std::string& out) {
  v1::FlowRow row;
  for (const Flow::Shipment& s : flow.shipments) {
    auto* to = row.add_shipments();
    to->set_shipment(s.id);
    to->set_location(s.location);
    to->set_quantity(s.quantity.ToString());
    to->set_time_ns(Nanos(s.time));
  }
  for (const Flow::Movement& m : flow.movements) {
    auto* to = row.add_movements();
    to->set_movement(m.id);
    to->set_location(m.location);
    to->set_shipment(m.shipment);
    to->set_quantity(m.quantity.ToString());
    to->set_posted_ns(Nanos(m.posted));
  }
  row.set_consumed(flow.consumed.ToString());
  row.AppendToString(&out);
}

absl::StatusOr<Flow> FlowCodec::Decode(absl::string_view bytes, int version) {
  WEFT_ASSIGN_OR_RETURN(const v1::FlowRow row,
                        engine::ProtoCodec<v1::FlowRow>::Decode(bytes, version));
  Flow flow;
  for (const auto& s : row.shipments()) {
    Flow::Shipment to{s.shipment(), s.location(), Decimal(), FromNanos(s.time_ns())};
    if (!Parse(s.quantity(), to.quantity)) return Unreadable("flows");
    flow.shipments.push_back(std::move(to));
  }
  for (const auto& m : row.movements()) {
    Flow::Movement to{m.movement(), m.location(), m.shipment(), Decimal(),
                      FromNanos(m.posted_ns())};
    if (!Parse(m.quantity(), to.quantity)) return Unreadable("flows");
    flow.movements.push_back(std::move(to));
  }
  if (!Parse(row.consumed(), flow.consumed)) return Unreadable("flows");
  return flow;
}

void MovementCodec::Encode(const Movement& movement, std::string& out) {
  v1::MovementRow row;
  row.set_movement(movement.id);
  row.set_quantity(movement.quantity.ToString());
  row.set_posted_ns(Nanos(movement.posted));
  row.AppendToString(&out);
}

absl::StatusOr<Movement> MovementCodec::Decode(absl::string_view bytes, int version) {
  WEFT_ASSIGN_OR_RETURN(const v1::MovementRow row,
                        engine::ProtoCodec<v1::MovementRow>::Decode(bytes, version));
  Movement movement{row.movement(), Decimal(), FromNanos(row.posted_ns())};
  if (!Parse(row.quantity(), movement.quantity)) return Unreadable("movements");
  return movement;
}

void HoldCodec::Encode(const std::vector<Held>& hold, std::string& out) {
  v1::HoldRow row;
  for (const Held& place : hold) {
    auto* to = row.add_places();
    to->set_location(place.location);
    to->set_promised(place.promised.ToString());
    to->set_consumed(place.consumed.ToString());
  }
  row.AppendToString(&out);
}

absl::StatusOr<std::vector<Held>> HoldCodec::Decode(absl::string_view bytes, int version) {
  WEFT_ASSIGN_OR_RETURN(const v1::HoldRow row,
                        engine::ProtoCodec<v1::HoldRow>::Decode(bytes, version));
  std::vector<Held> hold;
  for (const auto& place : row.places()) {
    Held to{place.location(), Decimal(), Decimal()};
    if (!Parse(place.promised(), to.promised) || !Parse(place.consumed(), to.consumed)) {
      return Unreadable("holds");
    }
    hold.push_back(std::move(to));
  }
  return hold;
}

std::string PlaceKey(absl::string_view sku, absl::string_view location) {
  return engine::Key().Add(sku).Add(location).Take();
}
std::string MovementKey(absl::string_view sku, absl::string_view location,
                        absl::string_view movement) {
  return engine::Key().Add(sku).Add(location).Add(movement).Take();
}
std::string FlowKey(absl::string_view sku, absl::string_view order) {
  return engine::Key().Add(sku).Add(order).Take();
}
std::string HoldKey(absl::string_view order, absl::string_view sku, absl::string_view id) {
  return engine::Key().Add(order).Add(sku).Add(id).Take();
}

TenantFacts FactsOf(const v1::TenantRow& row) {
  TenantFacts facts;
  for (const v1::LocationRow& location : row.locations()) {
    facts.locations.Set(location.location(),
                        {.priority = location.priority(), .closed = location.closed()});
  }
  for (const std::string& entity : row.loaded()) {
    if (absl::StartsWith(entity, "item")) facts.loaded = true;
  }
  return facts;
}

absl::StatusOr<TenantFacts> ReadFacts(const engine::RowReader& rows) {
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::TenantRow> row, rows.Find(kTenant, ""));
  return row.has_value() ? FactsOf(*row) : TenantFacts();
}

}  // namespace weft::inventory
