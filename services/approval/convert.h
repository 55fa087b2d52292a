// Proto to domain and back; the only file that knows both.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "libs/money/money.h"
#include "services/approval/config.h"
#include "services/approval/domain/approval_vote.h"
#include "services/approval/domain/audit_chain.h"
#include "services/approval/domain/credit.h"
#include "services/approval/domain/directory.h"
#include "services/approval/domain/line_quantities.h"
#include "services/approval/domain/order_saga.h"
#include "services/approval/domain/policy.h"
#include "services/approval/domain/price_check.h"
#include "weft/approval/v1/approval.pb.h"
#include "weft/approval/v1/state.pb.h"
#include "weft/common/v1/common.pb.h"
#include "weft/sales/v1/sales.pb.h"

namespace weft::approval {

google::protobuf::Timestamp ToProto(absl::Time time);
absl::Time FromProto(const google::protobuf::Timestamp& time);

// Errors: those of Money::Parse.
absl::StatusOr<Money> FromProto(const common::v1::Money& money);
common::v1::Money ToProto(const Money& money);
common::v1::Reason ToProto(const Ending& ending);

// "" is zero. Errors: INVALID_ARGUMENT.
absl::StatusOr<Decimal> DecimalOr0(const std::string& text);

// What is under way with an order, and the state it shows.
Saga SagaOf(const v1::OrderRow& row);
void StoreSaga(const Saga& saga, v1::OrderRow& row);

// Quantities of a line, as stored by ourselves.
LineQuantities FromProto(const v1::LineQuantities& quantities);
v1::LineQuantities ToProto(const LineQuantities& quantities);
std::vector<LineQuantities> QuantitiesOf(const v1::Order& order);

std::vector<Expected> ExpectedOf(const v1::Order& order);

Person ToPerson(const std::string& user, const v1::UserRow& row);
OpenQuestion ToQuestion(const v1::ApprovalRow& row);
PolicyTerms ToTerms(const v1::Policy& policy, const Settings& settings);
CreditStanding ToStanding(const v1::CreditRow& row);
OpenOrder ToOpenOrder(const std::string& order, const v1::OpenOrderRow& row);

AuditEntry FromProto(const v1::AuditEntry& entry);
v1::AuditEntry ToProto(const AuditEntry& entry);

// The order as it goes to the ERP.
sales::v1::OrderReleased ToReleased(const v1::Order& order);

}  // namespace weft::approval
