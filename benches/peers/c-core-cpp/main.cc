// A client of the benchmark `rpc` on gRPC's C-core through its API for C++, as benches/README.md
// describes it.
//
// The version is that of the distribution's packages. Callers are state machines on completion queues,
// one queue for each thread of the setup, and no other thread: what costs least in C++. Allocations are
// not counted.

#include <sys/resource.h>

#include <algorithm>
#include <exception>
#include <fstream>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>

#include "channels.h"
#include "load.h"
#include "setup.h"

using nlohmann::json;

namespace {

// The version of the lines.
constexpr int kProtocol = 1;

rusage Usage() {
  rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) throw std::runtime_error("getrusage fails");
  return usage;
}

int64_t CpuNanos(const rusage& usage) {
  const auto nanos = [](const timeval& time) { return time.tv_sec * 1'000'000'000LL + time.tv_usec * 1'000LL; };
  return nanos(usage.ru_utime) + nanos(usage.ru_stime);
}

// Returns the most memory that the process has had so far; null where there is no /proc. ru_maxrss would
// count its parent, too.
json MaxRssBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t kibibytes;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  }
  return nullptr;
}

// Runs the callers, and returns the time of each call if it is measured.
std::vector<int64_t> Run(Stub& stub, const Round& round, int threads) {
  const bool is_timed = round.measure == "latency";
  if (round.work.kind == "stream") {
    Times times(is_timed);
    Stream(stub, round, times).Run();
    return times.all;
  }
  if (round.work.kind != "unary") throw std::runtime_error("it cannot do " + round.work.kind);
  std::vector<int64_t> all;
  std::exception_ptr failure;
  std::mutex lock;
  const auto run = [&](int first) {
    Times times(is_timed);
    try {
      RunCallers(stub, round, first, threads, times);
    } catch (...) {
      std::lock_guard guard(lock);
      failure = std::current_exception();
    }
    std::lock_guard guard(lock);
    all.insert(all.end(), times.all.begin(), times.all.end());
  };
  std::vector<std::thread> others;
  for (int first = 1; first < threads; ++first) others.emplace_back(run, first);
  run(0);
  for (auto& other : others) other.join();
  if (failure != nullptr) std::rethrow_exception(failure);
  return all;
}

// Returns the percentiles 50, 90 and 99; null if no times were measured.
json Percentiles(std::vector<int64_t> times) {
  if (times.empty()) return nullptr;
  std::sort(times.begin(), times.end());
  const auto at = [&](size_t percent) { return times[(times.size() - 1) * percent / 100]; };
  return {at(50), at(90), at(99)};
}

// Runs a round, and returns what it cost this process.
json Measure(Channels& channels, const Round& round) {
  Stub stub(channels.Get(round.work));
  const rusage before = Usage();
  auto times = Run(stub, round, channels.setup().threads);
  const rusage after = Usage();
  return {{"cpu_ns", CpuNanos(after) - CpuNanos(before)},
          {"latency_ns", Percentiles(std::move(times))},
          {"allocations", nullptr},
          {"max_rss_bytes", MaxRssBytes()},
          {"voluntary_switches", after.ru_nvcsw - before.ru_nvcsw},
          {"involuntary_switches", after.ru_nivcsw - before.ru_nivcsw}};
}

void Print(const json& line) { std::cout << line << std::endl; }

}  // namespace

int main() {
  const json can = {"unary", "stream", "round_robin", "tls", "timeout"};
  Print({{"hello", {{"protocol", kProtocol}, {"name", "C-core, C++"}, {"version", grpc::Version()}, {"can", can}}}});
  std::string line;
  if (!std::getline(std::cin, line)) return 1;
  Channels channels(json::parse(line).at("setup").get<Setup>());
  while (std::getline(std::cin, line)) {
    try {
      Print({{"result", Measure(channels, json::parse(line).at("round").get<Round>())}});
    } catch (const std::exception& failure) {
      Print({{"failure", failure.what()}});
      // Calls may be on their way, whose memory is gone.
      std::_Exit(1);
    }
  }
}
