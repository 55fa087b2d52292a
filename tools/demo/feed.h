// The catalogue as the messages that a home-grown ERP would send: canonical JSON, one
// full load of master data, prices and stock, with a year of invoices before its end.
//
//   demo::Feed feed(catalogue, {.shift = demo::ShiftTo(catalogue, now)});
//   WEFT_RETURN_IF_ERROR(demo::Send(feed, ingest, progress));
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tools/demo/catalogue.h"

namespace weft::demo {

struct FeedOptions {
  // Added to every moment, so that the year of invoices ends today.
  absl::Duration shift;
  // Name of the load; a load's name is used once.
  std::string load = "demo";
  // False leaves the invoices out (prices and stock only).
  bool invoices = true;
};

// Whole weeks that move the catalogue's last day to `now` or just before it, so
// that days of the week stay what they were.
absl::Duration ShiftTo(const Catalogue& catalogue, absl::Time now);

class Feed {
 public:
  // `catalogue` outlives the feed.
  Feed(const Catalogue& catalogue, FeedOptions options)
      : catalogue_(catalogue), options_(std::move(options)) {}

  // Calls `take` with one message after the other until it fails.
  absl::Status ForEach(const std::function<absl::Status(const std::string&)>& take) const;
  // Messages that ForEach() will say.
  int64_t count() const;
  // Of those, invoices; and their lines.
  int64_t invoice_count() const;
  int64_t invoice_line_count() const;

  const FeedOptions& options() const { return options_; }

 private:
  std::string Moment(absl::Time time) const;

  const Catalogue& catalogue_;
  const FeedOptions options_;
};

// The user ids of the feed: the buyer of an account, and the two staff members who
// may approve, up to 5,000 and up to 250,000 pounds.
std::string BuyerOf(const std::string& account);
inline constexpr char kApprover[] = "approver-1";
inline constexpr char kHeadApprover[] = "approver-2";

// Hands a batch (one message a line) to the ERP connector; the same id for the same batch.
using IngestFunction =
    std::function<absl::Status(const std::string& request_id, const std::string& text)>;
// Called after each batch: messages sent so far and in all.
using ProgressFunction = std::function<void(int64_t done, int64_t total)>;

// Sends the whole feed in batches of at most 1 MiB.
absl::Status Send(const Feed& feed, const IngestFunction& ingest,
                  const ProgressFunction& progress = nullptr);

}  // namespace weft::demo
