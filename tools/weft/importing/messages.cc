#include "tools/weft/importing/messages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/hash.h"
#include "libs/base/status_macros.h"
#include "services/erp-connector/json_writer.h"

namespace weft::cli {
namespace {

using erp::JsonWriter;

std::string Moment(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

// Digits without zeros in front, as text: no reader of JSON rounds a text.
void NumberIf(JsonWriter& json, absl::string_view name, const std::string& digits) {
  Decimal value;
  if (digits.empty() || Decimal::ParseInto(digits, value) != DecimalError::kOk) return;
  json.Text(name, value.ToString());
}

void WriteList(JsonWriter& json, absl::string_view name, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  json.BeginArray(name);
  for (const std::string& text : texts) json.Text("", text);
  json.EndArray();
}

void WriteSpan(JsonWriter& json, const Span& span) {
  if (span.from.has_value()) json.Text("validFrom", Moment(*span.from));
  if (span.to.has_value()) json.Text("validTo", Moment(*span.to));
}

void WriteTiers(JsonWriter& json, const std::vector<TierRow>& tiers) {
  json.BeginArray("tiers");
  for (const TierRow& tier : tiers) {
    json.BeginObject()
        .Text("minimumQuantity", tier.minimum.ToString())
        .Text("price", tier.price.ToString())
        .EndObject();
  }
  json.EndArray();
}

void WritePer(JsonWriter& json, const std::string& per) {
  Decimal value;
  if (Decimal::ParseInto(per, value) != DecimalError::kOk || value == Decimal(1)) return;
  json.Raw("perQuantity", value.Normalized().ToString());
}

class Writer {
 public:
  Writer(const std::string& load, const std::function<absl::Status(const std::string&)>& take)
      : load_(load), take_(take) {}

  template <typename Write>
  absl::Status Say(absl::string_view type, Write write) {
    JsonWriter data;
    data.BeginObject();
    write(data);
    const std::string content = data.EndObject().Take();
    // Of the load and the content, so that the same message has the same id and a later
    // load that says it again is news again.
    const std::string id = absl::StrCat(
        type, "-", Hex(Sha256(absl::StrCat(load_, "\n", type, "\n", content))).substr(0, 32));
    return take_(absl::StrCat(R"({"type":")", type, R"(","id":")", id, R"(","data":)", content,
                              "}"));
  }

 private:
  const std::string& load_;
  const std::function<absl::Status(const std::string&)>& take_;
};

void WriteItem(const ItemRow& item, JsonWriter& json) {
  json.Text("sku", item.sku).TextIf("name", item.name).Text("baseUnit", item.base_unit);
  if (!item.units.empty()) {
    json.BeginArray("units");
    for (const UnitRow& unit : item.units) {
      json.BeginObject()
          .Text("unit", unit.unit)
          .Raw("numerator", absl::StrCat(unit.numerator))
          .Raw("denominator", absl::StrCat(unit.denominator))
          .EndObject();
    }
    json.EndArray();
  }
  WriteList(json, "categories", item.categories);
  json.TextIf("state", item.state)
      .TextIf("successorSku", item.successor)
      .TextIf("taxClass", item.tax_class);
  NumberIf(json, "minimumQuantity", item.minimum);
  NumberIf(json, "quantityStep", item.step);
  if (!item.cost.empty()) {
    json.BeginObject("cost");
    NumberIf(json, "amount", item.cost);
    json.Text("currencyCode", item.cost_currency).EndObject();
  }
}

void WriteContract(const ContractEntry& contract, JsonWriter& json) {
  const ContractRow& row = contract.row;
  json.Text("contract", contract.id)
      .TextIf("account", row.account)
      .TextIf("group", row.group)
      .TextIf("sku", row.sku)
      .TextIf("category", row.category);
  if (row.everything) json.Raw("everything", "true");
  if (!contract.tiers.empty()) {
    json.BeginObject("netPrice").TextIf("unit", row.unit).Text("currencyCode", row.currency);
    WriteTiers(json, contract.tiers);
    WritePer(json, row.per);
    json.EndObject();
  }
  NumberIf(json, "discountPercent", row.discount);
  json.TextIf("book", row.book);
  WriteSpan(json, row.span);
  json.TextIf("reference", row.contract);
}

}  // namespace

absl::Status ForEachMessage(const Load& load, const std::string& name,
                            const std::function<absl::Status(const std::string&)>& take) {
  Writer writer(name, take);
  WEFT_RETURN_IF_ERROR(writer.Say("load.begin", [&](JsonWriter& json) {
    json.Text("load", name).BeginArray("entities");
    for (const auto& [type, any] : {std::pair{"location", !load.locations.empty()},
                                    {"item", !load.items.empty()},
                                    {"price-book", !load.books.empty()},
                                    {"price", !load.prices.empty()},
                                    {"account", !load.accounts.empty()},
                                    {"contract", !load.contracts.empty()}}) {
      if (any) json.Text("", type);
    }
    json.EndArray();
  }));
  for (const std::string& location : load.locations) {
    WEFT_RETURN_IF_ERROR(
        writer.Say("location", [&](JsonWriter& json) { json.Text("location", location); }));
  }
  for (const ItemRow& item : load.items) {
    WEFT_RETURN_IF_ERROR(writer.Say("item", [&](JsonWriter& json) { WriteItem(item, json); }));
  }
  for (const BookRow& book : load.books) {
    WEFT_RETURN_IF_ERROR(writer.Say("price-book", [&](JsonWriter& json) {
      json.Text("book", book.book).TextIf("name", book.name).Text("currencyCode", book.currency);
      WriteList(json, "groups", book.groups);
      json.TextIf("organisation", book.organisation)
          .TextIf("branch", book.branch)
          .TextIf("channel", book.channel);
      Decimal priority;
      if (!book.priority.empty() &&
          Decimal::ParseInto(book.priority, priority) == DecimalError::kOk) {
        json.Raw("priority", priority.Normalized().ToString());
      }
      WriteSpan(json, book.span);
    }));
  }
  for (const AccountRow& account : load.accounts) {
    WEFT_RETURN_IF_ERROR(writer.Say("account", [&](JsonWriter& json) {
      json.Text("account", account.account)
          .TextIf("name", account.name)
          .TextIf("parentAccount", account.parent);
      WriteList(json, "groups", account.groups);
      json.Text("currencyCode", account.currency)
          .TextIf("branch", account.branch)
          .TextIf("organisation", account.organisation)
          .TextIf("terms", account.terms)
          .TextIf("taxClass", account.tax_class);
    }));
  }
  for (const PriceEntry& price : load.prices) {
    WEFT_RETURN_IF_ERROR(writer.Say("price", [&](JsonWriter& json) {
      json.Text("book", price.row.book)
          .Text("sku", price.row.sku)
          .TextIf("unit", price.row.unit)
          .Text("entry", price.name);
      WriteTiers(json, price.tiers);
      WritePer(json, price.row.per);
      WriteSpan(json, price.row.span);
    }));
  }
  for (const ContractEntry& contract : load.contracts) {
    WEFT_RETURN_IF_ERROR(
        writer.Say("contract", [&](JsonWriter& json) { WriteContract(contract, json); }));
  }
  for (const StockRow& stock : load.stock) {
    WEFT_RETURN_IF_ERROR(writer.Say("stock.count", [&](JsonWriter& json) {
      json.Text("sku", stock.sku).Text("location", stock.location);
      NumberIf(json, "onHand", stock.on_hand);
      NumberIf(json, "safety", stock.safety);
      json.Text("watermark", Moment(stock.counted));
    }));
  }
  return writer.Say("load.end", [&](JsonWriter& json) { json.Text("load", name); });
}

int64_t CountMessages(const Load& load) {
  return static_cast<int64_t>(2 + load.locations.size() + load.items.size() + load.books.size() +
                              load.accounts.size() + load.prices.size() + load.contracts.size() +
                              load.stock.size());
}

std::string ContentOf(const Load& load) {
  // Each message's hash into one: no text of the whole load is kept.
  std::string sum;
  const absl::Status never = ForEachMessage(load, "", [&](const std::string& message) {
    const Sha256Digest digest = Sha256(absl::StrCat(sum, message));
    sum.assign(reinterpret_cast<const char*>(digest.data()), digest.size());
    return absl::OkStatus();
  });
  return never.ok() ? Hex(sum) : "";
}

}  // namespace weft::cli
