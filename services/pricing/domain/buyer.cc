#include "services/pricing/domain/buyer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"

namespace weft::pricing {
namespace {

int Narrowness(const Book& book) {
  return (book.branch != Symbol::kNone ? 8 : 0) + (book.organisation != Symbol::kNone ? 4 : 0) +
         (book.channel != Symbol::kNone ? 2 : 0) + (book.groups.empty() ? 0 : 1);
}

bool InScope(Symbol scope, Symbol of_buyer) { return scope == Symbol::kNone || scope == of_buyer; }

}  // namespace

absl::Status DescribeBuyer(const Facts& facts, const BuyerQuestion& question, Buyer& buyer) {
  buyer.account = nullptr;
  buyer.chain.clear();
  buyer.groups.clear();
  buyer.books.clear();
  buyer.foreign_books.clear();
  buyer.as_of_us = question.as_of_us;
  buyer.coupons.clear();
  buyer.channel.assign(question.channel.data(), question.channel.size());

  Symbol organisation = Symbol::kNone;
  Symbol branch = Symbol::kNone;
  if (!question.account.empty()) {
    buyer.account = facts.FindAccount(facts.Find(SymbolKind::kAccount, question.account));
    if (buyer.account == nullptr) {
      return NotFound("ACCOUNT_NOT_FOUND",
                      absl::StrCat("no account '", question.account.substr(0, 60), "'"),
                      {{"account", std::string(question.account.substr(0, 60))}});
    }
    const Account* next = buyer.account;
    while (next != nullptr && buyer.chain.size() <= kMaxParents) {
      buyer.chain.push_back(next);
      next = next->parent == Symbol::kNone ? nullptr : facts.FindAccount(next->parent);
    }
    buyer.groups.assign(buyer.account->groups.begin(), buyer.account->groups.end());
    organisation = buyer.account->organisation;
    branch = buyer.account->branch;
  }
  if (question.currency.empty()) {
    if (buyer.account == nullptr || buyer.account->currency.is_none()) {
      return InvalidArgument("CURRENCY_REQUIRED",
                             "a question without an account needs currency_code");
    }
    buyer.currency = buyer.account->currency;
  } else {
    buyer.currency = Currency::Find(question.currency);
    if (buyer.currency.is_none()) {
      return InvalidArgument(
          "CURRENCY_UNKNOWN",
          absl::StrCat("'", question.currency.substr(0, 20), "' is no ISO 4217 currency code"),
          {{"currency_code", std::string(question.currency.substr(0, 20))}});
    }
  }

  const Symbol channel =
      question.channel.empty() ? Symbol::kNone : facts.Find(SymbolKind::kChannel, question.channel);
  buyer.channel_symbol = channel;
  const Symbol own = buyer.account == nullptr ? Symbol::kNone : buyer.account->account;
  buyer.project = facts.FindSite(SymbolKind::kProject, own, question.project);
  buyer.ship_to = facts.FindSite(SymbolKind::kShipTo, own, question.ship_to);
  facts.AddBooks(Symbol::kNone, buyer.books);
  for (const Symbol group : buyer.groups) facts.AddBooks(group, buyer.books);
  const auto open_to_us = [&](const Book* book) {
    return InScope(book->organisation, organisation) && InScope(book->branch, branch) &&
           InScope(book->channel, channel);
  };
  auto keep = buyer.books.begin();
  for (const Book* book : buyer.books) {
    if (!open_to_us(book)) continue;
    if (book->currency == buyer.currency) {
      *keep++ = book;
    } else {
      buyer.foreign_books.push_back(book);
    }
  }
  buyer.books.erase(keep, buyer.books.end());
  const auto before = [&](const Book* a, const Book* b) {
    if (a->priority != b->priority) return a->priority > b->priority;
    if (const int na = Narrowness(*a), nb = Narrowness(*b); na != nb) return na > nb;
    return facts.Text(a->book) < facts.Text(b->book);
  };
  std::sort(buyer.books.begin(), buyer.books.end(), before);
  std::sort(buyer.foreign_books.begin(), buyer.foreign_books.end(), before);
  // A book of two of the buyer's groups came twice.
  buyer.books.erase(std::unique(buyer.books.begin(), buyer.books.end()), buyer.books.end());
  buyer.foreign_books.erase(std::unique(buyer.foreign_books.begin(), buyer.foreign_books.end()),
                            buyer.foreign_books.end());
  return absl::OkStatus();
}

}  // namespace weft::pricing
