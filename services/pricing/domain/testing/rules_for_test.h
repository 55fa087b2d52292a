// Rules of a test: the platform's documents with some of them replaced.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "services/pricing/domain/rules/pricing_rules.h"

namespace weft::pricing {

// Kind and id are read from the body.
inline RuleDocument DocumentOf(const std::string& body, int64_t version = 1) {
  rules::Tree tree;
  rules::Fault fault;
  REQUIRE(rules::ReadTree(body, tree, fault));
  return {tree.TextOr("kind"), tree.TextOr("id"), version, body};
}

// Fails the test when they do not compile.
inline std::shared_ptr<const PricingRules> RulesOf(const std::vector<std::string>& bodies) {
  std::vector<RuleDocument> documents;
  for (const std::string& body : bodies) documents.push_back(DocumentOf(body));
  std::vector<rules::Fault> faults;
  auto rules = PricingRules::Compile(documents, 1, faults);
  for (const rules::Fault& fault : faults) {
    if (!fault.warning) UNSCOPED_INFO(fault.ToString());
  }
  REQUIRE(rules != nullptr);
  return rules;
}

// Codes of the errors of documents that must not compile.
inline std::vector<std::string> FaultsOf(const std::vector<std::string>& bodies) {
  std::vector<RuleDocument> documents;
  for (const std::string& body : bodies) documents.push_back(DocumentOf(body));
  std::vector<rules::Fault> faults;
  CHECK(PricingRules::Compile(documents, 1, faults) == nullptr);
  std::vector<std::string> codes;
  for (const rules::Fault& fault : faults) {
    if (!fault.warning) codes.push_back(fault.code);
  }
  return codes;
}

}  // namespace weft::pricing
