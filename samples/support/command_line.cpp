#include "samples/support/command_line.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <cmath>

#include "reactor/version.hpp"

namespace samples {
namespace {

std::string check_whole(const std::string& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end ? "" : "no such number: " + text;
}

std::string check_seconds(const std::string& text) {
  constexpr double longest = 1e9;  // Some thirty years; a clock's nanoseconds hold ten times that.
  double number = 0;
  const bool is_number = CLI::detail::lexical_cast(text, number);
  return is_number && std::abs(number) <= longest ? "" : "no such number: " + text;
}

// CLI11 takes -1 for the largest number there is, and accepts seconds that are not a number.
void check_numbers(CLI::App& app) {
  for (CLI::Option* const option : app.get_options()) {
    const std::string type = option->get_type_name();
    if (type.starts_with("UINT")) option->check(check_whole);
    if (type.starts_with("FLOAT")) option->check(check_seconds);
  }
}

}  // namespace

using Option = CommandLine::Option;

Option Option::required() { return Option(option_->required()); }

template <OneOf<int, unsigned, std::uint64_t, double> T>
Option Option::within(T low, T high) {
  return Option(option_->check(CLI::Range(low, high)));
}

template Option Option::within(int, int);
template Option Option::within(unsigned, unsigned);
template Option Option::within(std::uint64_t, std::uint64_t);
template Option Option::within(double, double);

Option Option::positive() { return Option(option_->check(CLI::PositiveNumber)); }

Option Option::not_negative() { return Option(option_->check(CLI::NonNegativeNumber)); }

Option Option::one_of(const std::vector<std::string>& values) {
  return Option(option_->check(CLI::IsMember(values)));
}

Option Option::check(const std::function<std::string(const std::string&)>& find_error) {
  return Option(option_->check(find_error));
}

Option Option::excludes(Option other) { return Option(option_->excludes(other.option_)); }

Option Option::needs(Option other) { return Option(option_->needs(other.option_)); }

Option Option::one_value_each() { return Option(option_->allow_extra_args(false)); }

Option Option::type_name(const std::string& name) { return Option(option_->type_name(name)); }

bool Option::is_given() const { return option_->count() > 0; }

CommandLine::CommandLine(const std::string& description)
    : app_(std::make_unique<CLI::App>(description)) {
  app_->option_defaults()->always_capture_default();
}

CommandLine::~CommandLine() = default;

void CommandLine::footer(const std::string& text) { app_->footer(text); }

template <OptionTarget T>
Option CommandLine::add_option(const std::string& names, T& target, const std::string& help) {
  CLI::Option* const option = app_->add_option(names, target, help);
  if (option->get_default_str() == "[]") option->default_str("");
  return Option(option);
}

template Option CommandLine::add_option(const std::string&, std::string&, const std::string&);
template Option CommandLine::add_option(const std::string&, std::vector<std::string>&,
                                        const std::string&);
template Option CommandLine::add_option(const std::string&, int&, const std::string&);
template Option CommandLine::add_option(const std::string&, std::size_t&, const std::string&);
template Option CommandLine::add_option(const std::string&, double&, const std::string&);
template Option CommandLine::add_option(const std::string&, std::optional<unsigned>&,
                                        const std::string&);
template Option CommandLine::add_option(const std::string&, std::optional<std::uint64_t>&,
                                        const std::string&);
template Option CommandLine::add_option(const std::string&, std::optional<double>&,
                                        const std::string&);

Option CommandLine::add_option(const std::string& names,
                               const std::function<std::string(const std::string&)>& add_value,
                               const std::string& help) {
  const auto add_values = [names, add_value](const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      const std::string error = add_value(value);
      if (!error.empty()) throw CLI::ValidationError(names, error);
    }
  };
  return Option(app_->add_option_function<std::vector<std::string>>(names, add_values, help));
}

Option CommandLine::add_flag(const std::string& names, bool& target, const std::string& help) {
  return Option(app_->add_flag(names, target, help));
}

Option CommandLine::add_flag(const std::string& names, std::optional<bool>& target,
                             const std::string& help) {
  const auto set = [&target](std::int64_t count) { target = count > 0; };
  return Option(app_->add_flag_function(names, set, help));
}

void CommandLine::add_rest(std::vector<std::string>& target) {
  app_->prefix_command();
  rest_ = &target;
}

void CommandLine::check(const std::function<std::string()>& find_error) {
  app_->callback([find_error] {
    const std::string error = find_error();
    if (!error.empty()) throw CLI::ValidationError(error);
  });
}

std::optional<int> CommandLine::parse(int count, char** words) {
  app_->set_version_flag("--version", reactor::version());
  check_numbers(*app_);
  try {
    app_->parse(count, words);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? 0 : 2;
  }
  if (rest_ != nullptr) {
    *rest_ = app_->remaining();
    if (!rest_->empty() && rest_->front() == "--") rest_->erase(rest_->begin());
  }
  return std::nullopt;
}

}  // namespace samples
