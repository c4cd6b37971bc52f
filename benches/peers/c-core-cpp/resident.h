// The memory of a channel with many backends.
#pragma once

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "channels.h"
#include "load.h"
#include "process.h"
#include "setup.h"

// How long the client waits before it looks: what a connection gives back when it is idle, it has given
// back by then.
constexpr auto kSettled = std::chrono::milliseconds(500);

// How many times as many calls as backends may be made until all are connected.
constexpr int kPatience = 100;

// Returns the addresses 127.1.N.H, with the port of the first backend.
inline std::vector<std::string> ResidentBackends(const Setup& setup, size_t count) {
  const auto& first = setup.backends.at(0);
  const std::string port = first.substr(first.rfind(':'));
  std::vector<std::string> all;
  for (size_t at = 0; at < count; ++at) {
    all.push_back("127.1." + std::to_string(at / 250) + "." + std::to_string(at % 250 + 1) + port);
  }
  return all;
}

// Makes calls, one after the other.
inline void MakeCalls(Stub& stub, Round round, int calls) {
  round.calls = calls;
  Times times(false);
  RunCallers([&]() -> StubSource { return {[&] { return &stub; }, [] {}}; }, round, 0, 1, times);
}

// Connects all backends, and returns the memory that this takes.
inline nlohmann::json Resident(const Setup& setup, const Round& round) {
  const auto before = StatusBytes("VmRSS");
  const size_t count = round.work.backends;
  Stub stub(MakeChannelTo(setup, ResidentBackends(setup, count), false));
  for (int turn = 0; turn < kPatience && Sockets() < count; ++turn) MakeCalls(stub, round, count);
  if (Sockets() < count) throw std::runtime_error(std::to_string(Sockets()) + " backends are connected");
  MakeCalls(stub, round, round.calls);
  std::this_thread::sleep_for(kSettled);
  const auto after = StatusBytes("VmRSS");
  nlohmann::json rss = nullptr;
  if (before.is_number() && after.is_number()) {
    rss = std::max<int64_t>(after.get<int64_t>() - before.get<int64_t>(), 0);
  }
  return {{"cpu_ns", 0}, {"rss_bytes", rss}};
}
