// A room with documents and a reader that follows it, for tests through the RPCs.
#pragma once

#include <catch2/catch.hpp>
#include <future>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/error.h"
#include "libs/base/ids.h"
#include "libs/service/documents/convert.h"
#include "libs/service/documents/owner.h"
#include "libs/service/documents/reader.h"
#include "libs/service/documents/service.h"
#include "libs/testing/room_harness.h"

namespace weft::documents {

inline constexpr char kTimeline[] = "weft.facts.v1";

class Methods final : public rpc::MethodRegistry {
 public:
  void RegisterUnary(const std::string& method, rpc::RawUnaryHandler handler) override {
    unary[method] = std::move(handler);
  }
  void RegisterStream(const std::string& method, rpc::RawStreamHandler handler) override {
    streams[method] = std::move(handler);
  }
  std::map<std::string, rpc::RawUnaryHandler> unary;
  std::map<std::string, rpc::RawStreamHandler> streams;
};

class Collected final : public rpc::RawStream {
 public:
  bool Write(std::string message) override {
    messages.push_back(std::move(message));
    if (messages.size() == wanted) full.set_value();
    return true;
  }
  void Finish(absl::Status) override {}
  void OnDone(std::function<void()>) override {}
  bool done() const override { return false; }
  std::vector<std::string> messages;
  size_t wanted = 0;
  std::promise<void> full;
};

// Notes: a text; "bad" is refused, and two texts of a set must differ.
inline rules::Kinds NoteKinds() {
  rules::Kinds kinds;
  kinds.kinds["Note"] = [](const rules::SetDocument& d, std::vector<rules::Finding>& findings) {
    if (d.tree->TextOr("text") == "bad") {
      const rules::Tree& at = *d.tree->Find("text");
      findings.push_back({rules::Finding::Severity::kError, "bad_text", d.key.ToText(), "text",
                          at.line, at.column, "the text is bad", "write another"});
    }
  };
  kinds.make = [](const rules::DocumentSet& set, const rules::Rules&,
                  std::vector<rules::Finding>&) -> std::shared_ptr<const void> {
    std::string all;
    for (const rules::SetDocument& d : set.documents) {
      if (d.key.kind != "Note") continue;
      absl::StrAppend(&all, all.empty() ? "" : " ", d.tree->TextOr("text"));
    }
    return std::make_shared<const std::string>(all);
  };
  return kinds;
}

inline std::string TenantBesidePlatform() {
  for (int i = 0;; ++i) {
    std::string name = absl::StrCat("t", i);
    if (PartitionOf(name) == PartitionOf(engine::kPlatformTenant)) return name;
  }
}
inline const std::string kTenant = TenantBesidePlatform();

struct House {
  engine::Program owner{"pricing"};
  engine::Program replica{"pricing-replica"};
  DocumentReader reader{"pricing", NoteKinds()};
  std::unique_ptr<testing::RoomHarness> room;
  std::unique_ptr<testing::RoomHarness> follower;
  std::unique_ptr<DocumentService> service;
  Methods methods;
  size_t delivered = 0;
  int ids = 0;
  std::set<std::string> roles = {"pricing-manager"};  // Of who calls.
  v1::SimulateResponse simulated;

  explicit House(const std::vector<std::string>& shipped = {"{kind: Note, id: a, text: std}"}) {
    MountOwner("pricing", owner);
    reader.Mount(replica);
    room = std::make_unique<testing::RoomHarness>(owner);
    follower = std::make_unique<testing::RoomHarness>(replica);
    service = std::make_unique<DocumentService>(
        ServiceOptions{.room = "pricing",
                       .kinds = NoteKinds(),
                       .shipped = shipped,
                       .simulate = [this](const v1::SimulateRequest&, const std::string&,
                                          const CompiledFor& before, const CompiledFor& after)
                           -> absl::StatusOr<v1::SimulateResponse> {
                         CHECK(before({})->As<std::string>() != after({})->As<std::string>());
                         return simulated;
                       }},
        room->shards(), room->clock(), nullptr);
    service->Bind(methods);
    service->PublishShipped();
    Sync();
  }
  // What the owner emitted reaches the reader.
  void Sync() {
    room->Advance(absl::ZeroDuration());
    const auto& emitted = room->emitted();
    for (; delivered < emitted.size(); ++delivered) {
      const auto& e = emitted[delivered];
      if (e.partition != PartitionOf(kTenant)) continue;
      follower->DeliverBytes(e.tenant, e.topic, "pricing", e.subject, e.type, e.payload);
    }
  }
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& method, Request request,
                                const std::string& user = "ann") {
    if constexpr (requires { request.set_request_id(""); }) {
      if (request.request_id().empty()) request.set_request_id(absl::StrCat("r-", ++ids));
    }
    rpc::CallContext context;
    context.principal = testing::MakePrincipal(kTenant, roles, user);
    context.deadline = absl::Now() + absl::Minutes(1);
    std::promise<absl::StatusOr<std::string>> promise;
    methods.unary.at(kService + method)(
        context, request.SerializeAsString(),
        [&](absl::StatusOr<std::string> answer, rpc::ReplyInfo info) {
          token = info.token;
          promise.set_value(std::move(answer));
        });
    const absl::StatusOr<std::string> answer = promise.get_future().get();
    if (!answer.ok()) return answer.status();
    Sync();
    Response response;
    REQUIRE(response.ParseFromString(*answer));
    return response;
  }
  static std::string Source(const std::string& id, const std::string& text,
                            const std::string& more = "") {
    return absl::StrCat("kind: Note\nid: ", id, "\ntext: ", text, "\n", more);
  }
  absl::StatusOr<v1::Document> Save(const std::string& source, const std::string& etag = "",
                                    const std::string& user = "ann") {
    v1::SaveDraftRequest request;
    request.set_source(source);
    request.set_etag(etag);
    return Call<v1::Document>("SaveDraft", request, user);
  }
  absl::StatusOr<v1::CheckResponse> Check(const std::vector<std::string>& ids_) {
    v1::CheckRequest request;
    for (const std::string& id : ids_) request.add_documents()->set_id(id);
    return Call<v1::CheckResponse>("Check", request);
  }
  absl::StatusOr<v1::Activation> Publish(const std::vector<std::string>& ids_,
                                         absl::Duration later = absl::ZeroDuration()) {
    v1::PublishRequest request;
    for (const std::string& id : ids_) request.add_documents()->set_id(id);
    request.set_reason("because");
    if (later != absl::ZeroDuration()) {
      *request.mutable_effective_from() = TimestampOf(room->now() + later);
    }
    return Call<v1::Activation>("Publish", request);
  }
  // Saved, checked, published; the number of the activation.
  int64_t Put(const std::string& id, const std::string& text,
              absl::Duration later = absl::ZeroDuration(), const std::string& more = "") {
    REQUIRE(Save(Source(id, text, more)).ok());
    const auto checked = Check({id});
    REQUIRE(checked.ok());
    REQUIRE(checked->passed());
    const auto published = Publish({id}, later);
    REQUIRE(published.status() == absl::OkStatus());
    return published->number();
  }
  absl::StatusOr<v1::Document> Get(const std::string& id, int64_t version = 0) {
    v1::GetDocumentRequest request;
    request.set_id(id);
    request.set_version(version);
    return Call<v1::Document>("GetDocument", request);
  }
  std::string StateOf(const std::string& id, int64_t version) {
    const auto document = Get(id, version);
    return document.ok() ? v1::DocumentState_Name(document->state()).substr(15)
                         : ReasonOf(document.status());
  }
  std::string Decides(absl::Duration later = absl::ZeroDuration()) {
    const auto active = reader.FindNewest(kTenant, {}, room->now() + later);
    const auto* text = active->compiled->As<std::string>();
    return text == nullptr ? "nothing" : *text;
  }
  template <typename T>
  static std::string Told(const absl::StatusOr<T>& answer) {
    return answer.ok() ? "OK" : ReasonOf(answer.status());
  }
  std::string token;
};

}  // namespace weft::documents
