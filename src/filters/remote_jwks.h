// Keys of tokens that a service has. Each worker keeps what it was given, as long as the config says, and asks when a request
// needs them and they are not there.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "filters/jwks.h"
#include "filters/side_call.h"

namespace outrigger::filters {

struct RemoteJwks {
  std::string cluster, authority, path;
  Duration timeout{}, keep = std::chrono::minutes(10);
  std::optional<route::RetryPolicy> retries;

  /// Null: they are not there, or too old.
  std::shared_ptr<const Jwks> find(std::size_t worker, TimePoint now) const {
    const Kept& k = kept[worker % kept.size()];
    return now < k.until ? k.keys : nullptr;
  }
  struct Kept {
    std::shared_ptr<const Jwks> keys;
    TimePoint until{};
  };
  mutable std::vector<Kept> kept;  // by worker, of which each touches its own
};

class JwksFetchEvents {
 public:
  /// Null: they did not come. Possibly before start() returns.
  virtual void on_jwks(std::shared_ptr<const Jwks> keys) = 0;

 protected:
  ~JwksFetchEvents() = default;
};

/// One question for them, for the request of a stream. Worker's thread.
class JwksFetch final : private SideCallEvents {
 public:
  JwksFetch(hcm::Stream& stream, const RemoteJwks& from, JwksFetchEvents& told)
      : stream_(stream), from_(from), told_(told), call_(stream, *this) {}
  void start();

 private:
  void on_side_answer(http::ResponseHead& head, Buffer& body, const http::HeaderMap* trailers) override;
  void on_side_failure() override { told_.on_jwks(nullptr); }

  hcm::Stream& stream_;
  const RemoteJwks& from_;
  JwksFetchEvents& told_;
  SideCall call_;
};

}  // namespace outrigger::filters
