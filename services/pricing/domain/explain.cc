#include "services/pricing/domain/explain.h"

#include "absl/strings/str_cat.h"

namespace weft::pricing {
namespace {

const char* Label(Source source) {
  switch (source) {
    case Source::kAccountContract: return "Contract price";
    case Source::kParentContract: return "Contract price of the parent account";
    case Source::kGroupContract: return "Group price";
    case Source::kBook: return "Price list";
    case Source::kList: return "List price";
  }
  return "";
}

const char* DiscountLabel(Source source) {
  switch (source) {
    case Source::kAccountContract: return "Contract discount";
    case Source::kParentContract: return "Contract discount of the parent account";
    default: return "Group discount";
  }
}

}  // namespace

std::vector<Step> StepsOf(const LineAnswer& answer, const Buyer& buyer) {
  std::vector<Step> steps;
  Step first;
  first.label = Label(answer.discounted ? Source::kList : answer.source);
  first.source = answer.source;
  first.owner = answer.owner;
  first.offer = answer.offer;
  first.period = answer.offer.period;
  if (answer.priced.book != nullptr) {
    // An entry of a book, be it asked directly, by a contract or for a discount.
    first.source = answer.priced.book->groups.empty() ? Source::kList : Source::kBook;
    first.owner = answer.priced.book->book;
    first.offer = answer.priced.offer;
    first.period = Intersection(answer.priced.offer.period, answer.priced.book->period);
  }
  if (!answer.discounted) {
    first.amount = answer.unit_price;
    first.result = answer.unit_price;
    steps.push_back(first);
    return steps;
  }
  if (ShownUnitPrice(answer.priced.price, answer.priced.numerator, answer.priced.denominator,
                     buyer.currency, first.amount) != DecimalError::kOk) {
    return steps;
  }
  first.result = first.amount;
  steps.push_back(first);

  Step discount;
  discount.label = absl::StrCat(
      DiscountLabel(answer.source), " ",
      Decimal::FromUnscaled(answer.offer.discount, answer.offer.price_scale).ToString(), " %");
  discount.source = answer.source;
  discount.owner = answer.owner;
  discount.offer = answer.offer;
  discount.period = answer.offer.period;
  discount.result = answer.unit_price;
  // Both have at most 34 digits of at most 6 decimals; the difference fits.
  if (SubtractInto(answer.unit_price, first.amount, discount.amount) != DecimalError::kOk) {
    return steps;
  }
  steps.push_back(discount);
  return steps;
}

}  // namespace weft::pricing
