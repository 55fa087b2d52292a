#include "services/pricing/domain/price_search.h"

#include <algorithm>
#include <optional>

namespace weft::pricing {
namespace {

const Decimal kHundred(100);

uint8_t ScopeOf(const Book& book) {
  if (book.branch != Symbol::kNone) return AccessStep::kBranch;
  if (book.organisation != Symbol::kNone) return AccessStep::kOrganisation;
  if (book.channel != Symbol::kNone) return AccessStep::kChannel;
  return book.groups.empty() ? AccessStep::kEveryone : AccessStep::kGroup;
}

}  // namespace

int PriceFinder::Line::TierOf(const Offer& offer, UnitRatio of_offer,
                              const Decimal* scale) const {
  const bool same_unit = scale == nullptr && of_offer == ratio;
  int found = -1;
  for (int i = 0; i < offer.tier_count; ++i) {
    const Decimal minimum = offer.TierAt(i).minimum;
    const int order = same_unit          ? Compare(quantity, minimum)
                      : scale != nullptr ? CompareQuantities(*scale, UnitRatio(), minimum, of_offer)
                                         : CompareQuantities(quantity, ratio, minimum, of_offer);
    if (order < 0) break;
    found = i;
  }
  return found;
}

LineReason PriceFinder::Line::Price(const Offer& offer, const Decimal* scale, Priced& out) const {
  UnitRatio of_offer;
  if (!FindRatio(*item, offer.unit, of_offer)) return LineReason::kUnknownUnit;
  const int found = TierOf(offer, of_offer, scale);
  if (found < 0) return LineReason::kBelowMinimum;
  const Tier tier = offer.TierAt(found);
  if (tier.price.is_zero()) return LineReason::kZeroPrice;
  out.tier_minimum = tier.minimum;
  out.tier_ratio = of_offer;
  out.offer = offer;
  if (offer.graduated && found > 0) return Graduated(offer, of_offer, out);
  UnitRatio between;
  if (of_offer != ratio && RatioBetweenInto(ratio, of_offer, between) != DecimalError::kOk) {
    return LineReason::kAmountTooLarge;
  }
  out.price = tier.price;
  out.numerator = between.numerator();
  if (__builtin_mul_overflow(between.denominator(), offer.per_quantity, &out.denominator)) {
    return LineReason::kAmountTooLarge;
  }
  return LineReason::kNone;
}

// The price is that of the whole quantity: what the parts come to.
LineReason PriceFinder::Line::Graduated(const Offer& offer, UnitRatio of_offer,
                                        Priced& out) const {
  Decimal in_offer = quantity;
  if (of_offer != ratio) {
    const auto converted = ConvertUnit(quantity, ratio, of_offer);
    if (!converted.ok()) return LineReason::kAmountTooLarge;
    in_offer = converted->value;
  }
  // The m-th unit is the first of a tier that begins at m; of measures that begin
  // below 1 a tier is for what lies above its minimum.
  const Decimal offset = std::min(offer.TierAt(0).minimum, Decimal(1));
  Decimal total;
  Decimal from;
  for (int i = 0; i < offer.tier_count; ++i) {
    Decimal to = in_offer;
    if (i + 1 < offer.tier_count) {
      Decimal next;
      if (SubtractInto(offer.TierAt(i + 1).minimum, offset, next) != DecimalError::kOk) {
        return LineReason::kAmountTooLarge;
      }
      // A tier counts from its minimum on, so a broken part below stays with this one.
      if (in_offer >= offer.TierAt(i + 1).minimum) to = next;
    }
    Decimal part;
    if (SubtractInto(to, from, part) != DecimalError::kOk ||
        MultiplyInto(part, offer.TierAt(i).price, part) != DecimalError::kOk ||
        AddInto(total, part, total) != DecimalError::kOk) {
      return LineReason::kAmountTooLarge;
    }
    if (to == in_offer) break;
    from = to;
  }
  if (total.sign() <= 0 || !quantity.fits_64()) return LineReason::kAmountTooLarge;
  // One unit is the total over the quantity, a ratio of whole numbers.
  int64_t power = 1;
  for (int i = 0; i < quantity.scale(); ++i) {
    if (__builtin_mul_overflow(power, int64_t{10}, &power)) return LineReason::kAmountTooLarge;
  }
  out.price = total;
  out.numerator = power;
  if (__builtin_mul_overflow(quantity.coefficient_64(), offer.per_quantity, &out.denominator)) {
    return LineReason::kAmountTooLarge;
  }
  return LineReason::kNone;
}

// ---- Notes ----

void PriceFinder::Notes::Outside(const Line& line, const Period& period) {
  if (period.from_us >= period.to_us) return;  // Never valid at all.
  if (line.as_of_us < period.from_us) {
    Boundary(period.from_us);
    Missed(LineReason::kNotYetValid, period.from_us);
  } else {
    Missed(LineReason::kNoLongerValid, period.to_us);
  }
}

void PriceFinder::Notes::Missed(LineReason why, int64_t boundary_us) {
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

void PriceFinder::Notes::BelowMinimum(const Line& line, const Offer& offer) {
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

void PriceFinder::Notes::Lost(const Line& line, const Offer& offer, const Period& period,
                              LineReason why) {
  switch (why) {
    case LineReason::kNotYetValid:
    case LineReason::kNoLongerValid: return Outside(line, period);
    case LineReason::kBelowMinimum: return BelowMinimum(line, offer);
    case LineReason::kRateExpired:
    case LineReason::kRateMissing:
    case LineReason::kNoPriceInCurrency:
    case LineReason::kAmountTooLarge: return Missed(why);
    default: return;
  }
}

void PriceFinder::Notes::Breakpoints(const Line& line, const Offer& offer) {
  if (depth != Depth::kAll) return;
  UnitRatio ratio;
  if (!FindRatio(*line.item, offer.unit, ratio)) return;
  for (int i = 0; i < offer.tier_count; ++i) {
    answer.breakpoints.push_back({offer.TierAt(i).minimum, ratio});
  }
}

LineReason PriceFinder::Notes::Challenge(const Priced& priced,
                                         const Decimal& net) const {
  if (step != winner_step) {
    // Steps of one best-price group: the step's own rule chose this one.
    if (step_won && step->combine == Combine::kFirst) return LineReason::kLessSpecific;
    return net < answer.net ? LineReason::kNone : LineReason::kDearer;
  }
  switch (step->combine) {
    case Combine::kFirst: return LineReason::kLessSpecific;
    case Combine::kBestPrice: return net < answer.net ? LineReason::kNone : LineReason::kDearer;
    case Combine::kMergeTiers:
      return CompareQuantities(priced.tier_minimum, priced.tier_ratio, answer.priced.tier_minimum,
                               answer.priced.tier_ratio) > 0
                 ? LineReason::kNone
                 : LineReason::kOtherTier;
  }
  return LineReason::kLessSpecific;
}

LineReason PriceFinder::Notes::Settle(const Line& line, Source source, Symbol owner,
                                      const Offer& offer, const Priced& priced,
                                      const Decimal& price, bool discounted, Candidate* candidate,
                                      int number) {
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
  if (won && !open) return excluded ? LineReason::kExcluded : LineReason::kLessSpecific;
  Decimal net;
  if (NetOf(price, line.quantity, priced.numerator, priced.denominator, rounding, currency, shown,
            net) != DecimalError::kOk) {
    return LineReason::kAmountTooLarge;
  }
  if (won) {
    const LineReason why = Challenge(priced, net);
    step_won = true;
    if (why != LineReason::kNone) {
      Boundary(priced.period.to_us);
      return why;
    }
    if (winner_candidate >= 0) {
      answer.candidates[static_cast<size_t>(winner_candidate)].lost =
          step == winner_step && step->combine == Combine::kMergeTiers ? LineReason::kOtherTier
                                                                       : LineReason::kDearer;
    }
  }
  Boundary(priced.period.to_us);
  won = true;
  step_won = true;
  winner_step = step;
  winner_candidate = number;
  // Only what competes with it may still change the answer.
  open = step->combine != Combine::kFirst || step->group >= 0;
  answer.reason = LineReason::kNone;
  answer.unit_price = shown;
  answer.net = net;
  answer.price = price;
  answer.source = source;
  answer.owner = owner;
  answer.offer = offer;
  answer.priced = priced;
  answer.discounted = discounted;
  return LineReason::kNone;
}

// ---- Search ----

// Preferred units first; within a unit the one that starts latest, then the one
// that ends first, then the greatest name: an order that does not depend on when
// anything was recorded.
void PriceFinder::Sort(const Line& line, Offers& offers) const {
  if (offers.size() < 2) return;
  std::sort(offers.begin(), offers.end(), [&](const Offer& a, const Offer& b) {
    const int rank_a = line.Rank(a);
    const int rank_b = line.Rank(b);
    if (rank_a != rank_b) return rank_a < rank_b;
    if (a.unit != b.unit && line.UnitSort(a) == 2) return facts_.Text(a.unit) < facts_.Text(b.unit);
    if (a.period.from_us != b.period.from_us) return a.period.from_us > b.period.from_us;
    if (a.period.to_us != b.period.to_us) return a.period.to_us < b.period.to_us;
    return a.name > b.name;
  });
}

bool PriceFinder::AppliesTo(const Line& line, const Offer& offer) const {
  return offer.terms == nullptr ||
         (InScope(*offer.terms, buyer_, buyer_.channel_symbol) &&
          !IsExcepted(offer, line.item->sku, *line.categories));
}

// Lines of one request that are offered the same scale group by one owner reach its
// tiers together. The first time the quantities are added up, the second time used.
const Decimal* PriceFinder::ScaleOf(const Line& line, Symbol owner, const Offer& offer) {
  if (offer.terms == nullptr || offer.terms->scale_group == Symbol::kNone) return nullptr;
  ScaleSum* sum = nullptr;
  for (ScaleSum& known : scale_sums_) {
    if (known.owner == owner && known.group == offer.terms->scale_group) sum = &known;
  }
  if (!scales_together_) {
    if (sum == nullptr) {
      scale_sums_.push_back({owner, offer.terms->scale_group, Decimal(), 0, 0});
      sum = &scale_sums_.back();
    }
    if (sum->last_line != line_number_ &&
        AddInto(sum->base_quantity, line_base_, sum->base_quantity) == DecimalError::kOk) {
      sum->last_line = line_number_;
      ++sum->lines;
    }
    return nullptr;
  }
  if (sum == nullptr || sum->lines < 2) return nullptr;
  read_scale_ = true;
  // For a tier ladder the line has another quantity than it was asked for.
  Decimal own = line.quantity;
  if (line.ratio != UnitRatio()) {
    const auto converted = ConvertUnit(line.quantity, line.ratio, UnitRatio());
    if (!converted.ok()) return nullptr;
    own = converted->value;
  }
  if (SubtractInto(sum->base_quantity, line_base_, scale_now_) != DecimalError::kOk ||
      AddInto(scale_now_, own, scale_now_) != DecimalError::kOk) {
    return nullptr;
  }
  return &scale_now_;
}

// The price that `book` has for the line `within` a period, from the first unit
// that gives one; `out` means nothing where none does. `notes` hears of boundaries and
// reasons; without it nothing is remembered. `candidate` is a pattern: each entry
// looked at becomes one.
bool PriceFinder::BookPrice(const Line& line, const Book& book, const Period& within, Notes* notes,
                            Candidate* candidate, Priced& out) {
  entries_.clear();
  facts_.AddOffers(book.book, line.item->sku, entries_);
  if (entries_.empty()) return false;
  Sort(line, entries_);
  const Period open = Intersection(within, book.period);
  const Offer* slot = nullptr;  // The offer that holds the current unit.
  bool found = false;
  for (const Offer& entry : entries_) {
    if (line.Rank(entry) == AccessPlan::kNotUsed) continue;
    const Period period = Intersection(open, entry.period);
    LineReason why = LineReason::kNone;
    if (!period.Contains(line.as_of_us)) {
      why =
          line.as_of_us < period.from_us ? LineReason::kNotYetValid : LineReason::kNoLongerValid;
    } else if (!AppliesTo(line, entry)) {
      why = LineReason::kNotApplicable;
    } else if (slot != nullptr && line.SameUnit(*slot, entry)) {
      why = LineReason::kReplaced;
    } else {
      slot = &entry;
      if (notes != nullptr) {
        if (!found) notes->Boundary(period.to_us);
        notes->Breakpoints(line, entry);
      }
      why = found ? LineReason::kLessSpecific
                  : line.Price(entry, ScaleOf(line, book.book, entry), out);
    }
    if (why == LineReason::kNone) {
      out.book = &book;
      out.period = period;
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
  const Source source = book.groups.empty() ? Source::kList : Source::kBook;
  std::optional<Candidate> pattern;
  if (notes.depth == Depth::kAll) {
    pattern.emplace();
    pattern->source = source;
    pattern->owner = book.book;
    pattern->target = line.item->sku;
  }
  const size_t first = notes.answer.candidates.size();
  Priced priced;
  if (!BookPrice(line, book, Period(), &notes, pattern.has_value() ? &*pattern : nullptr, priced)) {
    return;
  }
  int chosen = -1;
  for (size_t i = first; i < notes.answer.candidates.size(); ++i) {
    if (notes.answer.candidates[i].lost == LineReason::kNone) chosen = static_cast<int>(i);
  }
  Candidate* const candidate =
      chosen < 0 ? nullptr : &notes.answer.candidates[static_cast<size_t>(chosen)];
  const LineReason why = notes.Settle(line, source, book.book, priced.offer, priced,
                                      priced.price, false, candidate, chosen);
  SetScale(priced.offer, why, notes.answer);
  if (candidate != nullptr) candidate->lost = why;
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

// Remembers how much reached the tiers of the offer that won.
void PriceFinder::SetScale(const Offer& offer, LineReason why, LineAnswer& answer) const {
  if (why != LineReason::kNone) return;
  const bool scaled = read_scale_ && offer.terms != nullptr &&
                      offer.terms->scale_group != Symbol::kNone;
  answer.scale_quantity = scaled ? scale_now_ : Decimal();
}

// What a valid contract line comes to: `price` of `priced`, the price it starts from.
LineReason PriceFinder::ContractPrice(const Line& line, Symbol owner, const Offer& offer,
                                      Notes& notes, Priced& priced, Decimal& price,
                                      bool& discounted) {
  switch (offer.promise) {
    case Offer::Promise::kTiers: {
      notes.Breakpoints(line, offer);
      const LineReason why = line.Price(offer, ScaleOf(line, owner, offer), priced);
      price = priced.price;
      priced.period = offer.period;
      return why;
    }
    case Offer::Promise::kDiscount:
    case Offer::Promise::kDiscountTiers: {
      Decimal percent = Decimal::FromUnscaled(offer.discount, offer.price_scale);
      if (offer.promise == Offer::Promise::kDiscountTiers) {
        notes.Breakpoints(line, offer);
        UnitRatio of_offer;
        if (!FindRatio(*line.item, offer.unit, of_offer)) return LineReason::kUnknownUnit;
        const int tier = line.TierOf(offer, of_offer, ScaleOf(line, owner, offer));
        if (tier < 0) return LineReason::kBelowMinimum;
        percent = offer.TierAt(tier).price;
      }
      if (!ListPrice(line, &notes, priced)) return LineReason::kNoListPrice;
      discounted = true;
      priced.percent = percent;
      priced.period = Intersection(priced.period, offer.period);
      Decimal left;
      if (SubtractInto(kHundred, percent, left) != DecimalError::kOk ||
          MulDivRound(priced.price, left, 1, 100, notes.rounding.discount_decimals,
                      notes.rounding.mode, price) != DecimalError::kOk) {
        return LineReason::kAmountTooLarge;
      }
      return LineReason::kNone;
    }
    case Offer::Promise::kBook: break;
  }
  const Book* book = facts_.FindBook(offer.book);
  if (book == nullptr) return LineReason::kNoPrice;
  if (book->currency != notes.currency) {
    entries_.clear();
    facts_.AddOffers(book->book, line.item->sku, entries_);
    return entries_.empty() ? LineReason::kNoPrice : LineReason::kNoPriceInCurrency;
  }
  if (!BookPrice(line, *book, offer.period, &notes, nullptr, priced)) return LineReason::kNoPrice;
  price = priced.price;
  return LineReason::kNone;
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
    if (line.Rank(offer) == AccessPlan::kNotUsed) continue;
    std::optional<Candidate> candidate;
    if (notes.depth == Depth::kAll) {
      candidate.emplace();
      candidate->source = source;
      candidate->owner = owner;
      candidate->target = target;
      candidate->offer = offer;
      candidate->period = offer.period;
    }
    Candidate* const written = candidate.has_value() ? &*candidate : nullptr;
    const int number = written == nullptr ? -1 : static_cast<int>(notes.answer.candidates.size());
    LineReason why = LineReason::kNone;
    if (!offer.period.Contains(line.as_of_us)) {
      why = line.as_of_us < offer.period.from_us ? LineReason::kNotYetValid
                                                 : LineReason::kNoLongerValid;
    } else if (offer.promise == Offer::Promise::kTiers && offer.currency != notes.currency) {
      why = LineReason::kNoPriceInCurrency;
    } else if (!AppliesTo(line, offer)) {
      why = LineReason::kNotApplicable;
    } else if (slot != nullptr && line.SameUnit(*slot, offer)) {
      why = LineReason::kReplaced;
    } else {
      slot = &offer;
      notes.Boundary(offer.period.to_us);
      Priced priced;
      Decimal price;
      bool discounted = false;
      why = ContractPrice(line, owner, offer, notes, priced, price, discounted);
      if (why == LineReason::kNone) {
        if (found) {
          why = LineReason::kLessSpecific;
        } else {
          why = notes.Settle(line, source, owner, offer, priced, price, discounted, written,
                             number);
          SetScale(offer, why, notes.answer);
          found = why == LineReason::kNone || why == LineReason::kDearer || why == LineReason::kOtherTier;
        }
      }
    }
    if (why != LineReason::kNone) notes.Lost(line, offer, offer.period, why);
    if (written != nullptr) {
      candidate->lost = why;
      notes.answer.candidates.push_back(*candidate);
    } else if (found) {
      return;
    }
  }
}

void PriceFinder::AskTarget(const Line& line, Source source, Symbol owner, Facts::Target target,
                            Notes& notes) {
  if (!facts_.MayOffer(owner, target)) return;
  switch (target) {
    case Facts::Target::kSku: return AskOwner(line, source, owner, line.item->sku, notes);
    case Facts::Target::kCategory:
      for (const Symbol category : *line.categories) {
        if (notes.done()) return;
        AskOwner(line, source, owner, category, notes);
      }
      return;
    case Facts::Target::kEverything: return AskOwner(line, source, owner, Symbol::kNone, notes);
  }
}

// Calls `ask` with every owner of a step in its order, until it is done.
template <typename Ask>
void PriceFinder::EachOwner(const AccessStep& step, const Notes& notes, Ask ask) const {
  for (const AccessStep::Owner sort : step.owners) {
    switch (sort) {
      case AccessStep::Owner::kShipTo:
        if (buyer_.ship_to != Symbol::kNone && !notes.done()) {
          ask(Source::kAccountContract, buyer_.ship_to);
        }
        break;
      case AccessStep::Owner::kProject:
        if (buyer_.project != Symbol::kNone && !notes.done()) {
          ask(Source::kAccountContract, buyer_.project);
        }
        break;
      case AccessStep::Owner::kAccount:
        if (!buyer_.chain.empty() && !notes.done()) {
          ask(Source::kAccountContract, buyer_.chain[0]->account);
        }
        break;
      case AccessStep::Owner::kParents:
        for (size_t i = 1; i < buyer_.chain.size() && !notes.done(); ++i) {
          ask(Source::kParentContract, buyer_.chain[i]->account);
        }
        break;
      case AccessStep::Owner::kGroups:
        for (const Symbol group : buyer_.groups) {
          if (notes.done()) break;
          ask(Source::kGroupContract, group);
        }
        break;
    }
  }
}

void PriceFinder::AskContracts(const Line& line, const AccessStep& step, Notes& notes) {
  if (step.by_owner) {
    EachOwner(step, notes, [&](Source source, Symbol owner) {
      for (const Facts::Target target : step.targets) {
        if (notes.done()) return;
        AskTarget(line, source, owner, target, notes);
      }
    });
    return;
  }
  for (const Facts::Target target : step.targets) {
    if (target != Facts::Target::kCategory) {
      EachOwner(step, notes, [&](Source source, Symbol owner) {
        AskTarget(line, source, owner, target, notes);
      });
      continue;
    }
    for (const Symbol category : *line.categories) {
      EachOwner(step, notes, [&](Source source, Symbol owner) {
        if (facts_.MayOffer(owner, target)) AskOwner(line, source, owner, category, notes);
      });
    }
  }
}

void PriceFinder::AskBooks(const Line& line, const AccessStep& step, Notes& notes) {
  const auto in_step = [&](const Book& book) {
    return step.scopes == AccessStep::kAnyScope || (ScopeOf(book) & step.scopes) != 0;
  };
  if (step.convert) {
    for (const Book* book : buyer_.foreign_books) {
      if (notes.done()) return;
      if (in_step(*book)) AskConverted(line, *book, notes);
    }
    return;
  }
  for (const Book* book : buyer_.books) {
    if (notes.done()) return;
    if (in_step(*book)) AskBook(line, *book, notes);
  }
}

// Asked for once per request and currency.
const PriceFinder::Rate& PriceFinder::RateFrom(Currency from) {
  for (const Rate& known : rates_) {
    if (known.from == from) return known;
  }
  Rate& made = rates_.emplace_back();
  made.from = from;
  made.boundary_us = kForEver;
  made.state = FindRate(facts_, from, buyer_.currency, "", buyer_.as_of_us, made.rate,
                        &made.boundary_us);
  return made;
}

// A book in another currency: its price at the rate of the moment, or the reason why
// there is none. Nothing is assumed of a missing rate.
void PriceFinder::AskConverted(const Line& line, const Book& book, Notes& notes) {
  Priced priced;
  if (!BookPrice(line, book, Period(), &notes, nullptr, priced)) return;
  Candidate candidate;
  candidate.source = book.groups.empty() ? Source::kList : Source::kBook;
  candidate.owner = book.book;
  candidate.target = line.item->sku;
  candidate.offer = priced.offer;
  candidate.period = priced.period;
  const Rate& rate = RateFrom(book.currency);
  notes.Boundary(rate.boundary_us);
  LineReason why = LineReason::kNone;
  Decimal price;
  if (rate.state != RateState::kFound) {
    why = rate.state == RateState::kExpired ? LineReason::kRateExpired : LineReason::kRateMissing;
  } else {
    priced.converted = true;
    priced.rate = rate.rate.rate;
    const int decimals = notes.rounding.conversion_decimals;
    const DecimalError error =
        decimals < 0 ? MultiplyInto(priced.price, priced.rate, price)
                     : MulRound(priced.price, priced.rate, decimals, notes.rounding.mode, price);
    const bool all = notes.depth == Depth::kAll;
    why = error != DecimalError::kOk || price.sign() <= 0
              ? LineReason::kAmountTooLarge
              : notes.Settle(line, candidate.source, book.book, priced.offer, priced, price, false,
                             all ? &candidate : nullptr,
                             all ? static_cast<int>(notes.answer.candidates.size()) : -1);
  }
  if (why != LineReason::kNone) notes.Lost(line, priced.offer, priced.period, why);
  candidate.lost = why;
  if (notes.depth == Depth::kAll) notes.answer.candidates.push_back(candidate);
}

void PriceFinder::Search(const Line& line, Depth depth, LineAnswer& answer) {
  Notes notes(answer, buyer_.currency, rounding_, depth);
  const std::vector<AccessStep>& steps = line.plan->steps();
  uint64_t excluded = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    const AccessStep& step = steps[i];
    if ((not_asked_ >> i & 1) != 0) continue;
    notes.Begin(step, (excluded >> i & 1) != 0);
    if (depth == Depth::kWinner) {
      if (notes.excluded) continue;
      if (notes.won && !notes.open) break;
    }
    if (step.source == AccessStep::Source::kContract) {
      AskContracts(line, step, notes);
    } else {
      AskBooks(line, step, notes);
    }
    if (notes.step_won) excluded |= step.excludes;
  }
  if (notes.won && depth == Depth::kWinner) return;
  AskForeignBooks(line, depth, answer, notes);
  if (!notes.won && answer.reason == LineReason::kNone) answer.reason = LineReason::kNoPrice;
}

// Only the reason, or the explanation, wants to know of other currencies.
void PriceFinder::AskForeignBooks(const Line& line, Depth depth, LineAnswer& answer,
                                  Notes& notes) {
  if (plan_.converts()) return;  // They were asked for prices.
  for (const Book* book : buyer_.foreign_books) {
    entries_.clear();
    facts_.AddOffers(book->book, line.item->sku, entries_);
    if (entries_.empty()) continue;
    notes.Missed(LineReason::kNoPriceInCurrency);
    if (depth != Depth::kAll) continue;
    Candidate candidate;
    candidate.source = book->groups.empty() ? Source::kList : Source::kBook;
    candidate.owner = book->book;
    candidate.target = line.item->sku;
    candidate.offer = entries_.front();
    candidate.period = book->period;
    candidate.lost = LineReason::kNoPriceInCurrency;
    answer.candidates.push_back(candidate);
  }
}

}  // namespace weft::pricing
