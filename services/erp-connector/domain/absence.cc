#include "services/erp-connector/domain/absence.h"

namespace weft::erp {

LoadVerdict JudgeAbsence(const std::vector<LoadCount>& counts, int percent_max) {
  LoadVerdict verdict = LoadVerdict::kComplete;
  for (const LoadCount& count : counts) {
    if (count.absent() == 0) continue;
    if (count.absent() * 100 > count.before * percent_max) return LoadVerdict::kAsk;
    verdict = LoadVerdict::kDelete;
  }
  return verdict;
}

}  // namespace weft::erp
