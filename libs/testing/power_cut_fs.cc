#include "libs/testing/power_cut_fs.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "libs/base/status_macros.h"
#include "rocksdb/file_system.h"

namespace weft::testing {

class PowerCutFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  PowerCutFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::string name,
               PowerCutFs& fs)
      : FSWritableFileOwnerWrapper(std::move(file)), name_(std::move(name)), fs_(fs) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* context) override {
    return Wrote(data.size(), FSWritableFileOwnerWrapper::Append(data, options, context));
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& info,
                           rocksdb::IODebugContext* context) override {
    return Wrote(data.size(), FSWritableFileOwnerWrapper::Append(data, options, info, context));
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* context) override {
    return Synced(options, context);
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* context) override {
    return Synced(options, context);
  }

 private:
  rocksdb::IOStatus Wrote(size_t bytes, rocksdb::IOStatus status) {
    if (status.ok()) {
      MutexLock lock(fs_.mutex_);
      fs_.files_[name_].written += static_cast<int64_t>(bytes);
    }
    return status;
  }
  rocksdb::IOStatus Synced(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* context) {
    if (fs_.Fails(name_)) return rocksdb::IOStatus::IOError("the test fails this sync");
    // Buffered octets reach the file; the real sync is what the test spares.
    rocksdb::IOStatus status = FSWritableFileOwnerWrapper::Flush(options, context);
    if (status.ok()) {
      MutexLock lock(fs_.mutex_);
      PowerCutFs::File& file = fs_.files_[name_];
      file.synced = file.written;
    }
    return status;
  }

  const std::string name_;
  PowerCutFs& fs_;
};

class PowerCutFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit PowerCutFileSystem(PowerCutFs& fs)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), fs_(fs) {}

  const char* Name() const override { return "PowerCutFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name,
                                    const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    std::unique_ptr<rocksdb::FSWritableFile> real;
    rocksdb::IOStatus status = target()->NewWritableFile(name, options, &real, context);
    if (!status.ok()) return status;
    {
      MutexLock lock(fs_.mutex_);
      fs_.files_[name] = {};
    }
    file->reset(new PowerCutFile(std::move(real), name, fs_));
    return status;
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status = target()->RenameFile(from, to, options, context);
    MutexLock lock(fs_.mutex_);
    const auto moved = fs_.files_.find(from);
    if (status.ok() && moved != fs_.files_.end()) {
      fs_.files_[to] = moved->second;
      fs_.files_.erase(moved);
    }
    return status;
  }
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override {
    {
      MutexLock lock(fs_.mutex_);
      fs_.files_.erase(name);
    }
    return target()->DeleteFile(name, options, context);
  }

 private:
  PowerCutFs& fs_;
};

PowerCutFs::PowerCutFs()
    : env_(rocksdb::NewCompositeEnv(std::make_shared<PowerCutFileSystem>(*this))) {}
PowerCutFs::~PowerCutFs() = default;

void PowerCutFs::FailSyncs(const std::string& name_end) {
  MutexLock lock(mutex_);
  failing_ = true;
  failing_end_ = name_end;
}

bool PowerCutFs::Fails(const std::string& name) {
  MutexLock lock(mutex_);
  return failing_ && absl::EndsWith(name, failing_end_);
}

void PowerCutFs::CutPower() {
  MutexLock lock(mutex_);
  failing_ = false;
  for (auto& [name, file] : files_) {
    std::error_code missing;
    if (!std::filesystem::exists(name, missing)) continue;
    std::filesystem::resize_file(name, static_cast<uintmax_t>(file.synced));
    file.written = file.synced;
  }
}

int64_t PowerCutFs::unsynced_bytes() const {
  MutexLock lock(mutex_);
  int64_t bytes = 0;
  for (const auto& [name, file] : files_) bytes += file.written - file.synced;
  return bytes;
}

}  // namespace weft::testing
