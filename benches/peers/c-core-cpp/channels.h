// The channels, which are kept from round to round.
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "setup.h"

constexpr int kStreamWindow = 2 << 20;

// Makes a channel to these backends: by pick_first to one, by round_robin to several.
//
// C-core sets TCP_NODELAY. Its estimator of the bandwidth would choose the windows, and send pings, so
// it is off; there is no option for the window of the connection alone. Retries cost time in each call,
// so they are off.
inline std::shared_ptr<grpc::Channel> MakeChannelTo(const Setup& setup, const std::vector<std::string>& backends,
                                                    bool tls) {
  std::string target = "ipv4:";
  for (size_t at = 0; at < backends.size(); ++at) {
    target += (at == 0 ? "" : ",") + backends[at];
  }
  grpc::ChannelArguments arguments;
  arguments.SetLoadBalancingPolicyName(backends.size() == 1 ? "pick_first" : "round_robin");
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kStreamWindow);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Otherwise it is the list of addresses, which HTTP/2 servers reject.
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, setup.server_name);
  // Otherwise channels with the same backends share connections.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto credentials = grpc::InsecureChannelCredentials();
  if (tls) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = setup.root_pem;
    credentials = grpc::SslCredentials(options);
    arguments.SetSslTargetNameOverride(setup.server_name);
  }
  return grpc::CreateCustomChannel(target, credentials, arguments);
}

// Makes a channel to the backends of a case.
inline std::shared_ptr<grpc::Channel> MakeChannel(const Setup& setup, const Case& work) {
  const auto& all = work.tls ? setup.tls_backends : setup.backends;
  if (work.backends < 1 || work.backends > all.size()) {
    throw std::runtime_error("so many backends there are not");
  }
  return MakeChannelTo(setup, {all.begin(), all.begin() + work.backends}, work.tls);
}

// The channels that earlier rounds have made.
class Channels {
 public:
  explicit Channels(Setup setup) : setup_(std::move(setup)) {}

  // Returns the channel for a case. It is made when the first round needs it.
  std::shared_ptr<grpc::Channel> Get(const Case& work) {
    auto& channel = made_[{work.backends, work.tls}];
    if (channel == nullptr) channel = MakeChannel(setup_, work);
    return channel;
  }

  const Setup& setup() const { return setup_; }

 private:
  Setup setup_;
  std::map<std::pair<size_t, bool>, std::shared_ptr<grpc::Channel>> made_;
};
