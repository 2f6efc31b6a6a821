#include "xds/grpc/library_parts.h"

// The library registers its parts by functions of these names, one file of the archive each. Those that are defined here
// take their place and do nothing, so that the files are not linked: a quarter of the library. One that such a file is
// needed for after all shows as a name that is defined twice. (A library of another version may not know these names: then
// nothing calls them, and nothing is left out.)
#define OUTRIGGER_LEAVE_OUT(number, symbol)                       \
  extern "C" void outrigger_left_out_##number(void*) asm(symbol); \
  extern "C" __attribute__((used)) void outrigger_left_out_##number(void*) {}

OUTRIGGER_LEAVE_OUT(1, "_ZN9grpc_core20RegisterExtraFiltersEPNS_17CoreConfiguration7BuilderE")  // xDS, RBAC, cloud-to-prod
OUTRIGGER_LEAVE_OUT(2, "_ZN9grpc_core19RegisterRlsLbPolicyEPNS_17CoreConfiguration7BuilderE")
OUTRIGGER_LEAVE_OUT(3, "_ZN9grpc_core20RegisterGrpcLbPolicyEPNS_17CoreConfiguration7BuilderE")
OUTRIGGER_LEAVE_OUT(4, "_ZN9grpc_core24RegisterPriorityLbPolicyEPNS_17CoreConfiguration7BuilderE")
OUTRIGGER_LEAVE_OUT(5, "_ZN9grpc_core24RegisterRingHashLbPolicyEPNS_17CoreConfiguration7BuilderE")
OUTRIGGER_LEAVE_OUT(6, "_ZN9grpc_core30RegisterWeightedTargetLbPolicyEPNS_17CoreConfiguration7BuilderE")
OUTRIGGER_LEAVE_OUT(7, "_ZN9grpc_core32RegisterOutlierDetectionLbPolicyEPNS_17CoreConfiguration7BuilderE")
OUTRIGGER_LEAVE_OUT(8, "_ZN9grpc_core28FaultInjectionFilterRegisterEPNS_17CoreConfiguration7BuilderE")
OUTRIGGER_LEAVE_OUT(9, "_ZN9grpc_core20RegisterFakeResolverEPNS_17CoreConfiguration7BuilderE")

namespace outrigger::xds {
void leave_parts_out() noexcept {}
}  // namespace outrigger::xds
