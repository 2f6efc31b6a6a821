// Rules of RBAC and a request, both made of the input's bytes: what the rules decide is what a slow reading of them says.
#include <cstdint>

#include "fuzz/check.h"
#include "support/rbac_model.h"
#include "xds/compile/rbac.h"

namespace {
using namespace outrigger;  // NOLINT: a program of its own

/// Bytes one after the other; zeros behind the last.
struct Bytes {
  const std::uint8_t* at;
  const std::uint8_t* end;
  unsigned operator()() noexcept { return at == end ? 0 : *at++; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  namespace rbac_v3 = envoy::config::rbac::v3;
  test::rbac_model::Maker<Bytes> maker(Bytes{data, data + size});
  const auto facts = maker.facts();
  const auto proto = maker.rules();
  outrigger::xds::Problems problems;
  const auto rules = outrigger::xds::compile_rbac_rules(proto, "space", "x_", outrigger::xds::Path(), problems);
  check(rules != nullptr && problems.list().empty());
  const test::rbac_model::Request request(facts);
  const auto& outcome = rules->decide(request.context());
  const auto name = test::rbac_model::matching(proto, facts);
  check(outcome.policy == name);
  check(outcome.allowed == (proto.action() == rbac_v3::RBAC::LOG || (proto.action() == rbac_v3::RBAC::ALLOW) == !name.empty()));
  check(outcome.log_hint.has_value() == (proto.action() == rbac_v3::RBAC::LOG));
  return 0;
}
