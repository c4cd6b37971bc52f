// A client of the benchmark `rpc` on gRPC's C-core through its API for C++, as benches/README.md
// describes it.
//
// The version is that of the distribution's packages. Callers are state machines on completion queues,
// one queue for each thread of the setup, and no other thread: what costs least in C++. Allocations are
// not counted.

#include <sys/resource.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "channels.h"
#include "load.h"
#include "process.h"
#include "resident.h"
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

// Returns where each caller has its stubs from: from the channel that is kept, or, for cold starts, a stub on
// a new channel for each call.
std::function<StubSource()> Sources(Channels& channels, const Round& round) {
  const Case& work = round.work;
  if (work.kind == "cold") {
    const Setup& setup = channels.setup();
    return [&setup, &work]() -> StubSource {
      auto last = std::make_shared<std::unique_ptr<Stub>>();
      const auto next = [&setup, &work, last] {
        *last = std::make_unique<Stub>(MakeChannel(setup, work));
        return last->get();
      };
      return {next, [last] { last->reset(); }};
    };
  }
  auto stub = std::make_shared<Stub>(channels.Get(work));
  return [stub]() -> StubSource { return {[stub] { return stub.get(); }, [] {}}; };
}

// Runs the callers, and returns the time of each call if it is measured.
std::vector<int64_t> Run(Channels& channels, const Round& round) {
  const bool is_timed = round.measure == "latency";
  if (round.work.kind == "stream") {
    Times times(is_timed);
    Stub stub(channels.Get(round.work));
    Stream(stub, round, times).Run();
    return times.all;
  }
  if (round.work.kind != "unary" && round.work.kind != "cold") throw std::runtime_error("it cannot do " + round.work.kind);
  const auto sources = Sources(channels, round);
  const int threads = channels.setup().threads;
  std::vector<int64_t> all;
  std::exception_ptr failure;
  std::mutex lock;
  const auto run = [&](int first) {
    Times times(is_timed);
    try {
      RunCallers(sources, round, first, threads, times);
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
  if (round.work.kind == "resident") return Resident(channels.setup(), round);
  // The connection of a first round is none of its calls'.
  if (round.work.kind != "cold") channels.Get(round.work);
  const rusage before = Usage();
  auto times = Run(channels, round);
  const rusage after = Usage();
  return {{"cpu_ns", CpuNanos(after) - CpuNanos(before)},
          {"latency_ns", Percentiles(std::move(times))},
          {"allocations", nullptr},
          // ru_maxrss would count the parent of the process, too.
          {"max_rss_bytes", StatusBytes("VmHWM")},
          {"voluntary_switches", after.ru_nvcsw - before.ru_nvcsw},
          {"involuntary_switches", after.ru_nivcsw - before.ru_nivcsw}};
}

void Print(const json& line) { std::cout << line << std::endl; }

}  // namespace

int main() {
  const json can = {"unary", "stream", "round_robin", "tls", "timeout", "cold", "resident"};
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
