#include "libs/eventlog/kafka_producer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/error.h"
#include "libs/base/status_macros.h"
#include "libs/eventlog/fan_out.h"

namespace weft::eventlog::internal {
namespace {

constexpr absl::Duration kPollWait = absl::Milliseconds(100);
constexpr absl::Duration kLookUpPause = absl::Seconds(1);
constexpr absl::Duration kRememberInterval = absl::Seconds(1);

rd_kafka_vu_t Argument(rd_kafka_vtype_t type) {
  rd_kafka_vu_t argument{};
  argument.vtype = type;
  return argument;
}

}  // namespace

KafkaProducer::KafkaProducer(const KafkaShared& shared)
    : shared_(shared),
      options_(shared.options),
      topics_(shared.topics),
      context_{shared.options, this} {}

absl::Status KafkaProducer::Start() {
  WEFT_ASSIGN_OR_RETURN(KafkaHandle handle, NewHandle());
  {
    MutexLock lock(mutex_);
    handle_ = std::move(handle);
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

KafkaProducer::~KafkaProducer() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    WakeThread();
  }
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<KafkaHandle> KafkaProducer::NewHandle() {
  return NewKafkaClient(RD_KAFKA_PRODUCER, context_,
                        {{"enable.idempotence", "true"},
                         {"acks", "all"},
                         {"linger.ms", "1"},
                         {"batch.num.messages", "10000"},
                         {"batch.size", "1000000"},
                         {"compression.type", "lz4"},
                         // A record that times out leaves a gap behind which
                         // later ones are delivered.
                         {"delivery.timeout.ms", "0"},
                         // Ours are the limits: librdkafka's are never met.
                         {"queue.buffering.max.messages", "10000000"},
                         {"queue.buffering.max.kbytes", "2147483647"},
                         {"socket.nagle.disable", "true"}});
}

void KafkaProducer::Append(const TopicPartition& where, std::vector<NewRecord> records,
                           AppendCallback done) {
  auto call = std::make_unique<Call>();
  call->where = where;
  call->done = std::move(done);
  call->count = records.size();
  call->open = records.size();
  for (const NewRecord& record : records) call->bytes += static_cast<size_t>(SizeOf(record));
  call->records = std::move(records);
  call->begun = clock_.Steady();
  const absl::Status topic_holds = shared_.watch.Check(where.topic);

  MutexLock lock(mutex_);
  call->number = ++last_number_;
  if (stopping_ || changed_ || !topic_holds.ok() || IsBehindFailure(where)) {
    Fail(std::move(call), changed_            ? ClusterChanged()
                          : !topic_holds.ok() ? topic_holds
                          : stopping_         ? LogUnavailable("it is being closed")
                                              : LogUnavailable("an append in front of it failed"));
    WakeThread();
    return;
  }
  waiting_.push_back(std::move(call));
  Submit();
  if (!waiting_.empty() || !finished_.empty()) WakeThread();
}

bool KafkaProducer::IsBehindFailure(const TopicPartition& where) const {
  const auto it = failed_.find(where);
  if (it == failed_.end()) return false;
  // A callback that repeats its own append knows.
  const bool knows = calling_ != nullptr && calling_->where == where &&
                     std::this_thread::get_id() == thread_.get_id();
  return it->second > (knows ? 1 : 0);
}

bool KafkaProducer::HasRoomFor(const Call& call) const {
  if (sent_.empty()) return true;
  return records_in_flight_ + call.count <= options_.max_records_in_flight &&
         bytes_in_flight_ + call.bytes <= options_.max_bytes_in_flight;
}

void KafkaProducer::Submit() {
  while (!waiting_.empty() && broken_.ok() && handle_ != nullptr) {
    Call& front = *waiting_.front();
    const auto topic = topics_.Known(front.where.topic);
    if (!topic.has_value() || front.count == 0 || !HasRoomFor(front)) return;
    CallPtr call = std::move(waiting_.front());
    waiting_.pop_front();
    if (call->where.partition < 0 || call->where.partition >= topic->partitions) {
      call->error = PartitionUnknown(call->where);
    }
    for (const NewRecord& record : call->records) {
      const int64_t size = SizeOf(record);
      if (size > topic->max_record_bytes && call->error.ok()) {
        call->error = RecordTooLarge(call->where, size, topic->max_record_bytes);
      }
    }
    if (call->error.ok()) {
      Send(std::move(call));
    } else {
      finished_.push_back(std::move(call));
    }
  }
}

void KafkaProducer::Send(CallPtr call) {
  Call& sent = *call;
  records_in_flight_ += sent.count;
  bytes_in_flight_ += sent.bytes;
  sent_.emplace(sent.number, std::move(call));
  for (const NewRecord& record : sent.records) {
    const auto code = SendRecord(sent, record);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    Break(KafkaUnavailable("append", code));
    return;
  }
  sent.records.clear();
  sent.records.shrink_to_fit();
}

rd_kafka_resp_err_t KafkaProducer::SendRecord(Call& call, const NewRecord& record) {
  // librdkafka's interface takes pointers to non-const and copies.
  rd_kafka_headers_t* headers = nullptr;
  std::array<rd_kafka_vu_t, 7> arguments{};
  size_t count = 0;
  rd_kafka_vu_t topic = Argument(RD_KAFKA_VTYPE_TOPIC);
  topic.u.cstr = call.where.topic.c_str();
  arguments[count++] = topic;
  rd_kafka_vu_t partition = Argument(RD_KAFKA_VTYPE_PARTITION);
  partition.u.i32 = call.where.partition;
  arguments[count++] = partition;
  rd_kafka_vu_t flags = Argument(RD_KAFKA_VTYPE_MSGFLAGS);
  flags.u.i = RD_KAFKA_MSG_F_COPY;
  arguments[count++] = flags;
  rd_kafka_vu_t opaque = Argument(RD_KAFKA_VTYPE_OPAQUE);
  opaque.u.ptr = &call;
  arguments[count++] = opaque;
  rd_kafka_vu_t key = Argument(RD_KAFKA_VTYPE_KEY);
  key.u.mem.ptr = const_cast<char*>(record.key.data());
  key.u.mem.size = record.key.size();
  arguments[count++] = key;
  if (record.value.has_value()) {  // Without one it is a tombstone.
    rd_kafka_vu_t value = Argument(RD_KAFKA_VTYPE_VALUE);
    value.u.mem.ptr = const_cast<char*>(record.value->data());
    value.u.mem.size = record.value->size();
    arguments[count++] = value;
  }
  if (!record.headers.empty()) {
    headers = rd_kafka_headers_new(record.headers.size());
    for (const Header& header : record.headers) {
      rd_kafka_header_add(headers, header.name.data(), static_cast<ssize_t>(header.name.size()),
                          header.value.data(), static_cast<ssize_t>(header.value.size()));
    }
    rd_kafka_vu_t list = Argument(RD_KAFKA_VTYPE_HEADERS);
    list.u.headers = headers;
    arguments[count++] = list;
  }
  rd_kafka_error_t* const error = rd_kafka_produceva(handle_.get(), arguments.data(), count);
  if (error == nullptr) return RD_KAFKA_RESP_ERR_NO_ERROR;
  const auto code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  if (headers != nullptr) rd_kafka_headers_destroy(headers);
  return code;
}

void KafkaProducer::OnDelivery(rd_kafka_t* from, const rd_kafka_message_t& message) {
  reports_.push_back(
      {from, static_cast<Call*>(message._private), message.err, message.offset, message.len});
}

void KafkaProducer::TakeReports() {
  if (reports_.empty()) return;
  MutexLock lock(mutex_);
  for (const Report& report : reports_) TakeReport(report);
  reports_.clear();
}

void KafkaProducer::TakeReport(const Report& report) {
  // After an error nothing counts: what is not confirmed by then is repeated.
  if (report.from != handle_.get() || !broken_.ok()) return;
  Call& call = *report.call;
  if (report.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (report.error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
      call.error =
          RecordTooLarge(call.where, static_cast<int64_t>(report.bytes), options_.max_record_bytes);
    } else if (report.error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
               report.error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
      // Whoever repeats it hears whether the topic is gone.
      topics_.Doubt(call.where.topic);
    }
    Break(KafkaUnavailable("append", report.error));
    return;
  }
  if (report.offset < 0) {
    // Written by an attempt whose answer was lost, nobody says where.
    Break(LogUnavailable("an append was confirmed without its offset"));
    return;
  }
  call.first_offset = std::min(call.first_offset, report.offset);
  if (--call.open > 0) return;
  CheckGrowth(call);
  records_in_flight_ -= call.count;
  bytes_in_flight_ -= call.bytes;
  const auto node = sent_.extract(call.number);
  finished_.push_back(std::move(node.mapped()));
}

void KafkaProducer::CheckGrowth(Call& call) {
  const auto [it, first] = last_confirmed_.try_emplace(call.where, call.first_offset);
  if (!first && call.first_offset <= it->second) {
    call.error = LogChanged(call.where, call.first_offset, "the topic is a new one, an append");
    shared_.watch.MarkChanged(call.where.topic, call.error);
    return;
  }
  it->second = call.first_offset;
}

void KafkaProducer::OnError(rd_kafka_t* from, rd_kafka_resp_err_t code, const std::string& text) {
  if (code != RD_KAFKA_RESP_ERR__FATAL) return;  // The client goes on by itself.
  MutexLock lock(mutex_);
  if (from == handle_.get()) Break(LogUnavailable(text));
}

void KafkaProducer::Break(absl::Status why) {
  if (broken_.ok()) broken_ = std::move(why);
}

void KafkaProducer::Fail(CallPtr call, const absl::Status& why) {
  if (call->error.ok()) call->error = why;
  call->counted = true;
  ++failed_[call->where];
  finished_.push_back(std::move(call));
}

void KafkaProducer::FailAll(const absl::Status& why) {
  // In the order of the calls.
  for (auto& [number, call] : sent_) Fail(std::move(call), why);
  sent_.clear();
  for (CallPtr& call : waiting_) Fail(std::move(call), why);
  waiting_.clear();
  records_in_flight_ = 0;
  bytes_in_flight_ = 0;
}

void KafkaProducer::WakeThread() {
  woken_.NotifyAll();
  if (handle_ == nullptr) return;
  const KafkaQueue queue(rd_kafka_queue_get_main(handle_.get()));
  rd_kafka_queue_yield(queue.get());
}

void KafkaProducer::CallBack() {
  while (true) {
    std::deque<CallPtr> finished;
    {
      MutexLock lock(mutex_);
      if (finished_.empty()) return;
      finished.swap(finished_);
    }
    Account(finished);
    for (const CallPtr& call : finished) {
      if (!call->counted) {
        call->done(call->error.ok() ? absl::StatusOr<int64_t>(call->first_offset)
                                    : absl::StatusOr<int64_t>(call->error));
        continue;
      }
      {
        MutexLock lock(mutex_);
        calling_ = call.get();
      }
      call->done(call->error);
      MutexLock lock(mutex_);
      calling_ = nullptr;
      const auto it = failed_.find(call->where);
      if (--it->second == 0) failed_.erase(it);
    }
  }
}

void KafkaProducer::Account(const std::deque<CallPtr>& finished) {
  const absl::Duration now = clock_.Steady();
  const bool remember = now >= next_remember_;
  if (remember) next_remember_ = now + kRememberInterval;
  KafkaCounters::Appends appends;
  for (const CallPtr& call : finished) {
    if (!call->error.ok()) {
      appends.failed[call->where.topic] += call->count;
      continue;
    }
    appends.succeeded[call->where.topic] += call->count;
    appends.durations.push_back(now - call->begun);
    if (!remember || call->count == 0) continue;
    shared_.watch.Remember(call->where, call->first_offset, "", true);
  }
  shared_.counters.CountAppends(appends);
}

void KafkaProducer::Renew() {
  KafkaHandle old;
  {
    MutexLock lock(mutex_);
    if (broken_.ok()) return;
    old = std::move(handle_);
    FailAll(broken_);
  }
  if (old != nullptr) {
    // Not waited for: a record that arrives all the same is a repeat.
    rd_kafka_purge(old.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                  RD_KAFKA_PURGE_F_NON_BLOCKING);
    old.reset();
    reports_.clear();  // A new client may have the old one's address.
  }
  CallBack();
  {
    // For good: what is appended from now on must not reach the other cluster.
    MutexLock lock(mutex_);
    if (changed_) return;
  }
  absl::StatusOr<KafkaHandle> fresh = NewHandle();
  MutexLock lock(mutex_);
  if (!fresh.ok()) return;
  handle_ = *std::move(fresh);
  broken_ = absl::OkStatus();
  shared_.counters.CountProducerRenewed();
}

void KafkaProducer::BreakChangedTopics() {
  for (auto& [number, call] : sent_) {
    absl::Status topic_holds = shared_.watch.Check(call->where.topic);
    if (topic_holds.ok()) continue;
    // librdkafka would wait for the topic to come back.
    call->error = std::move(topic_holds);
    Break(LogUnavailable("a topic is not the one it was"));
  }
}

void KafkaProducer::LookUpFront() {
  std::string topic;
  {
    MutexLock lock(mutex_);
    if (waiting_.empty() || !broken_.ok()) return;
    topic = waiting_.front()->where.topic;
  }
  if (topics_.Known(topic).has_value()) return;
  const auto found = topics_.Find(topic);
  MutexLock lock(mutex_);
  if (!found.ok() && !absl::IsUnavailable(found.status()) && !waiting_.empty()) {
    // Nobody but this thread takes from the front while the topic is unknown.
    CallPtr call = std::move(waiting_.front());
    waiting_.pop_front();
    call->error = found.status();
    finished_.push_back(std::move(call));
  }
}

void KafkaProducer::AnswerEmpty() {
  CallPtr call;
  {
    MutexLock lock(mutex_);
    if (waiting_.empty() || waiting_.front()->count != 0 || !sent_.empty()) return;
    if (!topics_.Known(waiting_.front()->where.topic).has_value()) return;
    call = std::move(waiting_.front());
    waiting_.pop_front();
  }
  const auto marks = topics_.GetWatermarks(call->where);
  if (marks.ok()) {
    call->first_offset = marks->end;
  } else {
    call->error = marks.status();
  }
  MutexLock lock(mutex_);
  finished_.push_back(std::move(call));
}

void KafkaProducer::Run() {
  absl::Duration next_identity = clock_.Steady();
  absl::Duration next_look_up = clock_.Steady();
  absl::Duration stop_by = absl::InfiniteDuration();
  while (true) {
    rd_kafka_t* handle = nullptr;
    absl::Duration wait = kPollWait;
    {
      MutexLock lock(mutex_);
      handle = handle_.get();
      if (!finished_.empty()) wait = absl::ZeroDuration();
      if (stopping_ && stop_by == absl::InfiniteDuration()) {
        stop_by = clock_.Steady() + options_.close_timeout;
      }
    }
    if (handle != nullptr) {
      rd_kafka_poll(handle, Milliseconds(wait));
      TakeReports();
    } else {
      MutexLock lock(mutex_);
      if (finished_.empty() && !stopping_) woken_.WaitFor(mutex_, wait);
    }
    const absl::Duration now = clock_.Steady();
    if (handle != nullptr && now >= next_identity) {
      next_identity = now + options_.identity_interval;
      const bool holds = shared_.identity.Holds(handle);
      MutexLock lock(mutex_);
      if (!holds && !changed_) {
        changed_ = true;
        Break(ClusterChanged());
      }
      BreakChangedTopics();
    }
    CallBack();
    Renew();
    if (now >= next_look_up) {
      LookUpFront();
      bool unknown = false;
      {
        MutexLock lock(mutex_);
        unknown = !waiting_.empty() && !topics_.Known(waiting_.front()->where.topic).has_value();
      }
      if (unknown) next_look_up = clock_.Steady() + kLookUpPause;
    }
    AnswerEmpty();
    CallBack();
    MutexLock lock(mutex_);
    Submit();
    if (!stopping_ || !finished_.empty()) continue;
    if (sent_.empty() && waiting_.empty()) break;
    if (clock_.Steady() >= stop_by) {
      FailAll(LogUnavailable("it was closed before it was confirmed"));
      break;
    }
  }
  CallBack();
  KafkaHandle last;
  {
    MutexLock lock(mutex_);
    last = std::move(handle_);
  }
  if (last != nullptr) {
    rd_kafka_purge(last.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                   RD_KAFKA_PURGE_F_NON_BLOCKING);
  }
}

}  // namespace weft::eventlog::internal
