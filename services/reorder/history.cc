#include "services/reorder/history.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "services/reorder/convert.h"
#include "services/reorder/page_token.h"
#include "services/reorder/state.h"

namespace weft::reorder {
namespace {

absl::StatusOr<std::string> AccountOf(const Principal& principal, const std::string& named) {
  WEFT_ASSIGN_OR_RETURN(std::string account, ActingAccount(principal, named));
  if (account.empty()) {
    return InvalidArgument("ACCOUNT_REQUIRED", "name the account", {{"field", "account"}});
  }
  return account;
}

std::optional<Item> FindItemIn(const engine::View& view, const std::string& sku) {
  const absl::StatusOr<std::optional<v1::ItemRow>> row = view.Find(kItems, sku);
  if (!row.ok() || !row->has_value()) return std::nullopt;
  return ToItem(**row);
}

// Purchases in the item's base unit; those in a unit it does not have are left out.
std::vector<Purchase> PurchasesOf(const v1::HistoryRow& row, const Item& item) {
  std::vector<Purchase> purchases;
  for (const v1::HistoryRow::Entry& entry : row.entries()) {
    const std::optional<Decimal> quantity = ParseDecimal(entry.quantity().value());
    if (!quantity.has_value()) continue;
    const std::optional<Decimal> base = item.ToBase(*quantity, entry.quantity().unit());
    if (base.has_value()) {
      purchases.push_back({absl::FromUnixNanos(entry.time_ns()), *base});
    }
  }
  return purchases;
}

std::string TotalOf(const v1::HistoryRow& row, const Item& item) {
  Decimal total;
  for (const common::v1::Quantity& part : row.totals()) {
    const std::optional<Decimal> quantity = ParseDecimal(part.value());
    if (!quantity.has_value()) continue;
    const std::optional<Decimal> base = item.ToBase(*quantity, part.unit());
    if (base.has_value() && AddInto(total, *base, total) != DecimalError::kOk) break;
  }
  return total.Normalized().ToString();
}

v1::PurchasedItem ToPurchasedItem(const std::string& sku, const v1::HistoryRow& row,
                                  const engine::View& view, bool with_purchases) {
  // An item that is not known (yet) is counted in the unit it was bought in.
  Item item = FindItemIn(view, sku).value_or(Item());
  if (item.base_unit.empty() && !row.totals().empty()) item.base_unit = row.totals(0).unit();
  v1::PurchasedItem out;
  out.set_sku(sku);
  out.set_item_name(item.name);
  out.set_base_unit(item.base_unit);
  out.set_total_quantity(TotalOf(row, item));
  *out.mutable_rhythm() = ToProto(FindRhythm(PurchasesOf(row, item)));
  if (!row.entries().empty()) {
    *out.mutable_last_unit_price() = row.entries(row.entries_size() - 1).unit_price();
  }
  if (!with_purchases) return out;
  for (int i = row.entries_size() - 1; i >= 0; --i) {
    const v1::HistoryRow::Entry& entry = row.entries(i);
    v1::Purchase* purchase = out.add_purchases();
    *purchase->mutable_time() = ToTimestamp(absl::FromUnixNanos(entry.time_ns()));
    purchase->set_source(entry.source());
    *purchase->mutable_quantity() = entry.quantity();
    *purchase->mutable_unit_price() = entry.unit_price();
  }
  return out;
}

// The item of a history key.
std::string SkuOf(absl::string_view key) {
  engine::KeyReader reader(key);
  std::string account, sku;
  if (!reader.Next(account) || !reader.Next(sku)) return "";
  return sku;
}

// One suggestion before it is cut into pages.
struct Candidate {
  absl::Time due;
  v1::Suggestion suggestion;
  std::string Position() const {
    return engine::Key().Add(absl::ToUnixNanos(due)).Add(suggestion.sku()).Take();
  }
};

absl::StatusOr<std::optional<Candidate>> Suggest(const std::string& account,
                                                 const std::string& sku,
                                                 const v1::HistoryRow& row,
                                                 const SuggestionPolicy& policy,
                                                 absl::Time as_of, const engine::View& view) {
  const std::optional<Item> item = FindItemIn(view, sku);
  if (!item.has_value()) return std::optional<Candidate>();
  const Rhythm rhythm = FindRhythm(PurchasesOf(row, *item));
  const std::optional<Due> due = FindDue(rhythm, policy, as_of);
  if (!due.has_value()) return std::optional<Candidate>();

  const auto find = [&](const std::string& wanted) { return FindItemIn(view, wanted); };
  const std::optional<std::string> orderable = Orderable(sku, find);
  if (!orderable.has_value()) return std::optional<Candidate>();
  Item ordered = *item;
  if (*orderable != sku) {
    // An account that has turned to the successor has a rhythm with that one.
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::HistoryRow> newer,
                          view.Find(kHistory, HistoryKey(account, *orderable)));
    if (newer.has_value() && !newer->entries().empty() &&
        absl::FromUnixNanos(newer->entries(newer->entries_size() - 1).time_ns()) >
            rhythm.last) {
      return std::optional<Candidate>();
    }
    ordered = *find(*orderable);
    // Two base units do not compare; a person has to.
    if (ordered.base_unit != item->base_unit) return std::optional<Candidate>();
  }
  const Decimal quantity = OrderQuantity(rhythm.typical, ordered.minimum, ordered.step);
  Candidate out{.due = due->time};
  v1::Suggestion& s = out.suggestion;
  s.set_sku(*orderable);
  s.set_item_name(ordered.name);
  s.mutable_quantity()->set_value(quantity.Normalized().ToString());
  s.mutable_quantity()->set_unit(ordered.base_unit);
  *s.mutable_due_time() = ToTimestamp(due->time);
  s.set_days_overdue(static_cast<int32_t>(due->days_overdue));
  s.set_confidence_percent(due->confidence_percent);
  *s.mutable_rhythm() = ToProto(rhythm);
  s.set_reason(Explain(rhythm, *due, item->base_unit, quantity));
  if (*orderable != sku) {
    s.set_replaces_sku(sku);
    s.set_reason(absl::StrCat(s.reason(), "; ", sku, " is not sold any more, ", *orderable,
                              " takes its place"));
  }
  return std::optional<Candidate>(std::move(out));
}

}  // namespace

absl::StatusOr<v1::ListSuggestionsResponse> ListSuggestions(
    const v1::ListSuggestionsRequest& request, const Principal& principal,
    const Settings& settings, const std::string& mac_key, const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const std::string account, AccountOf(principal, request.account()));
  WEFT_ASSIGN_OR_RETURN(const int page_size, PageSize(request.page_size()));
  SuggestionPolicy policy = settings.suggestions;
  if (request.has_due_within_days()) {
    if (request.due_within_days() < 0 || request.due_within_days() > 365) {
      return InvalidArgument("FIELD_INVALID", "dueWithinDays must be from 0 to 365",
                             {{"field", "dueWithinDays"}});
    }
    policy.lead_days = request.due_within_days();
  }
  const std::string question =
      absl::StrCat("suggestions/", account.size(), "/", account, "/", policy.lead_days, "/",
                   request.has_as_of() ? absl::StrCat(request.as_of().seconds()) : "now");
  WEFT_ASSIGN_OR_RETURN(std::string position,
                        ReadPageToken(mac_key, question, request.page_token()));
  // The moment of the first page holds for all pages.
  absl::Time as_of = request.has_as_of() ? FromTimestamp(request.as_of()) : view.now();
  std::string after;
  if (!position.empty()) {
    engine::KeyReader reader(position);
    int64_t as_of_ns;
    if (!reader.Next(as_of_ns) || !reader.Next(after)) {
      return InvalidArgument("PAGE_TOKEN_INVALID", "the page token is of another release",
                             {{"field", "pageToken"}});
    }
    as_of = absl::FromUnixNanos(as_of_ns);
  }

  std::vector<std::pair<std::string, Candidate>> found;
  absl::Status status;
  int looked_at = 0;
  WEFT_RETURN_IF_ERROR(view.Scan(
      kHistory, HistoryPrefix(account),
      [&](absl::string_view key, const v1::HistoryRow& row) {
        absl::StatusOr<std::optional<Candidate>> candidate =
            Suggest(account, SkuOf(key), row, policy, as_of, view);
        if (!candidate.ok()) {
          status = candidate.status();
          return false;
        }
        if (candidate->has_value()) {
          std::string at = (*candidate)->Position();
          if (at > after) found.emplace_back(std::move(at), **std::move(candidate));
        }
        return ++looked_at < kSuggestionItemsMax;
      }));
  WEFT_RETURN_IF_ERROR(status);
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });

  v1::ListSuggestionsResponse response;
  for (size_t i = 0; i < found.size() && i < static_cast<size_t>(page_size); ++i) {
    *response.add_suggestions() = found[i].second.suggestion;
  }
  if (found.size() > static_cast<size_t>(page_size)) {
    response.set_next_page_token(MakePageToken(
        mac_key, question,
        engine::Key()
            .Add(absl::ToUnixNanos(as_of))
            .Add(absl::string_view(found[static_cast<size_t>(page_size) - 1].first))
            .Take()));
  }
  FillFreshness(view, *response.mutable_freshness());
  return response;
}

absl::StatusOr<v1::GetPurchaseHistoryResponse> GetPurchaseHistory(
    const v1::GetPurchaseHistoryRequest& request, const Principal& principal,
    const std::string& mac_key, const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const std::string account, AccountOf(principal, request.account()));
  WEFT_ASSIGN_OR_RETURN(const int page_size, PageSize(request.page_size()));
  v1::GetPurchaseHistoryResponse response;
  FillFreshness(view, *response.mutable_freshness());
  if (!request.sku().empty()) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::HistoryRow> row,
                          view.Find(kHistory, HistoryKey(account, request.sku())));
    if (row.has_value()) {
      *response.add_items() = ToPurchasedItem(request.sku(), *row, view, true);
    }
    return response;
  }
  const std::string question = absl::StrCat("history/", account);
  WEFT_ASSIGN_OR_RETURN(const std::string last,
                        ReadPageToken(mac_key, question, request.page_token()));
  std::string last_shown;
  WEFT_RETURN_IF_ERROR(view.Scan(
      kHistory, HistoryPrefix(account),
      [&](absl::string_view key, const v1::HistoryRow& row) {
        const std::string sku = SkuOf(key);
        if (sku == last) return true;
        if (response.items_size() == page_size) {
          response.set_next_page_token(MakePageToken(mac_key, question, last_shown));
          return false;
        }
        *response.add_items() = ToPurchasedItem(sku, row, view, false);
        last_shown = sku;
        return true;
      },
      last.empty() ? "" : HistoryKey(account, last)));
  return response;
}

}  // namespace weft::reorder
