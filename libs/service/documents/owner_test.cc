// Documents from the draft to what a reader decides with, through the RPCs.
#include "libs/service/documents/house_for_test.h"

namespace weft::documents {
namespace {

TEST_CASE("what a tenant decides with is written anew in another generation of the timeline",
          "[documents][again]") {
  House house;
  house.Put("a", "first");
  house.Put("a", "mine");
  house.Put("b", "more");
  house.Put("b", "tomorrow", absl::Hours(24));
  // Long texts: a few turns.
  for (int i = 0; i < 4; ++i) {
    house.Put(absl::StrCat("long", i), "x", absl::ZeroDuration(),
              absl::StrCat("# ", std::string(100'000, 'x'), "\n"));
  }
  const std::string now = house.Decides();
  const std::string later = house.Decides(absl::Hours(25));
  REQUIRE(later != now);
  house.room->Deliver(kTenant, kTimeline, "erp-connector", "x", v1::DocumentPublished());
  house.Sync();
  const size_t before = house.room->emitted().size();

  house.room->DeliverOpening(kTenant, "erp-connector", 2);
  house.Sync();
  CHECK(house.room->emitted().size() == before);
  house.room->Deliver(kTenant, kTimeline, "erp-connector", "x", v1::DocumentPublished());
  house.Sync();
  const size_t after = house.room->emitted().size();
  // Once.
  house.room->Deliver(kTenant, kTimeline, "erp-connector", "x", v1::DocumentPublished());
  house.Put("c", "newest");
  house.Sync();

  // A reader that knows nothing of before.
  DocumentReader reader{"pricing", NoteKinds(), {"{kind: Note, id: a, text: std}"}};
  engine::Program program{"pricing-replica"};
  reader.Mount(program);
  testing::RoomHarness fresh(program);
  int64_t bodies = 0;
  for (size_t i = before; i < after; ++i) {
    const auto& e = house.room->emitted()[i];
    CHECK(e.tenant == kTenant);
    if (e.type == "weft.documents.v1.DocumentPublished") ++bodies;
    fresh.DeliverBytes(e.tenant, e.topic, "pricing", e.subject, e.type, e.payload);
  }
  const auto decides = [&](absl::Duration ahead) {
    return *reader.FindNewest(kTenant, {}, house.room->now() + ahead)->compiled->As<std::string>();
  };
  // "first" decides nothing any more.
  CHECK(bodies == 7);
  CHECK(decides(absl::ZeroDuration()) == now);
  CHECK(decides(absl::Hours(25)) == later);
  // What was published since is one text and its activations, not all anew.
  CHECK(house.room->emitted().size() - after <= 3);
}

TEST_CASE("a document goes from draft to active, and a reader decides with it", "[documents]") {
  House house;
  CHECK(house.Decides() == "std");
  CHECK(house.Get("a")->platform());

  const auto draft = house.Save(House::Source("a", "mine"));
  REQUIRE(draft.ok());
  CHECK(draft->state() == v1::DOCUMENT_STATE_DRAFT);
  CHECK(draft->author() == "ann");
  CHECK(house.Told(house.Publish({"a"})) == "STATE_WRONG");
  REQUIRE(house.Check({"a"})->passed());
  CHECK(house.StateOf("a", 1) == "CHECKED");
  CHECK(house.Decides() == "std");

  const auto published = house.Publish({"a"});
  REQUIRE(published.ok());
  // The token names the activation: a reader that waits for it has it.
  const auto token = engine::Token::FromText(house.token);
  CHECK(published->number() == 1);
  CHECK(published->by() == "ann");
  CHECK(published->reason() == "because");
  CHECK(house.StateOf("a", 1) == "ACTIVE");
  CHECK(house.Decides() == "mine");
  REQUIRE(token.ok());
  CHECK(token->room == "pricing");
  CHECK(token->topic == kTimeline);

  CHECK(house.Put("b", "more") == 2);
  CHECK(house.Decides() == "mine more");
  CHECK(house.Put("a", "other") == 3);
  CHECK(house.StateOf("a", 1) == "SUPERSEDED");
  CHECK(house.Decides() == "other more");
  CHECK(house.Told(house.Publish({"a"})) == "NOTHING_CHANGED");
}

TEST_CASE("what fails its check stays a draft, with the place of the fault", "[documents]") {
  House house;
  REQUIRE(house.Save("kind: Note\nid: a\ntext: bad\n").ok());
  const auto checked = house.Check({"a"});
  REQUIRE(checked.ok());
  CHECK_FALSE(checked->passed());
  REQUIRE(checked->findings_size() == 1);
  CHECK(checked->findings(0).document() == "Note/a");
  CHECK(checked->findings(0).line() == 3);
  CHECK(checked->findings(0).column() == 7);
  CHECK(house.Get("a")->findings_size() == 1);
  CHECK(house.Told(house.Publish({"a"})) == "STATE_WRONG");

  v1::CheckRequest texts;
  texts.add_sources("kind: Note\nid: a\ntext: bad\n");
  texts.add_sources("kind: Note\nid: c\ntext: fine\n");
  const auto tried = house.Call<v1::CheckResponse>("Check", texts);
  REQUIRE(tried.ok());
  CHECK_FALSE(tried->passed());
  CHECK(house.Told(house.Get("c")) == "DOCUMENT_NOT_FOUND");
}

TEST_CASE("a refused request says why and changes nothing", "[documents]") {
  House house;
  CHECK(house.Told(house.Save("id: [")) == "DOCUMENT_UNREADABLE");
  CHECK(house.Told(house.Save("kind: Note\nid: BIG\n")) == "DOCUMENT_UNREADABLE");
  CHECK(house.Told(house.Save(std::string(rules::kDocumentBytesMax + 1, '#'))) ==
        "DOCUMENT_TOO_LARGE");
  CHECK(house.Told(house.Save(House::Source("a", "x", "scope: {tenant: foreign}"))) ==
        "SCOPE_FOREIGN");
  CHECK(house.Told(house.Check({})) == "DOCUMENTS_REQUIRED");
  CHECK(house.Told(house.Check({"nothing"})) == "DOCUMENT_NOT_FOUND");
  CHECK(house.Told(house.Publish({"nothing"})) == "DOCUMENT_NOT_FOUND");
  CHECK(house.Told(house.Publish({})) == "DOCUMENTS_REQUIRED");

  const auto first = house.Save(House::Source("a", "x"));
  const auto second = house.Save(House::Source("a", "y"), first->etag());
  REQUIRE(second.ok());
  CHECK(house.Told(house.Save(House::Source("a", "z"), first->etag())) == "ETAG_MISMATCH");
  REQUIRE(house.Save("kind: Policy\nid: a\n").ok());
  CHECK(house.Told(house.Get("a")) == "KIND_REQUIRED");

  v1::RollbackRequest rollback;
  CHECK(house.Told(house.Call<v1::Activation>("Rollback", rollback)) == "ACTIVATION_NOT_FOUND");
  rollback.set_room("approval");
  CHECK(house.Told(house.Call<v1::Activation>("Rollback", rollback)) == "ROOM_UNKNOWN");
  v1::ListDocumentsRequest list;
  list.set_page_token("%");
  CHECK(house.Told(house.Call<v1::ListDocumentsResponse>("ListDocuments", list)) ==
        "PAGE_TOKEN_INVALID");
  list.clear_page_token();
  list.set_page_size(-1);
  CHECK(house.Told(house.Call<v1::ListDocumentsResponse>("ListDocuments", list)) ==
        "PAGE_SIZE_INVALID");
  v1::CheckRequest many;
  for (int i = 0; i < 1001; ++i) many.add_documents()->set_id("a");
  CHECK(house.Told(house.Call<v1::CheckResponse>("Check", many)) == "TOO_MANY_DOCUMENTS");
  CHECK(house.Decides() == "std");
}

TEST_CASE("trying changes nothing, a repeat gives the same answer", "[documents]") {
  House house;
  v1::SaveDraftRequest save;
  save.set_source(House::Source("a", "mine"));
  save.set_validate_only(true);
  CHECK(house.Call<v1::Document>("SaveDraft", save)->validate_only());
  CHECK(house.Get("a")->platform());
  REQUIRE(house.Save(House::Source("a", "mine")).ok());
  REQUIRE(house.Check({"a"}).ok());
  v1::PublishRequest publish;
  publish.set_id("a");
  publish.set_validate_only(true);
  CHECK(house.Call<v1::Activation>("Publish", publish)->number() == 1);
  CHECK(house.Decides() == "std");
  publish.set_validate_only(false);
  publish.set_request_id("once");
  CHECK(house.Call<v1::Activation>("Publish", publish)->number() == 1);
  CHECK(house.Call<v1::Activation>("Publish", publish)->number() == 1);
  CHECK(house.Call<v1::ListActivationsResponse>("ListActivations", v1::ListActivationsRequest())
            ->activations_size() == 1);
}

TEST_CASE("a rollback returns what was, and what is left needs a new check", "[documents]") {
  House house;
  house.Put("a", "one");
  house.Put("a", "two");
  v1::RollbackRequest rollback;
  rollback.set_reason("too dear");
  const auto back = house.Call<v1::Activation>("Rollback", rollback);
  REQUIRE(back.ok());
  CHECK(back->number() == 3);
  CHECK(back->rolled_back_size() == 1);
  CHECK(house.Decides() == "one");
  CHECK(house.StateOf("a", 1) == "ACTIVE");
  CHECK(house.StateOf("a", 2) == "ROLLED_BACK");
  CHECK(house.Told(house.Publish({"a"})) == "STATE_WRONG");
  REQUIRE(house.Check({"a"})->passed());
  CHECK(house.Publish({"a"})->number() == 4);
  CHECK(house.Decides() == "two");
}

TEST_CASE("a schedule is kept by what is published before it is due", "[documents]") {
  House house;
  house.Put("a", "now");
  house.Put("a", "spring", absl::Hours(48));
  CHECK(house.StateOf("a", 2) == "SCHEDULED");
  CHECK(house.Told(house.Call<v1::Document>("Withdraw", [] {
    v1::WithdrawRequest request;
    request.set_id("a");
    return request;
  }())) == "STATE_WRONG");
  house.Put("b", "extra");
  CHECK(house.Decides() == "now extra");
  CHECK(house.Decides(absl::Hours(49)) == "spring extra");
  house.room->Advance(absl::Hours(49));
  CHECK(house.StateOf("a", 2) == "ACTIVE");
  CHECK(house.StateOf("a", 1) == "SUPERSEDED");

  v1::PublishRequest late;
  late.set_id("a");
  *late.mutable_effective_from() = TimestampOf(house.room->now() - absl::Hours(1));
  CHECK(house.Told(house.Call<v1::Activation>("Publish", late)) == "TIME_PASSED");
  v1::PublishRequest without;
  without.add_removed()->set_id("b");
  REQUIRE(house.Call<v1::Activation>("Publish", without).ok());
  CHECK(house.Decides() == "spring");
}

TEST_CASE("where a policy asks for it, somebody else approves first", "[documents]") {
  House house;
  REQUIRE(house.Save("kind: Policy\nid: documents.publishing\napproval: {Note: true}\n").ok());
  REQUIRE(house.Check({"documents.publishing"}).ok());
  REQUIRE(house.Publish({"documents.publishing"}).ok());
  REQUIRE(house.Save(House::Source("a", "mine")).ok());
  REQUIRE(house.Check({"a"}).ok());
  CHECK(house.Told(house.Publish({"a"})) == "NOT_APPROVED");
  v1::ApproveRequest approve;
  approve.set_id("a");
  CHECK(house.Told(house.Call<v1::Document>("Approve", approve)) == "APPROVER_IS_AUTHOR");
  REQUIRE(house.Call<v1::Document>("Approve", approve, "bob").ok());
  CHECK(house.StateOf("a", 1) == "APPROVED");
  CHECK(house.Get("a", 1)->approver() == "bob");
  CHECK(house.Publish({"a"}).ok());
  CHECK(house.Decides() == "mine");
}

TEST_CASE("a gate opens with a simulation of exactly these documents", "[documents]") {
  House house;
  REQUIRE(house.Save("kind: Policy\nid: documents.publishing\ngates: {newly_failing_max: 0}\n").ok());
  REQUIRE(house.Check({"documents.publishing"}).ok());
  REQUIRE(house.Publish({"documents.publishing"}).ok());
  REQUIRE(house.Save(House::Source("a", "mine")).ok());
  REQUIRE(house.Check({"a"}).ok());
  CHECK(house.Told(house.Publish({"a"})) == "GATE_CLOSED");

  v1::SimulateRequest simulate;
  simulate.set_id("a");
  house.simulated.set_cases(10);
  house.simulated.set_newly_failing(1);
  CHECK(house.Call<v1::SimulateResponse>("Simulate", simulate)->gates_size() == 1);
  CHECK(house.Told(house.Publish({"a"})) == "GATE_CLOSED");
  house.simulated.set_newly_failing(0);
  CHECK(house.Call<v1::SimulateResponse>("Simulate", simulate)->gates_size() == 0);
  CHECK(house.Told(house.Publish({"a"})) == "OK");
}

TEST_CASE("who is bound to organisations changes their documents only", "[documents]") {
  House house;
  rpc::CallContext context;
  context.principal = testing::MakePrincipal(kTenant, {"pricing-manager"}, "ann");
  context.principal.organisations = {"o1"};
  context.deadline = absl::Now() + absl::Minutes(1);
  const auto save = [&](const std::string& scope) {
    v1::SaveDraftRequest request;
    request.set_request_id(absl::StrCat("s", scope.size(), scope.empty() ? "" : scope.substr(22, 1)));
    request.set_source(House::Source("a", "x", scope));
    std::string told;
    house.methods.unary.at(std::string(kService) + "SaveDraft")(
        context, request.SerializeAsString(),
        [&](absl::StatusOr<std::string> answer, rpc::ReplyInfo) { told = House::Told(answer); });
    return told;
  };
  CHECK(save("") == "SCOPE_NOT_ALLOWED");
  CHECK(save("scope: {organisation: o2}") == "SCOPE_NOT_ALLOWED");
  CHECK(save("scope: {organisation: o1}") == "OK");
}

TEST_CASE("what ships with the platform stands in every partition, once", "[documents]") {
  House house({"{kind: Note, id: a, text: std}", "{kind: Note, id: b, text: too}"});
  CHECK(house.Decides() == "std too");
  std::map<uint32_t, std::vector<std::string>> by_partition;
  for (const auto& e : house.room->emitted()) by_partition[e.partition].push_back(e.type);
  CHECK(by_partition.size() == 64);
  for (const auto& [partition, types] : by_partition) {
    CAPTURE(partition);
    CHECK(types == std::vector<std::string>{"weft.documents.v1.DocumentPublished",
                                            "weft.documents.v1.DocumentPublished",
                                            "weft.documents.v1.ActivationPublished"});
  }
  const size_t before = house.room->emitted().size();
  house.service->PublishShipped();
  house.Sync();
  CHECK(house.room->emitted().size() == before);
}

TEST_CASE("documents and activations are listed, compared and watched", "[documents]") {
  House house({"{kind: Note, id: std, text: s}"});
  house.Put("a", "one");
  house.Put("a", "two");
  house.Put("web", "w", absl::ZeroDuration(), "scope: {channel: web}");
  REQUIRE(house.Save(House::Source("a", "three")).ok());

  const auto names = [&](const v1::ListDocumentsRequest& request) {
    const auto list = house.Call<v1::ListDocumentsResponse>("ListDocuments", request);
    REQUIRE(list.ok());
    std::vector<std::string> out;
    for (const v1::Document& d : list->documents()) {
      CHECK(d.source().empty());
      out.push_back(absl::StrCat(d.ref().id(), d.ref().version(),
                                 v1::DocumentState_Name(d.state()).substr(14)));
    }
    return absl::StrJoin(out, " ") + (list->next_page_token().empty() ? "" : " …");
  };
  v1::ListDocumentsRequest list;
  CHECK(names(list) == "a0_DRAFT a2_ACTIVE std1_ACTIVE web1_ACTIVE");
  list.set_id("a");
  CHECK(names(list) == "a0_DRAFT a2_ACTIVE a1_SUPERSEDED");
  list.set_page_size(2);
  CHECK(names(list) == "a0_DRAFT a2_ACTIVE …");
  list.set_page_token(house.Call<v1::ListDocumentsResponse>("ListDocuments", list)
                          ->next_page_token());
  CHECK(names(list) == "a1_SUPERSEDED");

  v1::DiffRequest diff;
  diff.set_id("a");
  const auto changes = house.Call<v1::DiffResponse>("Diff", diff);
  REQUIRE(changes.ok());
  REQUIRE(changes->changes_size() == 1);
  CHECK(changes->changes(0).path() == "text");
  CHECK(changes->changes(0).before() == "two");
  CHECK(changes->changes(0).after() == "three");
  CHECK(changes->from() == 2);

  v1::ListActivationsRequest activations;
  activations.set_page_size(2);
  const auto page = house.Call<v1::ListActivationsResponse>("ListActivations", activations);
  REQUIRE(page.ok());
  CHECK(page->activations(0).number() == 3);
  CHECK(page->current() == 3);
  activations.set_page_token(page->next_page_token());
  const auto rest = house.Call<v1::ListActivationsResponse>("ListActivations", activations);
  REQUIRE(rest->activations_size() == 1);
  CHECK(rest->activations(0).number() == 1);

  v1::WatchActivationsRequest watch;
  watch.set_from(2);
  auto stream = std::make_shared<Collected>();
  stream->wanted = 2;
  rpc::CallContext context;
  context.principal = testing::MakePrincipal(kTenant, {"pricing-manager"}, "ann");
  house.methods.streams.at(std::string(kService) + "WatchActivations")(
      context, watch.SerializeAsString(), stream);
  stream->full.get_future().wait();
  v1::Activation second;
  REQUIRE(second.ParseFromString(stream->messages[0]));
  CHECK(second.number() == 2);
}

TEST_CASE("one case is decided with its trace, with the texts that are tried", "[documents]") {
  House house;
  v1::EvaluateRequest request;
  request.set_id("pricing.line");
  request.set_facts(R"({"line": {"quantity": "480"}})");
  request.add_sources("{kind: FactSchema, id: q, types: {Line: {quantity: {type: decimal}}},"
                      " variables: {line: {type: Line}}}");
  request.add_sources("{kind: RuleSet, id: pricing.line, schema: q@1, outputs: {twice: {type:"
                      " decimal}}, steps: [{id: only, set: {twice: line.quantity * 2},"
                      " reason: doubled}]}");
  const auto decided = house.Call<v1::EvaluateResponse>("Evaluate", request);
  REQUIRE(decided.status() == absl::OkStatus());
  CHECK(decided->outputs().at("twice") == "960");
  CHECK(decided->reasons(0) == "doubled");
  CHECK(decided->steps(0).assigned(0) == "twice = 960");
  request.set_facts("{}");
  CHECK(house.Told(house.Call<v1::EvaluateResponse>("Evaluate", request)) == "FACTS_INVALID");
  request.set_id("nothing");
  CHECK(house.Told(house.Call<v1::EvaluateResponse>("Evaluate", request)) ==
        "DOCUMENT_NOT_FOUND");
}

TEST_CASE("a crash between the platform's partitions ends with all of them served",
          "[documents]") {
  House house;
  v1::CheckRequest request;
  request.add_sources(House::Source("big", std::string(100'000, 'x')));
  REQUIRE(house.room->SubmitBytes(kPublishShipped,
                          testing::MakePrincipal("platform", {"operator"}, "op"), "s-1",
                          request.SerializeAsString()).ok());
  house.room->Reopen();
  house.room->Advance(absl::Seconds(1));
  std::map<uint32_t, int> bodies;
  for (const auto& e : house.room->emitted()) {
    if (e.type == "weft.documents.v1.DocumentPublished" && e.payload.size() > 100'000) {
      ++bodies[e.partition];
    }
  }
  CHECK(bodies.size() == 64);
}

}  // namespace
}  // namespace weft::documents
