#include "services/pricing/domain/find_price.h"

#include <algorithm>

namespace weft::pricing {
namespace {

const Decimal kHundred(100);

bool FindRatio(const Item& item, Symbol unit, UnitRatio& ratio) {
  if (unit == Symbol::kNone || unit == item.base_unit) {
    ratio = UnitRatio();
    return true;
  }
  for (const ItemUnit& known : item.units) {
    if (known.unit == unit) {
      ratio = known.ratio;
      return true;
    }
  }
  return false;
}

// Above 0, at most 18 digits, and written out: an exponent is fine in a price list,
// not in a count of goods.
bool ReadQuantity(absl::string_view text, Decimal& quantity) {
  constexpr int64_t kEnd = 1'000'000'000'000'000'000;
  return Decimal::ParseInto(text, quantity) == DecimalError::kOk && quantity.sign() > 0 &&
         quantity.fits_64() && quantity.coefficient_64() < kEnd &&
         text.find_first_of("eE") == absl::string_view::npos;
}

}  // namespace

DecimalError ShownUnitPrice(const Decimal& price, int64_t numerator, int64_t denominator,
                            Currency currency, Decimal& out) {
  const int minor = currency.minor_digits();
  if (numerator == 1 && denominator == 1 && price.scale() == minor) {
    out = price;
    return DecimalError::kOk;
  }
  if (const DecimalError error = MulDivRound(price, Decimal(1), numerator, denominator,
                                             kShownScale, RoundingMode::kHalfUp, out);
      error != DecimalError::kOk) {
    return error;
  }
  const Decimal shortest = out.Normalized();
  if (shortest.scale() >= minor) {
    out = shortest;
    return DecimalError::kOk;
  }
  return RoundInto(shortest, minor, RoundingMode::kHalfUp, out);
}

// One question about a known item, unit and quantity.
struct PriceFinder::Line {
  const Item* item;
  Symbol unit;
  UnitRatio ratio;
  Decimal quantity;
  int64_t as_of_us;

  // In which order units are preferred: asked for, base, any other.
  int Rank(const Offer& offer) const {
    if (offer.promise != Offer::Promise::kTiers || offer.unit == unit) return 0;
    const bool base = offer.unit == Symbol::kNone || offer.unit == item->base_unit;
    if (base) return unit == item->base_unit ? 0 : 1;
    return 2;
  }

  // How a tier price of `offer` applies to the line.
  LineReason Price(const Offer& offer, Priced& out) const {
    UnitRatio of_offer;
    if (!FindRatio(*item, offer.unit, of_offer)) return LineReason::kUnknownUnit;
    const bool same_unit = of_offer == ratio;
    int found = -1;
    for (int i = 0; i < offer.tier_count; ++i) {
      const Decimal minimum = offer.TierAt(i).minimum;
      const int order = same_unit ? Compare(quantity, minimum)
                                  : CompareQuantities(quantity, ratio, minimum, of_offer);
      if (order < 0) break;
      found = i;
    }
    if (found < 0) return LineReason::kBelowMinimum;
    const Tier tier = offer.TierAt(found);
    if (tier.price.is_zero()) return LineReason::kZeroPrice;
    UnitRatio between;
    if (!same_unit && RatioBetweenInto(ratio, of_offer, between) != DecimalError::kOk) {
      return LineReason::kAmountTooLarge;
    }
    out.price = tier.price;
    out.tier_minimum = tier.minimum;
    out.numerator = between.numerator();
    if (__builtin_mul_overflow(between.denominator(), offer.per_quantity, &out.denominator)) {
      return LineReason::kAmountTooLarge;
    }
    out.offer = offer;
    return LineReason::kNone;
  }
};

// What a search has come to so far: the winner, or the best reason for none.
struct PriceFinder::Notes {
  Notes(LineAnswer& line_answer, Currency line_currency, Depth search_depth)
      : answer(line_answer), currency(line_currency), depth(search_depth) {}

  LineAnswer& answer;
  const Currency currency;
  const Depth depth;
  bool won = false;
  UnitRatio minimum_ratio;

  bool done() const { return won && depth == Depth::kWinner; }

  // A moment after as-of at which the answer may change. Nothing that is asked
  // after the winner can change it.
  void Boundary(int64_t us) {
    if (!won) answer.valid_until_us = std::min(answer.valid_until_us, us);
  }

  void Outside(const Line& line, const Period& period) {
    if (period.from_us >= period.to_us) return;  // Never valid at all.
    if (line.as_of_us < period.from_us) {
      Boundary(period.from_us);
      Missed(LineReason::kNotYetValid, period.from_us);
    } else {
      Missed(LineReason::kNoLongerValid, period.to_us);
    }
  }

  // Remembers the reason that takes precedence, with what goes with it.
  void Missed(LineReason why, int64_t boundary_us = 0) {
    if (won) return;
    if (why == LineReason::kNotYetValid && answer.reason == why) {
      answer.boundary_us = std::min(answer.boundary_us, boundary_us);
    } else if (why == LineReason::kNoLongerValid && answer.reason == why) {
      answer.boundary_us = std::max(answer.boundary_us, boundary_us);
    } else if (answer.reason == LineReason::kNone || why < answer.reason) {
      answer.reason = why;
      answer.boundary_us = boundary_us;
    }
  }

  void BelowMinimum(const Line& line, const Offer& offer) {
    if (won || offer.tier_count == 0) return;
    const Decimal minimum = offer.TierAt(0).minimum;
    UnitRatio ratio;
    if (!FindRatio(*line.item, offer.unit, ratio)) return;
    if (answer.reason == LineReason::kBelowMinimum &&
        CompareQuantities(minimum, ratio, answer.minimum, minimum_ratio) >= 0) {
      return;
    }
    Missed(LineReason::kBelowMinimum);
    if (answer.reason != LineReason::kBelowMinimum) return;
    answer.minimum = minimum;
    answer.minimum_unit = offer.unit == Symbol::kNone ? line.item->base_unit : offer.unit;
    minimum_ratio = ratio;
  }

  void Lost(const Line& line, const Offer& offer, const Period& period, LineReason why) {
    switch (why) {
      case LineReason::kNotYetValid:
      case LineReason::kNoLongerValid: return Outside(line, period);
      case LineReason::kBelowMinimum: return BelowMinimum(line, offer);
      case LineReason::kNoPriceInCurrency:
      case LineReason::kAmountTooLarge: return Missed(why);
      default: return;
    }
  }

  void Breakpoints(const Line& line, const Offer& offer) {
    if (depth != Depth::kAll) return;
    UnitRatio ratio;
    if (!FindRatio(*line.item, offer.unit, ratio)) return;
    for (int i = 0; i < offer.tier_count; ++i) {
      answer.breakpoints.push_back({offer.TierAt(i).minimum, ratio});
    }
  }

  // `priced` is the price as stated; `price` what is asked for it after a discount.
  LineReason Settle(const Line& line, Source source, Symbol owner, const Offer& offer,
                    const Priced& priced, const Decimal& price, bool discounted,
                    Candidate* candidate) {
    Decimal shown;
    if (ShownUnitPrice(price, priced.numerator, priced.denominator, currency, shown) !=
        DecimalError::kOk) {
      return LineReason::kAmountTooLarge;
    }
    if (candidate != nullptr) {
      candidate->has_price = true;
      candidate->unit_price = shown;
      candidate->tier_minimum = priced.tier_minimum;
    }
    if (won) return LineReason::kLessSpecific;
    Decimal net;
    if (MulDivRound(price, line.quantity, priced.numerator, priced.denominator,
                    currency.minor_digits(), RoundingMode::kHalfUp, net) != DecimalError::kOk) {
      return LineReason::kAmountTooLarge;
    }
    Boundary(priced.period.to_us);
    won = true;
    answer.reason = LineReason::kNone;
    answer.unit_price = shown;
    answer.net = net;
    answer.source = source;
    answer.owner = owner;
    answer.offer = offer;
    answer.priced = priced;
    answer.discounted = discounted;
    return LineReason::kNone;
  }
};

// Preferred units first; within a unit the one that starts latest, then the one
// that ends first, then the greatest name: an order that does not depend on when
// anything was recorded.
void PriceFinder::Sort(const Line& line, Offers& offers) const {
  if (offers.size() < 2) return;
  std::sort(offers.begin(), offers.end(), [&](const Offer& a, const Offer& b) {
    const int rank_a = line.Rank(a);
    const int rank_b = line.Rank(b);
    if (rank_a != rank_b) return rank_a < rank_b;
    if (rank_a == 2 && a.unit != b.unit) return facts_.Text(a.unit) < facts_.Text(b.unit);
    if (a.period.from_us != b.period.from_us) return a.period.from_us > b.period.from_us;
    if (a.period.to_us != b.period.to_us) return a.period.to_us < b.period.to_us;
    return a.name > b.name;
  });
}

// The price that `book` has for the line `within` a period, from the first unit
// that gives one. `notes` hears of boundaries and reasons; without it nothing is
// remembered. `candidate` is a pattern: each entry looked at becomes one.
bool PriceFinder::BookPrice(const Line& line, const Book& book, const Period& within,
                            Notes* notes, Candidate* candidate, Priced& out) {
  entries_.clear();
  facts_.AddOffers(book.book, line.item->sku, entries_);
  if (entries_.empty()) return false;
  Sort(line, entries_);
  const Period open = Intersection(within, book.period);
  const Offer* slot = nullptr;  // The offer that holds the current unit.
  bool found = false;
  for (const Offer& entry : entries_) {
    const Period period = Intersection(open, entry.period);
    LineReason why = LineReason::kNone;
    Priced priced;
    if (!period.Contains(line.as_of_us)) {
      why = line.as_of_us < period.from_us ? LineReason::kNotYetValid
                                           : LineReason::kNoLongerValid;
    } else if (slot != nullptr && line.Rank(*slot) == line.Rank(entry) &&
               (line.Rank(entry) < 2 || slot->unit == entry.unit)) {
      why = LineReason::kReplaced;
    } else {
      slot = &entry;
      if (notes != nullptr) {
        if (!found) notes->Boundary(period.to_us);
        notes->Breakpoints(line, entry);
      }
      why = found ? LineReason::kLessSpecific : line.Price(entry, priced);
    }
    if (why == LineReason::kNone) {
      priced.book = &book;
      priced.period = period;
      out = priced;
      found = true;
      if (candidate == nullptr) return true;
    } else if (notes != nullptr && !found) {
      notes->Lost(line, entry, period, why);
    }
    if (candidate != nullptr) {
      Candidate made = *candidate;
      made.offer = entry;
      made.period = period;
      made.lost = why;
      notes->answer.candidates.push_back(made);
    }
  }
  return found;
}

void PriceFinder::AskBook(const Line& line, const Book& book, Notes& notes) {
  Candidate pattern;
  pattern.source = book.groups.empty() ? Source::kList : Source::kBook;
  pattern.owner = book.book;
  pattern.target = line.item->sku;
  const bool all = notes.depth == Depth::kAll;
  const size_t first = notes.answer.candidates.size();
  Priced priced;
  if (!BookPrice(line, book, Period(), &notes, all ? &pattern : nullptr, priced)) return;
  Candidate* chosen = nullptr;
  for (size_t i = first; i < notes.answer.candidates.size(); ++i) {
    if (notes.answer.candidates[i].lost == LineReason::kNone) {
      chosen = &notes.answer.candidates[i];
    }
  }
  const LineReason why = notes.Settle(line, pattern.source, book.book, priced.offer, priced,
                                      priced.price, false, chosen);
  if (chosen != nullptr) chosen->lost = why;
  if (why != LineReason::kNone) notes.Lost(line, priced.offer, priced.period, why);
}

// That of the last book for everyone which has one.
bool PriceFinder::ListPrice(const Line& line, Notes* notes, Priced& out) {
  for (auto book = buyer_.books.rbegin(); book != buyer_.books.rend(); ++book) {
    if ((*book)->groups.empty() && BookPrice(line, **book, Period(), notes, nullptr, out)) {
      return true;
    }
  }
  return false;
}

void PriceFinder::AskOwner(const Line& line, Source source, Symbol owner, Symbol target,
                           Notes& notes) {
  offers_.clear();
  facts_.AddOffers(owner, target, offers_);
  if (offers_.empty()) return;
  Sort(line, offers_);
  const Offer* slot = nullptr;
  bool found = false;
  for (const Offer& offer : offers_) {
    Candidate candidate;
    candidate.source = source;
    candidate.owner = owner;
    candidate.target = target;
    candidate.offer = offer;
    candidate.period = offer.period;
    Candidate* const written = notes.depth == Depth::kAll ? &candidate : nullptr;
    LineReason why = LineReason::kNone;
    Priced priced;
    Decimal price;
    bool discounted = false;
    if (!offer.period.Contains(line.as_of_us)) {
      why = line.as_of_us < offer.period.from_us ? LineReason::kNotYetValid
                                                 : LineReason::kNoLongerValid;
    } else if (offer.promise == Offer::Promise::kTiers && offer.currency != notes.currency) {
      why = LineReason::kNoPriceInCurrency;
    } else if (slot != nullptr && line.Rank(*slot) == line.Rank(offer) &&
               (line.Rank(offer) < 2 || slot->unit == offer.unit)) {
      why = LineReason::kReplaced;
    } else {
      slot = &offer;
      notes.Boundary(offer.period.to_us);
      switch (offer.promise) {
        case Offer::Promise::kTiers:
          notes.Breakpoints(line, offer);
          why = line.Price(offer, priced);
          price = priced.price;
          priced.period = offer.period;
          break;
        case Offer::Promise::kDiscount: {
          if (!ListPrice(line, &notes, priced)) {
            why = LineReason::kNoListPrice;
            break;
          }
          Decimal left;
          if (SubtractInto(kHundred, Decimal::FromUnscaled(offer.discount, offer.price_scale),
                           left) != DecimalError::kOk ||
              MulDivRound(priced.price, left, 1, 100, kScaleAfterDiscount,
                          RoundingMode::kHalfUp, price) != DecimalError::kOk) {
            why = LineReason::kAmountTooLarge;
          }
          priced.period = Intersection(priced.period, offer.period);
          discounted = true;
          break;
        }
        case Offer::Promise::kDiscountTiers: why = LineReason::kNoPrice; break;
        case Offer::Promise::kBook: {
          const Book* book = facts_.FindBook(offer.book);
          if (book == nullptr) {
            why = LineReason::kNoPrice;
          } else if (book->currency != notes.currency) {
            entries_.clear();
            facts_.AddOffers(book->book, line.item->sku, entries_);
            why = entries_.empty() ? LineReason::kNoPrice : LineReason::kNoPriceInCurrency;
          } else if (!BookPrice(line, *book, offer.period, &notes, nullptr, priced)) {
            why = LineReason::kNoPrice;
          }
          price = priced.price;
          break;
        }
      }
      if (why == LineReason::kNone) {
        if (found) {
          why = LineReason::kLessSpecific;
        } else {
          why = notes.Settle(line, source, owner, offer, priced, price, discounted, written);
          found = why == LineReason::kNone;
        }
      }
    }
    if (why != LineReason::kNone) notes.Lost(line, offer, offer.period, why);
    if (written != nullptr) {
      candidate.lost = why;
      notes.answer.candidates.push_back(candidate);
    } else if (found) {
      return;
    }
  }
}

void PriceFinder::Search(const Line& line, Depth depth, LineAnswer& answer) {
  Notes notes(answer, buyer_.currency, depth);
  const Symbol sku = line.item->sku;
  using Target = Facts::Target;

  for (size_t i = 0; i < buyer_.chain.size() && !notes.done(); ++i) {
    const Symbol owner = buyer_.chain[i]->account;
    const Source source = i == 0 ? Source::kAccountContract : Source::kParentContract;
    if (facts_.MayOffer(owner, Target::kSku)) AskOwner(line, source, owner, sku, notes);
    if (facts_.MayOffer(owner, Target::kCategory)) {
      for (const Symbol category : line.item->categories) {
        if (notes.done()) break;
        AskOwner(line, source, owner, category, notes);
      }
    }
    if (!notes.done() && facts_.MayOffer(owner, Target::kEverything)) {
      AskOwner(line, source, owner, Symbol::kNone, notes);
    }
  }
  const auto ask_groups = [&](Target sort, Symbol target) {
    for (const Symbol group : buyer_.groups) {
      if (notes.done()) return;
      if (facts_.MayOffer(group, sort)) {
        AskOwner(line, Source::kGroupContract, group, target, notes);
      }
    }
  };
  ask_groups(Target::kSku, sku);
  for (const Symbol category : line.item->categories) ask_groups(Target::kCategory, category);
  ask_groups(Target::kEverything, Symbol::kNone);

  for (const Book* book : buyer_.books) {
    if (notes.done()) break;
    AskBook(line, *book, notes);
  }
  if (notes.won && depth == Depth::kWinner) return;

  // Only the reason, or the explanation, wants to know of other currencies.
  for (const Book* book : buyer_.foreign_books) {
    entries_.clear();
    facts_.AddOffers(book->book, sku, entries_);
    if (entries_.empty()) continue;
    notes.Missed(LineReason::kNoPriceInCurrency);
    if (depth == Depth::kAll) {
      Candidate candidate;
      candidate.source = book->groups.empty() ? Source::kList : Source::kBook;
      candidate.owner = book->book;
      candidate.target = sku;
      candidate.offer = entries_.front();
      candidate.period = book->period;
      candidate.lost = LineReason::kNoPriceInCurrency;
      answer.candidates.push_back(candidate);
    }
  }
  if (!notes.won && answer.reason == LineReason::kNone) answer.reason = LineReason::kNoPrice;
}

bool PriceFinder::ResolveItem(const LineQuestion& question, LineAnswer& answer) {
  Symbol sku = Symbol::kNone;
  if (!question.sku.empty()) {
    sku = question.sku_symbol != Symbol::kNone ? question.sku_symbol
                                               : facts_.Find(SymbolKind::kSku, question.sku);
  } else if (!question.customer_sku.empty()) {
    const Symbol number = facts_.Find(SymbolKind::kCustomerSku, question.customer_sku);
    for (const Account* account : buyer_.chain) {
      if (number == Symbol::kNone || sku != Symbol::kNone) break;
      sku = facts_.FindPartNumber(account->account, number);
    }
    if (sku == Symbol::kNone) {
      answer.reason = LineReason::kUnknownCustomerSku;
      return false;
    }
  }
  answer.item = sku == Symbol::kNone ? nullptr : facts_.FindItem(sku);
  if (answer.item == nullptr) answer.reason = LineReason::kUnknownItem;
  return answer.item != nullptr;
}

void PriceFinder::Find(const LineQuestion& question, Depth depth, LineAnswer& answer) {
  answer.reason = LineReason::kNone;
  answer.item = nullptr;
  answer.unit = Symbol::kNone;
  answer.valid_until_us = kForEver;
  answer.boundary_us = 0;
  answer.candidates.clear();
  answer.breakpoints.clear();
  answer.quantity = Decimal();
  if (!ResolveItem(question, answer)) return;
  const Item& item = *answer.item;
  if (item.state == Item::State::kDiscontinued) {
    answer.reason = LineReason::kItemDiscontinued;
    return;
  }
  if (!ReadQuantity(question.quantity, answer.quantity)) {
    answer.reason = LineReason::kInvalidQuantity;
    return;
  }
  answer.unit = question.unit.empty() ? item.base_unit
                                      : facts_.Find(SymbolKind::kUnit, question.unit);
  if (answer.unit == Symbol::kNone || !FindRatio(item, answer.unit, answer.unit_ratio)) {
    // A base unit may be missing; then only questions that name no unit fit.
    if (!question.unit.empty() || answer.unit != Symbol::kNone) {
      answer.reason = LineReason::kUnknownUnit;
      return;
    }
    answer.unit_ratio = UnitRatio();
  }
  Search(Line{&item, answer.unit, answer.unit_ratio, answer.quantity, buyer_.as_of_us}, depth,
         answer);
}

void PriceFinder::FindAt(const LineAnswer& like, const Decimal& quantity, LineAnswer& answer) {
  answer.reason = LineReason::kNone;
  answer.item = like.item;
  answer.unit = like.unit;
  answer.unit_ratio = like.unit_ratio;
  answer.quantity = quantity;
  answer.valid_until_us = kForEver;
  answer.boundary_us = 0;
  answer.candidates.clear();
  answer.breakpoints.clear();
  Search(Line{like.item, like.unit, like.unit_ratio, quantity, buyer_.as_of_us},
         Depth::kWinner, answer);
}

bool PriceFinder::FindListPrice(const LineAnswer& answer, Priced& list) {
  if (answer.item == nullptr) return false;
  const Line line{answer.item, answer.unit, answer.unit_ratio, answer.quantity,
                  buyer_.as_of_us};
  return ListPrice(line, nullptr, list);
}

}  // namespace weft::pricing
