#include "services/pricing/room.h"

#include <utility>

#include "libs/base/status_macros.h"
#include "libs/service/documents/owner.h"
#include "libs/service/documents/service.h"
#include "services/pricing/app.h"
#include "services/pricing/decisions/sampler.h"
#include "services/pricing/rebates/rebates.h"
#include "services/pricing/rule_documents.h"
#include "services/pricing/service.h"
#include "services/pricing/simulate/simulate.h"

namespace weft::pricing {
namespace {

class PricingRoom final : public service::Room {
 public:
  PricingRoom(Settings settings, const service::Surroundings& surroundings)
      : settings_(std::move(settings)),
        clock_(*surroundings.clock),
        mac_key_(surroundings.mac_key),
        log_(surroundings.log),
        metrics_(surroundings.metrics),
        documents_("pricing", PricingKinds(), ShippedDocuments()),
        replica_(MakeReplica(memory_, changes_, &documents_, settings_.keep_history)),
        owner_(MakeOwner()) {}

  engine::Program* program() override { return settings_.documents_owner ? &owner_ : nullptr; }
  engine::Program* projection() override { return &replica_; }
  std::vector<Condition> Conditions() override {
    std::vector<Condition> out;
    for (auto& [tenant, status] : documents_.Stale(clock_.Wall())) {
      // What the platform publishes holds for all.
      out.push_back({tenant == engine::kPlatformTenant ? "" : tenant, std::move(status)});
    }
    return out;
  }
  void BindProjection(rpc::MethodRegistry& methods, engine::Shards& shards) override {
    service_ = std::make_unique<Service>(settings_, memory_, changes_, shards, clock_, mac_key_,
                                         &documents_, metrics_);
    service_->Bind(methods);
  }
  void Bind(rpc::MethodRegistry& methods, engine::Shards* shards) override {
    if (shards == nullptr) return;  // Another process owns the documents.
    if (service_ != nullptr) {
      sampler_ = std::make_unique<Sampler>(
          Sampler::Options{.per_mille = settings_.decision_sample_per_mille,
                           .most = settings_.decision_log_max},
          memory_, *shards, documents_, PricingKinds(), clock_,
          [this](const std::string& tenant, const std::string& id) {
            return service_->ExplanationOf(tenant, id);
          },
          metrics_, log_);
      service_->SampleWith(sampler_.get());
    }
    document_service_ = std::make_unique<documents::DocumentService>(
        documents::ServiceOptions{
            .room = "pricing",
            .kinds = PricingKinds(),
            .shipped = ShippedDocuments(),
            .simulate = simulate::MakeSimulator(memory_, *shards),
            .rerun = [this](const std::string& tenant, int most)
                -> absl::StatusOr<documents::v1::RerunDecisionsResponse> {
              if (sampler_ == nullptr) return absl::UnimplementedError("nothing is sampled here");
              return sampler_->Rerun(tenant, most);
            },
            .shadow_changed =
                [this](const std::string& tenant) {
                  if (sampler_ != nullptr) sampler_->ShadowChanged(tenant);
                }},
        *shards, clock_, log_);
    document_service_->Bind(methods);
    document_service_->PublishShipped();
    rebates::Bind(methods, *shards);
  }

 private:
  const Settings settings_;
  const Clock& clock_;
  const std::string mac_key_;
  telemetry::Logger* const log_;
  telemetry::MetricsScope* const metrics_;
  FactMemory memory_;
  PriceChanges changes_{memory_};
  documents::DocumentReader documents_;
  engine::Program replica_;
  engine::Program owner_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<documents::DocumentService> document_service_;
};

}  // namespace

engine::Program MakeReplica(FactMemory& memory, PriceChanges& changes,
                            documents::DocumentReader* documents, absl::Duration keep_history) {
  engine::Program program("pricing-replica");
  program.Events(engine::kTimeline,
                 [keep_history](const engine::Event& event, engine::Turn& turn) {
                   return app::OnFact(event, turn, keep_history);
                 });
  program.read_models.push_back(&changes);  // Before the facts: price_changes.h.
  program.read_models.push_back(&memory);
  if (documents != nullptr) documents->Mount(program);
  return program;
}

engine::Program MakeOwner() {
  engine::Program program("pricing");
  documents::MountOwner("pricing", program);
  rebates::Mount(program);
  return program;
}

std::unique_ptr<service::Room> MakeRoom(const v1::PricingConfig& config,
                                        const service::Surroundings& surroundings) {
  absl::StatusOr<Settings> settings = MakeSettings(config);
  WEFT_CHECK_OK(settings);
  return std::make_unique<PricingRoom>(*std::move(settings), surroundings);
}

}  // namespace weft::pricing
