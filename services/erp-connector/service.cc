#include "services/erp-connector/service.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/error.h"
#include "libs/service/room.h"
#include "services/erp-connector/canonical.h"
#include "services/erp-connector/convert.h"
#include "services/erp-connector/ingest_call.h"
#include "services/erp-connector/program.h"
#include "services/erp-connector/state.h"

namespace weft::erp {
namespace {

constexpr int kPageMax = 1000;

// How many to answer, and the key to start at ("" = the first).
struct Page {
  int size = 0;
  std::string start;
};

template <typename Request>
absl::StatusOr<Page> PageOf(const Request& request, int size_default) {
  Page page;
  if (request.page_size() < 0) {
    return InvalidArgument("PAGE_SIZE_INVALID", "page_size must not be negative");
  }
  page.size = request.page_size() == 0 ? size_default : std::min(request.page_size(), kPageMax);
  if (!request.page_token().empty() &&
      !absl::WebSafeBase64Unescape(request.page_token(), &page.start)) {
    return InvalidArgument("PAGE_TOKEN_INVALID", "page_token is not one of ours");
  }
  return page;
}

// Adds rows to a page and notes where the next one starts.
class Pager {
 public:
  explicit Pager(const Page& page) : page_(page) {}
  // False when the page is full; the row at `key` is then the first of the next.
  bool Room(absl::string_view key) {
    if (taken_ < page_.size) {
      ++taken_;
      return true;
    }
    next_ = absl::WebSafeBase64Escape(key);
    return false;
  }
  const std::string& next() const { return next_; }

 private:
  const Page& page_;
  int taken_ = 0;
  std::string next_;
};

std::string ForPeople(absl::string_view part) {
  Kind kind = Kind::kItem;
  std::vector<std::string> key;
  if (!ReadObjectPart(part, kind, key)) return "";
  return absl::StrCat(InfoOf(kind).type, " ", KeyForPeople(key));
}

absl::StatusOr<v1::ListConnectionsResponse> ListConnections(
    const Settings& settings, const rpc::CallContext& context,
    const v1::ListConnectionsRequest& request, const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const Page page, PageOf(request, 100));
  Pager pager(page);
  v1::ListConnectionsResponse response;
  for (const auto& [name, connection] : settings.connections) {
    if (connection.tenant != context.principal.tenant || name < page.start) continue;
    if (!pager.Room(name)) break;
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::ConnectionRow> row,
                          view.Find(kConnections, ConnectionKey(name)));
    *response.add_connections() = ToProto(connection, row.value_or(v1::ConnectionRow()));
  }
  response.set_next_page_token(pager.next());
  return response;
}

absl::StatusOr<v1::ListLoadsResponse> ListLoads(const rpc::CallContext& /*context*/,
                                                const v1::ListLoadsRequest& request,
                                                const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const Page page, PageOf(request, 20));
  WEFT_ASSIGN_OR_RETURN(const std::optional<v1::CounterRow> last,
                        view.Find(kCounters, CounterKey("loads")));
  int64_t number = last.has_value() ? last->last() : 0;
  if (!page.start.empty() && !absl::SimpleAtoi(page.start, &number)) {
    return InvalidArgument("PAGE_TOKEN_INVALID", "page_token is not one of ours");
  }
  Pager pager(page);
  v1::ListLoadsResponse response;
  // Numbers have no gaps, so the newest first needs no backward scan.
  for (; number > 0; --number) {
    WEFT_ASSIGN_OR_RETURN(const std::optional<v1::LoadRow> row,
                          view.Find(kLoads, NumberKey(number)));
    if (!row.has_value()) continue;
    if (!request.connection().empty() && row->connection() != request.connection()) continue;
    if (!pager.Room(absl::StrCat(number))) break;
    *response.add_loads() = ToProto(number, *row);
  }
  response.set_next_page_token(pager.next());
  return response;
}

absl::StatusOr<v1::ListUnresolvedResponse> ListUnresolved(const rpc::CallContext& /*context*/,
                                                          const v1::ListUnresolvedRequest& request,
                                                          const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const Page page, PageOf(request, 100));
  Pager pager(page);
  v1::ListUnresolvedResponse response;
  const std::string prefix =
      request.connection().empty() ? "" : ConnectionKey(request.connection());
  WEFT_RETURN_IF_ERROR(view.Scan(
      kReferences, prefix,
      [&](absl::string_view key, const v1::ReferenceRow& row) {
        if (!pager.Room(key)) return false;
        engine::KeyReader reader(key);
        std::string connection;
        std::string target;
        std::string source;
        if (!reader.Next(connection) || !reader.Next(target) || !reader.Next(source)) return true;
        v1::UnresolvedReference& one = *response.add_references();
        one.set_connection(connection);
        one.set_source(ForPeople(source));
        one.set_target(ForPeople(target));
        one.set_reason("UNRESOLVED_REFERENCE");
        one.mutable_time()->set_seconds(row.since_us() / 1'000'000);
        one.mutable_time()->set_nanos(static_cast<int32_t>(row.since_us() % 1'000'000 * 1000));
        return true;
      },
      page.start));
  response.set_next_page_token(pager.next());
  return response;
}

// The queue may have moved since the message began to wait.
absl::Status FillWaitsFor(const v1::ParkedRow& row, const engine::View& view,
                          v1::ParkedMessage& shown) {
  if (shown.waits_for().empty()) return absl::OkStatus();
  return view.Scan(kParkedKeys, ParkedKeyPrefix(shown.connection(), row.hold()),
                   [&](absl::string_view, const v1::ParkedKeyRow& key) {
                     shown.set_waits_for(absl::StrCat(key.id()));
                     return false;
                   });
}

absl::StatusOr<v1::ListParkedResponse> ListParked(const rpc::CallContext& /*context*/,
                                                  const v1::ListParkedRequest& request,
                                                  const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const Page page, PageOf(request, 100));
  Pager pager(page);
  v1::ListParkedResponse response;
  absl::Status status;
  WEFT_RETURN_IF_ERROR(view.Scan(
      kParked, "",
      [&](absl::string_view key, const v1::ParkedRow& row) {
        if (!request.connection().empty() && row.message().connection() != request.connection()) {
          return true;
        }
        if (!pager.Room(key)) return false;
        v1::ParkedMessage& shown = *response.add_parked();
        shown = ToProto(row, /*with_data=*/false);
        status = FillWaitsFor(row, view, shown);
        return status.ok();
      },
      page.start));
  WEFT_RETURN_IF_ERROR(status);
  response.set_next_page_token(pager.next());
  return response;
}

absl::StatusOr<v1::ParkedMessage> GetParked(const rpc::CallContext& /*context*/,
                                            const v1::GetParkedRequest& request,
                                            const engine::View& view) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(request.id(), &number)) {
    return NotFound("PARKED_NOT_FOUND", absl::StrCat("there is no parked '", request.id(), "'"));
  }
  WEFT_ASSIGN_OR_RETURN(const v1::ParkedRow row, view.Get(kParked, NumberKey(number)));
  v1::ParkedMessage shown = ToProto(row, /*with_data=*/true);
  WEFT_RETURN_IF_ERROR(FillWaitsFor(row, view, shown));
  return shown;
}

absl::StatusOr<v1::Export> GetExport(const rpc::CallContext& /*context*/,
                                     const v1::GetExportRequest& request,
                                     const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const v1::ExportRow row,
                        view.Get(kExports, OrderKey(OrderName(request.order()))));
  return ToProto(row, /*with_text=*/true);
}

absl::StatusOr<v1::ListExportsResponse> ListExports(const rpc::CallContext& /*context*/,
                                                    const v1::ListExportsRequest& request,
                                                    const engine::View& view) {
  WEFT_ASSIGN_OR_RETURN(const Page page, PageOf(request, 100));
  Pager pager(page);
  v1::ListExportsResponse response;
  WEFT_RETURN_IF_ERROR(view.Scan(
      kExports, "",
      [&](absl::string_view key, const v1::ExportRow& row) {
        if (!request.connection().empty() && row.connection() != request.connection()) return true;
        if (request.state() != v1::EXPORT_STATE_UNSPECIFIED && row.state() != request.state()) {
          return true;
        }
        if (!pager.Room(key)) return false;
        *response.add_exports() = ToProto(row, /*with_text=*/false);
        return true;
      },
      page.start));
  response.set_next_page_token(pager.next());
  return response;
}

}  // namespace

void BindService(const Settings& settings, rpc::MethodRegistry& methods, engine::Shards& shards) {
  const auto method = [](const char* name) { return absl::StrCat(kErpService, name); };
  methods.Unary<v1::IngestRequest, v1::IngestResponse>(
      method("Ingest"), [&shards](const rpc::CallContext& context,
                                  const v1::IngestRequest& request,
                                  rpc::Reply<v1::IngestResponse> reply) {
        StartIngest(shards, context, request, std::move(reply));
      });
  service::BindCommand<v1::ReplayParkedRequest>(methods, shards, method("ReplayParked"));
  service::BindCommand<v1::DiscardParkedRequest>(methods, shards, method("DiscardParked"));
  service::BindCommand<v1::ResolveLoadRequest>(methods, shards, method("ResolveLoad"));
  service::BindCommand<v1::ReseedFactsRequest>(methods, shards, method("ReseedFacts"));
  service::BindCommand<v1::SendExportRequest>(methods, shards, method("SendExport"));
  service::BindRead<v1::ListConnectionsRequest, v1::ListConnectionsResponse>(
      methods, shards, method("ListConnections"),
      [&settings](const rpc::CallContext& context, const v1::ListConnectionsRequest& request,
                  const engine::View& view) {
        return ListConnections(settings, context, request, view);
      });
  service::BindRead<v1::ListLoadsRequest, v1::ListLoadsResponse>(methods, shards,
                                                                 method("ListLoads"), &ListLoads);
  service::BindRead<v1::ListUnresolvedRequest, v1::ListUnresolvedResponse>(
      methods, shards, method("ListUnresolved"), &ListUnresolved);
  service::BindRead<v1::ListParkedRequest, v1::ListParkedResponse>(
      methods, shards, method("ListParked"), &ListParked);
  service::BindRead<v1::GetParkedRequest, v1::ParkedMessage>(methods, shards,
                                                             method("GetParked"), &GetParked);
  service::BindRead<v1::GetExportRequest, v1::Export>(methods, shards, method("GetExport"),
                                                      &GetExport);
  service::BindRead<v1::ListExportsRequest, v1::ListExportsResponse>(
      methods, shards, method("ListExports"), &ListExports);
}

}  // namespace weft::erp
