// What this process has.
#pragma once

#include <dirent.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

// Returns a field of /proc/self/status that has kibibytes, in bytes; null where there is no /proc.
inline nlohmann::json StatusBytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t kibibytes;
    if (word == name + ":" && status >> kibibytes) return kibibytes * 1024;
  }
  return nullptr;
}

// Returns how many sockets this process has open.
inline size_t Sockets() {
  const std::string folder = "/proc/self/fd";
  DIR* files = opendir(folder.c_str());
  if (files == nullptr) throw std::runtime_error("no /proc/self/fd");
  size_t count = 0;
  while (const dirent* file = readdir(files)) {
    char target[64];
    const std::string path = folder + "/" + file->d_name;
    const ssize_t length = readlink(path.c_str(), target, sizeof(target));
    const std::string prefix = "socket:";
    count += length > 0 && std::string(target, length).rfind(prefix, 0) == 0;
  }
  closedir(files);
  return count;
}
