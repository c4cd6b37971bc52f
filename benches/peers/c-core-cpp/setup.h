// What the coordinator asks for.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

// The first line: whom to call, and with how many threads.
struct Setup {
  std::vector<std::string> backends;
  std::vector<std::string> tls_backends;
  std::string root_pem;
  std::string server_name;
  int threads = 1;
};

// What kind of calls a round makes.
struct Case {
  std::string kind;
  size_t bytes = 0;
  int in_flight = 1;
  size_t backends = 1;
  bool tls = false;
  bool timeout = false;
};

// An order to make calls.
struct Round {
  Case work;
  int calls = 0;
  std::string measure;
};

inline void from_json(const nlohmann::json& json, Setup& setup) {
  json.at("backends").get_to(setup.backends);
  json.at("tls_backends").get_to(setup.tls_backends);
  json.at("root_pem").get_to(setup.root_pem);
  json.at("server_name").get_to(setup.server_name);
  json.at("threads").get_to(setup.threads);
}

inline void from_json(const nlohmann::json& json, Case& work) {
  json.at("kind").get_to(work.kind);
  json.at("bytes").get_to(work.bytes);
  json.at("in_flight").get_to(work.in_flight);
  json.at("backends").get_to(work.backends);
  json.at("tls").get_to(work.tls);
  json.at("timeout").get_to(work.timeout);
}

inline void from_json(const nlohmann::json& json, Round& round) {
  json.at("case").get_to(round.work);
  json.at("calls").get_to(round.calls);
  json.at("measure").get_to(round.measure);
}
