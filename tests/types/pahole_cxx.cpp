// SPDX-License-Identifier: MIT
// C++ classes of libstdc++ and protobuf, for pahole_test.py: templates, bases, virtual functions.
#include <google/protobuf/descriptor.pb.h>

#include <any>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <regex>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

google::protobuf::FileDescriptorSet files;
std::map<std::string, std::vector<int>> tree;
std::unordered_map<int, std::shared_ptr<std::string>> table;
std::list<std::deque<double>> sequences;
std::variant<int, std::string, std::vector<char>> choice;
std::optional<std::set<long>> maybe;
std::function<int(const std::any&)> function;
std::future<int> future = std::async([] { return 1; });
std::regex pattern{"a+(b|c)*"};
std::mt19937_64 random_numbers;
std::fstream stream;
std::filesystem::directory_iterator folder;
