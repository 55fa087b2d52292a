#include "tools/demo/catalogue.h"

#include <algorithm>

namespace weft::demo {
namespace {

// Of a sale of an account, for contracts.
struct Paid {
  int64_t quantity = 0;
  int64_t price_milli = 0;
  int64_t list_milli = 0;
};

const std::map<std::string, std::string>& CountryCodes() {
  static const std::map<std::string, std::string>* const kCodes =
      new std::map<std::string, std::string>{
          {"Australia", "AU"},      {"Austria", "AT"},        {"Bahrain", "BH"},
          {"Belgium", "BE"},        {"Brazil", "BR"},         {"Canada", "CA"},
          {"Cyprus", "CY"},         {"Czech Republic", "CZ"}, {"Denmark", "DK"},
          {"EIRE", "IE"},           {"Finland", "FI"},        {"France", "FR"},
          {"Germany", "DE"},        {"Greece", "GR"},         {"Hong Kong", "HK"},
          {"Iceland", "IS"},        {"Israel", "IL"},         {"Italy", "IT"},
          {"Japan", "JP"},          {"Lebanon", "LB"},        {"Lithuania", "LT"},
          {"Malta", "MT"},          {"Netherlands", "NL"},    {"Norway", "NO"},
          {"Poland", "PL"},         {"Portugal", "PT"},       {"RSA", "ZA"},
          {"Saudi Arabia", "SA"},   {"Singapore", "SG"},      {"Spain", "ES"},
          {"Sweden", "SE"},         {"Switzerland", "CH"},    {"USA", "US"},
          {"United Kingdom", "GB"}, {"Channel Islands", "JE"}, {"United Arab Emirates", "AE"}};
  return *kCodes;
}

bool IsSale(const InvoiceLine& line) {
  return !line.account.empty() && IsGoods(line.sku) && line.quantity > 0 && line.price_milli > 0;
}

void MakeItems(Catalogue& catalogue) {
  std::map<std::string, std::vector<Sale>> sales;
  std::map<std::string, std::map<std::string, int>> names;
  std::map<std::string, int64_t> sold;
  for (const InvoiceLine& line : catalogue.lines) {
    if (!IsSale(line)) continue;
    sales[line.sku].push_back(
        {.quantity = line.quantity, .price_milli = line.price_milli, .time = line.time});
    if (!line.description.empty()) ++names[line.sku][line.description];
    sold[line.sku] += line.quantity;
  }
  for (auto& [sku, of_sku] : sales) {
    Item& item = catalogue.items[sku];
    item.sku = sku;
    int most = 0;
    for (const auto& [name, times] : names[sku]) {
      if (times > most) {
        most = times;
        item.name = name;
      }
    }
    item.periods = FitPeriods(std::move(of_sku));
    // Six weeks of the year's demand in the first place, two in the second.
    const int64_t weekly = sold[sku] / 53;
    item.on_hand[0] = std::max<int64_t>(24, weekly * 6);
    item.on_hand[1] = std::max<int64_t>(12, weekly * 2);
    item.safety[0] = weekly / 2;
  }
}

void MakeAccounts(Catalogue& catalogue) {
  struct Books {
    std::map<std::pair<int64_t, int>, int64_t> pence_by_month;
    int64_t open_pence = 0;
  };
  std::map<std::string, Books> books;
  const absl::Time open_from = catalogue.end - absl::Hours(24 * 30);
  for (const InvoiceLine& line : catalogue.lines) {
    if (line.account.empty() || !IsGoods(line.sku)) continue;
    const auto known = catalogue.accounts.find(line.account);
    if (IsSale(line) && known == catalogue.accounts.end()) {
      Account& account = catalogue.accounts[line.account];
      account.account = line.account;
      const auto code = CountryCodes().find(line.country);
      if (code != CountryCodes().end()) account.country_code = code->second;
    }
    const int64_t pence = NetPence(line.quantity, line.price_milli);
    const absl::CivilMonth month = absl::ToCivilMonth(line.time, absl::UTCTimeZone());
    Books& of_account = books[line.account];
    if (pence > 0) of_account.pence_by_month[{month.year(), month.month()}] += pence;
    if (line.time >= open_from) of_account.open_pence += pence;
  }
  for (auto& [number, account] : catalogue.accounts) {
    int64_t best_month = 0;
    for (const auto& [month, pence] : books[number].pence_by_month) {
      best_month = std::max(best_month, pence);
    }
    // Terms are 30 days: room for the best month twice, in steps of 500.
    const int64_t pounds = best_month * 2 / 100;
    account.credit_limit = std::max<int64_t>(5000, (pounds + 499) / 500 * 500);
    account.open_balance_pence = std::clamp<int64_t>(books[number].open_pence, 0,
                                                     account.credit_limit * 100 / 2);
  }
}

void MakeContracts(Catalogue& catalogue,
                   std::map<std::pair<std::string, std::string>, Contract>& contract_of) {
  std::map<std::pair<std::string, std::string>, std::vector<Paid>> paid;
  for (const InvoiceLine& line : catalogue.lines) {
    if (!IsSale(line)) continue;
    paid[{line.account, line.sku}].push_back(
        {.quantity = line.quantity,
         .price_milli = line.price_milli,
         .list_milli = catalogue.ListPrice(line.sku, line.quantity, line.time)});
  }
  for (const auto& [key, all] : paid) {
    std::map<int64_t, int> below;
    for (const Paid& one : all) {
      if (one.price_milli < one.list_milli) ++below[one.price_milli];
    }
    int64_t price = 0;
    int times = 0;
    for (const auto& [p, n] : below) {
      if (n > times) {
        times = n;
        price = p;
      }
    }
    if (times < 2) continue;
    int64_t from = INT64_MAX;
    for (const Paid& one : all) {
      if (one.price_milli == price) from = std::min(from, one.quantity);
    }
    int affected = 0;
    int right = 0;
    for (const Paid& one : all) {
      if (one.quantity < from) continue;
      ++affected;
      right += one.price_milli == price;
    }
    // Persistently: four of five times.
    if (right * 5 < affected * 4) continue;
    Contract contract{.account = key.first, .sku = key.second, .minimum_quantity = from,
                      .price_milli = price};
    catalogue.contracts.push_back(contract);
    contract_of[key] = std::move(contract);
  }
}

void MakeInvoices(Catalogue& catalogue) {
  std::map<std::pair<std::string, std::string>, size_t> at;
  for (const InvoiceLine& line : catalogue.lines) {
    if (line.account.empty() || line.quantity == 0 || line.price_milli < 0) continue;
    if (catalogue.items.count(line.sku) == 0 || catalogue.accounts.count(line.account) == 0) {
      continue;
    }
    const auto [found, inserted] =
        at.emplace(std::make_pair(line.invoice, line.account), catalogue.invoices.size());
    if (inserted) {
      catalogue.invoices.push_back(
          {.invoice = line.invoice, .account = line.account, .time = line.time, .lines = {}});
    }
    catalogue.invoices[found->second].lines.push_back(&line);
  }
  std::stable_sort(catalogue.invoices.begin(), catalogue.invoices.end(),
                   [](const Invoice& a, const Invoice& b) { return a.time < b.time; });
}

}  // namespace

int64_t NetPence(int64_t quantity, int64_t price_milli) {
  const int64_t milli = quantity * price_milli;
  return milli >= 0 ? (milli + 5) / 10 : -((-milli + 5) / 10);
}

int64_t Catalogue::ListPrice(const std::string& sku, int64_t quantity, absl::Time at) const {
  const auto item = items.find(sku);
  if (item == items.end()) return 0;
  for (const PricePeriod& period : item->second.periods) {
    if (at >= period.from && at < period.to) return PriceAt(period.tiers, quantity);
  }
  return 0;
}

int64_t Catalogue::PriceFor(const std::string& account, const std::string& sku, int64_t quantity,
                            absl::Time at) const {
  const auto contract = contract_of_.find({account, sku});
  if (contract != contract_of_.end() && quantity >= contract->second.minimum_quantity) {
    return contract->second.price_milli;
  }
  return ListPrice(sku, quantity, at);
}

Catalogue MakeCatalogue(std::vector<InvoiceLine> lines) {
  Catalogue catalogue;
  catalogue.lines = std::move(lines);
  catalogue.end = absl::InfinitePast();
  for (const InvoiceLine& line : catalogue.lines) {
    catalogue.end = std::max(catalogue.end, line.time);
  }
  MakeItems(catalogue);
  MakeAccounts(catalogue);
  MakeContracts(catalogue, catalogue.contract_of_);
  MakeInvoices(catalogue);
  return catalogue;
}

}  // namespace weft::demo
