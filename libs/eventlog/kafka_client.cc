#include "libs/eventlog/kafka_client.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/error.h"
#include "libs/eventlog/fan_out.h"

namespace weft::eventlog::internal {
namespace {

// How long a client may take to end. It takes milliseconds, unless it never does.
constexpr absl::Duration kEndMax = absl::Seconds(10);

// The opaque of a client: its callbacks may come when the context is gone.
struct Ear {
  Mutex mutex;
  const KafkaContext* context ABSL_GUARDED_BY(mutex) = nullptr;  // Null: nobody listens any more.
};

// Who hears what comes out of a poll. Nobody polls while the client is ended but
// the thread that ends it, which finds nobody.
KafkaEvents* ListenerOf(void* opaque) {
  auto* const ear = static_cast<Ear*>(opaque);
  MutexLock lock(ear->mutex);
  return ear->context == nullptr ? nullptr : ear->context->events;
}

void OnDeliveryReport(rd_kafka_t* from, const rd_kafka_message_t* message, void* opaque) {
  if (KafkaEvents* const events = ListenerOf(opaque)) events->OnDelivery(from, *message);
}

void OnClientError(rd_kafka_t* from, int code, const char* text, void* opaque) {
  KafkaEvents* const events = ListenerOf(opaque);
  if (events == nullptr) return;
  events->OnError(from, static_cast<rd_kafka_resp_err_t>(code), text == nullptr ? "" : text);
}

// From any thread of the client, at any time.
void OnLog(const rd_kafka_t* from, int level, const char* facility, const char* text) {
  auto* const ear = static_cast<Ear*>(rd_kafka_opaque(from));
  // Lines of the constructor come before the opaque is there.
  if (ear == nullptr) return;
  MutexLock lock(ear->mutex);
  if (ear->context == nullptr || !ear->context->options.say) return;
  ear->context->options.say(level, absl::StrCat(facility, ": ", text));
}

void AddCommon(const KafkaLogOptions& options, KafkaSettings& all) {
  const auto add = [&all](const char* name, const std::string& value) {
    if (!value.empty()) all.emplace_back(name, value);
  };
  add("bootstrap.servers", options.bootstrap_servers);
  add("client.id", options.client_id);
  add("security.protocol", options.security_protocol);
  add("ssl.ca.location", options.ssl_ca_file);
  add("ssl.certificate.location", options.ssl_certificate_file);
  add("ssl.key.location", options.ssl_key_file);
  add("ssl.key.password", options.ssl_key_password);
  add("sasl.mechanism", options.sasl_mechanism);
  add("sasl.username", options.sasl_username);
  add("sasl.password", options.sasl_password);
  add("socket.keepalive.enable", "true");
  add("reconnect.backoff.max.ms", "2000");
  // The cluster's id comes with metadata: a wiped broker shows in seconds.
  add("topic.metadata.refresh.interval.ms", "5000");
  // Leaves room for the record's frame. Batches are limited by batch.size.
  add("message.max.bytes", absl::StrCat(options.max_record_bytes + (64 << 10)));
}

}  // namespace

void KafkaEvents::OnDelivery(rd_kafka_t*, const rd_kafka_message_t&) {}
void KafkaEvents::OnError(rd_kafka_t*, rd_kafka_resp_err_t, const std::string&) {}

void EndKafkaClient(KafkaHandle handle, int flags) {
  rd_kafka_t* const client = handle.release();
  if (client == nullptr) return;
  auto* const ear = static_cast<Ear*>(rd_kafka_opaque(client));
  if (ear != nullptr) {
    MutexLock lock(ear->mutex);
    ear->context = nullptr;
  }
  struct End {
    Mutex mutex;
    CondVar changed;
    bool done ABSL_GUARDED_BY(mutex) = false;
  };
  const auto end = std::make_shared<End>();
  std::thread([client, flags, ear, end] {
    rd_kafka_destroy_flags(client, flags);
    delete ear;
    {
      MutexLock lock(end->mutex);
      end->done = true;
    }
    end->changed.NotifyAll();
  }).detach();
  const SystemClock clock;
  const absl::Duration until = clock.Steady() + kEndMax;
  MutexLock lock(end->mutex);
  while (!end->done && clock.Steady() < until) {
    end->changed.WaitFor(end->mutex, until - clock.Steady());
  }
}

void KafkaEnd::operator()(rd_kafka_t* client) const { EndKafkaClient(KafkaHandle(client), 0); }

absl::StatusOr<KafkaHandle> NewKafkaClient(rd_kafka_type_t type, const KafkaContext& context,
                                           const KafkaSettings& settings) {
  KafkaSettings all;
  AddCommon(context.options, all);
  all.insert(all.end(), settings.begin(), settings.end());
  all.insert(all.end(), context.options.overrides.begin(), context.options.overrides.end());

  std::array<char, 512> text{};
  std::unique_ptr<rd_kafka_conf_t, KafkaFree<rd_kafka_conf_destroy>> conf(rd_kafka_conf_new());
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), text.data(), text.size()) !=
        RD_KAFKA_CONF_OK) {
      return InvalidArgument("KAFKA_OPTIONS_INVALID",
                             absl::StrCat("the Kafka client refuses ", name, ": ", text.data()),
                             {{"setting", name}});
    }
  }
  auto ear = std::make_unique<Ear>();
  {
    MutexLock lock(ear->mutex);
    ear->context = &context;
  }
  rd_kafka_conf_set_opaque(conf.get(), ear.get());
  rd_kafka_conf_set_log_cb(conf.get(), OnLog);
  if (context.events != nullptr) {
    rd_kafka_conf_set_error_cb(conf.get(), OnClientError);
    if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf.get(), OnDeliveryReport);
  }
  KafkaHandle handle(rd_kafka_new(type, conf.get(), text.data(), text.size()));
  if (handle == nullptr) {
    return InvalidArgument("KAFKA_OPTIONS_INVALID",
                           absl::StrCat("the Kafka client does not start: ", text.data()));
  }
  (void)conf.release();  // Is the client's now.
  (void)ear.release();
  return handle;
}

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 0, 600'000));
}

Record ToRecord(const rd_kafka_message_t& message) {
  Record record;
  record.offset = message.offset;
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  record.append_time = absl::FromUnixMillis(rd_kafka_message_timestamp(&message, &type));
  if (message.key != nullptr) {
    record.key.assign(static_cast<const char*>(message.key), message.key_len);
  }
  if (message.payload != nullptr) {
    record.value.emplace(static_cast<const char*>(message.payload), message.len);
  }
  rd_kafka_headers_t* headers = nullptr;  // The message's.
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                       RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      record.headers.push_back(
          {name, value == nullptr ? "" : std::string(static_cast<const char*>(value), size)});
    }
  }
  return record;
}

absl::Status KafkaUnavailable(const std::string& doing, rd_kafka_resp_err_t code) {
  return LogUnavailable(absl::StrCat(doing, ": ", rd_kafka_err2str(code)));
}

absl::Status ClusterChanged() {
  return DataLoss("LOG_CHANGED",
                  "another Kafka cluster answers than the one this process worked with; an "
                  "operator decides: reseed or rebuild");
}

void KafkaIdentity::See(const std::string& id) {
  seen_ = id;
  if (pinned_.empty()) pinned_ = id;
  if (pinned_ != id) changed_ = true;
}

bool KafkaIdentity::Holds(rd_kafka_t* from) {
  char* const id = rd_kafka_clusterid(from, 0);
  MutexLock lock(mutex_);
  if (id != nullptr) {
    See(id);
    rd_kafka_mem_free(from, id);
  }
  return !changed_;
}

absl::StatusOr<std::string> KafkaIdentity::Get(rd_kafka_t* from, absl::Duration timeout) {
  char* const id = rd_kafka_clusterid(from, Milliseconds(timeout));
  if (id == nullptr) return LogUnavailable("no broker says which cluster it belongs to");
  MutexLock lock(mutex_);
  See(id);
  rd_kafka_mem_free(from, id);
  return seen_;
}

}  // namespace weft::eventlog::internal
