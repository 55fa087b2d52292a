#include "tools/demo/feed.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/status_macros.h"
#include "services/erp-connector/json_writer.h"

namespace weft::demo {
namespace {

using erp::JsonWriter;

constexpr size_t kBatchBytesMax = 1 << 20;

std::string Milli(int64_t milli) {
  const char* sign = milli < 0 ? "-" : "";
  milli = std::abs(milli);
  return absl::StrFormat("%s%d.%03d", sign, milli / 1000, milli % 1000);
}

std::string Pence(int64_t pence) {
  const char* sign = pence < 0 ? "-" : "";
  pence = std::abs(pence);
  return absl::StrFormat("%s%d.%02d", sign, pence / 100, pence % 100);
}

void WriteMoney(JsonWriter& json, absl::string_view name, const std::string& amount) {
  json.BeginObject(name).Raw("amount", amount).Text("currencyCode", kCurrency).EndObject();
}

void WriteTiers(JsonWriter& json, const std::vector<Tier>& tiers) {
  json.BeginArray("tiers");
  for (const Tier& tier : tiers) {
    json.BeginObject()
        .Raw("minimumQuantity", absl::StrCat(tier.minimum_quantity))
        .Raw("price", Milli(tier.price_milli))
        .EndObject();
  }
  json.EndArray();
}

// One message: the envelope around what `write` puts into `data`.
template <typename Write>
std::string Message(absl::string_view type, absl::string_view id, const std::string& changed_at,
                    const Write& write) {
  JsonWriter json;
  json.BeginObject().Text("type", type).Text("id", id).Text("changedAt", changed_at);
  json.BeginObject("data");
  write(json);
  return json.EndObject().EndObject().Take();
}

std::string Category(const std::string& sku) { return sku.substr(0, 2); }

}  // namespace

absl::Duration ShiftTo(const Catalogue& catalogue, absl::Time now) {
  constexpr absl::Duration kWeek = absl::Hours(24 * 7);
  if (now <= catalogue.end) return absl::ZeroDuration();
  return absl::Trunc(now - catalogue.end, kWeek);
}

std::string BuyerOf(const std::string& account) { return absl::StrCat("buyer-", account); }

std::string Feed::Moment(absl::Time time) const {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time + options_.shift, absl::UTCTimeZone());
}

int64_t Feed::invoice_count() const {
  return options_.invoices ? static_cast<int64_t>(catalogue_.invoices.size()) : 0;
}

int64_t Feed::invoice_line_count() const {
  int64_t lines = 0;
  if (!options_.invoices) return 0;
  for (const Invoice& invoice : catalogue_.invoices) {
    lines += static_cast<int64_t>(invoice.lines.size());
  }
  return lines;
}

int64_t Feed::count() const {
  int64_t count = 2 + 2 + 1 + 2;  // Load, locations, book, approvers.
  for (const auto& [sku, item] : catalogue_.items) {
    count += 1 + static_cast<int64_t>(item.periods.size()) + 2;  // Stock at two places.
  }
  count += static_cast<int64_t>(catalogue_.accounts.size()) * 3;  // Account, credit, buyer.
  count += static_cast<int64_t>(catalogue_.contracts.size());
  return count + invoice_count();
}

absl::Status Feed::ForEach(const std::function<absl::Status(const std::string&)>& take) const {
  const std::string now = Moment(catalogue_.end);
  const auto say = [&](absl::string_view type, absl::string_view id, const auto& write) {
    return take(Message(type, id, now, write));
  };
  WEFT_RETURN_IF_ERROR(say("load.begin", absl::StrCat(options_.load, "-begin"), [&](auto& json) {
    json.Text("load", options_.load).BeginArray("entities");
    for (const char* type : {"location", "item", "price-book", "price", "account", "user",
                             "contract"}) {
      json.Text("", type);
    }
    json.EndArray();
  }));

  for (int place = 0; place < 2; ++place) {
    WEFT_RETURN_IF_ERROR(
        say("location", absl::StrCat("location-", kLocations[place]), [&](auto& json) {
          json.Text("location", kLocations[place])
              .Text("name", place == 0 ? "Main warehouse" : "Second warehouse")
              .Raw("priority", absl::StrCat(place + 1));
        }));
  }
  for (const auto& one : catalogue_.items) {
    const Item& item = one.second;
    WEFT_RETURN_IF_ERROR(say("item", absl::StrCat("item-", item.sku), [&](auto& json) {
      json.Text("sku", item.sku).TextIf("name", item.name).Text("baseUnit", "EA");
      json.BeginArray("categories").Text("", Category(item.sku)).EndArray();
      json.Text("taxClass", "STANDARD");
    }));
  }
  WEFT_RETURN_IF_ERROR(say("price-book", "book-LIST", [&](auto& json) {
    json.Text("book", kBook).Text("name", "List prices").Text("currencyCode", kCurrency);
  }));
  for (const auto& one : catalogue_.items) {
    const Item& item = one.second;
    for (size_t i = 0; i < item.periods.size(); ++i) {
      const PricePeriod& period = item.periods[i];
      WEFT_RETURN_IF_ERROR(
          say("price", absl::StrCat("price-", item.sku, "-", i + 1), [&](auto& json) {
            json.Text("book", kBook).Text("sku", item.sku).Text("entry", absl::StrCat(i + 1));
            WriteTiers(json, period.tiers);
            if (period.from != absl::InfinitePast()) json.Text("validFrom", Moment(period.from));
            if (period.to != absl::InfiniteFuture()) json.Text("validTo", Moment(period.to));
          }));
    }
  }
  for (const auto& one : catalogue_.accounts) {
    const Account& account = one.second;
    WEFT_RETURN_IF_ERROR(
        say("account", absl::StrCat("account-", account.account), [&](auto& json) {
          json.Text("account", account.account)
              .Text("name", absl::StrCat("Account ", account.account))
              .BeginArray("groups")
              .Text("", "TRADE")
              .EndArray()
              .Text("currencyCode", kCurrency)
              .Text("terms", "NET30")
              .Text("taxClass", account.country_code == "GB" ? "DOMESTIC" : "EXPORT");
          json.BeginArray("addresses").BeginObject().Text("code", "MAIN");
          json.TextIf("countryCode", account.country_code).EndObject().EndArray();
        }));
  }
  for (const bool head : {true, false}) {
    const std::string user = head ? kHeadApprover : kApprover;
    WEFT_RETURN_IF_ERROR(say("user", absl::StrCat("user-", user), [&](auto& json) {
      json.Text("user", user).BeginArray("roles");
      json.BeginObject().Text("role", "sales-manager").EndObject().EndArray();
      if (!head) json.Text("manager", kHeadApprover);
      WriteMoney(json, "approvalLimit", head ? "250000" : "5000");
    }));
  }
  for (const auto& one : catalogue_.accounts) {
    const std::string& account = one.second.account;
    WEFT_RETURN_IF_ERROR(say("user", absl::StrCat("user-", account), [&](auto& json) {
      json.Text("user", BuyerOf(account)).Text("account", account).BeginArray("roles");
      json.BeginObject().Text("role", "buyer").Text("account", account).EndObject().EndArray();
      json.Text("manager", kApprover);
    }));
  }
  for (const Contract& contract : catalogue_.contracts) {
    const std::string id = absl::StrCat(contract.account, "-", contract.sku);
    WEFT_RETURN_IF_ERROR(say("contract", absl::StrCat("contract-", id), [&](auto& json) {
      json.Text("contract", id).Text("account", contract.account).Text("sku", contract.sku);
      json.BeginObject("netPrice").Text("currencyCode", kCurrency);
      WriteTiers(json, {{.minimum_quantity = contract.minimum_quantity,
                         .price_milli = contract.price_milli}});
      json.EndObject();
    }));
  }
  for (const auto& one : catalogue_.accounts) {
    const Account& account = one.second;
    WEFT_RETURN_IF_ERROR(
        say("credit", absl::StrCat("credit-", account.account), [&](auto& json) {
          json.Text("account", account.account);
          WriteMoney(json, "limit", absl::StrCat(account.credit_limit));
          WriteMoney(json, "openBalance", Pence(account.open_balance_pence));
          json.Text("watermark", now);
        }));
  }
  for (const auto& one : catalogue_.items) {
    const Item& item = one.second;
    for (int place = 0; place < 2; ++place) {
      WEFT_RETURN_IF_ERROR(say(
          "stock.count", absl::StrCat("count-", item.sku, "-", kLocations[place]),
          [&](auto& json) {
            json.Text("sku", item.sku)
                .Text("location", kLocations[place])
                .Raw("onHand", absl::StrCat(item.on_hand[place]))
                .Raw("safety", absl::StrCat(item.safety[place]))
                .Text("watermark", now);
          }));
    }
  }
  for (const Invoice& invoice : catalogue_.invoices) {
    if (!options_.invoices) break;
    WEFT_RETURN_IF_ERROR(
        say("invoice", absl::StrCat("invoice-", invoice.invoice), [&](auto& json) {
          json.Text("invoice", invoice.invoice)
              .Text("account", invoice.account)
              .Text("time", Moment(invoice.time))
              .Text("currencyCode", kCurrency)
              .BeginArray("lines");
          for (const InvoiceLine* line : invoice.lines) {
            json.BeginObject()
                .Text("sku", line->sku)
                .Raw("quantity", absl::StrCat(line->quantity))
                .Raw("unitPrice", Milli(line->price_milli))
                .Raw("net", Pence(NetPence(line->quantity, line->price_milli)))
                .EndObject();
          }
          json.EndArray();
        }));
  }
  // Last, so that a load that ended is a feed that was sent whole.
  return say("load.end", absl::StrCat(options_.load, "-end"),
             [&](auto& json) { json.Text("load", options_.load); });
}

absl::Status Send(const Feed& feed, const IngestFunction& ingest,
                  const ProgressFunction& progress) {
  const int64_t total = feed.count();
  int64_t done = 0;
  int64_t gathered = 0;
  int batch = 0;
  std::string text;
  // The shift is part of the id: the same day sends the same batches.
  const std::string prefix = absl::StrCat(feed.options().load, "-",
                                          absl::ToInt64Hours(feed.options().shift), "-");
  const auto flush = [&]() -> absl::Status {
    if (gathered == 0) return absl::OkStatus();
    WEFT_RETURN_IF_ERROR(ingest(absl::StrCat(prefix, ++batch), text));
    done += gathered;
    gathered = 0;
    text.clear();
    if (progress != nullptr) progress(done, total);
    return absl::OkStatus();
  };
  const absl::Status gathering =
      feed.ForEach([&](const std::string& message) -> absl::Status {
        if (text.size() + message.size() + 1 > kBatchBytesMax) WEFT_RETURN_IF_ERROR(flush());
        text += message;
        text += '\n';
        ++gathered;
        return absl::OkStatus();
      });
  return gathering.ok() ? flush() : gathering;
}

}  // namespace weft::demo
