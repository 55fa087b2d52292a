// What the invoices say about the business: items, accounts, prices, contracts,
// stock. Deterministic: the same invoices give the same catalogue.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tools/demo/online_retail.h"
#include "tools/demo/price_fit.h"

namespace weft::demo {

inline constexpr char kBook[] = "LIST";
inline constexpr char kCurrency[] = "GBP";
inline constexpr const char* kLocations[] = {"WH1", "WH2"};

struct Item {
  std::string sku;
  std::string name;
  std::vector<PricePeriod> periods;
  int64_t on_hand[2] = {0, 0};  // By kLocations.
  int64_t safety[2] = {0, 0};
};

struct Account {
  std::string account;
  std::string country_code;  // ISO 3166-1 alpha-2; "" when unknown.
  int64_t credit_limit = 0;  // Whole pounds.
  int64_t open_balance_pence = 0;
};

// An account that persistently paid less than the list, from a quantity on.
struct Contract {
  std::string account;
  std::string sku;
  int64_t minimum_quantity = 1;
  int64_t price_milli = 0;
};

// An invoice of a registered account, goods only.
struct Invoice {
  std::string invoice;
  std::string account;
  absl::Time time;
  std::vector<const InvoiceLine*> lines;
};

struct Catalogue {
  Catalogue() = default;
  Catalogue(Catalogue&&) = default;
  Catalogue& operator=(Catalogue&&) = default;

  std::vector<InvoiceLine> lines;      // All, as read; the rest points into it.
  std::map<std::string, Item> items;
  std::map<std::string, Account> accounts;
  std::vector<Contract> contracts;     // By account and item.
  std::vector<Invoice> invoices;       // By time.
  absl::Time end;                      // Of the last invoice.

  // What the list says, or the contract if there is one; 0 for what is not sold.
  int64_t ListPrice(const std::string& sku, int64_t quantity, absl::Time at) const;
  int64_t PriceFor(const std::string& account, const std::string& sku, int64_t quantity,
                   absl::Time at) const;

 private:
  friend Catalogue MakeCatalogue(std::vector<InvoiceLine> lines);
  std::map<std::pair<std::string, std::string>, Contract> contract_of_;
};

Catalogue MakeCatalogue(std::vector<InvoiceLine> lines);

// quantity × price in pence, half away from zero.
int64_t NetPence(int64_t quantity, int64_t price_milli);

}  // namespace weft::demo
